"""Embedded values, and the columns that they and lists are kept in."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError
from typing import Annotated, Any, Literal

import pytest

from fluxaorm.entity import Embedded, Entity, Field, Index, Json, Reference, UInt8, UInt64
from fluxaorm.entity.schema import UNSET, EntitySchema, GroupSchema
from tests.unit.entity.definitions import schema_of


class Geo(Embedded):
    """Inside another one."""

    latitude: float = 0.0
    longitude: float = 0.0


class Address(Embedded):
    """With everything that a field can be."""

    country: str = ""
    lines: list[str | None] = Field(size=2, default=())
    geo: Geo = Geo()
    extra: Json[list[int]] = Field(default_factory=list)
    code: str = Field(default="0000", secret=True)
    note: object = Field(ignore=True, default=None)


class Name(Embedded):
    """Without defaults."""

    first: str
    last: Annotated[str, Field(default="Doe")]


class CityEntity(Entity):
    """What an Embedded refers to."""

    id: UInt8


class Bare(Embedded):
    """Whose fields have defaults without saying so."""

    lines: list[str | None] = Field(size=2)
    geo: Geo


class Place(Embedded):
    """With a reference."""

    city: Reference[CityEntity] | None = None
    kind: Literal["home", "work"] = "home"


def made(cls: Any, **values: Any) -> Any:
    """A value made in ways that a type checker would not allow."""
    return cls(**values)


def test_a_value_is_made_with_keywords() -> None:
    """Fields left out get their defaults, an Embedded that of its own fields, a list as many None as it has columns."""
    address = Address(country="PL", lines=["Main street"])

    assert {
        "country": "PL",
        "lines": ("Main street", None),
        "geo": Geo(),
        "extra": [],
        "code": "0000",
        "note": None,
    } == vars(address)
    assert {"first": "Jane", "last": "Doe"} == vars(made(Name, first="Jane"))


def test_what_has_defaults_throughout_may_be_left_out() -> None:
    """A list of what may be None is empty, an Embedded made of its own defaults: as in an entity."""
    assert {"lines": (None, None), "geo": Geo()} == vars(made(Bare))


def test_what_is_missing_or_unknown_is_told() -> None:
    """As for any function."""
    with pytest.raises(TypeError, match=r"Name\(\) needs first="):
        made(Name)
    with pytest.raises(TypeError, match=r"Name\(\) has no field middle; it has first, last"):
        made(Name, first="a", middle="b")


def test_values_are_equal_by_their_fields() -> None:
    """An entity gives a new object each time; it is the same value."""
    assert Geo(latitude=1.0) == Geo(latitude=1.0)
    assert Geo(latitude=1.0) != Geo()
    assert Geo() != Address()
    assert hash(Geo(latitude=1.0)) == hash(Geo(latitude=1.0))


def test_values_are_frozen() -> None:
    """A change would be seen by no entity."""
    geo = Geo()

    with pytest.raises(FrozenInstanceError, match="Geo is frozen: assign a new one instead of changing latitude"):
        geo.latitude = 1.0  # type: ignore[misc]  # the mistake
    with pytest.raises(FrozenInstanceError, match="Geo is frozen: latitude cannot be deleted"):
        del geo.latitude


def test_a_repr_shows_no_secret() -> None:
    """Logs hold reprs."""
    shown = repr(Address(code="1234", country="PL"))

    assert "1234" not in shown
    assert "country='PL'" in shown
    assert "code=(secret)" in shown


def test_values_can_be_copied_and_pickled() -> None:
    """They travel between processes and into tests' snapshots."""
    address = Address(country="PL")

    assert address == copy.deepcopy(address) == pickle.loads(pickle.dumps(address))
    assert Address(country="DE") == address.__replace__(country="DE")


class ThingEntity(Entity):
    """Every way to hold them."""

    id: UInt64
    home: Address = Field(default_factory=lambda: Address(country="PL", geo=Geo(latitude=50.0)))
    start: Geo = Geo(latitude=50.0)
    work: Address = Field(prefix="office_", secret=True)
    plain: Name = Field(prefix="", default=Name(first="A", last="B"))
    places: list[Place] = Field(size=2)
    made: Geo = Field(default_factory=lambda: Geo(longitude=2.0))
    numbers: list[Annotated[UInt8, Field(sortable=True, searchable=True)] | None] = Field(size=2, column="n")
    levels: list[Literal["low", "high"]] = Field(size=2, default=("low", "high"))
    empty: list[UInt8] = Field(size=2, default_factory=list)
    old: Geo = Field(renamed_from="before")
    indexes = (Index("home_country"), Index("numbers_1", "first"))


@pytest.fixture(scope="module")
def schema() -> EntitySchema:
    """Of the above."""
    return schema_of(ThingEntity, CityEntity)


def test_columns_are_named_by_the_field_and_what_is_inside(schema: EntitySchema) -> None:
    """Or by the prefix; the columns of a list are numbered from 1."""
    expected = """
        home_country home_lines_1 home_lines_2 home_geo_latitude home_geo_longitude home_extra home_code
        start_latitude start_longitude
        office_country office_lines_1 office_lines_2 office_geo_latitude office_geo_longitude office_extra office_code
        first last places_1_city places_1_kind places_2_city places_2_kind made_latitude made_longitude
        numbers_1 numbers_2 levels_1 levels_2 empty_1 empty_2 old_latitude old_longitude
    """

    assert expected.split() == [column.field for column in schema.columns[1:]]
    assert ["n_1", "n_2"] == [schema.by_field[f"numbers_{at}"].name for at in (1, 2)]
    assert "places_1_city_id" == schema.by_field["places_1_city"].attribute


def test_groups_nest_as_the_values_do(schema: EntitySchema) -> None:
    """The runtime puts values together by them."""
    home = schema.groups[0]
    country, lines, geo, extra, code = home.members

    assert (("country", 1), ("extra", 6), ("code", 7)) == (country, extra, code)
    assert ("lines", GroupSchema("home_lines", None, (("1", 2), ("2", 3)), "tuple[str | None, ...]")) == lines
    assert isinstance(geo[1], GroupSchema)
    assert ("home_geo", Geo, (("latitude", 4), ("longitude", 5))) == (
        geo[1].name,
        geo[1].python_class,
        geo[1].members,
    )
    assert "tuple[Place, ...]" == schema.groups[4].annotation


def test_a_default_of_the_whole_is_shared_out(schema: EntitySchema) -> None:
    """The field's own default counts for more than those of its class."""
    assert (50.0, 0.0) == (schema.by_field["start_latitude"].default, schema.by_field["start_longitude"].default)
    assert "" == schema.by_field["office_country"].default
    assert ("A", "B") == (schema.by_field["first"].default, schema.by_field["last"].default)
    assert ("low", "high") == (schema.by_field["levels_1"].default, schema.by_field["levels_2"].default)


def test_a_factory_of_the_whole_is_shared_out(schema: EntitySchema) -> None:
    """Each column takes its part of what the factory makes."""
    names = ("made_latitude", "made_longitude", "home_country", "home_geo_latitude", "home_lines_2", "home_extra")
    factories = [schema.by_field[name].default_factory for name in names]

    assert [0.0, 2.0, "PL", 50.0, None, []] == [factory() for factory in factories if factory is not None]


def test_a_list_of_what_may_be_none_starts_empty(schema: EntitySchema) -> None:
    """One of anything else has to be given, whole."""
    assert None is schema.by_field["numbers_1"].default
    assert UNSET is schema.by_field["empty_1"].default


def test_options_reach_the_columns(schema: EntitySchema) -> None:
    """A secret group has secret columns; a renamed one renamed columns."""
    assert [True] * 7 == [column.secret for column in schema.columns if column.field.startswith("office_")]
    assert [True, True] == [schema.by_field[f"numbers_{at}"].sortable for at in (1, 2)]
    assert "before_latitude" == schema.by_field["old_latitude"].renamed_from


def test_the_columns_of_a_list_share_an_enum(schema: EntitySchema) -> None:
    """It is named by the list."""
    names = {name: schema.by_field[name].enum for name in ("levels_1", "levels_2", "places_1_kind")}

    assert ["ThingLevels", "ThingLevels"] == [enum.name for enum in list(names.values())[:2] if enum]


def test_indexes_may_name_columns_of_groups(schema: EntitySchema) -> None:
    """By their field names; references in lists get their index."""
    assert [
        ("home_country",),
        ("n_1", "first"),
        ("places_1_city",),
        ("places_2_city",),
    ] == [index.columns for index in schema.indexes]
