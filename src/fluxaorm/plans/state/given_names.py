"""What a caller gives values for, by name: a column that several names stand for gets one value. Sends nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from fluxaorm.entity.schema import EntitySchema, GroupSchema
from fluxaorm.errors import UnsettableFieldError

SET_BY_LIBRARY: Final = ("version", "fake_delete")
"""Columns that only the library sets."""


def rivals(schema: EntitySchema) -> dict[str, frozenset[str]]:
    """Names of what other names stand for, too, with these others: only one of them can be given."""
    further = [column.attribute for column in schema.columns if column.attribute != column.field]
    further += [group.name for group in schema.groups]
    positions = {
        name: frozenset(_positions(schema, name)) for name in (*schema.by_field, *schema.by_attribute, *further)
    }
    return {
        name: frozenset(
            other for other, theirs in positions.items() if other != name and not theirs.isdisjoint(positions[name])
        )
        for name in further
    }


def settable_names(schema: EntitySchema) -> tuple[str, ...]:
    """What ``new`` and ``set`` take: all but the id and what the library sets."""
    names = [group.name for group in schema.groups]
    for column in schema.columns[1:]:
        if column.auto not in SET_BY_LIBRARY:
            names += [column.field, column.attribute]
    return tuple(dict.fromkeys(names))


def refuse_twice(schema: EntitySchema, others: Mapping[str, frozenset[str]], names: Collection[str]) -> None:
    """UnsettableFieldError when two of these names stand for one column: nobody knows which value would count.

    ``others``: the entity's ``rivals``.
    """
    for name, same in others.items():
        if name in names and not same.isdisjoint(names):
            rival = next(each for each in names if each in same)
            first, second = [each for each in names if each in (name, rival)]
            raise UnsettableFieldError(schema.name, second, f"is given twice: {first} is the same column")


def _positions(schema: EntitySchema, name: str) -> list[int]:
    column = schema.by_attribute.get(name) or schema.by_field.get(name)
    if column is not None:
        return [column.index]
    return [position for group in schema.groups if group.name == name for position in _columns_of(group)]


def _columns_of(group: GroupSchema) -> list[int]:
    members = [member for _, member in group.members]
    return [at for each in members for at in (_columns_of(each) if isinstance(each, GroupSchema) else [each])]
