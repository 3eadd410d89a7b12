"""Enums and sets: from Literals, with members that are no names, shared ones, and the user's own."""

from enum import StrEnum
from typing import Literal

from fluxaorm import Entity, Field, UInt32


class Colour(StrEnum):
    """The user's own."""

    RED = "red"
    DARK_BLUE = "dark blue"


class Outer:
    """Holds an enum."""

    class Size(StrEnum):
        """Nested."""

        SMALL = "s"
        LARGE = "l"


class CarEntity(Entity):
    """Uses every form."""

    id: UInt32
    status: Literal["draft", "active", "archived"] = "draft"
    mood: Literal["good", "bad"] | None = None
    extras: frozenset[Literal["radio", "roof"]] = frozenset()
    gone: frozenset[Literal["a", "b"]] | None = None
    colour: Colour = Colour.RED
    colours: frozenset[Colour] | None = None
    size: Outer.Size = Outer.Size.SMALL
    sizes: frozenset[Outer.Size] = frozenset()
    priority: Literal["low", "high"] = Field(enum_name="Priority", default="low")


class TaskEntity(Entity):
    """Shares an enum; has members that no name can hold."""

    id: UInt32
    priority: Literal["low", "high"] = Field(enum_name="Priority", default="low")
    odd: Literal[
        "in progress",
        "in-progress",
        "2nd",
        "class",
        "None",
        "name",
        "value",
        "mro",
        "it's",
        'say "hi"',
        "back\\slash",
        "C++",
        "C",
        "+",
        "ümlaut",
        "日本",
        "_private_",
        "__dunder__",
    ] = "2nd"
