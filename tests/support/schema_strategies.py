"""Definitions made up by hypothesis, and what becomes of them: any mix of types, defaults, NULLs, indexes, renames.

What it decides: the types with the values they take, and how a definition may change from one release to the next.
"""

from __future__ import annotations

import json
import string
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from fluxaorm.dialects.column_types import BINARY, INTEGER_BYTES, TEXT_BYTES, integer_range, parse_type
from fluxaorm.entity.schema import UNSET, ColumnSchema, EntitySchema, EnumSchema, IndexSchema
from tests.support.schemas import make_column, make_index, make_schema

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
MEMBER = st.text(string.ascii_lowercase + "'\\\"`*/() é😀", min_size=1, max_size=6).map(str.strip).filter(bool)
MEMBERS = st.lists(MEMBER, min_size=1, max_size=4, unique=True).map(tuple)
NAMES = [f"c{number}" for number in range(6)]

PLAIN_TYPES = [
    *INTEGER_BYTES,
    *(f"{name} unsigned" for name in INTEGER_BYTES),
    *("tinyint(1)", "double", "double unsigned", "float", "float unsigned"),
    *("varchar(5)", "varchar(40)", "varchar(255)", "mediumtext"),
    *("blob", "mediumblob", "longblob", "binary(16)", "varbinary(16)"),
    *("date", "json"),
]

# types


@st.composite
def _decimal_types(draw: st.DrawFn) -> str:
    precision = draw(st.integers(1, 65))
    return f"decimal({precision},{draw(st.integers(0, min(precision, 30)))})"


@st.composite
def _time_types(draw: st.DrawFn) -> str:
    kind, digits = draw(st.sampled_from(["datetime", "time"])), draw(st.integers(0, 6))
    return f"{kind}({digits})" if digits else kind


MYSQL_TYPES: st.SearchStrategy[str] = st.one_of(
    st.sampled_from(PLAIN_TYPES), _decimal_types(), _time_types(), st.sampled_from(["enum('x')", "set('x')"])
)

# values, as Params


def values_of(column: ColumnSchema) -> st.SearchStrategy[Any]:
    """What a column takes besides NULL."""
    kind = parse_type(column.mysql_type)
    if kind.name in INTEGER_BYTES:
        return st.integers(*integer_range(kind))
    if kind.name in ("double", "float"):
        return _floats(32 if kind.name == "float" else 64, unsigned=kind.unsigned)
    if kind.name == "decimal":
        precision, scale = kind.numbers
        most = 10**precision - 1
        return st.integers(-most, most).map(lambda digits: Decimal(f"{digits}E-{scale}"))
    if kind.name in ("datetime", "time"):
        return _times(kind.name, kind.numbers[0] if kind.numbers else 0)
    if kind.name in ("enum", "set"):
        assert column.enum is not None
        members = column.enum.members
        return st.sampled_from(members) if kind.name == "enum" else _sets(members)
    return _texts(kind.name, kind.numbers[0] if kind.numbers else 20)


def _floats(width: int, *, unsigned: bool) -> st.SearchStrategy[float]:
    low = 0 if unsigned else None
    floats = st.floats(
        min_value=low, width=32 if width == 32 else 64, allow_nan=False, allow_infinity=False, allow_subnormal=False
    )
    return floats.map(abs) if unsigned else floats


def _times(kind: str, digits: int) -> st.SearchStrategy[str]:
    fractions = st.integers(0, 10**digits - 1).map(lambda n: f".{n:0{digits}}" if digits else "")
    days = st.datetimes().map(lambda d: f"{max(d.year, 1000)}-{d:%m}-02 {d:%H:%M:%S}")
    if kind == "datetime":
        return st.builds(str.__add__, days, fractions)
    times = st.builds(lambda sign, day, end: sign + day[-8:] + end, st.sampled_from(["", "-"]), days, fractions)
    # no value is written as minus nothing
    return times.map(lambda text: text if set(text) - set("-0:.") else text.removeprefix("-"))


def _sets(members: tuple[str, ...]) -> st.SearchStrategy[str]:
    chosen = st.lists(st.booleans(), min_size=len(members), max_size=len(members))
    return chosen.map(lambda flags: ",".join(member for member, flag in zip(members, flags, strict=True) if flag))


def _texts(name: str, size: int) -> st.SearchStrategy[Any]:
    if name == "binary":
        return st.binary(min_size=size, max_size=size)
    if name in BINARY:
        return st.binary(max_size=min(size, 20))
    if name == "date":
        return st.dates().map(lambda d: f"{max(d.year, 1000)}-{d:%m}-02")
    if name == "json":
        return st.dictionaries(TEXT, TEXT, max_size=2).map(json.dumps)
    return TEXT.map(lambda text: text[:size])


# columns


@st.composite
def columns(draw: st.DrawFn, name: str, addable: bool = False) -> ColumnSchema:
    """One column. ``addable``: one that a table with rows takes without losing anything."""
    column = make_column(name, draw(MYSQL_TYPES), nullable=draw(st.booleans()))
    if column.mysql_type in ("enum('x')", "set('x')"):
        column = replace(column, enum=EnumSchema("Members", draw(MEMBERS), None))
    return draw(_with_default(column, always=addable and not column.nullable))


@st.composite
def _with_default(draw: st.DrawFn, column: ColumnSchema, always: bool = False) -> ColumnSchema:
    given = always or draw(st.booleans())
    return replace(column, default=draw(values_of(column)) if given else UNSET)


def _is_indexable(column: ColumnSchema) -> bool:
    name = parse_type(column.mysql_type).name
    return name not in TEXT_BYTES and name not in BINARY - {"binary", "varbinary"} and name != "json"


# definitions


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


# releases


@dataclass(frozen=True, slots=True)
class Releases:
    """Two versions of an entity. ``kept``: columns of the second by those of the first whose values may not change."""

    before: EntitySchema
    after: EntitySchema
    kept: dict[str, str]


@st.composite
def releases(draw: st.DrawFn) -> Releases:
    """A definition and what becomes of it: columns kept, changed, renamed, dropped, added, moved; the table renamed."""
    before = draw(_soft_deleting(draw(schemas())))
    after: list[ColumnSchema] = []
    kept = {"id": "id"}
    for column in before.columns[1:]:
        if column.auto:
            continue
        fate = draw(st.sampled_from(["keep", "keep", "change", "rename", "drop", "new type"]))
        if fate == "drop":
            continue
        new = draw(_evolved(column)) if fate != "new type" else draw(columns(column.name))
        if fate == "keep":
            new = column
        elif fate == "rename":
            new = replace(draw(st.sampled_from([column, new])), name=f"{column.name}_now", renamed_from=column.name)
        after.append(new)
        if (new.mysql_type, new.enum) == (column.mysql_type, column.enum):
            kept[column.name] = new.name
    taken = {column.name for column in before.columns}
    after += [draw(columns(name)) for name in NAMES if name not in taken and draw(st.booleans())]
    after = draw(st.permutations(after))
    indexes = draw(_indexes([column.name for column in after if _is_indexable(column)], unique=True))
    renamed: dict[str, Any] = {"table": "Other", "renamed_from": "Thing"} if draw(st.integers(0, 5)) == 5 else {}
    return Releases(before, draw(_soft_deleting(make_schema("Thing", after, indexes, **renamed))), kept)


@st.composite
def _evolved(draw: st.DrawFn, column: ColumnSchema) -> ColumnSchema:
    """The same column with another default, NULL, members, or a type of its family."""
    kind = parse_type(column.mysql_type)
    mysql_type = column.mysql_type
    family = next((family for family in _FAMILIES if mysql_type in family), ())
    if family:
        mysql_type = draw(st.sampled_from(family))
    elif kind.name == "decimal":
        mysql_type = draw(_decimal_types())
    column = replace(column, mysql_type=mysql_type, nullable=draw(st.booleans()))
    if column.enum is not None:
        stay = [member for member in column.enum.members if draw(st.integers(0, 3))]
        members = tuple(dict.fromkeys([*stay, *draw(st.lists(MEMBER, max_size=2))])) or ("z",)
        column = replace(column, enum=EnumSchema("Members", members, None))
    return draw(_with_default(column))


_FAMILIES = (
    ("tinyint", "smallint", "int", "bigint", "tinyint unsigned", "int unsigned", "bigint unsigned", "tinyint(1)"),
    ("varchar(5)", "varchar(40)", "varchar(255)", "mediumtext"),
    ("blob", "mediumblob", "varbinary(16)"),
    ("float", "double", "double unsigned"),
    ("datetime", "datetime(3)", "date"),
)


@st.composite
def _soft_deleting(draw: st.DrawFn, schema: EntitySchema) -> EntitySchema:
    """Perhaps the same with soft delete, whose column ends each unique index."""
    if draw(st.integers(0, 3)):
        return schema
    indexes = [
        replace(index, columns=(*index.columns, "fake_delete")) if index.unique else index for index in schema.indexes
    ]
    return make_schema(
        "Thing",
        schema.columns[1:],
        indexes,
        soft_delete=True,
        table=schema.table,
        renamed_from=schema.renamed_from,
    )
