"""What ``sqlite_schema`` says, as tables. Reads the statements that ``ddl`` wrote; pure but for its text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from fluxaorm.dialects.column_types import canonical_default, parse_type
from fluxaorm.dialects.sqlite.ddl import column_ddl, index_name, type_in_comment
from fluxaorm.dialects.tables import (
    ColumnDefinition,
    DependentDefinition,
    IndexDefinition,
    TableDefinition,
    with_dependents,
)

INTROSPECTION_SQL: Final = (
    "SELECT type, tbl_name, name, sql FROM sqlite_schema "
    "WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid"
)

_QUOTED: Final = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\]|/\*.*?\*/|--[^\n]*"
_PIECE: Final = re.compile(rf"{_QUOTED}|[(),]|[^'\"`\[(),/-]+|.", re.DOTALL)


def tables_from(rows: Iterable[Sequence[Any]]) -> dict[str, TableDefinition]:
    """The tables by name."""
    statements: dict[str, str] = {}
    indexes: dict[str, list[IndexDefinition]] = defaultdict(list)
    dependents: list[DependentDefinition] = []
    for what, table, name, sql in (tuple(map(_text, row)) for row in rows):
        match what:
            case "table":
                statements[name] = sql
            case "index":
                indexes[table].append(_index(table, name, sql))
            case "trigger":
                dependents.append(DependentDefinition("trigger", name, sql, table))
            case _:
                dependents.append(DependentDefinition("view", name, sql))
    tables = {name: _table(name, sql, indexes[name]) for name, sql in sorted(statements.items())}
    return with_dependents(tables, dependents)


def views_from(rows: Iterable[Sequence[Any]]) -> dict[str, str]:
    """``view`` by the name of each."""
    return {_text(name): "view" for what, _, name, _ in rows if _text(what) == "view"}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _table(name: str, sql: str, indexes: list[IndexDefinition]) -> TableDefinition:
    columns: list[ColumnDefinition] = []
    primary: tuple[str, ...] = ()
    constraints: list[str] = []
    parts, options = _parts(sql)
    for part in parts:
        if (constraint := _CONSTRAINT.match(part)) is None:
            column, is_primary = _column(part)
            columns.append(column)
            primary = (column.name,) if is_primary else primary
        elif constraint[1].upper() == "PRIMARY":
            primary = tuple(_name_and_rest(key)[0] for key in _parts(part)[0])
        else:
            constraints.append(part)
    return TableDefinition(
        name,
        tuple(columns),
        tuple(sorted(indexes, key=lambda i: i.name)),
        primary,
        options=options,
        constraints=tuple(constraints),
        source=sql,
    )


_CONSTRAINT: Final = re.compile(
    rf"\s*(?:CONSTRAINT\s+(?:{_QUOTED}|\S+)\s+)?(PRIMARY|UNIQUE|CHECK|FOREIGN)\b", re.IGNORECASE | re.DOTALL
)


def _parts(sql: str) -> tuple[list[str], str]:
    """What stands between the first outer parentheses, cut at its commas, and what follows them."""
    depth, part, parts = 0, "", list[str]()
    pieces = iter(_PIECE.findall(sql))
    for piece in pieces:
        if piece.startswith("--") or (piece.startswith("/*") and not part.strip()):
            continue  # somebody's comment; ours stand behind the name
        if piece == ")":
            depth -= 1
        if depth == 0 or (piece == "," and depth == 1):
            parts += [part.strip()] if depth or piece == ")" else []
            part = ""
        else:
            part += piece
        if piece == "(":
            depth += 1
        elif depth == 0 and piece == ")":
            break
    return [part for part in parts if part], "".join(pieces).strip()


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
    parts, condition = _parts(sql)
    columns = tuple(_unquoted(part) for part in parts)
    ours = name.startswith(index_name(table, "")) and not condition and all(map(_PLAIN.fullmatch, parts))
    unique = re.match(r"CREATE\s+UNIQUE", sql, re.IGNORECASE) is not None
    return IndexDefinition(name.removeprefix(index_name(table, "")), columns, unique, "" if ours else name, sql)


_PLAIN: Final = re.compile(rf"{_QUOTED}|\w+", re.DOTALL)
"""A column alone, without a collation or an order, and no expression."""
