"""What ``information_schema`` says, as tables. One query a pool, whatever the number of tables; pure but for its text.

Each row is (what, table, position, name, and six values that depend on ``what``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from fluxaorm.dialects.column_types import ColumnType, canonical_default, parse_type, unescaped
from fluxaorm.dialects.tables import ColumnDefinition, ForeignKeyDefinition, IndexDefinition, TableDefinition

_TABLES: Final = """
SELECT 'table' AS what, TABLE_NAME AS table_name, 0 AS position, TABLE_NAME AS name, ENGINE AS a, TABLE_COLLATION AS b,
  NULL AS c, NULL AS d, NULL AS e, NULL AS f
FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'"""
_COLUMNS: Final = """
SELECT 'column', TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA,
  COLLATION_NAME, GENERATION_EXPRESSION
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()"""
_INDEXES: Final = """
SELECT 'index', TABLE_NAME, SEQ_IN_INDEX, INDEX_NAME, COLUMN_NAME, NON_UNIQUE, SUB_PART, COLLATION, INDEX_TYPE, {hidden}
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()"""
_FOREIGN_KEYS: Final = """
SELECT 'foreign key', TABLE_NAME, ORDINAL_POSITION, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME,
  REFERENCED_COLUMN_NAME, NULLIF(REFERENCED_TABLE_SCHEMA, DATABASE()), NULL, NULL
FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL"""
_CHECKS: Final = """
SELECT 'check', TABLE_NAME, 0, CONSTRAINT_NAME, CHECK_CLAUSE, NULL, NULL, NULL, NULL, NULL
FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()"""

MYSQL_SQL: Final = "\nUNION ALL".join([_TABLES.lstrip(), _COLUMNS, _INDEXES.format(hidden="IS_VISIBLE"), _FOREIGN_KEYS])
MARIADB_SQL: Final = "\nUNION ALL".join(
    [_TABLES.lstrip(), _COLUMNS, _INDEXES.format(hidden="IF(IGNORED = 'YES', 'NO', 'YES')"), _FOREIGN_KEYS, _CHECKS]
)

FOREIGN_KEYS_SQL: Final = """
SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME,
  r.DELETE_RULE, r.UPDATE_RULE
FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r
  ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.TABLE_NAME = k.TABLE_NAME AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME
WHERE k.TABLE_SCHEMA = DATABASE() AND k.REFERENCED_TABLE_SCHEMA = DATABASE() AND r.CONSTRAINT_SCHEMA = DATABASE()
ORDER BY k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION""".lstrip()

Values: TypeAlias = "Sequence[str | None]"


@dataclass
class _Found:
    """What the rows said of one table."""

    engine: str | None = None
    collation: str = ""
    columns: list[ColumnDefinition] = field(default_factory=list[ColumnDefinition])
    indexes: defaultdict[str, list[Values]] = field(default_factory=lambda: defaultdict(list))
    foreign_keys: defaultdict[str, list[Values]] = field(default_factory=lambda: defaultdict(list))
    checks: set[str] = field(default_factory=set[str])


def tables_from(rows: Iterable[Sequence[Any]], *, mariadb: bool) -> dict[str, TableDefinition]:
    """The tables by name. Columns of views have no table row and are left out."""
    found: dict[str, _Found] = defaultdict(_Found)
    for raw in sorted((list(map(_text, row)) for row in rows), key=lambda row: int(row[2] or 0)):
        _note(found[raw[1] or ""], raw, mariadb)
    return {name: _table(name, parts, mariadb) for name, parts in sorted(found.items()) if parts.engine is not None}


def _text(value: Any) -> str | None:
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    return None if value is None else str(value)


def _note(found: _Found, row: list[str | None], mariadb: bool) -> None:
    what, name, values = row[0], row[3] or "", row[4:]
    if what == "table":
        found.engine, found.collation = values[0] or "", values[1] or ""
    elif what == "column":
        found.columns.append(_column(name, values, mariadb))
    elif what == "index":
        found.indexes[name].append(values)
    elif what == "foreign key":
        found.foreign_keys[name].append(values)
    elif what == "check":
        found.checks.add((values[0] or "").lower())


def _column(name: str, values: Values, mariadb: bool) -> ColumnDefinition:
    column_type, nullable, default, extra, collation, generated = values
    kind = parse_type(column_type or "")
    words = [word for word in (extra or "").split() if word.upper() != "DEFAULT_GENERATED"]
    text, expression = _default(kind, default, extra or "", mariadb)
    if expression:
        words.append(f"DEFAULT ({expression})")
    if generated:
        words.append(f"AS ({generated})")
    return ColumnDefinition(name, str(kind), nullable == "YES", text, collation, " ".join(words))


def _default(kind: ColumnType, text: str | None, extra: str, mariadb: bool) -> tuple[str | None, str]:
    """The default's text, or the expression that it is, as none of ours."""
    if text is None or (mariadb and text == "NULL"):
        return None, ""
    if mariadb:
        return _expression_value(kind, text)
    if "DEFAULT_GENERATED" in extra.upper():
        return _expression_value(kind, unescaped(text))
    return canonical_default(kind, text), ""


_LITERAL: Final = re.compile(r"(?:_\w+)?'((?:[^'\\]|\\.|'')*)'", re.DOTALL)
_BYTES: Final = re.compile(r"unhex\((?:_\w+)?'([0-9a-f]*)'\)", re.IGNORECASE)
_TEXT_OF_BYTES: Final = re.compile(rf"convert\({_BYTES.pattern} using \w+\)", re.IGNORECASE)
_BITS: Final = re.compile(r"b'[01]+'")
_NUMBER: Final = re.compile(r"\(?(-?)\(?(\d+(?:\.\d*)?(?:e[-+]?\d+)?)\)?(?: \+ 0e0)?\)?", re.IGNORECASE)


def _expression_value(kind: ColumnType, text: str) -> tuple[str | None, str]:
    if kind.name == "bit" and _BITS.fullmatch(text):
        return text, ""
    if literal := _LITERAL.fullmatch(text):
        return canonical_default(kind, unescaped(literal[1])), ""
    if hexadecimal := _BYTES.fullmatch(text):
        return f"0x{hexadecimal[1].lower()}", ""
    if encoded := _TEXT_OF_BYTES.fullmatch(text):
        return bytes.fromhex(encoded[1]).decode("utf-8", "replace"), ""
    if number := _NUMBER.fullmatch(text):
        return canonical_default(kind, number[1] + number[2]), ""
    return None, text


def _table(name: str, found: _Found, mariadb: bool) -> TableDefinition:
    primary = found.indexes.pop("PRIMARY", [])
    columns = tuple(_json_column(column, found.checks) for column in found.columns) if mariadb else tuple(found.columns)
    return TableDefinition(
        name,
        columns,
        tuple(_index(index, parts) for index, parts in sorted(found.indexes.items())),
        tuple(part[0] or "" for part in primary),
        tuple(_foreign_key(key, parts) for key, parts in sorted(found.foreign_keys.items())),
        found.engine or "",
        found.collation,
    )


def _json_column(column: ColumnDefinition, checks: set[str]) -> ColumnDefinition:
    """MariaDB's JSON is a longtext with a check, which keeps its name when the column is renamed."""
    if column.type == "longtext" and f"json_valid(`{column.name.lower()}`)" in checks:
        return replace(column, type="json", collation=None)
    return column


def _index(name: str, parts: Sequence[Values]) -> IndexDefinition:
    details = [detail for part in parts if (detail := _index_detail(part))]
    columns = tuple(part[0] or "" for part in parts)
    return IndexDefinition(name, columns, parts[0][1] == "0", ", ".join(dict.fromkeys(details)))


def _index_detail(part: Values) -> str:
    column, _, prefix, direction, kind, visible = part
    words = [
        "expression" if column is None else "",
        f"prefix {prefix}" if prefix else "",
        "descending" if direction == "D" else "",
        "" if kind in ("BTREE", None) else kind.lower(),
        "invisible" if visible == "NO" else "",
    ]
    return " ".join(word for word in words if word)


def _foreign_key(name: str, parts: Sequence[Values]) -> ForeignKeyDefinition:
    _, table, _, database, *_ = parts[0]
    target = f"{database}.{table}" if database else table or ""
    return ForeignKeyDefinition(
        name, tuple(part[0] or "" for part in parts), target, tuple(part[2] or "" for part in parts)
    )
