"""The indexes of an entity: declared ones, those of references and of soft delete; with every check on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from fluxaorm.entity.declare.index import Index
from fluxaorm.entity.resolve.columns import ColumnCollector
from fluxaorm.entity.resolve.names import identifier_problem
from fluxaorm.entity.resolve.problems import did_you_mean
from fluxaorm.entity.schema import ColumnSchema, IndexSchema
from fluxaorm.entity.values.guards import is_sequence
from fluxaorm.entity.values.storage import KEY_LIMIT, room_of_column

MOST_INDEXES: Final = 64
"""The primary key counts, and so do those that references and ``fake_delete`` get by themselves."""
MOST_COLUMNS: Final = 16
_TAKEN: Final = frozenset({"id", "ids"})
"""``get_by_id`` and ``get_by_ids`` are there already."""


def build_indexes(collector: ColumnCollector, declared: Any, soft_delete: int | None) -> tuple[IndexSchema, ...]:
    """All indexes of an entity whose columns are there.

    ``declared``: its ``indexes``; ``soft_delete``: the position of ``fake_delete``.
    """
    return _IndexBuilder(collector, soft_delete).build(declared)


class _IndexBuilder:
    def __init__(self, collector: ColumnCollector, soft_delete: int | None) -> None:
        self._collector, self._soft_delete = collector, soft_delete
        self._columns: Sequence[ColumnSchema] = collector.columns
        self._by_field = {column.field: column for column in collector.columns}

    def build(self, declared: Any) -> tuple[IndexSchema, ...]:
        found = list(self._of_fields())
        found += self._of_declared(declared)
        found = [index for index in found if self._fits(index)]
        self._refuse_redundant(found)
        found += self._implicit(found)
        self._refuse_names(found)
        if len(found) + 1 > MOST_INDEXES:
            told = f"has {len(found)} indexes besides the primary key; MySQL allows {MOST_INDEXES} in all"
            self._collector.problems.add(self._collector.name, told)
        return tuple(found)

    def _refuse(self, index: str, what: str) -> None:
        self._collector.problems.add(self._collector.name, f"index '{index}' {what}")

    def _of_fields(self) -> Iterator[IndexSchema]:
        for own in self._collector.indexed:
            field = self._columns[own.position].field
            yield self._index(field, (field,), own.unique, own.cached)

    def _of_declared(self, declared: Any) -> Iterator[IndexSchema]:
        items = declared if is_sequence(declared) else (declared,)
        for item in items:
            if not isinstance(item, Index):
                advice = f"indexes must be a tuple of Index and UniqueIndex; it holds {item!r}"
                self._collector.problems.add(self._collector.name, advice)
            elif self._names_fields(item):
                yield self._index(_label(item), item.fields, item.unique, item.cached)

    def _names_fields(self, item: Index) -> bool:
        before = len(self._collector.problems)
        if not item.fields:
            self._refuse(_label(item), "has no fields")
        if len(set(item.fields)) < len(item.fields):
            self._refuse(_label(item), "names a field twice")
        unknown = [name for name in item.fields if name not in self._by_field]
        for name in unknown:
            if self._was_resolved(name):
                self._refuse(_label(item), self._unknown(name))
        return not unknown and len(self._collector.problems) == before

    def _was_resolved(self, name: str) -> bool:
        """Whether the name's absence is not told already, as a problem of the field."""
        return name not in self._collector.fields or any(group.name == name for group in self._collector.groups)

    def _unknown(self, name: str) -> str:
        if any(group.name == name for group in self._collector.groups):
            inside = [column.field for column in self._columns if column.field.startswith(f"{name}_")]
            return f"names '{name}', which is several columns; name one of {', '.join(inside)}"
        for column in self._columns:
            if name == column.attribute:
                return f"names '{name}'; in definitions the field is called '{column.field}'"
        return f"names '{name}', which is not a field{did_you_mean(str(name), self._by_field)}"

    def _index(self, name: str, fields: tuple[str, ...], unique: bool, cached: bool) -> IndexSchema:
        columns = [self._by_field[field] for field in fields]
        positions = tuple(column.index for column in columns)
        index = IndexSchema(name, fields, tuple(column.name for column in columns), positions, unique, cached)
        if self._soft_delete is None or not unique or self._soft_delete in positions:
            return index
        return replace(index, columns=(*index.columns, self._columns[self._soft_delete].name))

    def _fits(self, index: IndexSchema) -> bool:
        before = len(self._collector.problems)
        if problem := identifier_problem(index.name):
            self._refuse(index.name, f"has a name that {problem}; give it another with name=")
        if index.fields == ("id",):
            self._refuse(index.name, "is the primary key already")
        if len(index.columns) > MOST_COLUMNS:
            self._refuse(index.name, f"has {len(index.columns)} columns; MySQL allows {MOST_COLUMNS}")
        size = sum(self._key_size(index, name) for name in index.columns)
        if size > KEY_LIMIT:
            self._refuse(index.name, f"takes {size} bytes (4 a character); InnoDB allows {KEY_LIMIT}")
        return len(self._collector.problems) == before

    def _key_size(self, index: IndexSchema, name: str) -> int:
        column = next(column for column in self._columns if column.name == name)
        size = room_of_column(column).key
        if size is None:
            self._refuse(index.name, f"names '{column.field}': MySQL indexes no {column.mysql_type} as a whole")
        return size or 0

    def _refuse_redundant(self, indexes: Sequence[IndexSchema]) -> None:
        for position, index in enumerate(indexes):
            for other_position, other in enumerate(indexes):
                if position != other_position and _is_covered(index, other, first=position < other_position):
                    how = "has the same fields as" if index.fields == other.fields else "is the beginning of"
                    self._refuse(index.name, f"is not needed: it {how} '{other.name}'")
                    break

    def _implicit(self, declared: Sequence[IndexSchema]) -> list[IndexSchema]:
        led = {index.columns[0] for index in declared}
        positions = [reference.position for reference in self._collector.references if not reference.many]
        if self._soft_delete is not None:
            positions.append(self._soft_delete)
        columns = [self._columns[position] for position in positions]
        return [
            IndexSchema(column.field, (column.field,), (column.name,), (column.index,), implicit=True)
            for column in columns
            if column.name not in led
        ]

    def _refuse_names(self, indexes: Iterable[IndexSchema]) -> None:
        seen: dict[str, IndexSchema] = {}
        for index in indexes:
            other = seen.setdefault(index.name.lower(), index)
            if other is not index:
                whose = f"the one that '{index.fields[0]}' gets by itself" if index.implicit else "another"
                self._refuse(other.name, f"has the name of {whose}; give it its own with name=")
            elif index.name.lower() == "primary" or (index.unique and index.name in _TAKEN):
                self._refuse(index.name, "has a name that is taken; give it another with name=")


def _label(item: Index) -> str:
    return item.name if item.name is not None else "_".join(map(str, item.fields))


def _is_covered(index: IndexSchema, other: IndexSchema, first: bool) -> bool:
    """Whether ``other`` does all that ``index`` does; of two that are the same, the second does."""
    if index.fields == other.fields:
        return not first if index.unique == other.unique else other.unique
    return not index.unique and index.columns == other.columns[: len(index.columns)]
