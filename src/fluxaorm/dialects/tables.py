"""Tables as values: what is declared and what a server has, in one shape, so that comparing them is comparing values.

A dialect makes them from an ``EntitySchema`` or from the rows of its introspection; nothing here performs I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ColumnDefinition:
    """One column. Two that mean the same to the server are equal."""

    name: str
    type: str
    """As MySQL 8+ prints it: ``int unsigned``, ``enum('a','b')``; of JSON always ``json``."""
    nullable: bool = False
    default: str | None = None
    """The default as text without quotes (``0``, ``draft``), or None when there is none."""
    collation: str | None = None
    """Of a text column; None for others."""
    extra: str = ""
    """What our declarations never have: ``auto_increment``, a generated column's expression, an ON UPDATE clause."""
    ddl_type: str = field(default="", compare=False)
    """The type to declare, where the server shows it with a loss as ``type``; "" when ``type`` says it all."""


@dataclass(frozen=True, slots=True)
class IndexDefinition:
    """One index besides the primary key."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False
    detail: str = ""
    """What our declarations never have: a prefix length, descending order, another kind than BTREE."""


@dataclass(frozen=True, slots=True)
class ForeignKeyDefinition:
    """A foreign key, which the library never makes."""

    name: str
    columns: tuple[str, ...] = ()
    target: str = ""
    """The table it points at; ``database.table`` in another database."""
    target_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """One table."""

    name: str
    columns: tuple[ColumnDefinition, ...]
    indexes: tuple[IndexDefinition, ...] = ()
    primary_key: tuple[str, ...] = ("id",)
    foreign_keys: tuple[ForeignKeyDefinition, ...] = ()
    engine: str = ""
    collation: str = ""
    source: str = field(default="", compare=False)
    """The statement that made it, where the server keeps it (SQLite)."""

    def column(self, name: str) -> ColumnDefinition | None:
        """The column of this name."""
        return next((column for column in self.columns if column.name == name), None)

    def index(self, name: str) -> IndexDefinition | None:
        """The index of this name."""
        return next((index for index in self.indexes if index.name == name), None)
