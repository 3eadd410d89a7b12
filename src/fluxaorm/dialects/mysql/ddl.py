"""How MySQL and MariaDB spell columns, indexes and changes of tables. Pure text; see ``family`` for the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

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
)
from fluxaorm.dialects.column_types import BINARY, BLOB_BYTES, TEXT_BYTES, ParsedType, exact_float32, parse_type, quoted
from fluxaorm.dialects.tables import CheckDefinition, ColumnDefinition, IndexDefinition, TableDefinition

ENGINE: Final = "InnoDB"
ROW_FORMAT: Final = "Dynamic"
"""The format whose index keys are up to 3072 bytes; said always, since servers may have another one by default."""


def quote(identifier: str) -> str:
    """An identifier in backquotes."""
    return "`" + identifier.replace("`", "``") + "`"


def columns_list(names: Sequence[str]) -> str:
    """``(`a`, `b`)``."""
    return "(" + ", ".join(map(quote, names)) + ")"


def default_literal(column: ColumnDefinition) -> str | None:
    """What follows DEFAULT: an expression for types that take no literal, or whose literal servers print shortened.

    MariaDB makes a literal of any expression that is one, hence the function and the sum.
    """
    if column.default is None:
        return "NULL" if column.nullable else None
    kind, text = parse_type(column.type), column.default
    if kind.name in BINARY:
        return f"(unhex('{text.removeprefix('0x')}'))" if text else "('')"
    if _takes_expressions_only(kind):
        return f"({quoted(text)})" if text.isascii() else _from_bytes(text)
    if kind.name == "float":
        return quoted(text) if f"{float(text):.6g}" == text else f"({exact_float32(text)} + 0e0)"
    return quoted(text) if shown(text) == text else _from_bytes(text)


def shown(text: str) -> str:
    """A text as ``information_schema`` gives it back: there every character past U+FFFF is a question mark."""
    return re.sub("[^\0-\uffff]", "?", text)


def _from_bytes(text: str) -> str:
    return f"(convert(unhex('{text.encode().hex()}') using utf8mb4))"


def _takes_expressions_only(kind: ParsedType) -> bool:
    return kind.name in TEXT_BYTES or kind.name == "json"


def column_ddl(column: ColumnDefinition, default: str | None = None) -> str:
    """A column as CREATE and ALTER TABLE want it. ``default``: a literal instead of the column's own."""
    literal = default_literal(column) if default is None else default
    words = [quote(column.name), column.ddl_type or column.type]
    if column.collation:
        words.append(f"COLLATE {column.collation}")
    words.append("NULL" if column.nullable else "NOT NULL")
    if literal is not None and not column.attributes.auto_increment:
        words.append(f"DEFAULT {literal}")
    return " ".join([*words, *_attributes(column)])


def _attributes(column: ColumnDefinition) -> Iterator[str]:
    """What the definition does not say, and a new definition of the column has to repeat."""
    kept = column.attributes
    if kept.on_update:
        digits = parse_type(column.type).numbers
        yield f"ON UPDATE CURRENT_TIMESTAMP({digits[0] if digits else 0})"
    if kept.auto_increment:
        yield "AUTO_INCREMENT"
    if kept.invisible:
        yield "INVISIBLE"
    if kept.comment:
        yield f"COMMENT {quoted(kept.comment)}"
    if kept.checks:
        yield f"CHECK ({' AND '.join(f'({check})' for check in kept.checks)})"


def index_ddl(index: IndexDefinition) -> str:
    """An index inside CREATE TABLE, or after ADD."""
    return f"{'UNIQUE ' if index.unique else ''}INDEX {quote(index.name)} {columns_list(index.columns)}"


def create_table(table: TableDefinition, if_not_exists: bool = False) -> str:
    """The statement that makes a table with its indexes."""
    # a collation that is the table's own goes without saying
    columns = (replace(c, collation=None) if c.collation == table.collation else c for c in table.columns)
    lines = [column_ddl(column) for column in columns]
    lines.append(f"PRIMARY KEY {columns_list(table.primary_key)}")
    lines += map(index_ddl, table.indexes)
    body = ",\n  ".join(lines)
    head = f"CREATE TABLE {'IF NOT EXISTS ' if if_not_exists else ''}{quote(table.name)}"
    return f"{head} (\n  {body}\n) {table_engine(table)} {table_charset(table.collation)}"


def table_engine(table: TableDefinition) -> str:
    """The table's engine and row format."""
    row_format = f" ROW_FORMAT={table.row_format.upper()}" if table.row_format else ""
    return f"ENGINE={table.engine or ENGINE}{row_format}"


def table_charset(collation: str) -> str:
    """The table's default character set and collation."""
    return f"DEFAULT CHARSET={collation.partition('_')[0]} COLLATE={collation}" if collation else ""


def alter_table(
    name: str, changes: Sequence[Change], hint: str = "", checks: Sequence[CheckDefinition] = ()
) -> tuple[str, ...]:
    """One ALTER with all the changes, and a second one where a filler has to be taken away again.

    ``hint``: what the first one ends in; ``checks``: those to be made anew, as they will be.
    """
    clauses = [*_all_clauses(changes), *(clause for check in checks for clause in _replaced_check(check))]
    statements = [f"ALTER TABLE {quote(name)}\n  " + ",\n  ".join(clauses) + hint]
    fillers = [change.column.name for change in changes if isinstance(change, AddColumn) and change.filler is not None]
    if fillers:
        drops = [f"ALTER COLUMN {quote(column)} DROP DEFAULT" for column in fillers]
        statements.append(f"ALTER TABLE {quote(name)}\n  " + ",\n  ".join(drops))
    return tuple(statements)


def _replaced_check(check: CheckDefinition) -> Iterator[str]:
    yield f"DROP CONSTRAINT {quote(check.name)}"
    enforced = "" if check.enforced else " NOT ENFORCED"
    yield f"ADD CONSTRAINT {quote(check.name)} CHECK ({check.condition}){enforced}"


def _all_clauses(changes: Sequence[Change]) -> Iterator[str]:
    """A column is named once: its rename, its new definition and its new place share a clause."""
    moves = [move for change in changes if isinstance(change, Reorder) for move in change.moves]
    former = {change.new: change.old for change in changes if isinstance(change, RenameColumn)}
    moved = {column.name for column, _ in moves}
    redefined = {change.new.name for change in changes if isinstance(change, ChangeColumn | SetDefault)}
    for change in changes:
        match change:
            case AddColumn(column) if column.name in moved:
                continue
            case RenameColumn(_, new) if new in moved or new in redefined:
                continue
            case ChangeColumn(_, new) | SetDefault(_, new) if new.name in moved:
                continue
            case ChangeColumn(_, new) | SetDefault(_, new) if new.name in former:
                yield _redefined(new, former)
            case _:
                yield from _clauses(change)
    added = {change.column.name: change for change in changes if isinstance(change, AddColumn)}
    for column, after in moves:
        head = next(_clauses(added[column.name])) if column.name in added else _redefined(column, former)
        yield f"{head} " + ("FIRST" if after is None else f"AFTER {quote(after)}")


def _redefined(column: ColumnDefinition, former: Mapping[str, str]) -> str:
    old = former.get(column.name)
    return f"MODIFY COLUMN {column_ddl(column)}" if old is None else f"CHANGE COLUMN {quote(old)} {column_ddl(column)}"


_NO_SET_DEFAULT: Final = frozenset({"json", *TEXT_BYTES, *BLOB_BYTES})
"""MySQL refuses ALTER COLUMN ... SET DEFAULT for these."""


def _clauses(change: Change) -> Iterator[str]:
    match change:
        case AddColumn(column, filler):
            filled = None if filler is None else default_literal(_with_default(column, filler))
            yield f"ADD COLUMN {column_ddl(column, filled)}"
        case ChangeColumn(_, new):
            yield f"MODIFY COLUMN {column_ddl(new)}"
        case SetDefault(_, new) if parse_type(new.type).name in _NO_SET_DEFAULT:
            yield f"MODIFY COLUMN {column_ddl(new)}"
        case SetDefault(_, new):
            literal = default_literal(new)
            yield f"ALTER COLUMN {quote(new.name)} " + (f"SET DEFAULT {literal}" if literal else "DROP DEFAULT")
        case RenameColumn(old, new):
            yield f"RENAME COLUMN {quote(old)} TO {quote(new)}"
        case DropColumn(column):
            yield f"DROP COLUMN {quote(column.name)}"
        case AddIndex(index):
            yield f"ADD {index_ddl(index)}"
        case RebuildIndex(old, new):
            yield f"DROP INDEX {quote(old.name)}"
            yield f"ADD {index_ddl(new)}"
        case DropIndex(index):
            yield f"DROP INDEX {quote(index.name)}"
        case DropForeignKey(foreign_key):
            yield f"DROP FOREIGN KEY {quote(foreign_key.name)}"
        case DropCheck(check, _):
            yield f"DROP CONSTRAINT {quote(check.name)}"
        case ChangePrimaryKey(old, new):
            if old:
                yield "DROP PRIMARY KEY"
            yield f"ADD PRIMARY KEY {columns_list(new)}"
        case Reorder():
            pass  # see _all_clauses
        case ConvertTable(old, new):
            if (old.engine, old.row_format) != (new.engine, new.row_format):
                yield table_engine(new)
                if "key_block_size" in old.options.lower():
                    yield "KEY_BLOCK_SIZE=0"
            if old.collation != new.collation:
                yield table_charset(new.collation)


def _with_default(column: ColumnDefinition, default: str) -> ColumnDefinition:
    return replace(column, default=default)


def makes_index(change: Change) -> bool:
    """Whether an index is added, perhaps over a column that the same ALTER adds."""
    return isinstance(change, AddIndex | RebuildIndex)
