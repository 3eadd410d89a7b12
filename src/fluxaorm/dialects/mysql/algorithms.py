"""How MySQL and MariaDB make each change of a table: what they were seen to accept, as one table. Pure.

Found by asking MySQL 9.7 and MariaDB 10.11 for every change with every ALGORITHM. A server that refuses what it is
asked for is asked for less, see ``spellings``; so the table need not be right for each version, only for most.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final, Literal, TypeAlias

from fluxaorm.dialects.changes import (
    AddColumn,
    AddIndex,
    Change,
    ChangeColumn,
    ChangePrimaryKey,
    ConvertTable,
    DropCheck,
    DropColumn,
    DropForeignKey,
    DropIndex,
    RebuildIndex,
    RenameColumn,
    Reorder,
    SetDefault,
    applied,
)
from fluxaorm.dialects.column_types import TEXT_BYTES, ParsedType, parse_type
from fluxaorm.dialects.mysql.ddl import default_literal
from fluxaorm.dialects.tables import ColumnDefinition, TableDefinition

Algorithm: TypeAlias = Literal["instant", "inplace", "copy"]
"""Only the table's description changes; rows are gone through while others write; it is copied and writes wait."""

_ORDER: Final[tuple[Algorithm, ...]] = ("instant", "inplace", "copy")

WORK: Final[dict[str, tuple[Algorithm, Algorithm]]] = {
    # what: on MySQL, on MariaDB
    "add a column": ("instant", "instant"),
    "add a column whose default is an expression": ("copy", "instant"),
    "change a default": ("instant", "instant"),
    "append members of an enum or set": ("instant", "instant"),
    "lengthen a varchar": ("inplace", "instant"),
    "lengthen a varchar of up to 127 bytes past 255": ("copy", "instant"),
    "change whether NULL is allowed": ("inplace", "inplace"),
    "change a collation": ("inplace", "instant"),
    "change the collation of a text": ("inplace", "instant"),
    "change the collation of an indexed column": ("copy", "inplace"),
    "change the collation of an enum or set": ("instant", "copy"),
    "change the collation of an indexed enum or set": ("copy", "copy"),
    "change a type otherwise": ("copy", "copy"),
    "rename a column": ("instant", "instant"),
    "move columns": ("inplace", "instant"),
    "drop a column": ("instant", "instant"),
    "drop an indexed column": ("inplace", "inplace"),
    "add or drop an index": ("inplace", "inplace"),
    "drop a foreign key": ("inplace", "instant"),
    "change the primary key": ("inplace", "inplace"),
    "change the default collation": ("inplace", "instant"),
    "change the row format": ("inplace", "inplace"),
    "drop a check": ("inplace", "instant"),
    "change the engine": ("copy", "copy"),
}

REBUILDS: Final = frozenset(
    {
        "add a column",
        "change whether NULL is allowed",
        "move columns",
        "drop a column",
        "drop an indexed column",
        "change the primary key",
        "change the row format",
        "change the default collation",
    }
)
"""What MySQL makes a table anew for, unless it is done in an instant. If the collation of a text changes in the same
ALTER, writes wait for it."""


def algorithm_of(actual: TableDefinition, changes: Sequence[Change], *, mariadb: bool) -> Algorithm:
    """The least that the server accepts for these changes together: that of the weightiest, but for one pair."""
    indexed = {name for index in applied(actual, changes).indexes for name in index.columns}
    before = {name for index in actual.indexes for name in index.columns}
    works = {work for change in changes for work in _works(change, indexed, before)}
    if not mariadb and "change the collation of a text" in works and works & REBUILDS:
        return "copy"
    return _ORDER[max((_ORDER.index(WORK[work][mariadb]) for work in works), default=0)]


def _works(change: Change, indexed: Collection[str], before: Collection[str]) -> Iterator[str]:
    match change:
        case AddColumn(column, filler):
            expression = _is_expression(column, filler)
            yield "add a column whose default is an expression" if expression else "add a column"
        case ChangeColumn(old, new):
            yield from _column_works(old, new, new.name in indexed)
        case DropColumn(column):
            yield "drop an indexed column" if column.name in before else "drop a column"
        case ConvertTable(old_table, new_table):
            if old_table.engine.lower() != new_table.engine.lower():
                yield "change the engine"
            elif old_table.row_format != new_table.row_format:
                yield "change the row format"
            else:
                yield "change the default collation"
        case _:
            yield _PLAIN[type(change)]


_PLAIN: Final[dict[type[Change], str]] = {
    SetDefault: "change a default",
    RenameColumn: "rename a column",
    Reorder: "move columns",
    AddIndex: "add or drop an index",
    RebuildIndex: "add or drop an index",
    DropIndex: "add or drop an index",
    DropForeignKey: "drop a foreign key",
    DropCheck: "drop a check",
    ChangePrimaryKey: "change the primary key",
}


def _is_expression(column: ColumnDefinition, filler: str | None) -> bool:
    literal = default_literal(column if filler is None else replace(column, default=filler))
    return literal is not None and literal.startswith("(")


def _column_works(old: ColumnDefinition, new: ColumnDefinition, indexed: bool) -> Iterator[str]:
    was, becomes = parse_type(old.ddl_type or old.type), parse_type(new.ddl_type or new.type)
    if old.extra or old.attributes != new.attributes or _charset(old) != _charset(new):
        yield "change a type otherwise"
        return
    if was != becomes:
        yield _type_work(was, becomes)
    if old.nullable != new.nullable:
        yield "change whether NULL is allowed"
    if old.default != new.default:
        yield "change a default"
    if old.collation != new.collation:
        yield _collation_work(becomes, indexed)


def _charset(column: ColumnDefinition) -> str:
    return (column.collation or "").partition("_")[0]


def _collation_work(kind: ParsedType, indexed: bool) -> str:
    if kind.name in ("enum", "set"):
        return f"change the collation of an {'indexed ' if indexed else ''}enum or set"
    if indexed:
        return "change the collation of an indexed column"
    return "change the collation of a text" if kind.name in TEXT_BYTES else "change a collation"


_BYTES_A_CHARACTER: Final = 4


def _type_work(was: ParsedType, becomes: ParsedType) -> str:
    if was.name == becomes.name == "varchar" and becomes.numbers > was.numbers:
        old, new = (_BYTES_A_CHARACTER * kind.numbers[0] for kind in (was, becomes))
        if (old > 255) == (new > 255):
            return "lengthen a varchar"
        if old <= 127:
            return "lengthen a varchar of up to 127 bytes past 255"
    if was.name == becomes.name and was.name in ("enum", "set"):
        appended = becomes.members[: len(was.members)] == was.members
        if appended and _member_bytes(was) == _member_bytes(becomes):
            return "append members of an enum or set"
    return "change a type otherwise"


def _member_bytes(kind: ParsedType) -> int:
    count = len(kind.members)
    if kind.name == "enum":
        return 1 if count <= 255 else 2
    return 8 if count > 32 else (count + 7) // 8


HINTS: Final[dict[Algorithm, str]] = {
    "instant": ",\n  ALGORITHM=INSTANT",
    "inplace": ",\n  ALGORITHM=INPLACE, LOCK=NONE",
    "copy": "",
}
"""What an ALTER ends in. A copy is not asked for: perhaps the server finds a better way."""


def spellings(sql: str) -> tuple[str, ...]:
    """An ALTER as it was made, then with each lesser hint, then without one."""
    for position, algorithm in enumerate(_ORDER[:-1]):
        if sql.endswith(HINTS[algorithm]):
            bare = sql.removesuffix(HINTS[algorithm])
            return tuple(bare + HINTS[lesser] for lesser in _ORDER[position:])
    return (sql,)
