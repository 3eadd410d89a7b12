"""A value that does not fit is refused when it is assigned, with all there is to say; the entity stays as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.engine import Engine
from fluxaorm.entity import Embedded, Entity, Field, Reference, UInt8, UInt64
from fluxaorm.errors import FieldValueError
from tests.support.kind_entities import FIELDS, KINDS, attribute, kinds_subject
from tests.unit.entity.cases import CASES, Colour, TargetEntity

KindsEntity = KINDS[0]
REQUIRED = {name: case for name, case in FIELDS.items() if case.refused}


class Size(Embedded):
    """Two numbers."""

    width: UInt8
    height: UInt8


class BoxEntity(Entity):
    """Groups, and fields that may not be None."""

    id: UInt64
    label: str = Field(length=10)
    size: Size
    levels: list[UInt8 | None] = Field(size=3)
    target: Reference[TargetEntity]
    pin: str = Field(length=4, secret=True)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """In memory: no value gets as far as a server."""
    registry = fx.Registry()
    registry.register_mysql("sqlite://:memory:")
    registry.register_entity(KindsEntity, BoxEntity, TargetEntity)
    made = registry.validate()
    with made.new_context() as ctx:
        for alter in fx.get_alters(ctx):
            alter.exec(ctx)
    yield made
    made.close()


@pytest.fixture
def ctx(engine: Engine) -> Iterator[Any]:
    """A context whose changes nobody wants."""
    with engine.new_context() as opened:
        yield opened
        opened.clear_flush()


@pytest.fixture
def box(engine: Engine, ctx: Any) -> Any:
    """A stored one."""
    provider: Any = engine.provider(BoxEntity)
    made = provider.new(ctx, label="old", size=Size(width=1, height=2), levels=[1, None, 3], target_id=1, pin="1234")
    ctx.flush()
    return made


@pytest.mark.parametrize("name", REQUIRED, ids=[case.name for case in REQUIRED.values()])
@pytest.mark.parametrize("new", [True, False], ids=["new", "stored"])
def test_a_value_that_does_not_fit_is_refused_and_the_old_one_stays(
    engine: Engine, ctx: Any, name: str, new: bool
) -> None:
    """The error says which entity and field, what was given and what would fit."""
    case, row = FIELDS[name], kinds_subject().rows[0]
    entity: Any = engine.provider(KindsEntity).new(ctx, **row)
    if not new:
        ctx.flush()
    before = getattr(entity, attribute(name))

    for value, reason in [pair for pair in case.refused if pair[0] is not None]:
        with pytest.raises(FieldValueError) as caught:
            setattr(entity, attribute(name), value)

        error = caught.value
        assert ("KindsEntity", attribute(name), reason) == (
            error.entity.removeprefix("Plain"),
            error.field,
            error.reason,
        )
        assert value is error.value
        assert str(error).startswith(f"PlainKindsEntity.{attribute(name)}: ")
        assert str(error).endswith(f": {reason}")
        assert before is getattr(entity, attribute(name)) or before == getattr(entity, attribute(name))
        assert new is entity.is_dirty


def test_every_case_refuses_something() -> None:
    """A kind that takes everything would be one that nobody looked at."""
    assert set() == {case.kind for case in CASES} - {case.kind for case in REQUIRED.values()}


@pytest.mark.parametrize("field", ["label", "size_width", "target_id", "pin"])
def test_none_is_refused_where_the_column_has_no_null(box: Any, field: str) -> None:
    """Before the server says so, in the words of the field."""
    before = getattr(box, field)

    with pytest.raises(FieldValueError) as caught:
        setattr(box, field, None)

    assert (field, "is not nullable", before) == (caught.value.field, caught.value.reason, getattr(box, field))
    assert not box.is_dirty


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("size", Size(width=9, height=256), "BoxEntity.size_height: 256: must be 0 to 255"),
        ("size", (9, 9), "BoxEntity.size: (9, 9): must be a Size"),
        ("levels", [9, 9, -1], "BoxEntity.levels_3: -1: must be 0 to 255"),
        ("levels", [9, 9, 9, 9], "BoxEntity.levels: [9, 9, 9, 9]: has 4 items, at most 3 fit"),
        ("levels", "abc", "BoxEntity.levels: 'abc': must be a list"),
        ("target", Colour.RED, "BoxEntity.target_id: <Colour.RED: 'red'>: must be an int, not a Colour"),
    ],
)
def test_a_group_is_taken_as_a_whole_or_not_at_all(box: Any, field: str, value: Any, said: str) -> None:
    """Half of a new value beside half of the old one was never meant by anybody."""
    before = box.to_dict()

    with pytest.raises(FieldValueError) as caught:
        box.set(**{field: value})
    if field != "target":
        with pytest.raises(FieldValueError):
            setattr(box, field, value)

    assert said == str(caught.value)
    assert (before, False) == (box.to_dict(), box.is_dirty)


@pytest.mark.parametrize(
    "values",
    [
        {"label": "new", "size_width": 9, "target_id": 0},
        {"label": "new", "levels": [9], "size": Size(width=-1, height=9)},
        {"label": "new", "nothing": 1},
    ],
)
def test_set_takes_all_values_or_none(box: Any, values: dict[str, Any]) -> None:
    """A form with one wrong field changes nothing."""
    before = box.to_dict()

    with pytest.raises(FieldValueError):
        box.set(**values)

    assert (before, False) == (box.to_dict(), box.is_dirty)


def test_new_makes_nothing_of_a_value_that_does_not_fit(engine: Engine, ctx: Any) -> None:
    """The next flush would write, or fail for, an entity that nobody has."""
    provider: Any = engine.provider(BoxEntity)

    with pytest.raises(FieldValueError):
        provider.new(ctx, label="x" * 11)

    assert 0 == ctx.flush().inserted


def test_a_secret_is_in_no_error(box: Any) -> None:
    """Errors end in logs."""
    with pytest.raises(FieldValueError) as caught:
        box.pin = "98765"

    assert "BoxEntity.pin: the value (secret): must have at most 4 characters, not 5" == str(caught.value)
    assert caught.value.value is None
