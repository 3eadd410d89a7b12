"""Makes a SELECT of the user's own give an entity's columns, by name and without loss, whatever their order in it."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from fluxaorm.errors import QueryError
from fluxaorm.query.own_sql.placeholders import code_of, has_several_statements, is_closed
from fluxaorm.query.own_sql.raw_statements import keeps_session

NO_LIMIT: Final = 2**63 - 1
_WORD: Final = re.compile(r"[A-Za-z_]\w*|[()]")
_ROW_LOCK: Final = re.compile(r"\bFOR\s+UPDATE\b", re.IGNORECASE)


def wrap_select(select_list: str, sql: str, *, escapes: bool = True) -> str:
    """Reads ``select_list`` from the rows of ``sql``, in their order. Raises QueryError when it is no single SELECT.

    ``escapes``: whether a backslash does.
    """
    if has_several_statements(sql):
        raise QueryError(f"from_sql() takes one SELECT, not several statements: {sql}")
    text = _without_end(sql)
    words = _outer_words(text)
    if words[:1] not in (["SELECT"], ["WITH"], ["("]):
        raise QueryError(f"from_sql() takes a SELECT: {sql}")
    if not keeps_session(sql):
        # the connection goes back to others
        raise QueryError(f"from_sql() takes no variables, locks, INTO or executable comments: {sql}")
    if not is_closed(sql, escapes=escapes):
        # it would leave the parentheses that it is put into
        raise QueryError(f"from_sql() takes one whole SELECT; a parenthesis, quote or comment is open: {sql}")
    return f"SELECT {select_list} FROM (\n{text}{_keep_order(words)}\n) AS `fx_rows`"


def locks_rows(sql: str) -> bool:
    """Whether a SELECT of the user's own locks rows to change them."""
    return _ROW_LOCK.search(code_of(sql)) is not None


def _keep_order(words: list[str]) -> str:
    """MariaDB drops the order of a subquery that has no limit."""
    is_ordered = any(pair == ("ORDER", "BY") for pair in pairwise(words))
    return f"\nLIMIT {NO_LIMIT}" if is_ordered and not {"LIMIT", "FOR", "FETCH", "LOCK"} & set(words) else ""


def _without_end(sql: str) -> str:
    code = code_of(sql).rstrip()
    return sql[: len(code.rstrip("; \t\r\n"))] if code.endswith(";") else sql


def _outer_words(sql: str) -> list[str]:
    """The words outside parentheses, upper case; an opening parenthesis at the beginning counts as one."""
    words: list[str] = []
    depth = 0
    for found in _WORD.finditer(code_of(sql)):
        word = found.group().upper()
        if word == "(" and not words:
            words.append(word)
        if not depth and word not in "()":
            words.append(word)
        depth += (word == "(") - (word == ")")
    return words
