"""What a caller gives values for, by name: a column that several names stand for gets one value. Sends nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fluxaorm.entity.schema import EntitySchema, GroupSchema
from fluxaorm.errors import UnsettableFieldError

SET_BY_LIBRARY: Final = ("version", "fake_delete")
"""Columns that only the library sets."""


def further_names(schema: EntitySchema) -> frozenset[str]:
    """Names of what other names stand for, too: only with one of them can a column be given twice."""
    attributes = [column.attribute for column in schema.columns if column.attribute != column.field]
    return frozenset([*attributes, *(group.name for group in schema.groups)])


def settable_names(schema: EntitySchema) -> tuple[str, ...]:
    """What ``new`` and ``set`` take: all but the id and what the library sets."""
    names = [group.name for group in schema.groups]
    for column in schema.columns[1:]:
        if column.auto not in SET_BY_LIBRARY:
            names += [column.field, column.attribute]
    return tuple(dict.fromkeys(names))


def refuse_twice(schema: EntitySchema, further: frozenset[str], names: Iterable[str]) -> None:
    """UnsettableFieldError when two of these names stand for one column: nobody knows which value would count.

    ``further``: the entity's ``further_names``.
    """
    given = list(names)
    if further.isdisjoint(given):
        return
    by_position: dict[int, str] = {}
    for name in given:
        for position in _positions(schema, name):
            if (first := by_position.setdefault(position, name)) != name:
                raise UnsettableFieldError(schema.name, name, f"is given twice: {first} is the same column")


def _positions(schema: EntitySchema, name: str) -> list[int]:
    column = schema.by_attribute.get(name) or schema.by_field.get(name)
    if column is not None:
        return [column.index]
    return [position for group in schema.groups if group.name == name for position in _columns_of(group)]


def _columns_of(group: GroupSchema) -> list[int]:
    members = [member for _, member in group.members]
    return [at for each in members for at in (_columns_of(each) if isinstance(each, GroupSchema) else [each])]
