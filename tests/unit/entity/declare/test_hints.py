"""Annotations may be text, aliases and forward references, in modules and in functions; mixins add fields."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Optional

import pytest

from fluxaorm.entity import Embedded, Entity, Field, Json, Reference, References, UInt8, UInt32, UInt64
from fluxaorm.entity.declare.embedded import Embedded as EmbeddedBase
from fluxaorm.entity.resolve.definitions import resolve_entities
from tests.unit.entity.definitions import schema_of

Email = Annotated[str, Field(length=254, searchable="tag")]
OptionalEmail = Optional[Email]  # noqa: UP045 - the spelling under test


class Times:
    """A mixin."""

    created_at: datetime
    updated_at: datetime
    KIND: ClassVar[str] = "timed"


class WithId:
    """A mixin that has the id."""

    id: UInt64
    note: str = "none"


def fields_of(cls: type[Any], *others: type[Any]) -> list[str]:
    """Names of the fields of a definition."""
    return [column.field for column in schema_of(cls, *others).columns]


def test_what_is_no_field_is_left_out() -> None:
    """Class variables and ignored attributes are the user's own."""

    class ThingEntity(Entity):
        LIMIT: ClassVar[complex] = 1j
        id: UInt64
        _private: complex = Field(ignore=True)
        cached: complex = Field(ignore=True)
        also: Annotated[complex, Field(ignore=True)]
        unknown: NoSuchType = Field(ignore=True)  # type: ignore[name-defined]  # noqa: F821 - nobody looks at it
        name: str

    assert ["id", "name"] == fields_of(ThingEntity)


def test_a_mixin_adds_its_fields_after_the_own_ones() -> None:
    """Except for the id, which is always first."""

    class TimedEntity(Entity, Times):
        id: UInt64
        name: str

    class NotedEntity(Entity, WithId):
        name: str

    assert ["id", "name", "created_at", "updated_at"] == fields_of(TimedEntity)
    assert ["id", "name", "note"] == fields_of(NotedEntity)
    assert "none" == schema_of(NotedEntity).by_field["note"].default


def test_an_own_field_stands_for_the_mixin_s() -> None:
    """As attributes of classes do."""

    class ThingEntity(Entity, WithId):
        id: UInt64
        note: UInt8 = 3  # type: ignore[assignment]  # checkers want a subclass to keep the type

    assert [("id", "uint"), ("note", "uint")] == [(c.field, c.kind) for c in schema_of(ThingEntity).columns]


def test_named_types_carry_their_options() -> None:
    """A type is described once; what a field says itself counts for more."""

    class ThingEntity(Entity):
        id: UInt64
        a: Email
        b: Email = Field(length=10)
        c: OptionalEmail = None
        d: Annotated[Email, Field(length=20)]
        e: Annotated[str | None, Field(length=5)] = None

    columns = schema_of(ThingEntity).columns[1:]

    assert [254, 10, 254, 20, 5] == [column.length for column in columns]
    assert [False, False, True, False, True] == [column.nullable for column in columns]
    assert ["tag", "tag", "tag", "tag", False] == [column.searchable for column in columns]


def test_names_of_the_function_around_are_known() -> None:
    """Tests and notebooks define entities anywhere."""

    class Mood(StrEnum):
        GOOD = "good"

    class Inner(Embedded):
        mood: Mood = Mood.GOOD

    class TargetEntity(Entity):
        id: UInt8

    class ThingEntity(Entity):
        id: UInt64
        mood: Mood
        inner: Inner
        target: Reference[TargetEntity]
        later: Reference[LaterEntity] | None = None
        itself: References[ThingEntity]
        json: Json[dict[str, Mood]] = Field(default_factory=dict)

    class LaterEntity(Entity):
        id: UInt32
        thing: Reference[ThingEntity]

    schema = schema_of(ThingEntity, TargetEntity, LaterEntity)

    assert ["mood", "inner_mood", "target", "later", "itself", "json"] == [c.field for c in schema.columns[1:]]
    assert ["TargetEntity", "LaterEntity", "ThingEntity"] == [reference.target for reference in schema.references]
    assert "int unsigned" == schema.by_field["later"].mysql_type


def test_names_of_the_class_body_are_known() -> None:
    """An enum may be defined where it is used; a field that hides a type does not hide it from hints."""

    class ThingEntity(Entity):
        class Mood(StrEnum):
            GOOD = "good"

        id: UInt64
        mood: Mood
        datetime: datetime = Field(default=datetime(2024, 1, 1, tzinfo=UTC))

    assert ["uint", "enum", "datetime"] == [column.kind for column in schema_of(ThingEntity).columns]


def test_hints_that_are_no_text_do_as_well() -> None:
    """Without the future import, quotes stand where a class comes later."""
    target = type("TargetEntity", (Entity,), {"__annotations__": {"id": UInt8}, "__module__": __name__})
    hints = {
        "id": UInt64,
        "a": Reference["TargetEntity"],  # type: ignore[misc,name-defined]  # a value here
        "b": Optional["Reference[TargetEntity]"],  # noqa: F821 - the spelling under test
        "c": list["UInt8 | None"],
        "d": Literal["x", None],
    }
    body = {"__annotations__": hints, "__module__": __name__, "b": None, "c": Field(size=1)}
    thing = type("ThingEntity", (Entity,), body)

    columns = schema_of(thing, target).columns[1:]

    assert ["a", "b", "c_1", "d"] == [column.field for column in columns]
    assert [False, True, True, True] == [column.nullable for column in columns]


@pytest.mark.parametrize(
    ("hint", "text", "imports"),
    [
        ("Json[dict[str, list[int]]]", "dict[str, list[int]]", ()),
        ("Json[tuple[int, ...]]", "tuple[int, ...]", ()),
        ("Json[Any]", "Any", (("typing", "Any"),)),
        ("Json[int | None | str] | None", "int | None | str", None),
        ("Json[Literal['a', 1]]", 'Literal["a", 1]', (("typing", "Literal"),)),
        ("Json[datetime]", "datetime", (("datetime", "datetime"),)),
        ("datetime", "datetime", (("datetime", "datetime"),)),
        ("frozenset[Literal['a']]", "frozenset[ThingValue]", ()),
        ("Json[dict[str, Times]]", None, None),
    ],
)
def test_annotations_come_with_their_imports(hint: str, text: str | None, imports: Any) -> None:
    """Generated code is written with them; the same text in every Python."""
    thing = type("ThingEntity", (Entity,), {"__annotations__": {"id": UInt64, "value": hint}, "__module__": __name__})
    schemas, problems = resolve_entities([thing])

    if text is None or imports is None:
        assert problems
        return

    column = schemas["ThingEntity"].by_field["value"]
    assert (text, imports) == (column.annotation, column.imports)


def test_a_class_made_in_a_function_says_that_nobody_can_import_it() -> None:
    """Code generation tells the user; compiling in memory needs no import."""

    class Mood(StrEnum):
        GOOD = "good"

    class ThingEntity(Entity):
        id: UInt64
        mood: Mood

    column = schema_of(ThingEntity).by_field["mood"]
    where = test_a_class_made_in_a_function_says_that_nobody_can_import_it.__name__

    assert "Mood" == column.annotation
    assert ((__name__, f"{where}.<locals>.Mood"),) == column.imports


def test_a_definition_is_not_instantiated() -> None:
    """Entities are made through their provider."""

    class ThingEntity(Entity):
        id: UInt64

    with pytest.raises(TypeError, match=r"ThingEntity is a definition; make entities with ThingEntityProvider\.new"):
        ThingEntity(id=1)


def test_embedded_is_one_class() -> None:
    """What is exported is what is looked for."""
    assert Embedded is EmbeddedBase
