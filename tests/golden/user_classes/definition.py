"""The user's own classes, with names that are taken: by each other, by the library, by the module itself."""

from dataclasses import dataclass
from enum import StrEnum

from fluxaorm import Entity, Json, UInt8

from tests.golden.user_classes import other


class Mode(StrEnum):
    """As in the other module."""

    FAST = "fast"


class Holder:
    """Holds classes."""

    class Deeper:
        """Holds classes."""

        class Level(StrEnum):
            """Deep."""

            LOW = "low"

        @dataclass
        class Value:
            """Deep."""

            n: int


@dataclass
class RideEntityFields:
    """Called as a class of the generated module."""

    n: int


class RideEntity(Entity):
    """Uses all of them."""

    id: UInt8
    mode: Mode
    other_mode: other.Mode
    both: Json[dict[str, other.Iterable]]
    level: Holder.Deeper.Level
    value: Json[list[Holder.Deeper.Value]]
    fields_of: Json[RideEntityFields]
    base: other.EntityBase
