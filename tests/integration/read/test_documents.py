"""Json values: what counts as a change, how long a value that was handed out stays the entity's, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devstack.state import StackState
from fluxaorm.entity import Embedded, Entity, Field, Json, References, UInt64
from fluxaorm.errors import FieldValueError, UnsavedChangesError
from fluxaorm.plans.state.tracked import Change
from fluxaorm.query.query import Query
from tests.support.value_paths import ValuePath, database_at, open_path, redis_at
from tests.unit.entity.cases.documents import nested


@dataclass(eq=False)
class Point:
    """Compares by identity."""

    x: int


class Labels(Embedded):
    """A document inside a group."""

    tags: Json[dict[str, int]] = Field(default_factory=dict)


class DocumentEntity(Entity):
    """Documents of several types."""

    id: UInt64
    anything: Json[Any] | None = None
    numbers: Json[dict[str, int]] = Field(default_factory=dict)
    point: Json[Point] = Field(default_factory=lambda: Point(1))
    labels: Labels
    others: References[DocumentEntity] = Field(default_factory=list)


@pytest.fixture(scope="module", params=[("mysql", "mysqlclient"), ("mariadb", "asyncmy"), ("sqlite", "threads")])
def path(
    request: pytest.FixtureRequest, stack: StackState, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ValuePath]:
    """Each server, and both shells."""
    server, driver = request.param
    directory: Path = tmp_path_factory.mktemp("documents")
    with (
        redis_at(stack) as redis,
        database_at(server, stack, directory) as url,
        open_path(url, server, driver, redis, (DocumentEntity,)) as opened,
    ):
        yield opened


def stored(path: ValuePath, **values: Any) -> Any:
    """An entity that was loaded by a context of its own."""
    provider, ctx = path.provider(DocumentEntity), path.context()
    made = path.do(provider.new(ctx, **values))
    path.do(ctx.flush())
    return loaded(path, made)


def loaded(path: ValuePath, entity: Any) -> Any:
    """The row of an entity as another context reads it."""
    return path.do(path.provider(DocumentEntity).get_by_id(path.context(), entity.id))


def flush(path: ValuePath, entity: Any) -> Any:
    """Flush the entity's context."""
    return path.do(entity._identity_map.unit_of_work.flush())


@pytest.mark.parametrize("changed", [[True], ["1"], [None]])
def test_what_json_tells_apart_is_a_change(path: ValuePath, changed: list[Any]) -> None:
    """In Python 1 equals True: by that measure the change would be lost without a word."""
    entity = stored(path, anything=[1])

    entity.anything[0] = changed[0]
    flush(path, entity)

    assert repr(changed) == repr(loaded(path, entity).anything)


def test_an_assigned_document_is_compared_in_the_same_way(path: ValuePath) -> None:
    """Assigning and changing in place are two ways to do one thing."""
    entity = stored(path, anything={"a": 1, "b": 2})

    entity.anything = {"b": 2, "a": 1}
    same = entity.is_dirty
    entity.anything = {"a": True, "b": 2}

    assert (False, True) == (same, entity.is_dirty)


def test_reading_a_document_is_no_change(path: ValuePath) -> None:
    """Also of a class that compares by identity; each read would cost an UPDATE."""
    entity = stored(path, point=Point(3))

    assert (3, False) == (entity.point.x, entity.is_dirty)
    assert 0 == flush(path, entity).updated


def test_a_change_taken_back_is_none(path: ValuePath) -> None:
    """Nothing is written for it."""
    entity = stored(path, numbers={"a": 1})

    entity.numbers["b"] = 2
    dirty = entity.is_dirty
    del entity.numbers["b"]

    assert (True, False, {}) == (dirty, entity.is_dirty, entity.changes())
    assert 0 == flush(path, entity).updated


def test_a_replaced_document_is_told_as_it_was_loaded(path: ValuePath) -> None:
    """Whoever holds it may have changed it before, and may go on: neither is what the row had."""
    entity = stored(path, numbers={"a": 1}, anything=None)
    held = entity.numbers

    held["b"] = 2
    entity.numbers = {"c": 3}
    held["d"] = 4
    entity.anything = [1]
    entity.anything.append(2)

    assert {
        "anything": Change(None, [1, 2]),
        "numbers": Change({"a": 1}, {"c": 3}),
    } == entity.changes()
    entity.changes()["numbers"].old["e"] = 5
    entity.set(numbers={"a": 1}, anything=None)
    assert ({}, False, {"a": 1}) == (entity.changes(), entity.is_dirty, entity.numbers)


def test_a_document_assigned_to_itself_stays_the_entitys(path: ValuePath) -> None:
    """Get, assign, change is written as often as get, change, assign."""
    entity = stored(path, numbers={"a": 1})

    numbers = entity.numbers
    entity.numbers = numbers
    numbers["b"] = 2
    changed = entity.changes()
    entity.numbers = numbers
    flush(path, entity)

    assert {"numbers": Change({"a": 1}, {"a": 1, "b": 2})} == changed
    assert {"a": 1, "b": 2} == loaded(path, entity).numbers


def test_a_document_stays_the_entitys_after_a_flush(path: ValuePath) -> None:
    """Whoever holds it may go on changing it."""
    entity = stored(path, numbers={"a": 1})
    numbers = entity.numbers
    flush(path, entity)

    numbers["b"] = 2
    flush(path, entity)
    numbers["c"] = 3
    flush(path, entity)

    assert {"a": 1, "b": 2, "c": 3} == loaded(path, entity).numbers


@pytest.mark.parametrize("before", [True, False], ids=["changed before", "changed after"])
def test_a_document_survives_that_its_row_is_read_again(path: ValuePath, before: bool) -> None:
    """A search finds the entity that the context has; what was changed in place is as unsaved as an assignment."""
    entity, provider = stored(path, numbers={"a": 1}), path.provider(DocumentEntity)
    numbers = entity.numbers

    if before:
        numbers["b"] = 2
    found = path.do(
        provider.search_one(entity._identity_map.unit_of_work, Query().filter(provider.fields.id == entity.id))
    )
    if not before:
        numbers["b"] = 2
    flush(path, entity)

    assert found is entity
    assert {"a": 1, "b": 2} == loaded(path, entity).numbers


def test_a_document_that_somebody_else_changed_is_read_anew(path: ValuePath) -> None:
    """Holding the old value does not hide the new one."""
    entity, provider = stored(path, numbers={"a": 1}), path.provider(DocumentEntity)
    assert {"a": 1} == entity.numbers
    other = loaded(path, entity)
    other.numbers = {"a": 9}
    flush(path, other)

    path.do(provider.search_many(entity._identity_map.unit_of_work, Query().filter(provider.fields.id == entity.id)))

    assert ({"a": 9}, False) == (entity.numbers, entity.is_dirty)


def test_documents_inside_groups_and_dicts_are_the_entitys_own(path: ValuePath) -> None:
    """Every way to get at a document is as good as its own property."""
    entity = stored(path, labels=Labels(tags={"a": 1}), numbers={"a": 1})

    entity.labels.tags["b"] = 2
    entity.to_dict()["numbers"]["b"] = 2
    entity.others_ids.append(entity.id)
    flush(path, entity)

    again = loaded(path, entity)
    assert ({"a": 1, "b": 2}, {"a": 1, "b": 2}, [entity.id]) == (again.labels.tags, again.numbers, again.others_ids)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a": float("nan")}, "must be finite in every number"),
        ({"a": 2**64}, "must hold no integer past 64 bits"),
        ({"a": "text"}, "does not fit its type: Expected `int`, got `str` - at `$[...]`"),
        ({"\ud800": 1}, "must be valid Unicode: it holds a lone surrogate"),
    ],
    ids=["NaN", "65 bits", "wrong type", "surrogate"],
)
@pytest.mark.parametrize("new", [True, False], ids=["new", "stored"])
def test_a_document_that_no_column_takes_is_refused_before_anything_is_written(
    path: ValuePath, new: bool, value: dict[str, Any], reason: str
) -> None:
    """A change in place has no setter to refuse it; written, it would be another value, or a row nobody can read."""
    entity = path.do(path.provider(DocumentEntity).new(path.context())) if new else stored(path, numbers={"a": 1})
    entity.numbers.clear()
    entity.numbers.update(value)

    with pytest.raises(FieldValueError) as caught:
        flush(path, entity)

    error = caught.value
    assert ("DocumentEntity", "numbers", reason) == (error.entity, error.field, error.reason)
    assert entity.is_dirty
    entity.numbers.clear()
    flush(path, entity)
    assert {} == loaded(path, entity).numbers


def test_references_changed_in_place_to_no_id_are_refused(path: ValuePath) -> None:
    """0 is no id."""
    entity = stored(path)
    entity.others_ids.append(0)

    with pytest.raises(FieldValueError, match="must hold ids of 1 to"):
        flush(path, entity)


def test_a_reload_notices_a_document_that_was_changed_in_place(path: ValuePath) -> None:
    """It would be lost otherwise; with ``discard`` it is meant to be."""
    entity = stored(path, numbers={"a": 1})
    entity.numbers["b"] = 2
    ctx = entity._identity_map.unit_of_work

    with pytest.raises(UnsavedChangesError):
        path.do(ctx.reload(entity))
    path.do(ctx.reload(entity, discard=True))

    assert ({"a": 1}, False) == (entity.numbers, entity.is_dirty)


def test_a_document_is_as_deep_as_its_server_takes(path: ValuePath) -> None:
    """One level more is refused before it is sent; MariaDB's own words would be that a constraint failed."""
    levels = {"mysql": 100, "mariadb": 31, "sqlite": 100}[path.server]
    entity = stored(path, anything=nested(levels))

    with pytest.raises(FieldValueError, match=f"must have at most {levels} levels"):
        entity.anything = nested(levels + 1)
    entity.anything["a"]["a"] = nested(levels - 1)
    with pytest.raises(FieldValueError, match=f"must have at most {levels} levels"):
        flush(path, entity)

    assert nested(levels) == loaded(path, entity).anything
