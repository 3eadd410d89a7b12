"""What ``information_schema`` says, as tables. One query a pool, whatever the number of tables; pure but for its text.

Each row is (what, table, position, name, and seven values that depend on ``what``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from fluxaorm.dialects.column_types import ParsedType, canonical_default, parse_type, unescaped
from fluxaorm.dialects.sql_names import names_in
from fluxaorm.dialects.tables import (
    CheckDefinition,
    ColumnAttributes,
    ColumnDefinition,
    DependentDefinition,
    ForeignKeyDefinition,
    IndexDefinition,
    TableDefinition,
    with_dependents,
)

FOREIGN_KEYS_SQL: Final = """
SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME,
  r.DELETE_RULE, r.UPDATE_RULE
FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r
  ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.TABLE_NAME = k.TABLE_NAME AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME
WHERE k.TABLE_SCHEMA = DATABASE() AND k.REFERENCED_TABLE_SCHEMA = DATABASE() AND r.CONSTRAINT_SCHEMA = DATABASE()
ORDER BY k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION""".lstrip()

_PLACES: Final = 7


def _part(what: str, table: str, position: str, name: str, values: Sequence[str], source: str) -> str:
    """One SELECT of the UNION. Servers give names various collations, which they do not mix."""
    texts = [table, name, *values, *["NULL"] * (_PLACES - len(values))]
    table, name, *rest = (
        text if text == "NULL" else f"CONVERT({text} USING utf8mb4) COLLATE utf8mb4_bin" for text in texts
    )
    return f"SELECT '{what}' COLLATE utf8mb4_bin, {table}, {position}, {name},\n  {', '.join(rest)}\nFROM {source}"


_TABLES: Final = _part(
    "table",
    "TABLE_NAME",
    "0",
    "TABLE_NAME",
    ["ENGINE", "TABLE_COLLATION", "ROW_FORMAT", "CREATE_OPTIONS", "TABLE_COMMENT", "TABLE_TYPE"],
    "information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()",
)
_COLUMNS: Final = _part(
    "column",
    "TABLE_NAME",
    "ORDINAL_POSITION",
    "COLUMN_NAME",
    [
        "COLUMN_TYPE",
        "IS_NULLABLE",
        "COLUMN_DEFAULT",
        "EXTRA",
        "COLLATION_NAME",
        "GENERATION_EXPRESSION",
        "COLUMN_COMMENT",
    ],
    "information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()",
)
_FOREIGN_KEYS: Final = _part(
    "foreign key",
    "TABLE_NAME",
    "ORDINAL_POSITION",
    "CONSTRAINT_NAME",
    ["COLUMN_NAME", "REFERENCED_TABLE_NAME", "REFERENCED_COLUMN_NAME", "NULLIF(REFERENCED_TABLE_SCHEMA, DATABASE())"],
    "information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL",
)
_RULES: Final = _part(
    "rule",
    "TABLE_NAME",
    "0",
    "CONSTRAINT_NAME",
    ["DELETE_RULE", "UPDATE_RULE"],
    "information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()",
)
_TRIGGERS: Final = _part(
    "trigger",
    "EVENT_OBJECT_TABLE",
    "0",
    "TRIGGER_NAME",
    ["ACTION_TIMING", "EVENT_MANIPULATION", "ACTION_STATEMENT"],
    "information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = DATABASE()",
)
_VIEWS: Final = _part(
    "view",
    "TABLE_NAME",
    "0",
    "TABLE_NAME",
    ["VIEW_DEFINITION"],
    "information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()",
)
_MARIADB_CHECKS: Final = _part(
    "check",
    "TABLE_NAME",
    "0",
    "CONSTRAINT_NAME",
    ["CHECK_CLAUSE", "LEVEL"],
    "information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()",
)
_MYSQL_CHECKS: Final = _part(
    "check",
    "t.TABLE_NAME",
    "0",
    "t.CONSTRAINT_NAME",
    ["c.CHECK_CLAUSE", "'Table'", "t.ENFORCED"],
    "information_schema.TABLE_CONSTRAINTS AS t JOIN information_schema.CHECK_CONSTRAINTS AS c"
    " ON c.CONSTRAINT_SCHEMA = t.CONSTRAINT_SCHEMA AND c.CONSTRAINT_NAME = t.CONSTRAINT_NAME"
    " WHERE t.TABLE_SCHEMA = DATABASE() AND t.CONSTRAINT_TYPE = 'CHECK'",
)


def _indexes(hidden: str) -> str:
    return _part(
        "index",
        "TABLE_NAME",
        "SEQ_IN_INDEX",
        "INDEX_NAME",
        ["COLUMN_NAME", "NON_UNIQUE", "SUB_PART", "COLLATION", "INDEX_TYPE", hidden],
        "information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()",
    )


_BOTH: Final = (_TABLES, _COLUMNS, _FOREIGN_KEYS, _RULES, _TRIGGERS, _VIEWS)
MYSQL_SQL: Final = "\nUNION ALL\n".join([*_BOTH, _indexes("IS_VISIBLE"), _MYSQL_CHECKS])
UNCHECKED_SQL: Final = "\nUNION ALL\n".join([*_BOTH, _indexes("IS_VISIBLE")])
"""Where the server keeps no CHECKs, or does not tell of them."""
MARIADB_SQL: Final = "\nUNION ALL\n".join([*_BOTH, _indexes("IF(IGNORED = 'YES', 'NO', 'YES')"), _MARIADB_CHECKS])

Values: TypeAlias = "Sequence[str | None]"


@dataclass
class _Found:
    """What the rows said of one table."""

    engine: str | None = None
    collation: str = ""
    row_format: str = ""
    options: str = ""
    comment: str = ""
    columns: list[ColumnDefinition] = field(default_factory=list[ColumnDefinition])
    indexes: defaultdict[str, list[Values]] = field(default_factory=lambda: defaultdict(list))
    foreign_keys: defaultdict[str, list[Values]] = field(default_factory=lambda: defaultdict(list))
    rules: dict[str, Values] = field(default_factory=dict[str, Values])
    checks: list[CheckDefinition] = field(default_factory=list[CheckDefinition])
    column_checks: list[CheckDefinition] = field(default_factory=list[CheckDefinition])
    dependents: list[DependentDefinition] = field(default_factory=list[DependentDefinition])


def tables_from(rows: Iterable[Sequence[Any]], *, mariadb: bool) -> dict[str, TableDefinition]:
    """The tables by name. Columns of views have no table row and are left out."""
    found: dict[str, _Found] = defaultdict(_Found)
    for raw in sorted((list(map(_text, row)) for row in rows), key=lambda row: int(row[2] or 0)):
        _note(found[raw[1] or ""], raw, mariadb)
    tables = {name: _table(name, parts) for name, parts in sorted(found.items()) if parts.engine is not None}
    dependents = [dependent for parts in found.values() for dependent in parts.dependents]
    return with_dependents(tables, sorted(dependents, key=lambda dependent: (dependent.kind, dependent.name)))


def others_from(rows: Iterable[Sequence[Any]]) -> dict[str, str]:
    """What is no table and has a table's name, by that: ``view``, ``sequence``, ``system versioned``."""
    tables = (list(map(_text, row)) for row in rows if _text(row[0]) == "table")
    return {row[1] or "": (row[9] or "").lower() for row in tables if row[9] != _TABLE}


_TABLE: Final = "BASE TABLE"


def _text(value: Any) -> str | None:
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    return None if value is None else str(value)


def _note(found: _Found, row: list[str | None], mariadb: bool) -> None:
    what, name, values = row[0], row[3] or "", row[4:]
    match what:
        case "table" if values[5] != _TABLE:
            pass
        case "table":
            found.engine, found.collation, found.row_format, found.options, found.comment = (
                v or "" for v in values[:5]
            )
        case "column":
            found.columns.append(_column(name, values, mariadb))
        case "index":
            found.indexes[name].append(values)
        case "foreign key":
            found.foreign_keys[name].append(values)
        case "rule":
            found.rules[name] = values
        case "trigger":
            moment = f"{values[0]} {values[1]}"
            found.dependents.append(DependentDefinition("trigger", name, values[2] or "", row[1] or "", moment))
        case "view":
            found.dependents.append(DependentDefinition("view", name, values[0] or ""))
        case _:
            condition = (values[0] or "") if mariadb else _respelled(unescaped(values[0] or ""))
            check = CheckDefinition(name, condition, values[2] != "NO")
            (found.column_checks if values[1] == "Column" else found.checks).append(check)


def _respelled(condition: str) -> str:
    """MySQL shows each byte of a condition as a character of its own."""
    try:
        return condition.encode("latin-1").decode()
    except UnicodeError:
        return condition


_ON_UPDATE: Final = re.compile(r"on update current_timestamp(?:\(\d*\))?", re.IGNORECASE)
_OF_ITS_OWN: Final = frozenset({"DEFAULT_GENERATED", "INVISIBLE", "AUTO_INCREMENT"})


def _column(name: str, values: Values, mariadb: bool) -> ColumnDefinition:
    column_type, nullable, default, extra, collation, generated, comment = values
    kind = parse_type(column_type or "")
    said = (extra or "").upper().split()
    words = [word for word in _ON_UPDATE.sub("", extra or "").split() if word.upper() not in _OF_ITS_OWN]
    text, expression = _default(kind, default, extra or "", mariadb)
    if expression:
        words.append(f"DEFAULT ({expression})")
    if generated:
        words.append(f"AS ({generated})")
    attributes = ColumnAttributes(
        comment or "", "INVISIBLE" in said, _ON_UPDATE.search(extra or "") is not None, "AUTO_INCREMENT" in said
    )
    return ColumnDefinition(name, str(kind), nullable == "YES", text, collation, " ".join(words), attributes=attributes)


def _default(kind: ParsedType, text: str | None, extra: str, mariadb: bool) -> tuple[str | None, str]:
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


def _expression_value(kind: ParsedType, text: str) -> tuple[str | None, str]:
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


def _table(name: str, found: _Found) -> TableDefinition:
    primary = found.indexes.pop("PRIMARY", [])
    return TableDefinition(
        name,
        tuple(_with_checks(column, found) for column in found.columns),
        tuple(_index(index, parts) for index, parts in sorted(found.indexes.items())),
        tuple(part[0] or "" for part in primary),
        tuple(_foreign_key(key, parts, found.rules.get(key)) for key, parts in sorted(found.foreign_keys.items())),
        found.engine or "",
        found.collation,
        row_format=found.row_format,
        comment=found.comment,
        options=found.options,
        checks=tuple(sorted(found.checks, key=lambda check: check.name)),
    )


def _with_checks(column: ColumnDefinition, found: _Found) -> ColumnDefinition:
    """The column with the conditions that stand with it. MariaDB's JSON is a longtext with one of them."""
    conditions = [check.condition for check in found.column_checks if column.name in _owners(check, found.columns)]
    valid = f"json_valid(`{column.name.lower()}`)"
    if column.type == "longtext" and valid in map(str.lower, conditions):
        column = replace(column, type="json", collation=None)
        conditions = [condition for condition in conditions if condition.lower() != valid]
    return replace(column, attributes=replace(column.attributes, checks=tuple(conditions))) if conditions else column


def _owners(check: CheckDefinition, columns: Sequence[ColumnDefinition]) -> frozenset[str]:
    """The column that a condition stands with. It keeps its name when its column is renamed, so all that it may be."""
    names = names_in(check.condition)
    if check.name in names or not names:
        return frozenset({check.name})
    return names | {column.name for column in columns if column.name == check.name}


def _index(name: str, parts: Sequence[Values]) -> IndexDefinition:
    details = [detail for part in parts if (detail := _index_detail(part))]
    columns = tuple(part[0] or "" for part in parts)
    return IndexDefinition(name, columns, parts[0][1] == "0", ", ".join(dict.fromkeys(details)))


def _index_detail(part: Values) -> str:
    column, _, prefix, direction, kind, visible, *_ = part
    words = [
        "expression" if column is None else "",
        f"prefix {prefix}" if prefix else "",
        "descending" if direction == "D" else "",
        "" if kind in ("BTREE", None) else kind.lower(),
        "invisible" if visible == "NO" else "",
    ]
    return " ".join(word for word in words if word)


def _foreign_key(name: str, parts: Sequence[Values], rules: Values | None) -> ForeignKeyDefinition:
    _, table, _, database, *_ = parts[0]
    on_delete, on_update = (rule or "" for rule in rules[:2]) if rules else ("", "")
    target = f"{database}.{table}" if database else table or ""
    return ForeignKeyDefinition(
        name,
        tuple(part[0] or "" for part in parts),
        target,
        tuple(part[2] or "" for part in parts),
        on_delete,
        on_update,
    )
