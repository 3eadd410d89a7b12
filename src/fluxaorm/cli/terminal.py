"""What may be printed for people: names and values of a database may hold characters that steer a terminal. Pure."""

from __future__ import annotations


def one_line(text: str) -> str:
    """The text in one line; what is not printable, and what would change the direction of writing, is escaped."""
    return text if text.isprintable() else _escaped(text, "")


def lines(text: str) -> str:
    """The same with its own line breaks."""
    return text if text.isprintable() else _escaped(text, "\n")


def _escaped(text: str, kept: str) -> str:
    return "".join(
        character
        if character.isprintable() or character in kept
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
