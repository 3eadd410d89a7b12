"""How servers spell what ``update_where`` computes of texts and moments: SQL with ``?`` for values. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from fluxaorm.errors import NotSupportedError

if TYPE_CHECKING:
    from fluxaorm.entity.schema import ColumnSchema

MICROS: int = 1_000_000


class ComputedSQL(ABC):
    """One family of servers."""

    @abstractmethod
    def concat(self, left: str, right: str) -> str:
        """Two texts as one; NULL when one of them is."""

    @abstractmethod
    def value(self, column: ColumnSchema) -> str:
        """A value beside a column of this type, where the server has to know its type."""

    @abstractmethod
    def later(self, column: ColumnSchema, micros: int) -> tuple[str, int]:
        """A moment moved by so many microseconds: SQL with ``{0}`` for the moment and ``?`` for the number, and that.

        NotSupportedError for what the server cannot compute exactly.
        """


class MySQLComputed(ComputedSQL):
    """MySQL and MariaDB."""

    def concat(self, left: str, right: str) -> str:
        """``||`` is OR there."""
        return f"CONCAT({left}, {right})"

    def value(self, column: ColumnSchema) -> str:
        """A text beside a DATETIME makes texts of both."""
        return f"CAST(? AS {column.mysql_type})" if column.kind in ("date", "datetime") else "?"

    def later(self, column: ColumnSchema, micros: int) -> tuple[str, int]:
        """In the largest unit that fits, since finer ones add digits to the type."""
        unit, size = _unit(column, micros)
        return f"DATE_ADD({{0}}, INTERVAL ? {unit})", micros // size


class SQLiteComputed(ComputedSQL):
    """SQLite, which keeps moments as texts."""

    def concat(self, left: str, right: str) -> str:
        """Standard SQL."""
        return f"({left} || {right})"

    def value(self, column: ColumnSchema) -> str:
        """Of the same text."""
        return "?"

    def later(self, column: ColumnSchema, micros: int) -> tuple[str, int]:
        """Its functions keep milliseconds at most, so the parts of a second stay as they are."""
        unit, size = _unit(column, micros)
        if unit == "DAY":
            return "date({0}, ? || ' days')", micros // size
        if unit == "MICROSECOND":
            raise NotSupportedError(f"{column.field}: SQLite moves a moment by whole seconds only")
        return (
            "(strftime('%Y-%m-%d %H:%M:%S', substr({0}, 1, 19), ? || ' seconds') || substr({0}, 20))",
            micros // size,
        )


def _unit(column: ColumnSchema, micros: int) -> tuple[str, int]:
    if column.kind == "date":
        return "DAY", 86_400 * MICROS
    return ("MICROSECOND", 1) if micros % MICROS else ("SECOND", MICROS)
