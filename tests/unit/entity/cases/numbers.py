"""Numbers of every width, references and bool."""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Any

from fluxaorm.entity import (
    Float32,
    Int8,
    Int16,
    Int32,
    Int64,
    MediumInt,
    Reference,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    UMediumInt,
)
from tests.unit.entity.cases.case import Case, Number, TargetEntity


class Precise(Decimal):
    """A Decimal of another class."""


TENTH = struct.unpack("<f", struct.pack("<f", 0.1))[0]


def integer(name: str, hint: Any, kind: str, mysql: str, low: int, high: int) -> Case:
    """The boundaries of an integer type."""
    taken = [(value, value, value) for value in (low, high, 0, 1)]
    reason = f"must be {low} to {high}"
    refused: list[tuple[Any, str]] = [
        (low - 1, reason),
        (high + 1, reason),
        (True, "must be an int, not a bool"),
        (1.0, "must be an int, not a float"),
        ("1", "must be an int, not a str"),
        (Decimal(1), "must be an int, not a Decimal"),
    ]
    return Case(name, hint, kind, mysql, [*taken, (Number.ONE, 1, 1)], refused, {}, [(Decimal(1), 1), (1.0, 1)])


NUMBERS = [
    integer("Int8", Int8, "int", "tinyint", -128, 127),
    integer("Int16", Int16, "int", "smallint", -32768, 32767),
    integer("MediumInt", MediumInt, "int", "mediumint", -8388608, 8388607),
    integer("Int32", Int32, "int", "int", -2147483648, 2147483647),
    integer("Int64", Int64, "int", "bigint", -(2**63), 2**63 - 1),
    integer("int", int, "int", "bigint", -(2**63), 2**63 - 1),
    integer("UInt8", UInt8, "uint", "tinyint unsigned", 0, 255),
    integer("UInt16", UInt16, "uint", "smallint unsigned", 0, 65535),
    integer("UMediumInt", UMediumInt, "uint", "mediumint unsigned", 0, 16777215),
    integer("UInt32", UInt32, "uint", "int unsigned", 0, 4294967295),
    integer("UInt64", UInt64, "uint", "bigint unsigned", 0, 2**64 - 1),
    Case(
        "Reference",
        Reference[TargetEntity],  # type: ignore[misc]  # an alias as a value
        "reference",
        "smallint unsigned",
        [(1, 1, 1), (65535, 65535, 65535)],
        [(0, "must be 1 to 65535"), (65536, "must be 1 to 65535"), ("1", "must be an int, not a str")],
    ),
    Case(
        "bool",
        bool,
        "bool",
        "tinyint(1)",
        [(True, True, 1), (False, False, 0)],
        [(1, "must be a bool, not an int"), ("true", "must be a bool, not a str")],
        native=[(2, True), (b"1", True), ("0", False)],
    ),
    Case(
        "float",
        float,
        "float",
        "double",
        [(1.5, 1.5, 1.5), (3, 3.0, 3.0), (1e308, 1e308, 1e308), (5e-324, 5e-324, 5e-324), (-0.0, 0.0, 0.0)],
        [
            (float("nan"), "must be finite"),
            (float("inf"), "must be finite"),
            (10**400, "is too large for a float"),
            (True, "must be a float, not a bool"),
            ("1.5", "must be a float, not a str"),
            (Decimal("1.5"), "must be a float, not a Decimal"),
        ],
        native=[(Decimal("1.5"), 1.5), (1, 1.0)],
    ),
    Case(
        "unsigned float",
        float,
        "float",
        "double unsigned",
        [(0.0, 0.0, 0.0), (-0.0, 0.0, 0.0), (2.5, 2.5, 2.5)],
        [(-0.1, "must not be negative"), (-5e-324, "must not be negative")],
        {"unsigned": True},
    ),
    Case(
        "Float32",
        Float32,
        "float32",
        "float",
        [(0.1, TENTH, TENTH), (1.5, 1.5, 1.5), (16777217, 16777216.0, 16777216.0), (1e-60, 0.0, 0.0)],
        [(1e39, "is too large for a Float32"), (float("-inf"), "must be finite")],
        native=[("0.1", TENTH), (b"0.1", TENTH)],
    ),
    Case(
        "unsigned Float32",
        Float32,
        "float32",
        "float unsigned",
        [(0.5, 0.5, 0.5)],
        [(-1.0, "must not be negative")],
        {"unsigned": True},
    ),
    Case(
        "Decimal",
        Decimal,
        "decimal",
        "decimal(5,2)",
        [
            (Decimal("999.99"), Decimal("999.99"), Decimal("999.99")),
            (Decimal("-999.99"), Decimal("-999.99"), Decimal("-999.99")),
            (Decimal("1.5"), Decimal("1.50"), Decimal("1.50")),
            (Decimal("1.500"), Decimal("1.50"), Decimal("1.50")),
            (Decimal("1E+2"), Decimal("100.00"), Decimal("100.00")),
            (Decimal("-0"), Decimal("0.00"), Decimal("0.00")),
            (7, Decimal("7.00"), Decimal("7.00")),
            (Precise("2.25"), Decimal("2.25"), Decimal("2.25")),
        ],
        [
            (Decimal("0.005"), "must have at most 2 digits after the point; it would be rounded"),
            (Decimal("1E-1000000"), "must have at most 2 digits after the point; it would be rounded"),
            (Decimal(1000), "must have at most 3 digits before the point"),
            (Decimal("1E+1000000"), "must have at most 3 digits before the point"),
            (Decimal("NaN"), "must be finite"),
            (Decimal("sNaN"), "must be finite"),
            (Decimal("-Infinity"), "must be finite"),
            (1.5, "must be a Decimal, not a float"),
            (True, "must be a Decimal, not a bool"),
            ("1.5", "must be a Decimal, not a str"),
        ],
        {"precision": 5, "scale": 2},
        [(1.5, Decimal("1.5")), (2, Decimal(2))],
    ),
    Case(
        "the longest Decimal",
        Decimal,
        "decimal",
        "decimal(65,30)",
        [
            (Decimal("9" * 35 + "." + "9" * 30),) * 3,
            (Decimal("9" * 35 + "." + "9" * 29 + "8"),) * 3,
            (Decimal("-" + "9" * 35 + "." + "9" * 30),) * 3,
            (Decimal("0." + "0" * 29 + "1"),) * 3,
        ],
        [(Decimal("9" * 36), "must have at most 35 digits before the point")],
        {"precision": 65, "scale": 30},
    ),
    Case(
        "Decimal without a fraction",
        Decimal,
        "decimal",
        "decimal(3,0)",
        [(Decimal(999), Decimal(999), Decimal(999))],
        [(Decimal("1.5"), "must have at most 0 digits after the point; it would be rounded")],
        {"precision": 3, "scale": 0},
    ),
    Case(
        "Decimal of a fraction alone",
        Decimal,
        "decimal",
        "decimal(2,2)",
        [(Decimal("0.99"), Decimal("0.99"), Decimal("0.99"))],
        [(Decimal(1), "must have at most 0 digits before the point")],
        {"precision": 2, "scale": 2},
    ),
]
"""The cases."""
