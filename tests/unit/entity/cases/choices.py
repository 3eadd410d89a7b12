"""Enums and sets."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from tests.unit.entity.cases.case import Case, Colour, Other

MANY = tuple(f"m{at}" for at in range(64))


class Mood(StrEnum):
    """Members that something on the way might take for something else."""

    QUOTE = "it's"
    PERCENT = "100%"
    BACKSLASH = "\\N"
    POLISH = "zażółć"
    SMILE = "\U0001f600"
    NULL = "NULL"


CHOICES = [
    Case(
        "StrEnum",
        Colour,
        "enum",
        "enum('red','green')",
        [(Colour.RED, Colour.RED, "red"), ("green", Colour.GREEN, "green")],
        [
            ("blue", "must be one of red, green"),
            ("RED", "must be one of red, green"),
            (Other.RED, "must be one of red, green"),
            (1, "must be one of red, green, not an int"),
        ],
    ),
    Case(
        "Literal",
        Literal["it's", "b\\c"],
        "enum",
        "enum('it''s','b\\\\c')",
        [("it's", "it's", "it's"), ("b\\c", "b\\c", "b\\c")],
        [("its", "must be one of it's, b\\c")],
    ),
    Case(
        "set of a StrEnum",
        frozenset[Colour],
        "set",
        "set('red','green')",
        [
            (frozenset(), frozenset(), ""),
            ({"green", Colour.RED}, frozenset(Colour), "red,green"),
            (["green", "green"], frozenset({Colour.GREEN}), "green"),
            (dict.fromkeys(Colour).keys(), frozenset(Colour), "red,green"),
        ],
        [
            ("red", "must be an iterable of members, not a str"),
            (["blue"], "must be one of red, green"),
            ([1], "must be one of red, green, not an int"),
            (None, "must be an iterable of members, not None"),
        ],
    ),
    Case(
        "set of a Literal",
        frozenset[Literal["d", "b", "e", "a", "c"]],
        "set",
        "set('d','b','e','a','c')",
        [(set("abcde"), frozenset("abcde"), "d,b,e,a,c"), ({"a", "b"}, frozenset("ab"), "b,a")],
        [({"f"}, "must be one of d, b, e, a, c")],
    ),
    Case(
        "StrEnum of any text",
        Mood,
        "enum",
        "enum('it''s','100%','\\\\N','zażółć','\U0001f600','NULL')",
        [(mood, mood, str(mood.value)) for mood in Mood],
        [("", "must be one of it's, 100%, \\N, zażółć, \U0001f600, NULL")],
    ),
    Case(
        "set of any text",
        frozenset[Mood],
        "set",
        "set('it''s','100%','\\\\N','zażółć','\U0001f600','NULL')",
        [
            (frozenset(Mood), frozenset(Mood), "it's,100%,\\N,zażółć,\U0001f600,NULL"),
            ([Mood.NULL], frozenset({Mood.NULL}), "NULL"),
        ],
        [(["it's,100%"], "must be one of it's, 100%, \\N, zażółć, \U0001f600, NULL")],
    ),
    Case(
        "the largest set",
        frozenset[Literal[MANY]],  # type: ignore[valid-type]  # made of a tuple
        "set",
        f"set({','.join(repr(member) for member in MANY)})",
        [(MANY, frozenset(MANY), ",".join(MANY)), ([MANY[63], MANY[0]], frozenset({"m0", "m63"}), "m0,m63")],
        [(["m64"], "must be one of m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11 and 52 more")],
    ),
]
"""The cases."""
