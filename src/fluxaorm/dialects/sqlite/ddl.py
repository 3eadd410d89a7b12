"""How SQLite spells tables: STRICT ones, whose CHECK constraints hold what MySQL's types hold. Pure text.

A column's MySQL type stands in a comment behind its SQLite type, so that it can be read back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from fluxaorm.dialects.changes import (
    AddColumn,
    AddIndex,
    Change,
    ChangeColumn,
    DropColumn,
    DropIndex,
    RebuildIndex,
    RenameColumn,
    applied,
)
from fluxaorm.dialects.column_types import BLOB_BYTES, INTEGER_BYTES, TEXT_BYTES, ParsedType, exact_float32, parse_type
from fluxaorm.dialects.sql_names import words_in
from fluxaorm.dialects.sqlite.collations import DECIMAL, TIME
from fluxaorm.dialects.tables import ColumnDefinition, DependentDefinition, IndexDefinition, TableDefinition

REBUILD_PREFIX: Final = "_fluxa_rebuild_"


def quote(identifier: str) -> str:
    """An identifier in backquotes."""
    return "`" + identifier.replace("`", "``") + "`"


def text_literal(text: str) -> str:
    """A text literal; SQLite knows no backslashes, and takes no NUL in a statement."""
    parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\0")]
    return parts[0] if len(parts) == 1 else f"({' || char(0) || '.join(parts)})"


def storage_class(column: ColumnDefinition) -> str:
    """Which of STRICT's types holds the column."""
    kind = parse_type(column.type).name
    if column.collation in (DECIMAL, TIME):
        return "TEXT"
    if kind in INTEGER_BYTES:
        return "INTEGER"
    if kind in ("double", "float"):
        return "REAL"
    return "BLOB" if kind in BLOB_BYTES or kind in ("binary", "varbinary") else "TEXT"


def column_ddl(column: ColumnDefinition, primary: bool = False, default: str | None = None) -> str:
    """A column as CREATE TABLE and ADD COLUMN want it. ``default``: a text instead of the column's own."""
    if column.extra:
        return f"{quote(column.name)} {column.extra}"
    words = [quote(column.name), storage_class(column), f"/* {column.type.replace('*/', _MASKED_END)} */"]
    if column.collation:
        words.append(f"COLLATE {column.collation}")
    if not column.nullable:
        words.append("NOT NULL")
    if primary:
        words.append("PRIMARY KEY")
    literal = default_literal(column, column.default if default is None else default)
    if literal is not None:
        words.append(f"DEFAULT {literal}")
    if condition := check_condition(column):
        words.append(f"CHECK ({condition})")
    return " ".join(words)


_MASKED_END: Final = "*\\/"


def type_in_comment(text: str) -> str:
    """The MySQL type that ``column_ddl`` put in a comment."""
    return text.replace(_MASKED_END, "*/")


def default_literal(column: ColumnDefinition, text: str | None) -> str | None:
    """What follows DEFAULT."""
    if text is None:
        return None
    match storage_class(column):
        case "REAL" if column.type.startswith("float"):
            return exact_float32(text)
        case "INTEGER" | "REAL":
            return text
        case "BLOB":
            return f"x'{text.removeprefix('0x')}'"
        case _:
            return text_literal(text)


def check_condition(column: ColumnDefinition, value: str = "") -> str:
    """The condition that holds a column to its MySQL type; "" when its storage class says it all.

    ``value``: SQL to look at instead of the column.
    """
    kind, name = parse_type(column.type), value or quote(column.name)
    if kind.name in INTEGER_BYTES:
        return _integer_check(kind, name, column.collation == DECIMAL)
    if kind.name == "decimal":
        return _between(name, _decimal_limits(kind), text=True)
    if kind.name in ("double", "float"):
        return f"{name} >= 0" if kind.unsigned else ""
    if kind.name in ("enum", "set"):
        return _member_check(kind, name)
    return _FIXED_CHECKS.get(kind.name, "").format(name=name) or _length_check(kind, name)


def _between(name: str, limits: tuple[object, object], text: bool = False) -> str:
    low, high = (text_literal(str(limit)) if text else str(limit) for limit in limits)
    return f"{name} BETWEEN {low} AND {high}"


def _integer_check(kind: ParsedType, name: str, as_text: bool) -> str:
    if kind.numbers == (1,):
        return f"{name} IN (0, 1)"
    bits = 8 * INTEGER_BYTES[kind.name]
    if kind.unsigned and bits == 64 and not as_text:
        return f"{name} >= 0"
    if bits == 64 and not kind.unsigned:
        return ""
    limits = (0, 2**bits - 1) if kind.unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return _between(name, limits, as_text)


def _decimal_limits(kind: ParsedType) -> tuple[str, str]:
    precision, scale = kind.numbers
    whole = "9" * (precision - scale) or "0"
    largest = f"{whole}.{'9' * scale}" if scale else whole
    return "0" if kind.unsigned else f"-{largest}", largest


def _member_check(kind: ParsedType, name: str) -> str:
    if kind.name == "enum":
        return f"{name} IN ({', '.join(map(text_literal, kind.members))})"
    # as long as the members it holds: a sum, since calls inside each other overflow the parser at 64 members
    listed = f"',' || {name} || ','"
    found = " + ".join(
        f"{len(member) + 1} * (instr({listed}, {text_literal(f',{member},')}) > 0)" for member in kind.members
    )
    return f"{name} = '' OR length({name}) = {found} - 1"


_FIXED_CHECKS: Final = {
    "json": "{name} IS NULL OR json_valid({name})",
    "date": "{name} IS date({name})",
    "datetime": "substr({name}, 1, 19) IS datetime(substr({name}, 1, 19))",
    "time": "{name} BETWEEN '-838:59:59' AND '838:59:59'",
}


def _length_check(kind: ParsedType, name: str) -> str:
    if kind.name in ("binary", "varbinary", "char", "varchar"):
        comparison = "=" if kind.name == "binary" else "<="
        return f"length({name}) {comparison} {kind.numbers[0]}"
    if kind.name in BLOB_BYTES:
        return f"length({name}) <= {BLOB_BYTES[kind.name]}"
    return f"length(CAST({name} AS BLOB)) <= {TEXT_BYTES[kind.name]}" if kind.name in TEXT_BYTES else ""


def index_name(table: str, index: str) -> str:
    """Indexes share one namespace in SQLite, so their names start with the table's."""
    return f"{table}.{index}"


def create_index(table: str, index: IndexDefinition) -> str:
    """The statement that makes an index."""
    columns = ", ".join(map(quote, index.columns))
    unique = "UNIQUE " if index.unique else ""
    return f"CREATE {unique}INDEX {quote(index_name(table, index.name))} ON {quote(table)} ({columns})"


def drop_index(table: str, index: IndexDefinition) -> str:
    """The statement that drops an index; one that was not made by us carries its own name."""
    return f"DROP INDEX {quote(index.detail or index_name(table, index.name))}"


def create_table(table: TableDefinition, name: str | None = None) -> str:
    """The statement that makes a table without its indexes, perhaps under another name."""
    lone_key = table.primary_key[0] if len(table.primary_key) == 1 else None
    lines = [column_ddl(column, primary=column.name == lone_key) for column in table.columns]
    if lone_key is None and table.primary_key:
        lines.append(f"PRIMARY KEY ({', '.join(map(quote, table.primary_key))})")
    lines += table.constraints
    body = ",\n  ".join(lines)
    # columns of somebody else have types that STRICT does not know
    options = table.options if any(column.extra for column in table.columns) else "STRICT"
    return f"CREATE TABLE {quote(name or table.name)} (\n  {body}\n) {options}".rstrip()


def alter_table(actual: TableDefinition, changes: Sequence[Change]) -> tuple[str, ...]:
    """Columns and indexes are added in place; anything else makes the table anew and copies its rows."""
    if is_in_place(changes):
        return tuple(statement for change in changes for statement in _statements(actual.name, change))
    return _rebuild(actual, changes)


def is_in_place(changes: Sequence[Change]) -> bool:
    """Whether the table need not be made anew."""
    return all(map(_in_place, changes))


def _in_place(change: Change) -> bool:
    if isinstance(change, AddColumn):
        # a default with a NUL is an expression, which only a new table takes
        default = change.column.default
        return change.column.nullable if default is None else "\0" not in default
    return isinstance(change, AddIndex | DropIndex | RebuildIndex)


def _statements(table: str, change: Change) -> list[str]:
    match change:
        case AddColumn(column):
            return [f"ALTER TABLE {quote(table)} ADD COLUMN {column_ddl(column)}"]
        case AddIndex(index):
            return [create_index(table, index)]
        case DropIndex(index):
            return [drop_index(table, index)]
        case RebuildIndex(old, new):
            return [drop_index(table, old), create_index(table, new)]
        case _:
            return []


def _rebuild(actual: TableDefinition, changes: Sequence[Change]) -> tuple[str, ...]:
    wanted, temporary = applied(actual, changes), REBUILD_PREFIX + actual.name
    sources = _sources(actual, wanted, changes)
    names = ", ".join(map(quote, sources))
    copied = f"INSERT INTO {quote(temporary)} ({names}) SELECT {', '.join(sources.values())} FROM {quote(actual.name)}"
    return (
        # SQLite renames nothing while a view or a trigger names a table that is not there
        *(
            f"DROP {each.kind.upper()} {quote(each.name)}"
            for each in actual.dependents
            if not _goes_along(each, actual)
        ),
        create_table(wanted, temporary),
        copied,
        f"DROP TABLE {quote(actual.name)}",
        f"ALTER TABLE {quote(temporary)} RENAME TO {quote(actual.name)}",
        *(_index_again(actual, index) for index in wanted.indexes),
        *(each.sql for each in sorted(actual.dependents, key=lambda each: each.kind, reverse=True)),
    )


def _goes_along(dependent: DependentDefinition, table: TableDefinition) -> bool:
    """A trigger goes with its table, or its view."""
    views = [each.name for each in table.dependents if each.kind == "view"]
    return dependent.kind == "trigger" and dependent.table in (table.name, *views)


def _index_again(actual: TableDefinition, index: IndexDefinition) -> str:
    """An index of somebody else as it was made."""
    kept = index.detail and index.source and actual.index(index.name) == index
    return index.source if kept else create_index(actual.name, index)


def obstacle(actual: TableDefinition, changes: Sequence[Change], renamed_first: bool) -> str:
    """Why a table cannot be made anew without losing what somebody else gave it; "" when it can."""
    if is_in_place(changes):
        return ""
    if renamed_first and (actual.constraints or actual.dependents or any(index.detail for index in actual.indexes)):
        return "SQLite rewrites what names the table when it is renamed; rename it, then ask get_alters() again"
    renamed = {change.old for change in changes if isinstance(change, RenameColumn)}
    lost = renamed | {change.column.name for change in changes if isinstance(change, DropColumn)}
    dropped = [change.index for change in changes if isinstance(change, DropIndex)]
    indexes = [index.source for index in actual.indexes if index.detail and index not in dropped]
    given = [*((text, lost) for text in actual.constraints), *((text, renamed) for text in indexes)]
    given += [(column.extra, lost - {column.name}) for column in actual.columns if column.name not in lost]
    for text, names in given:
        for name in sorted(names):
            if words_in(name) <= words_in(text):
                return (
                    f"SQLite makes the table anew for it, and `{name}` is named by what somebody else gave the table: "
                    f"{text}; take that away, then ask get_alters() again"
                )
    return ""


def _sources(actual: TableDefinition, wanted: TableDefinition, changes: Sequence[Change]) -> dict[str, str]:
    """Where each column of the new table gets its value: the old column, or the filler.

    Defaults need no source, nor do columns that the server computes.
    """
    old_names = {change.new: change.old for change in changes if isinstance(change, RenameColumn)}
    changed = {change.new.name: change for change in changes if isinstance(change, ChangeColumn)}
    fillers = {change.column.name: change for change in changes if isinstance(change, AddColumn)}
    sources: dict[str, str] = {}
    for column in wanted.columns:
        if _COMPUTED.search(column.extra):
            continue
        added = fillers.get(column.name)
        if added is None:
            sources[column.name] = source = quote(old_names.get(column.name, column.name))
            if (change := changed.get(column.name)) is not None:
                sources[column.name] = moved_value(change.old, change.new, source)
        elif not column.nullable and column.default is None:
            sources[column.name] = default_literal(column, filler_of(added)) or "NULL"
    return sources


_COMPUTED: Final = re.compile(r"\bAS\s*\(", re.IGNORECASE)


def moved_value(old: ColumnDefinition, new: ColumnDefinition, value: str) -> str:
    """A value of one column as another takes it: numbers become text and text bytes, as in MySQL.

    Bytes become no text: SQLite would not look whether they are one.
    """
    was, becomes = storage_class(old), storage_class(new)
    return f"CAST({value} AS {becomes})" if was not in (becomes, "BLOB") and becomes in ("TEXT", "BLOB") else value


def compared_value(old: ColumnDefinition, new: ColumnDefinition, value: str) -> str:
    """The same, as the other column compares it."""
    return f"({moved_value(old, new, value)} COLLATE {new.collation or 'BINARY'})"


def filler_of(change: AddColumn) -> str:
    """What rows that exist get: the change's filler, else what MySQL would put there."""
    if change.filler is not None:
        return change.filler
    kind = parse_type(change.column.type)
    if kind.name == "enum":
        return kind.members[0]
    if kind.name == "time":
        return "00:00:00"
    if kind.name == "binary":
        return "0x" + "00" * kind.numbers[0]
    return "" if storage_class(change.column) == "BLOB" or kind.name in (*TEXT_BYTES, "char", "varchar", "set") else "0"
