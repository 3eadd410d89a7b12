"""Where placeholders and statement ends are, held against a second lexer that reads one character at a time."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fluxaorm.query.own_sql.placeholders import code_of, has_several_statements, split_placeholders

SPLITS = [
    ("no placeholder", "SELECT 1", ("SELECT 1",)),
    ("empty text", "", ("",)),
    ("one", "a = ?", ("a = ", "")),
    ("neighbours", "(?,?)", ("(", ",", ")")),
    ("single quotes", "a = '?' AND b = ?", ("a = '?' AND b = ", "")),
    ("double quotes", 'a = "?" AND b = ?', ('a = "?" AND b = ', "")),
    ("backticks", "`a?` = ?", ("`a?` = ", "")),
    ("doubled single quote", "a = 'it''s ?' OR b = ?", ("a = 'it''s ?' OR b = ", "")),
    ("doubled backtick", "`a``?` = ?", ("`a``?` = ", "")),
    ("backslash before a quote", r"a = 'it\'s ?' OR b = ?", (r"a = 'it\'s ?' OR b = ", "")),
    ("escaped backslash closes", r"a = '\\' OR b = ?", (r"a = '\\' OR b = ", "")),
    ("backslash means nothing in backticks", r"`a\` = ?", (r"`a\` = ", "")),
    ("dash comment", "a -- ?\n = ?", ("a -- ?\n = ", "")),
    ("dashes without a blank are two minus signs", "5--?", ("5--", "")),
    ("dash comment at the end", "a = ? --", ("a = ", " --")),
    ("hash comment", "a # ?\n = ?", ("a # ?\n = ", "")),
    ("block comment", "a /* ? ' */ = ?", ("a /* ? ' */ = ", "")),
    ("stars in a block comment", "/***?**/ ?", ("/***?**/ ", "")),
    ("quote in a line comment", "-- it's\n?", ("-- it's\n", "")),
    ("comment start in quotes", "'/*' ? '*/'", ("'/*' ", " '*/'")),
    ("executable comment is code", "SELECT /*!80000 ? */", ("SELECT /*!80000 ", " */")),
    ("MariaDB's executable comment", "/*M!100100 ? */", ("/*M!100100 ", " */")),
    ("division is no comment", "? / ?", ("", " / ", "")),
    ("unclosed quote reaches to the end", "a = ? '?", ("a = ", " '?")),
    ("unclosed comment reaches to the end", "? /* ?", ("", " /* ?")),
    ("lone backslash at the end", "? '\\", ("", " '\\")),
]


@pytest.mark.parametrize(("sql", "pieces"), [row[1:] for row in SPLITS], ids=[row[0] for row in SPLITS])
def test_cuts_at_placeholders_only(sql: str, pieces: tuple[str, ...]) -> None:
    """A mark taken for a placeholder in a string would move every later value by one."""
    assert pieces == split_placeholders(sql)


STATEMENTS = [
    ("SELECT 1", False),
    ("SELECT 1;", False),
    ("SELECT 1;  -- done", False),
    ("SELECT 1; /* done */ ;", False),
    ("SELECT ';'", False),
    ("SELECT 1 -- ; DROP TABLE a", False),
    ("SELECT 1; DROP TABLE a", True),
    ("SELECT 1;'x'", True),
    ("SELECT 1;?", True),
    ("SELECT 1; /* x */ SELECT 2", True),
    ("SELECT 1; /*! SELECT 2 */", True),
    ("SELECT 'a'';b'; SELECT 2", True),
    ("", False),
    (";", False),
]


@pytest.mark.parametrize(("sql", "several"), STATEMENTS)
def test_finds_a_second_statement(sql: str, several: bool) -> None:
    """A driver with multi-statements on would run what was smuggled behind a semicolon."""
    assert several is has_several_statements(sql)


def test_long_texts_are_cut_like_short_ones() -> None:
    """Statements past the cache's length take another way and must not differ."""
    sql = ", ".join(["(?, '?', `a?`)"] * 3000)

    pieces = split_placeholders(sql)

    assert ("(", *[", '?', `a?`), ("] * 2999, ", '?', `a?`)") == pieces


ALPHABET = st.sampled_from(
    ["?", "'", '"', "`", "\\", "-", "--", "-- ", "#", "/*", "*/", "*", "/", "!", "M", "\n", " ", ";", "a", "é"]
)


@settings(max_examples=600)
@given(st.lists(ALPHABET, max_size=24).map("".join))
@example("'\\")
@example("/*/?*/?")
@example("--\x01?")
def test_agrees_with_a_character_by_character_lexer(sql: str) -> None:
    """The expression is dense; a model that is obviously right keeps it honest."""
    kinds = _kinds(sql)
    marks = [position for position, character in enumerate(sql) if character == "?" and kinds[position] == "code"]
    starts = [0, *(mark + 1 for mark in marks)]
    expected = tuple(sql[start:end] for start, end in zip(starts, [*marks, len(sql)], strict=True))

    assert expected == split_placeholders(sql)


@settings(max_examples=600)
@given(st.lists(ALPHABET, max_size=24).map("".join))
def test_statement_ends_agree_with_the_lexer(sql: str) -> None:
    """The same for semicolons."""
    kinds = _kinds(sql)
    end = next((i for i, character in enumerate(sql) if character == ";" and kinds[i] == "code"), len(sql))
    after = any(kinds[i] == "quoted" or (kinds[i] == "code" and sql[i] not in "; \n\t") for i in range(end, len(sql)))

    assert after is has_several_statements(sql)


@settings(max_examples=600)
@given(st.lists(ALPHABET, max_size=24).map("".join))
def test_the_code_of_a_text_is_what_is_neither_quoted_nor_comment(sql: str) -> None:
    """Positions found in it are used to cut the text itself."""
    blanks = {"code": None, "quoted": "x", "comment": " "}
    expected = "".join(blanks[kind] or character for character, kind in zip(sql, _kinds(sql), strict=True))

    assert expected == code_of(sql)


def _kinds(sql: str) -> list[str]:
    """Of every character: "code", "quoted" or "comment"; a state machine without look-back."""
    kinds: list[str] = []
    position = 0
    while position < len(sql):
        end, kind = _token(sql, position)
        kinds += [kind] * (end - position)
        position = end
    return kinds


def _token(sql: str, start: int) -> tuple[int, str]:
    character, two = sql[start], sql[start : start + 2]
    if character in "'\"`":
        return _quoted_end(sql, start, character), "quoted"
    if character == "#" or (two == "--" and (start + 2 == len(sql) or ord(sql[start + 2]) <= 32)):
        end = sql.find("\n", start)
        return (len(sql) if end < 0 else end), "comment"
    if two == "/*":
        for opening in ("/*!", "/*M!"):
            if sql.startswith(opening, start):
                return start + len(opening), "code"
        end = sql.find("*/", start + 2)
        return (len(sql) if end < 0 else end + 2), "comment"
    return start + 1, "code"


def _quoted_end(sql: str, start: int, quote: str) -> int:
    position = start + 1
    while position < len(sql):
        if sql[position] == "\\" and quote != "`":
            position += 2
        elif sql[position] != quote:
            position += 1
        elif sql[position + 1 : position + 2] == quote:
            position += 2
        else:
            return position + 1
    return len(sql)
