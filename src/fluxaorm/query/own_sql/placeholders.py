"""Finds the ``?`` placeholders of an SQL text, as MySQL's lexer would.

Decides only where a text may be cut: a ``?`` or ``;`` inside ``'..'``, ``".."``, backticks or a comment (``--`` and a
blank, ``#``, ``/* */``) is text. Backslash escapes in both kinds of quotes count (the sql_mode NO_BACKSLASH_ESCAPES is
never on). What stands in an executable comment (``/*! */``, MariaDB's ``/*M! */``) is code, as it is to the server.
It checks no syntax: what is not closed reaches to the end, and the server refuses it.

SQLite knows no backslash escapes and no blank after ``--``; only ``is_closed`` reads a text as it does.

Where servers and versions read a text differently (quotes in an executable comment, which one server skips, or in a
hint; dollar-quoted texts) nobody here can tell what is code: from there on every ``;`` counts as one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from fluxaorm.errors import QueryError
from fluxaorm.query.kept import SHORT_TEXT, Kept, size_of_pieces

PIECES: Final[Kept[str, tuple[str, ...]]] = Kept(16 << 20)
"""Texts that were split, by text."""

_TOKEN: Final = re.compile(
    r"""
      '(?:[^'\\]++|\\.|'')*+\\?'?
    | "(?:[^"\\]++|\\.|"")*+\\?"?
    | `(?:[^`]++|``)*+`?
    | \#[^\n]*+
    | --(?=[\x00-\x20\x7f]|\Z)[^\n]*+
    | (?P<doubtful>/\*M?!(?![^`"'\#*/-]*\*/) | /\*\+(?![^`"'*]*\*/) | (?<![\w$])\$\w*\$)
    | /\*M?!
    | /\*(?:[^*]++|\*(?!/))*+(?:\*/)?
    | [?;]
    """,
    re.VERBOSE | re.DOTALL,
)
_SQLITE_TOKEN: Final = re.compile(
    r"""
      '(?:[^']++|'')*+'?
    | "(?:[^"]++|"")*+"?
    | `(?:[^`]++|``)*+`?
    | \[[^\]]*+\]?
    | --[^\n]*+
    | /\*(?:[^*]++|\*(?!/))*+(?:\*/)?
    """,
    re.VERBOSE | re.DOTALL,
)
_FOLLOWED: Final = re.compile(r";\s*[^\s;]", re.ASCII)
_NEEDS_LEXER: Final = re.compile(r"""['"#]|--|/\*""")
_EXECUTABLE: Final = ("/*!", "/*M!")
_PARENTHESES: Final = re.compile(r"[()]")
_MARKS: Final = re.compile(r"/\*M?!\d*|\*/")
_BLANKS: Final = " \t\n\r\f\v"
_DOUBTFUL: Final = "doubtful"
_COMMENTS: Final = ("--", "#", "/*")


def split_placeholders(sql: str) -> tuple[str, ...]:
    """The pieces of ``sql`` around its placeholders: n + 1 for n placeholders; joined by ``?`` they give ``sql``."""
    pieces = PIECES.get(sql)
    if pieces is None:
        pieces = _split(sql)
        PIECES.keep(sql, pieces, size_of_pieces(sql, pieces))
    return pieces


def rows_places(sql: str) -> tuple[str, str]:
    """What stands before and behind the groups of a statement with rows."""
    pieces = PIECES.get(sql) or split_placeholders(sql)
    if len(pieces) > 2:
        raise QueryError("a statement with rows has one placeholder, for all of them")
    return (pieces[0], pieces[1]) if len(pieces) == 2 else (sql, "")


def has_several_statements(sql: str) -> bool:
    """Whether more than blanks and comments follow a ``;``. A compound body (``BEGIN .. END``) counts as several."""
    if ";" not in sql:
        return False
    return _has_several(sql) if len(sql) <= SHORT_TEXT else _find_several(sql)


def is_closed(sql: str, *, escapes: bool = True) -> bool:
    """Whether all parentheses, quotes and comments that ``sql`` opens end in it, and it ends none of what surrounds it.

    Text that servers may read differently is not: what it closes cannot be told. ``escapes``: whether a backslash does,
    as in MySQL and MariaDB; else it is read as SQLite reads it.
    """
    return _is_closed(sql, escapes) if len(sql) <= SHORT_TEXT else _find_closed(sql, escapes)


def code_of(sql: str) -> str:
    """``sql`` with quoted texts and comments blanked out, character for character, quotes as ``x``."""
    return _TOKEN.sub(_blank, sql)


def plainest_of(sql: str) -> str:
    """``sql`` with quoted texts and comments blanked out as far as all servers agree which these are.

    Names stay in their backticks, and what executable comments hold stays without their marks.
    """
    doubtful = next((token.start() for token in _TOKEN.finditer(sql) if token.lastgroup == _DOUBTFUL), len(sql))
    sure = _TOKEN.sub(_blank_but_names, sql[:doubtful])
    return _MARKS.sub(" ", sure + sql[doubtful:])


def has_executable_comment(sql: str) -> bool:
    """Whether some server would run a comment of it."""
    return "/*" in sql and any(
        token.group() in _EXECUTABLE or token.lastgroup == _DOUBTFUL for token in _TOKEN.finditer(sql)
    )


def _blank_but_names(token: re.Match[str]) -> str:
    text = token.group()
    return text if text.startswith("`") else _blank(token)


def _blank(token: re.Match[str]) -> str:
    text = token.group()
    if text in ("?", ";") or text in _EXECUTABLE or token.lastgroup == _DOUBTFUL:
        return text
    return (" " if text.startswith(_COMMENTS) else "x") * len(text)


def _split(sql: str) -> tuple[str, ...]:
    if _is_plain(sql):
        return tuple(sql.split("?"))
    pieces: list[str] = []
    start = 0
    for token in _TOKEN.finditer(sql):
        if token.group() == "?":
            pieces.append(sql[start : token.start()])
            start = token.end()
    pieces.append(sql[start:])
    return tuple(pieces)


def _is_plain(sql: str) -> bool:
    """Our own statements quote identifiers only, and may hold thousands of placeholders: they need no lexer."""
    return _NEEDS_LEXER.search(sql) is None and not any("?" in quoted for quoted in sql.split("`")[1::2])


@lru_cache(maxsize=512)
def _has_several(sql: str) -> bool:
    return _find_several(sql)


@lru_cache(maxsize=512)
def _is_closed(sql: str, escapes: bool) -> bool:
    return _find_closed(sql, escapes)


def _find_closed(sql: str, escapes: bool) -> bool:
    if escapes and any(token.lastgroup == _DOUBTFUL for token in _TOKEN.finditer(sql)):
        return False
    # what is left open swallows the end
    code = (_TOKEN if escapes else _SQLITE_TOKEN).sub(_blank, f"{sql}\n)")
    depth = 0
    for parenthesis in _PARENTHESES.findall(code[:-1]):
        depth += 1 if parenthesis == "(" else -1
        if depth < 0:
            return False
    return depth == 0 and code.endswith(")")


def _find_several(sql: str) -> bool:
    ended = False
    start = 0
    for token in _TOKEN.finditer(sql):
        if ended and not _is_blank(sql[start : token.start()]):
            return True
        text = token.group()
        start = token.end()
        if token.lastgroup == _DOUBTFUL:
            return ended or _FOLLOWED.search(sql, start) is not None
        if text == ";":
            ended = True
        elif ended and not _is_comment(text):
            return True
    return ended and not _is_blank(sql[start:])


def _is_blank(text: str) -> bool:
    return not text.strip(_BLANKS)


def _is_comment(text: str) -> bool:
    return text.startswith(_COMMENTS) and text not in _EXECUTABLE
