"""What ``sqlite_schema`` says, as tables. Reads the statements that ``sqlite_ddl`` wrote; pure but for its text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from fluxaorm.dialects.column_types import canonical_default, parse_type
from fluxaorm.dialects.sqlite_ddl import column_ddl, index_name, type_in_comment
from fluxaorm.dialects.tables import ColumnDefinition, IndexDefinition, TableDefinition

INTROSPECTION_SQL: Final = (
    "SELECT type, tbl_name, name, sql FROM sqlite_schema "
    "WHERE type IN ('table', 'index') AND sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
)

_QUOTED: Final = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\]|/\*.*?\*/|--[^\n]*"
_PIECE: Final = re.compile(rf"{_QUOTED}|[(),]|[^'\"`\[(),/-]+|.", re.DOTALL)


def tables_from(rows: Iterable[Sequence[Any]]) -> dict[str, TableDefinition]:
    """The tables by name."""
    statements: dict[str, str] = {}
    indexes: dict[str, list[IndexDefinition]] = defaultdict(list)
    for what, table, name, sql in (tuple(map(_text, row)) for row in rows):
        if what == "table":
            statements[name] = sql
        else:
            indexes[table].append(_index(table, name, sql))
    return {name: _table(name, sql, indexes[name]) for name, sql in sorted(statements.items())}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _table(name: str, sql: str, indexes: list[IndexDefinition]) -> TableDefinition:
    columns: list[ColumnDefinition] = []
    primary: tuple[str, ...] = ()
    for part in _parts(sql):
        if (constraint := _CONSTRAINT.match(part)) is not None:
            if constraint[1].upper() == "PRIMARY":
                primary = tuple(_unquoted(found) for found in re.findall(_QUOTED, part))
            continue
        column, is_primary = _column(part)
        columns.append(column)
        primary = (column.name,) if is_primary else primary
    return TableDefinition(name, tuple(columns), tuple(sorted(indexes, key=lambda i: i.name)), primary, source=sql)


_CONSTRAINT: Final = re.compile(r"\s*(PRIMARY|UNIQUE|CHECK|FOREIGN|CONSTRAINT)\b", re.IGNORECASE)


def _parts(sql: str) -> Iterator[str]:
    """What stands between the outer parentheses of a CREATE TABLE, cut at its commas."""
    depth, part = 0, ""
    for piece in _PIECE.findall(sql):
        if piece == ")":
            depth -= 1
        if depth == 0 or (piece == "," and depth == 1):
            if part.strip():
                yield part.strip()
            part = ""
        else:
            part += piece
        if piece == "(":
            depth += 1


_TEXT: Final = r"'(?:[^']|'')*'"
_COLUMN: Final = re.compile(
    r"(?P<name>`(?:[^`]|``)*`) (?P<storage>\w+) /\* (?P<type>.*?) \*/(?: COLLATE (?P<collation>\w+))?"
    r"(?P<required> NOT NULL)?(?P<primary> PRIMARY KEY)?"
    rf"(?: DEFAULT (?P<default>{_TEXT}|\({_TEXT}(?: \|\| char\(0\) \|\| {_TEXT})+\)|x'[0-9a-f]*'|[^ ]+))?"
    r"(?: CHECK \(.*\))?",
    re.DOTALL,
)


def _column(text: str) -> tuple[ColumnDefinition, bool]:
    """A column, and whether it is the primary key. Other text than ours becomes ``extra``, so it counts as changed."""
    found = _COLUMN.fullmatch(text)
    if found is not None:
        kind = parse_type(type_in_comment(found["type"]))
        default = None if found["default"] is None else canonical_default(kind, _literal(found["default"]))
        required, primary = found["required"] is not None, found["primary"] is not None
        column = ColumnDefinition(_unquoted(found["name"]), str(kind), not required, default, found["collation"])
        if column_ddl(column, primary) == text:
            return column, primary
    name, rest = _name_and_rest(text)
    required = re.search(r"\bNOT\s+NULL\b", rest, re.IGNORECASE) is not None
    primary = re.search(r"\bPRIMARY\s+KEY\b", rest, re.IGNORECASE) is not None
    return ColumnDefinition(name, rest.split("(")[0].split(" ")[0].lower(), not required, extra=rest), primary


def _name_and_rest(text: str) -> tuple[str, str]:
    found = re.match(rf"({_QUOTED}|\S+)\s*", text, re.DOTALL)
    return ("", text) if found is None else (_unquoted(found[1]), text[found.end() :])


def _unquoted(text: str) -> str:
    if text[:1] in "`\"'" and text[-1:] == text[:1]:
        return text[1:-1].replace(text[0] * 2, text[0])
    return text[1:-1] if text[:1] == "[" else text


def _literal(text: str) -> str:
    if text.startswith("x'"):
        return "0x" + text[2:-1] if len(text) > 3 else ""
    if text.startswith("("):
        return "\0".join(map(_unquoted, re.findall(_TEXT, text)))
    return _unquoted(text)


def _index(table: str, name: str, sql: str) -> IndexDefinition:
    columns = tuple(_unquoted(part) for part in _parts(sql))
    ours = name.startswith(index_name(table, ""))
    unique = re.match(r"CREATE\s+UNIQUE", sql, re.IGNORECASE) is not None
    return IndexDefinition(name.removeprefix(index_name(table, "")), columns, unique, "" if ours else name)
