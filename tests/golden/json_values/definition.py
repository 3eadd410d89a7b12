"""Json columns of everything that msgspec decodes; the type is imported for type checkers alone."""

from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import msgspec
from fluxaorm import Entity, Field, Json, UInt32


@dataclass
class Point:
    """A dataclass."""

    x: int
    y: int


class Options(TypedDict):
    """A TypedDict."""

    theme: str


class Route(msgspec.Struct):
    """A Struct."""

    points: list[Point]


class MapEntity(Entity):
    """One of each."""

    id: UInt32
    attributes: Json[dict[str, str]] = Field(default_factory=dict)
    points: Json[list[Point]]
    options: Json[Options] | None = None
    route: Json[Route]
    anything: Json[Any]
    side: Json[dict[str, Literal["left", "right", "it's"]]]
    mixed: Json[dict[str, list[int | str]]]
