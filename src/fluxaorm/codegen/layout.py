"""Source text the way Ruff formats it, at its own line length of 88 and at any longer one.

A line that is too long is taken apart at its brackets, one item a line with a comma behind the last: Ruff leaves that
alone whatever its line length. Where it would not, because a name in it is very long, ``# fmt: skip`` stands behind it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from inspect import cleandoc

LINE_LENGTH = 88
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_CLOSING = frozenset(_PAIRS.values())
_SKIP = "  # fmt: skip"


def quoted(text: str) -> str:
    """A string literal as Ruff writes it: double quotes, unless single ones need fewer backslashes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return f"{quote}{''.join(_escaped(character, quote) for character in text)}{quote}"


def _escaped(character: str, quote: str) -> str:
    if character in ("\\", quote):
        return f"\\{character}"
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def docstring(text: str, indent: int) -> str:
    """A docstring with its quotes, wrapped; the first line is not indented. The text's own line breaks stay."""
    room = LINE_LENGTH - indent
    first, *others = (_documented(text) or "Undocumented.").splitlines()
    space = " " if first.startswith('"') else ""
    lines = _wrapped(first, room - len(space) - (3 if others else 6))
    for line in others:
        lines += _wrapped(line, room)
    if len(lines) == 1:
        return f'"""{space}{lines[0]}"""'
    body = "\n".join(f"{' ' * indent}{line}" if line else "" for line in lines[1:])
    return f'"""{space}{lines[0]}\n{body}\n{" " * indent}"""'


def _documented(text: str) -> str:
    """The text as it stands between the quotes: it cannot end them, and no backslash in it means anything."""
    clean = text if text.isprintable() else cleandoc(_printable(text))
    escaped = clean.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').strip()
    return f'{escaped[:-1]}\\"' if escaped.endswith('"') else escaped


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() or character == "\n" else " " for character in text)


def _wrapped(line: str, room: int) -> list[str]:
    line = line.rstrip()
    if len(line) <= room:
        return [line]
    hanging = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(line, room, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)


def fitted(source: str) -> str:
    """The source with its long lines taken apart; docstrings and comments are left alone."""
    lines: list[str] = []
    in_docstring = False
    for line in source.split("\n"):
        if '"""' in line:
            in_docstring ^= line.count('"""') % 2 == 1
            lines.append(line)
        elif len(line) <= LINE_LENGTH or in_docstring or line.lstrip().startswith("#"):
            lines.append(line)
        else:
            lines += _fitted_line(line)
    return "\n".join(lines)


def _fitted_line(line: str) -> list[str]:
    *above, last = _apart(line) or [line]
    stable = above and not any(len(part) > LINE_LENGTH and _joins_again(part) for part in (*above, last))
    return [*above, last if stable else f"{last}{_SKIP}"]


def _joins_again(part: str) -> bool:
    """Whether Ruff would take this part of a line apart too, and put it together where lines are longer."""
    return any(mark in part for mark in (" | ", "[", " = ", ") -> "))


def _apart(line: str) -> list[str] | None:
    """The line with the items of one pair of brackets below each other; None when no pair will do."""
    indent = len(line) - len(line.lstrip())
    if line.lstrip().startswith("from "):
        head, _, names = line.partition(" import ")
        return _exploded(f"{head} import (", _items(names), ")", indent)
    pair = _brackets(line)
    if pair is None:
        return None
    start, end = pair
    items = _items(line[start + 1 : end])
    if items == [""] or (line[start] == "[" and len(items) < 2):
        return None
    return _exploded(line[: start + 1], items, line[end:], indent)


def _exploded(head: str, items: list[str], tail: str, indent: int) -> list[str]:
    inner = " " * (indent + 4)
    lone_collection = len(items) == 1 and items[0][0] in _PAIRS
    comma = "" if lone_collection else ","
    parts: list[str] = []
    for item in items:
        line = f"{inner}{item}"
        lines = _apart(line) if lone_collection or len(line) >= LINE_LENGTH else None
        *above, last = lines or [line]
        parts += [*above, f"{last}{comma}"]
    return [head, *parts, f"{' ' * indent}{tail}"]


def _brackets(line: str) -> tuple[int, int] | None:
    """The outermost pair to take apart: the parameters of a function, otherwise the pair that ends the line."""
    start = 0
    found: tuple[int, int] | None = None
    for position, character, depth in _structure(line):
        if depth == 0 and character in _PAIRS:
            start = position
        elif depth == 0 and character in _CLOSING:
            found = start, position
            if line.lstrip().startswith("def "):
                return found
    return found if found is not None and line[found[1] + 1 :] in ("", ":") else None


def _items(text: str) -> list[str]:
    """What commas part outside of brackets and quotes."""
    commas = [position for position, character, depth in _structure(text) if character == "," and depth == 0]
    return [text[start + 1 : end].strip() for start, end in zip([-1, *commas], [*commas, len(text)], strict=True)]


def _structure(text: str) -> Iterator[tuple[int, str, int]]:
    """Brackets and commas outside of quotes: position, character, how many brackets are around it."""
    depth = 0
    quote = ""
    escaped = False
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote and not escaped else quote
            escaped = character == "\\" and not escaped
        elif character in "\"'":
            quote = character
        elif character in _PAIRS:
            yield position, character, depth
            depth += 1
        elif character in _CLOSING:
            depth -= 1
            yield position, character, depth
        elif character == ",":
            yield position, character, depth
