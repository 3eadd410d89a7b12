"""The changes of one table, as records of async flushes hold them, as SQL: many rows a statement. Pure.

Changes that follow each other and are of one kind and of the same columns become one statement. What that leaves in the
table is what one statement a change, in order, would have left: a row that is met again begins another statement, but
where the same columns are set again, or a row is removed twice. Some rows have a statement each, since a server takes
the rows of a joint one in an order of its own: updates of unique values, which one row may free for the next, and
removals where rows of the table point at each other.

Every name in the SQL is the schema's; what a record says is a value, or a name to be looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from fluxaorm.plans.effects import Statement
from fluxaorm.plans.writes.row_params import ROWS_A_STATEMENT, cut
from fluxaorm.plans.writes.row_statements import ROWS_A_CASE, assignment

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect
    from fluxaorm.entity.schema import EntitySchema
    from fluxaorm.plans.streams.async_record import RowChange

_SHAPES: Final = 1_000
"""How many sets of columns are remembered: writers have a few, whoever else sends records any number."""

_Shape: TypeAlias = "tuple[tuple[str, ...], Callable[[Mapping[str, Any]], tuple[Any, ...]]]"
"""The columns that a change sets, without the id and in the table's order, and what takes their values out of it."""


@dataclass(frozen=True, slots=True)
class RowsToFind:
    """The tag of a statement: how many rows an UPDATE must find; 0: it does not matter."""

    count: int


class RenderedTable:
    """What statements on one table are made of."""

    def __init__(self, schema: EntitySchema, dialect: Dialect) -> None:
        id_column, *columns = schema.columns
        self._quoted = {column.name: dialect.quote(column.name) for column in columns}
        self._order = {column.name: column.index for column in columns}
        self._names = frozenset(self._order) | {id_column.name}
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        self._id_name = id_column.name
        self._table, self._id = dialect.quote(schema.table), dialect.quote(id_column.name)
        self._unique = frozenset(name for index in schema.indexes if index.unique for name in index.columns)
        self._points_at_itself = any(each.target == schema.name and not each.many for each in schema.references)

    def unknown_column(self, changes: Iterable[RowChange]) -> str | None:
        """The first column that the changes set and the table does not have."""
        for change in changes:
            if not self._names.issuperset(change.values):
                return next(name for name in change.values if name not in self._names)
        return None

    def statements(self, changes: Iterable[RowChange]) -> list[Statement]:
        """What writes these changes, in order, each tagged with ``RowsToFind``. All their columns must be known."""
        statements: list[Statement] = []
        for run in self._runs(changes):
            statements += self._rendered(run)
        return statements

    def _runs(self, changes: Iterable[RowChange]) -> Iterator[_Run]:
        run: _Run | None = None
        for change in changes:
            names, values_of = self._shapes.get(tuple(change.values)) or self._shape_of(change)
            if run is None or not run.takes(change, names):
                if run is not None:
                    yield run
                run = _Run(change.operation, names, self._goes_alone(change.operation, names))
            run.rows[change.id] = values_of(change.values)
        if run is not None:
            yield run

    def _shape_of(self, change: RowChange) -> _Shape:
        """Once for all changes that have the same columns in the same order."""
        names = tuple(sorted((name for name in change.values if name != self._id_name), key=self._order.__getitem__))
        if len(self._shapes) == _SHAPES:
            self._shapes.clear()
        shape = self._shapes[tuple(change.values)] = names, _values_of(names)
        return shape

    def _goes_alone(self, operation: str, names: tuple[str, ...]) -> bool:
        if operation == "u":
            return not self._unique.isdisjoint(names)
        return operation == "d" and self._points_at_itself

    def _rendered(self, run: _Run) -> Iterator[Statement]:
        ids, rows = list(run.rows), list(run.rows.values())
        if run.operation == "i":
            names = ", ".join([self._id, *(self._quoted[name] for name in run.names)])
            sql = f"INSERT INTO {self._table} ({names}) VALUES "
            for part, values in cut(ids, rows, ROWS_A_STATEMENT):
                whole = [(id, *row) for id, row in zip(part, values, strict=True)]
                yield Statement(sql, (), RowsToFind(0), whole)
        elif run.operation == "u":
            for part, values in cut(ids, rows, ROWS_A_CASE):
                yield self._update(run.names, part, values)
        else:
            for part, _ in cut(ids, rows, ROWS_A_STATEMENT):
                yield Statement(f"DELETE FROM {self._table} WHERE {self._where(part)}", part, RowsToFind(0))

    def _update(self, names: tuple[str, ...], ids: Sequence[int], rows: Sequence[Sequence[Any]]) -> Statement:
        changes = [
            assignment(self._quoted[name], self._id, ids, values)
            for name, values in zip(names, zip(*rows, strict=True), strict=True)
        ]
        sql = f"UPDATE {self._table} SET {', '.join(sql for sql, _ in changes)} WHERE {self._where(ids)}"
        args = [arg for _, args in changes for arg in args]
        return Statement(sql, [*args, *ids], RowsToFind(len(ids)))

    def _where(self, ids: Sequence[int]) -> str:
        return f"{self._id} = ?" if len(ids) == 1 else f"{self._id} IN ({', '.join('?' * len(ids))})"


def _values_of(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """What takes the values of these columns, in this order, out of a change's."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple([values[name] for name in names])


@dataclass(slots=True)
class _Run:
    """Changes that become one statement, or a few when they are many."""

    operation: str
    names: tuple[str, ...]
    alone: bool
    rows: dict[int, tuple[Any, ...]] = field(default_factory=dict[int, "tuple[Any, ...]"])
    """Id -> values of ``names``."""

    def takes(self, change: RowChange, names: tuple[str, ...]) -> bool:
        """Whether this change may join."""
        if self.alone or self.operation != change.operation or self.names != names:
            return False
        return change.operation != "i" or change.id not in self.rows
