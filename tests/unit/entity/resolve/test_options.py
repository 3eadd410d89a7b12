"""What class options, field options and indexes resolve to where nothing is wrong; ``mistakes.txt`` has the rest."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import pytest

from fluxaorm.entity import Embedded, Entity, Field, Index, Json, UInt8, UInt32, UInt64, UniqueIndex
from fluxaorm.entity.resolve.definitions import resolve_entities
from fluxaorm.entity.resolve.names import RESERVED
from fluxaorm.entity.schema import UNSET, CacheSchema
from fluxaorm.entity.values.kinds import KINDS, Kind
from fluxaorm.query.fields import QueryField, ReferenceField
from fluxaorm.runtime import EntityBase
from tests.unit.entity.definitions import column_of, entity, reference_to, schema_of


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, CacheSchema()),
        ({"redis_cache": False, "local_cache": False}, CacheSchema()),
        ({"redis_cache": True}, CacheSchema("on")),
        ({"redis_cache": "sessions", "ttl": 5}, CacheSchema("on", "sessions", 5000)),
        ({"redis_cache": True, "ttl": timedelta(minutes=1)}, CacheSchema("on", ttl_ms=60_000)),
        ({"redis_cache": True, "ttl": 0.25}, CacheSchema("on", ttl_ms=250)),
        ({"redis_cache": "intents"}, CacheSchema("intents")),
        ({"local_cache": True}, CacheSchema(local_limit=0, publishes=True)),
        ({"local_cache": 7, "local_ttl": 2}, CacheSchema(local_limit=7, local_ttl_ms=2000, publishes=True)),
        ({"redis_cache": True, "cache_all": True}, CacheSchema("on", cache_all="on")),
        ({"redis_cache": True, "cache_all": "intents"}, CacheSchema("on", cache_all="intents")),
        ({"redis_cache": "intents", "cache_all": "intents"}, CacheSchema("intents", cache_all="intents")),
        ({"local_cache": "intents"}, CacheSchema(publishes=True)),
    ],
)
def test_caches_are_as_the_class_line_says(options: dict[str, Any], expected: CacheSchema) -> None:
    """Times are kept in milliseconds."""
    assert expected == schema_of(entity(**options)).cache


def test_pools_and_names_are_kept() -> None:
    """Other layers look the pools up."""
    cls = entity(
        fields={"region": UInt8},
        mysql="sales",
        table="things",
        events="kafka",
        debezium=True,
        id_pool="mysql",
        id_block=50,
        shard_key="region",
        renamed_from="items",
    )

    schema = schema_of(cls)

    assert ("sales", "things", "kafka", "default") == (
        schema.mysql_pool,
        schema.table,
        schema.events_pool,
        schema.debezium_pool,
    )
    assert ("mysql", 50, "region", "items") == (schema.id_pool, schema.id_block, schema.shard_key, schema.renamed_from)


@pytest.mark.parametrize(
    ("options", "pool"),
    [({}, "default"), ({"redis_cache": "rows"}, "rows"), ({"redis_cache": "rows", "redis_search": "search"}, "search")],
)
def test_the_search_index_is_where_the_cache_is_unless_said(options: dict[str, Any], pool: str) -> None:
    """Only of entities with a searchable field."""
    searchable = entity(fields={"name": (str, Field(searchable=True))}, **options)

    assert pool == schema_of(searchable).redis_search_pool
    assert schema_of(entity()).redis_search_pool is None


def test_a_field_without_a_default_has_none() -> None:
    """None is a default; nothing is none."""
    schema = schema_of(entity(fields={"a": str, "b": (str | None, None), "c": (str | None, Field()), "d": (int, 0)}))
    a, b, c, d = schema.columns[1:]

    assert [UNSET, None, UNSET, 0] == [a.default, b.default, c.default, d.default]
    assert [False, True, False, True] == [column.has_default for column in (a, b, c, d)]


def test_defaults_are_in_their_python_form() -> None:
    """What a new entity starts from is what a loaded one would give."""
    assert Decimal("1.50") == column_of(Decimal, precision=5, scale=2, default=Decimal("1.5")).default
    assert frozenset({"a"}) == column_of(frozenset[Literal["a"]], default=frozenset({"a"})).default
    noon = column_of(datetime, default=datetime(2024, 1, 1, 12, 0, 0, 5)).default  # noqa: DTZ001 - taken as UTC
    assert "2024-01-01T12:00:00+00:00" == noon.isoformat()


def test_a_factory_gives_what_was_checked() -> None:
    """Each new entity gets its own value, in its Python form."""
    made = iter([[1], [2], [3]])
    column = column_of(Json[list[int]], default_factory=lambda: next(made))

    assert column.default_factory is not None
    assert [[2], [3]] == [column.default_factory(), column.default_factory()]


def test_a_constant_that_can_be_changed_once_decoded_is_made_anew() -> None:
    """An empty tuple is a fine default for a list in JSON; its list is nobody else's."""
    column = column_of(Json[list[int]], default=())

    assert column.default_factory is not None
    assert [] == column.default_factory()
    assert column.default_factory() is not column.default_factory()


def test_timestamps_are_found_by_name_and_type() -> None:
    """A date called created_at is the user's own."""
    auto = schema_of(entity(fields={"created_at": (datetime, Field(fsp=6)), "updated_at": datetime}))
    plain = schema_of(entity(fields={"created_at": int, "updated_at": (str, "")}))

    assert ["", "created_at", "updated_at"] == [column.auto for column in auto.columns]
    assert (None, None) == (plain.created_at_position, plain.updated_at_position)


class Times(Embedded):
    """Times of something else."""

    created_at: datetime


def test_timestamps_inside_a_group_are_the_user_s_own() -> None:
    """Only the entity's are set by the flush."""
    schema = schema_of(entity(fields={"times": Times, "other": (Times, Field(prefix=""))}))

    assert ["", "", ""] == [column.auto for column in schema.columns]
    assert schema.created_at_position is None


def test_a_version_is_marked() -> None:
    """UPDATE and DELETE ask for it."""
    schema = schema_of(entity(fields={"name": str, "version": (UInt32, Field(version=True))}))

    assert (2, "version") == (schema.version_position, schema.columns[2].auto)


def test_columns_may_be_named_and_renamed() -> None:
    """The field's name is Python's, the column's the table's."""
    column = column_of(str, column="2nd_name", renamed_from="second")

    assert ("value", "2nd_name", "second") == (column.field, column.name, column.renamed_from)


def test_what_is_just_within_the_limits_is_taken() -> None:
    """Names of 64 characters, 1017 columns."""
    name = "n" * 64
    cls = entity(fields={name: str, **{f"f{at}": bool for at in range(1015)}}, table="t" * 64)
    cls.indexes = (Index(name),)

    schema = schema_of(cls)

    assert (1017, name, "t" * 64) == (len(schema.columns), schema.indexes[0].name, schema.table)


def test_an_enum_name_may_be_shared_by_the_same_members() -> None:
    """A named Literal type serves several entities."""
    hint = (Literal["a", "b"], Field(enum_name="Letter"))
    first, second = entity("AEntity", {"x": hint}), entity("BEntity", {"y": hint})

    schemas, problems = resolve_entities([first, second])

    assert [] == problems
    assert schemas["AEntity"].by_field["x"].enum == schemas["BEntity"].by_field["y"].enum


def test_a_reference_is_served_by_a_declared_index_that_starts_with_it() -> None:
    """Any other reference gets an index of its own."""
    target = entity("TargetEntity")
    cls = entity(fields=dict.fromkeys(("a", "b", "c", "d"), reference_to(target)))
    cls.indexes = (Index("a", "b"), UniqueIndex("c"), Index("id", "d"))
    cls.d = Field(renamed_from="e")

    schema = schema_of(cls, target)

    assert ["a_b", "c", "id_d", "b", "d"] == [index.name for index in schema.indexes]
    assert ["b", "d"] == [index.name for index in schema.indexes if index.implicit]


def test_an_index_on_fake_delete_may_be_the_user_s_own() -> None:
    """Then none is added."""
    cls = entity(fields={"name": str}, soft_delete=True)
    cls.indexes = [Index("fake_delete", "name")]

    assert [("fake_delete", "name")] == [index.columns for index in schema_of(cls).indexes]


def test_every_name_that_generated_classes_have_is_reserved() -> None:
    """A field of that name would hide it."""
    taken = {name for cls in (EntityBase, QueryField, ReferenceField) for name in dir(cls) if not name.startswith("_")}

    assert taken - {"id"} <= RESERVED


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_says_what_code_generation_needs(kind: Kind) -> None:
    """An annotation that is no builtin comes with its module."""
    builtin = kind.annotation in ("", "int", "float", "bool", "str", "bytes", "list[int]")

    assert builtin == (not kind.module)
    assert builtin == (not kind.imports)


@pytest.mark.bench
def test_hundreds_of_entities_resolve_in_a_moment() -> None:
    """Every process start and every test session resolves all of them."""
    target = entity("TargetEntity")
    fields = {
        **{f"text{at}": "str" for at in range(6)},
        **{f"number{at}": "UInt64" for at in range(6)},
        "price": (Decimal, Field(precision=10, scale=2, default=Decimal(0))),
        "status": (Literal["a", "b", "c"], "a"),
        "active": (bool, True),
        "target": reference_to(target),
        "created_at": "datetime",
        "updated_at": "datetime | None",
        "names": (list[str | None], Field(size=2, length=20)),
    }
    names = {"UInt64": UInt64, "datetime": datetime}
    definitions = [type(f"E{at}", (entity(f"E{at}", fields).__mro__[1],), _body(fields, names)) for at in range(500)]

    started = time.perf_counter()
    _, problems = resolve_entities([*definitions, target])
    took = time.perf_counter() - started

    assert [] == problems
    # a second on a quiet machine; the bound only tells quadratic growth from a busy machine
    assert took < 60


def _body(fields: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    """A class body whose text hints find their names in itself."""
    hints = {"id": UInt64, **{name: hint[0] if isinstance(hint, tuple) else hint for name, hint in fields.items()}}
    defaults = {name: hint[1] for name, hint in fields.items() if isinstance(hint, tuple)}
    return {"__annotations__": hints, "__module__": __name__, **names, **defaults}


def test_entity_itself_is_the_base() -> None:
    """Nothing is registered by being defined."""
    assert [] == resolve_entities([])[1]
    assert {} == resolve_entities([])[0]
    assert issubclass(entity(), Entity)
