"""Tables as values: what is declared and what a server has, in one shape, so that comparing them is comparing values.

A dialect makes them from an ``EntitySchema`` or from the rows of its introspection; nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from fluxaorm.dialects.sql_names import words_in


@dataclass(frozen=True, slots=True)
class ColumnAttributes:
    """What a column may have that no definition says; a change of the column keeps it where the new one can have it."""

    comment: str = ""
    invisible: bool = False
    """Not among the columns of ``SELECT *``."""
    on_update: bool = False
    """Set to the current time whenever the row changes."""
    auto_increment: bool = False
    checks: tuple[str, ...] = ()
    """Conditions that stand with the column itself (MariaDB); those of the table are the table's."""

    def lost(self, kept: ColumnAttributes) -> tuple[str, ...]:
        """What of these another column does not have, as SQL spells it."""
        words = {
            f"COMMENT {self.comment!r}": bool(self.comment) and not kept.comment,
            "INVISIBLE": self.invisible and not kept.invisible,
            "ON UPDATE CURRENT_TIMESTAMP": self.on_update and not kept.on_update,
            "AUTO_INCREMENT": self.auto_increment and not kept.auto_increment,
        }
        checks = (f"CHECK ({check})" for check in self.checks if check not in kept.checks)
        return (*(word for word, gone in words.items() if gone), *checks)


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
    """What a declared column cannot have beside its definition: a generated column's expression, a computed default."""
    ddl_type: str = field(default="", compare=False)
    """The type to declare, where the server shows it with a loss as ``type``; "" when ``type`` says it all."""
    attributes: ColumnAttributes = field(default=ColumnAttributes(), compare=False)


@dataclass(frozen=True, slots=True)
class IndexDefinition:
    """One index besides the primary key."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False
    detail: str = ""
    """What our declarations never have: a prefix length, descending order, another kind than BTREE."""
    source: str = field(default="", compare=False)
    """The statement that made it, where the server keeps it (SQLite)."""


@dataclass(frozen=True, slots=True)
class ForeignKeyDefinition:
    """A foreign key, which the library never makes."""

    name: str
    columns: tuple[str, ...] = ()
    target: str = ""
    """The table it points at; ``database.table`` in another database."""
    target_columns: tuple[str, ...] = ()
    on_delete: str = ""
    """What the server does to the rows when the row they point at goes: ``CASCADE``, ``SET NULL``, ...; "": unknown."""
    on_update: str = ""
    """The same when its key changes."""


@dataclass(frozen=True, slots=True)
class CheckDefinition:
    """A CHECK of a table, which the library never makes."""

    name: str
    condition: str
    """SQL, its columns in backquotes."""
    enforced: bool = True


@dataclass(frozen=True, slots=True)
class DependentDefinition:
    """A trigger or a view whose text names a table; the library makes none."""

    kind: Literal["trigger", "view"]
    name: str
    sql: str
    """As the server tells it: SQLite the whole statement, others what the trigger does, or the view's SELECT."""
    table: str = ""
    """Of a trigger: the table that it belongs to."""
    moment: str = ""
    """Of a trigger, where it is known: ``BEFORE UPDATE``."""


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
    row_format: str = field(default="", compare=False)
    """``Dynamic``, ``Compact``, ...; "" where there is none."""
    comment: str = field(default="", compare=False)
    options: str = field(default="", compare=False)
    """What else was said when the table was made: ``row_format=COMPACT partitioned``."""
    checks: tuple[CheckDefinition, ...] = field(default=(), compare=False)
    constraints: tuple[str, ...] = field(default=(), compare=False)
    """CHECKs, UNIQUEs and foreign keys as they were written, where nothing else tells of them (SQLite)."""
    dependents: tuple[DependentDefinition, ...] = field(default=(), compare=False)
    """Triggers and views that name the table, or a view that does, as far as the user may see them."""
    source: str = field(default="", compare=False)
    """The statement that made it, where the server keeps it (SQLite)."""

    def column(self, name: str) -> ColumnDefinition | None:
        """The column of this name."""
        return next((column for column in self.columns if column.name == name), None)

    def index(self, name: str) -> IndexDefinition | None:
        """The index of this name."""
        return next((index for index in self.indexes if index.name == name), None)


def with_dependents(
    tables: Mapping[str, TableDefinition], dependents: Iterable[DependentDefinition]
) -> dict[str, TableDefinition]:
    """The tables, each with what names it, or names a view that does; in the order in which they are given."""
    given = {dependent: words_in(dependent.sql) for dependent in dependents}
    return {name: replace(table, dependents=_naming(name, given)) if given else table for name, table in tables.items()}


def _naming(table: str, given: Mapping[DependentDefinition, frozenset[str]]) -> tuple[DependentDefinition, ...]:
    names, found = [table], set[DependentDefinition]()
    for name in names:  # grows by the views that are found
        words = words_in(name)
        for dependent, said in given.items():
            if dependent not in found and (dependent.table == name or words <= said):
                found.add(dependent)
                names += [dependent.name] if dependent.kind == "view" else []
    return tuple(dependent for dependent in given if dependent in found)
