"""Classes with the names of classes elsewhere."""

from dataclasses import dataclass
from enum import StrEnum

from fluxaorm import Embedded


class Mode(StrEnum):
    """As in the definition."""

    SLOW = "slow"


@dataclass
class Iterable:
    """Called as a type that generated code needs."""

    n: int


class EntityBase(Embedded):
    """Called as the base class of generated ones."""

    city: str = ""
