"""The indexes of an entity: declared ones, those of references and of soft delete; with every check on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fluxaorm.entity.columns import ColumnFlags
from fluxaorm.entity.index import Index
from fluxaorm.entity.names import identifier_problem
from fluxaorm.entity.problems import Problems, did_you_mean
from fluxaorm.entity.schema import ColumnSchema, GroupSchema, IndexSchema, ReferenceSchema
from fluxaorm.entity.storage import KEY_LIMIT, room_of

MOST_INDEXES: Final = 64
MOST_COLUMNS: Final = 16
_TAKEN: Final = frozenset({"id", "ids"})
"""``get_by_id`` and ``get_by_ids`` are there already."""


@dataclass(slots=True)
class _Table:
    """What indexes are checked against."""

    name: str
    columns: Sequence[ColumnSchema]
    groups: Sequence[GroupSchema]
    soft_delete: int | None
    problems: Problems

    def refuse(self, index: str, what: str) -> None:
        self.problems.add(self.name, f"index '{index}' {what}")


def build_indexes(
    name: str,
    declared: Any,
    columns: Sequence[ColumnSchema],
    groups: Sequence[GroupSchema],
    references: Iterable[ReferenceSchema],
    flags: Iterable[ColumnFlags],
    soft_delete: int | None,
    problems: Problems,
) -> tuple[IndexSchema, ...]:
    """All indexes of the entity ``name``. ``declared``: its ``indexes``; ``soft_delete``: the position of ``fake_delete``."""
    table = _Table(name, columns, groups, soft_delete, problems)
    found = [_of_field(table, flag) for flag in flags]
    found += [index for item in _declared(table, declared) if (index := _of_declared(table, item)) is not None]
    found = [index for index in found if _fits(table, index)]
    _refuse_redundant(table, found)
    found += _implicit(table, found, references)
    _refuse_names(table, found)
    if len(found) >= MOST_INDEXES:
        problems.add(name, f"has {len(found)} indexes and the primary key; MySQL allows {MOST_INDEXES} together")
    return tuple(found)


def _declared(table: _Table, declared: Any) -> list[Index]:
    items = list(declared) if isinstance(declared, tuple | list) else [declared]
    for item in items:
        if not isinstance(item, Index):
            table.problems.add(table.name, f"indexes must be a tuple of Index and UniqueIndex; it holds {item!r}")
    return [item for item in items if isinstance(item, Index)]


def _of_field(table: _Table, flag: ColumnFlags) -> IndexSchema:
    column = table.columns[flag.position]
    index = IndexSchema(column.field, (column.field,), (column.name,), (flag.position,), flag.unique, flag.cached)
    return _with_fake_delete(table, index)


def _of_declared(table: _Table, item: Index) -> IndexSchema | None:
    by_field = {column.field: column for column in table.columns}
    label = item.name or "_".join(map(str, item.fields))
    if not item.fields:
        return table.refuse(label, "has no fields")
    if len(set(item.fields)) < len(item.fields):
        return table.refuse(label, "names a field twice")
    for name in item.fields:
        if name not in by_field:
            return table.refuse(label, _unknown_field(table, name, by_field))
    columns = [by_field[name] for name in item.fields]
    index = IndexSchema(
        label,
        item.fields,
        tuple(column.name for column in columns),
        tuple(column.index for column in columns),
        item.unique,
        item.cached,
    )
    return _with_fake_delete(table, index)


def _unknown_field(table: _Table, name: object, known: Iterable[str]) -> str:
    group = next((group for group in table.groups if group.name == name), None)
    if group is not None:
        inside = [column.field for column in table.columns if column.field.startswith(f"{name}_")]
        return f"names '{name}', which is several columns; name one of {', '.join(inside)}"
    for column in table.columns:
        if name == column.attribute:
            return f"names '{name}'; in a definition the field is called '{column.field}'"
    return f"names '{name}', which is not a field{did_you_mean(str(name), known)}"


def _with_fake_delete(table: _Table, index: IndexSchema) -> IndexSchema:
    """A deleted row must not block a new one."""
    if table.soft_delete is None or not index.unique or table.soft_delete in index.positions:
        return index
    return replace(index, columns=(*index.columns, table.columns[table.soft_delete].name))


def _fits(table: _Table, index: IndexSchema) -> bool:
    before = len(table.problems)
    by_name = {column.name: column for column in table.columns}
    if problem := identifier_problem(index.name):
        table.refuse(index.name, f"has a name that will not do: {problem}; give it another with name=")
    if index.fields == ("id",):
        table.refuse(index.name, "is the primary key already")
    if len(index.columns) > MOST_COLUMNS:
        table.refuse(index.name, f"has {len(index.columns)} columns; MySQL allows {MOST_COLUMNS}")
    size = 0
    for name in index.columns:
        column = by_name[name]
        room = room_of(column.mysql_type, len(column.enum.members) if column.enum else 0)
        if room.key is None:
            kind = column.mysql_type
            table.refuse(index.name, f"names '{column.field}', a {kind}, of which MySQL indexes no whole values")
        size += room.key or 0
    if size > KEY_LIMIT:
        table.refuse(index.name, f"is {size} bytes long (4 a character); InnoDB allows {KEY_LIMIT}")
    return len(table.problems) == before


def _refuse_redundant(table: _Table, indexes: Sequence[IndexSchema]) -> None:
    for position, index in enumerate(indexes):
        for other_position, other in enumerate(indexes):
            same = index.fields == other.fields and index.unique == other.unique
            if position == other_position or (same and position < other_position):
                continue
            if _is_covered(index, other):
                how = "has the same fields as" if index.fields == other.fields else "is the beginning of"
                table.refuse(index.name, f"is not needed: it {how} '{other.name}'")
                break


def _is_covered(index: IndexSchema, other: IndexSchema) -> bool:
    if index.fields == other.fields:
        return other.unique or not index.unique
    return not index.unique and index.columns == other.columns[: len(index.columns)]


def _implicit(
    table: _Table, declared: Sequence[IndexSchema], references: Iterable[ReferenceSchema]
) -> Iterable[IndexSchema]:
    led = {index.columns[0] for index in declared}
    positions = [reference.position for reference in references if not reference.many]
    if table.soft_delete is not None:
        positions.append(table.soft_delete)
    for position in positions:
        column = table.columns[position]
        if column.name not in led:
            yield IndexSchema(column.field, (column.field,), (column.name,), (position,), implicit=True)


def _refuse_names(table: _Table, indexes: Sequence[IndexSchema]) -> None:
    seen: set[str] = set()
    for index in indexes:
        lowered = index.name.lower()
        if lowered in seen:
            table.refuse(index.name, "has the name of another; give it one with name=")
        elif lowered == "primary" or (index.unique and index.name in _TAKEN):
            table.refuse(index.name, "has a name that is taken; give it another with name=")
        seen.add(lowered)
