"""Json and References."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NotRequired, TypedDict
from uuid import UUID

import msgspec

from fluxaorm.entity import Json, References
from tests.unit.entity.cases.case import Case, TargetEntity


class Point(msgspec.Struct):
    """A JSON document."""

    x: int
    y: float = 0.0


class Loaded:
    """As an entity that was loaded looks to a References column."""

    _entity_name = "TargetEntity"
    id = 7


class Foreign(Loaded):
    """An entity of another kind."""

    _entity_name = "OtherEntity"


@dataclass
class Visit:
    """A JSON document of what JSON has no type for."""

    name: str
    at: datetime
    prices: list[Decimal]
    id: UUID | None = None


class Settings(TypedDict):
    """A JSON document."""

    theme: str
    size: NotRequired[int]


def nested(depth: int) -> dict[str, Any]:
    """A document of so many levels."""
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


NEW_YEAR = datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)
VISIT = Visit("\U0001f40d\0\"'\\", NEW_YEAR, [Decimal("0.10"), Decimal("9" * 40)], UUID(int=1))
VISIT_TEXT = msgspec.json.encode(VISIT).decode()
EMPTY_VISIT_TEXT = '{"name":"","at":"9999-12-31T23:59:59.999999Z","prices":[],"id":null}'
NUMBERS = [0.1, -0.0, 1e308, 5e-324, 1.7976931348623157e308, 123456789012345680.0, 3.0]
TEXTS = {"'\"\\\0": "\0\n\x1a?%s", "e\u0301": "\u00e9", "\U0001f468\u200d\U0001f469": "\u202e", "A": "a", "a": "A"}

DOCUMENTS = [
    Case(
        "References",
        References[TargetEntity],
        "references",
        "json",
        [([3, 1], [3, 1], "[3,1]"), ((), [], "[]"), ([Loaded()], [7], "[7]")],
        [
            ([0], "must hold ids of 1 to 65535"),
            ([65536], "must hold ids of 1 to 65535"),
            (["1"], "must hold ids of TargetEntity, not str"),
            ([True], "must hold ids of TargetEntity, not bool"),
            ([Foreign()], "must hold ids of TargetEntity, not a OtherEntity"),
            ("12", "must be a list of ids of TargetEntity, not a str"),
        ],
    ),
    Case(
        "Json",
        Json[dict[str, int]],
        "json",
        "json",
        [
            ({}, {}, "{}"),
            ({"ż": 2**64 - 1, "a": -(2**63)},) * 2 + ('{"ż":18446744073709551615,"a":-9223372036854775808}',),
        ],
        [
            ({"a": 2**64}, "must hold no integer past 64 bits"),
            ({"a": -(2**63) - 1}, "must hold no integer past 64 bits"),
            ({"a": "b"}, "does not fit its type: Expected `int`, got `str` - at `$[...]`"),
            ({"\ud800": 1}, "must be valid Unicode: it holds a lone surrogate"),
            ({"a": object()}, "cannot be JSON: Encoding objects of type object is unsupported"),
        ],
    ),
    Case(
        "Json of a Struct",
        Json[Point],
        "json",
        "json",
        [(Point(1, 2.5), Point(1, 2.5), '{"x":1,"y":2.5}'), ({"x": 1}, Point(1), '{"x":1,"y":0.0}')],
        [
            (Point(1, float("nan")), "must be finite in every number"),
            ([], "does not fit its type: Expected `object`, got `array`"),
        ],
    ),
    Case(
        "Json of anything",
        Json[Any],  # type: ignore[misc]  # an alias as a value
        "json",
        "json",
        [([1, None, "null"], [1, None, "null"], '[1,null,"null"]')],
        [([None, {"a": [float("inf")]}], "must be finite in every number")],
    ),
    Case(
        "Json of a dataclass",
        Json[Visit],
        "json",
        "json",
        [(VISIT, VISIT, VISIT_TEXT), (Visit("", NEW_YEAR, []), Visit("", NEW_YEAR, []), EMPTY_VISIT_TEXT)],
        [(Visit("x", NEW_YEAR, ["a"]), "does not fit its type: Invalid decimal string - at `$.prices[0]`")],  # type: ignore[list-item]
    ),
    Case(
        "Json of a TypedDict",
        Json[Settings],
        "json",
        "json",
        [({"theme": "dark"}, {"theme": "dark"}, '{"theme":"dark"}')],
        [({}, "does not fit its type: Object missing required field `theme`")],
    ),
    Case(
        "Json of a list",
        Json[list[float]],
        "json",
        "json",
        [
            ([], [], "[]"),
            (NUMBERS, NUMBERS, "[0.1,-0.0,1e308,5e-324,1.7976931348623157e308,1.2345678901234568e17,3.0]"),
        ],
        [
            ({1.5, float("inf")}, "must be finite in every number"),
            ("1", "does not fit its type: Expected `array`, got `str`"),
        ],
    ),
    Case(
        "Json of texts",
        Json[dict[str, str]],
        "json",
        "json",
        [(TEXTS, TEXTS, msgspec.json.encode(TEXTS).decode()), ({"": ""}, {"": ""}, '{"":""}')],
        [(nested(100), "does not fit its type: Expected `str`, got `object` - at `$[...]`")],
    ),
    Case(
        "Json of any depth",
        Json[object],
        "json",
        "json",
        [(nested(31), nested(31), '{"a":' * 30 + "{}" + "}" * 30)],
        [(nested(101), "must have at most 100 levels, one inside the other")],
    ),
]
"""The cases."""
