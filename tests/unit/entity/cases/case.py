"""A row of the table of kinds: what a column takes, refuses, stores and reads back; and what the rows are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from fluxaorm.entity import Entity, UInt16
from fluxaorm.entity.schema import ColumnSchema
from tests.unit.entity.definitions import column_of


class Colour(StrEnum):
    """A user's own enum."""

    RED = "red"
    GREEN = "green"


class Other(StrEnum):
    """Another one, with a member of the same text."""

    RED = "red"


class Number(IntEnum):
    """Ints of another class."""

    ONE = 1


class TargetEntity(Entity):
    """What references refer to."""

    id: UInt16


@dataclass
class Case:
    """A kind of column: assigned values with their Python form and Param, refused ones with the reason."""

    name: str
    hint: Any
    kind: str
    mysql: str
    taken: list[tuple[Any, Any, Any]]
    refused: list[tuple[Any, str]]
    options: dict[str, Any] = field(default_factory=dict)
    native: list[tuple[Any, Any]] = field(default_factory=list)
    """What drivers may give besides text and the Param, and what it means."""

    @property
    def column(self) -> ColumnSchema:
        """The column itself."""
        return column_of(self.hint, TargetEntity, **self.options)
