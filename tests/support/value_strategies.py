"""Definitions and values made up by hypothesis: columns of any type and options, values at their limits and between.

A drawn column is a hint and the options of its ``Field()``, with a strategy of values in their Python form.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final, Literal
from uuid import UUID

from hypothesis import strategies as st

from fluxaorm.entity import (
    Embedded,
    Field,
    Float32,
    Int8,
    Int16,
    Int32,
    Int64,
    Json,
    MediumInt,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    UMediumInt,
)
from fluxaorm.entity.values.aliases import IntegerType

LONGEST: Final = timedelta(hours=838, minutes=59, seconds=59)
INTEGERS: Final[tuple[Any, ...]] = (
    *(Int8, Int16, MediumInt, Int32, Int64),
    *(UInt8, UInt16, UMediumInt, UInt32, UInt64),
)
TRICKY: Final = "'\"\\\0%_?;`\n\r\x1a e\u0301\u00e9ß\u200d👩👨🐢漢\u202e\ufeff\U0010ffff"
"""Characters that something on the way might take for something else, or for nothing."""
TEXT: Final = st.text(st.sampled_from(TRICKY) | st.characters(exclude_categories=["Cs"]), max_size=40)
OCTETS: Final = st.sampled_from([b"", b"\0", b"'\\\"\0\x1a?%s", bytes(range(256)), b"\xff" * 300]) | st.binary(
    max_size=80
)
NUMBERS: Final = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
DOCUMENTS: Final = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(TEXT, inside, max_size=4),
    max_leaves=8,
).filter(lambda value: value is not None)


class Side(StrEnum):
    """A user's enum."""

    LEFT = "left"
    RIGHT = 'it\'s "right"'
    BOTH = "\\oba żółwie 🐢"


@dataclass(frozen=True)
class Drawn:
    """A column. ``values``: of its Python forms."""

    hint: Any
    values: st.SearchStrategy[Any]
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    compared: bool = True
    """Whether a filter can ask for a value, and finds no other."""


def _at_and_between(low: int, high: int) -> st.SearchStrategy[int]:
    return st.sampled_from([low, high, max(low, -1), 0, 1]) | st.integers(low, high)


def _integer(hint: Any) -> Drawn:
    kind = next(item for item in hint.__metadata__ if isinstance(item, IntegerType))
    return Drawn(hint, _at_and_between(kind.minimum, kind.maximum))


def _floats(single: bool, unsigned: bool) -> Drawn:
    largest = struct.unpack("<f", b"\xff\xff\x7f\x7f")[0] if single else 1.7976931348623157e308
    tiny = 2.0**-126 if single else 2.0**-1022
    low = 0.0 if unsigned else -largest
    values = st.sampled_from([low, largest, tiny, 0.0]) | st.floats(
        low, largest, width=32 if single else 64, allow_subnormal=False
    )
    # servers lose the sign of zero, so it is not kept to begin with
    return Drawn(Float32 if single else float, values.map(lambda number: number or 0.0), {"unsigned": unsigned})


def _decimals_of(precision: int, scale: int) -> Drawn:
    digits = _at_and_between(-(10**precision) + 1, 10**precision - 1)
    values = digits.map(lambda number: Decimal(f"{number}E-{scale}") if scale else Decimal(number))
    # servers know one zero
    values = values.map(lambda number: number if number else number.copy_abs())
    return Drawn(Decimal, values, {"precision": precision, "scale": scale})


_PRECISIONS: Final = st.integers(1, 65).flatmap(
    lambda precision: st.tuples(st.just(precision), st.integers(0, min(precision, 30)))
)


def _cut(micros: int, fsp: int) -> int:
    unit: int = 10 ** (6 - fsp)
    return micros - micros % unit


def _datetimes(fsp: int) -> Drawn:
    drawn = st.sampled_from(
        [
            datetime(1, 1, 1, tzinfo=UTC),
            datetime(1000, 1, 1, tzinfo=UTC),
            datetime(2024, 2, 29, 23, 59, 59, 999999, UTC),
            datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
        ]
    ) | st.datetimes(timezones=st.just(UTC))
    return Drawn(
        datetime,
        drawn.map(lambda moment: moment.replace(microsecond=_cut(moment.microsecond, fsp), fold=0)),
        {"fsp": fsp},
    )


def _times(fsp: int) -> Drawn:
    drawn = st.sampled_from([time.min, time.max]) | st.times()
    return Drawn(
        time, drawn.map(lambda clock: clock.replace(microsecond=_cut(clock.microsecond, fsp), fold=0)), {"fsp": fsp}
    )


def _timedeltas(fsp: int) -> Drawn:
    step = timedelta(microseconds=10 ** (6 - fsp))
    drawn = st.sampled_from([LONGEST, -LONGEST, timedelta(0), -step, step]) | st.timedeltas(-LONGEST, LONGEST)
    return Drawn(timedelta, drawn.map(lambda span: span // step * step if span > -LONGEST else -LONGEST), {"fsp": fsp})


def _texts(length: int) -> Drawn:
    return Drawn(str, TEXT.map(lambda text: text[:length]), {"length": length}, compared=False)


_FIXED: Final[dict[str, Drawn]] = {
    "bool": Drawn(bool, st.booleans()),
    "text": Drawn(str, TEXT, {"length": "max"}, compared=False),
    "date": Drawn(date, st.sampled_from([date.min, date(1000, 1, 1), date(1600, 2, 29), date.max]) | st.dates()),
    "enum": Drawn(Side, st.sampled_from(Side)),
    "Literal": Drawn(Literal["a", "it's", "\\N"], st.sampled_from(["a", "it's", "\\N"])),
    "set": Drawn(frozenset[Side], st.frozensets(st.sampled_from(Side))),
    "json": Drawn(Json[Any], DOCUMENTS, compared=False),  # type: ignore[misc]  # an alias as a value
    "uuid": Drawn(UUID, st.sampled_from([UUID(int=0), UUID(int=2**128 - 1)]) | st.uuids()),
    "ipv4": Drawn(IPv4Address, st.ip_addresses(v=4)),
    "ipv6": Drawn(IPv6Address, st.ip_addresses(v=6)),
}
_SIZED: Final = [Drawn(bytes, OCTETS, options) for options in ({}, {"size_class": "medium"}, {"size_class": "long"})]
_FSP: Final = st.integers(0, 6)
COLUMNS: Final[list[st.SearchStrategy[Drawn]]] = [
    *map(st.just, _FIXED.values()),
    st.sampled_from(_SIZED),
    st.sampled_from(INTEGERS).map(_integer),
    st.builds(_floats, st.booleans(), st.booleans()),
    _PRECISIONS.map(lambda numbers: _decimals_of(*numbers)),
    st.builds(_texts, st.sampled_from([1, 2, 40, 255])),
    *(_FSP.map(make) for make in (_datetimes, _times, _timedeltas)),
]
"""Columns of every type, whatever is free in it drawn."""
EVERY_COLUMN: Final[tuple[Drawn, ...]] = (
    *map(_integer, INTEGERS),
    *(_floats(single, unsigned) for single in (True, False) for unsigned in (True, False)),
    *(make(fsp) for make in (_datetimes, _times, _timedeltas) for fsp in range(7)),
    *(_texts(length) for length in (1, 2, 40, 255)),
    *(_decimals_of(precision, scale) for precision, scale in ((65, 30), (5, 2), (3, 0), (2, 2), (30, 15))),
    *_FIXED.values(),
    *_SIZED,
)
"""A column of every type and option, the precision of decimals apart."""


@st.composite
def definitions(draw: st.DrawFn) -> tuple[dict[str, Drawn], dict[str, Any], dict[str, Any]]:
    """Columns by attribute, and the hints and defaults of a class body: plain ones, in lists, in an Embedded."""
    columns: dict[str, Drawn] = {}
    hints: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    inner: dict[str, Any] = {"__module__": __name__, "__annotations__": {}}
    for at, column in enumerate(draw(st.lists(st.one_of(*COLUMNS), min_size=1, max_size=10))):
        name, place = f"c{at}", draw(st.sampled_from(["plain", "nullable", "list", "embedded"]))
        if place == "list":
            hint: Any = column.hint
            hints[name], defaults[name] = list[hint], Field(size=2, **column.options)
            columns |= {f"{name}_1": column, f"{name}_2": column}
        elif place == "embedded":
            inner["__annotations__"][name], inner[name] = column.hint | None, Field(default=None, **column.options)
            columns[f"in_{name}"] = replace(column, values=st.none() | column.values)
        else:
            values = st.none() | column.values if place == "nullable" else column.values
            hints[name] = column.hint | None if place == "nullable" else column.hint
            defaults[name] = Field(**column.options)
            columns[name] = replace(column, values=values)
    if inner["__annotations__"]:
        hints["group"] = type("Inner", (Embedded,), inner)
        defaults["group"] = Field(prefix="in_")
    return columns, hints, defaults
