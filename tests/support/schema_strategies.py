"""Definitions made up by hypothesis: any mix of column types, defaults, nulls and indexes that one entity may have."""

from __future__ import annotations

import json
import string
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from fluxaorm.dialects.column_types import BINARY, INTEGER_BYTES, TEXT_BYTES
from fluxaorm.entity.schema import UNSET, ColumnSchema, EntitySchema, EnumSchema, IndexSchema
from tests.support.schemas import make_column, make_index, make_schema

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
MEMBERS = st.lists(
    st.text(string.ascii_lowercase + "'\\\"`*/() é😀", min_size=1, max_size=6).map(str.strip).filter(bool),
    min_size=1,
    max_size=4,
    unique=True,
)
NAMES = [f"c{number}" for number in range(8)]


def _integers(bits: int, unsigned: bool) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1) if unsigned else st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _float32(low: float | None = None) -> st.SearchStrategy[float]:
    return st.floats(min_value=low, width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False)


def _fractions(digits: int) -> st.SearchStrategy[str]:
    return st.integers(0, 10**digits - 1).map(lambda n: f".{n:0{digits}}" if digits else "")


@st.composite
def _decimals(draw: st.DrawFn) -> tuple[str, Any, None]:
    precision = draw(st.integers(1, 65))
    scale = draw(st.integers(0, min(precision, 30)))
    digits = draw(st.integers(-(10**precision) + 1, 10**precision - 1))
    return f"decimal({precision},{scale})", Decimal(f"{digits}E-{scale}"), None


@st.composite
def _times(draw: st.DrawFn) -> tuple[str, Any, None]:
    kind, digits = draw(st.sampled_from(["datetime", "time"])), draw(st.integers(0, 6))
    value = draw(st.datetimes().map(lambda d: f"{max(d.year, 1000)}-01-02 {d:%H:%M:%S}"))
    if kind == "time":
        value = draw(st.sampled_from(["", "-"])) + value[-8:]
    return f"{kind}({digits})" if digits else kind, value + draw(_fractions(digits)), None


@st.composite
def _members(draw: st.DrawFn) -> tuple[str, Any, EnumSchema]:
    kind, members = draw(st.sampled_from(["enum", "set"])), tuple(draw(MEMBERS))
    chosen = members[0] if kind == "enum" else ",".join(m for m in members if draw(st.booleans()))
    return f"{kind}('x')", chosen, EnumSchema("Members", members, None)


def _typed(kind: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Any, None]]:
    return values.map(lambda value: (kind, value, None))


TYPES: st.SearchStrategy[tuple[str, Any, EnumSchema | None]] = st.one_of(
    *(_typed(name, _integers(8 * size, False)) for name, size in INTEGER_BYTES.items()),
    *(_typed(f"{name} unsigned", _integers(8 * size, True)) for name, size in INTEGER_BYTES.items()),
    _typed("tinyint(1)", st.integers(0, 1)),
    _typed("double", st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)),
    _typed("double unsigned", st.floats(min_value=0, allow_infinity=False, allow_subnormal=False).map(abs)),
    _typed("float", _float32()),
    _typed("float unsigned", _float32(0).map(abs)),
    _decimals(),
    _times(),
    _members(),
    _typed("varchar(40)", TEXT),
    _typed("varchar(255)", TEXT),
    _typed("mediumtext", TEXT),
    _typed("blob", st.binary(max_size=20)),
    _typed("mediumblob", st.binary(max_size=20)),
    _typed("longblob", st.binary(max_size=20)),
    _typed("binary(16)", st.binary(min_size=16, max_size=16)),
    _typed("varbinary(16)", st.binary(max_size=16)),
    _typed("date", st.dates().map(lambda d: f"{max(d.year, 1000)}-{d:%m}-02")),
    _typed("json", st.dictionaries(TEXT, TEXT, max_size=2).map(json.dumps)),
)


@st.composite
def columns(draw: st.DrawFn, name: str, addable: bool = False) -> ColumnSchema:
    """One column. ``addable``: one that a table with rows takes without losing anything."""
    mysql_type, value, members = draw(TYPES)
    nullable, with_default = draw(st.booleans()), draw(st.booleans())
    with_default = with_default or (addable and not nullable)
    return make_column(name, mysql_type, nullable=nullable, default=value if with_default else UNSET, enum=members)


def _is_indexable(column: ColumnSchema) -> bool:
    name = column.mysql_type.partition("(")[0].split()[0]
    return name not in TEXT_BYTES and name not in BINARY - {"binary", "varbinary"} and name != "json"


@st.composite
def schemas(
    draw: st.DrawFn, base: EntitySchema | None = None, unique: bool = True, addable: bool = False
) -> EntitySchema:
    """An entity ``Thing``; with ``base``, one that has all of its columns and indexes and perhaps more."""
    known = list(base.columns[1:]) if base else []
    free = [name for name in NAMES if name not in {column.name for column in known}]
    names = draw(st.lists(st.sampled_from(free), unique=True)) if free else []
    every = known + [draw(columns(name, addable)) for name in names]
    indexes = list(base.indexes) if base else []
    for index in draw(_indexes([column.name for column in every if _is_indexable(column)], unique)):
        if index.name not in {other.name for other in indexes}:
            indexes.append(index)
    return make_schema("Thing", every, indexes)


@st.composite
def _indexes(draw: st.DrawFn, names: list[str], unique: bool) -> list[IndexSchema]:
    if not names:
        return []
    parts = st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)
    names_of_indexes = draw(st.lists(st.sampled_from(["first", "second", "third"]), unique=True))
    return [make_index(*draw(parts), name=name, unique=unique and draw(st.booleans())) for name in names_of_indexes]
