"""Entities found without a plan, of rows in the local cache: when that is allowed, and what is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fluxaorm.plans.effects import Session
from fluxaorm.plans.reads.by_id import FURTHER, entity_at_hand
from fluxaorm.plans.state.keys import ABSENT
from fluxaorm.plans.state.tracked import STORED
from tests.unit.plans.world import World

ROW = (7, b"seven", b"")


def world_with(row: Any) -> World:
    """A world whose local cache has what ``row`` says of 7."""
    world = World(local_limit=10)
    local = world.identity_map.binding.local
    assert local is not None
    local.put(7, row, local.mark(7))
    return world


def test_a_row_in_the_process_is_an_entity_at_once() -> None:
    """It is the context's own from then on, and counted as a plan would count it."""
    world = world_with(ROW)
    counts = world.identity_map.binding.counts

    found = entity_at_hand(world.identity_map, 7)
    found.name = "changed"

    assert (found, "changed") == (world.identity_map.known(7), found.name)
    assert (1, 1, 0) == (counts.context_miss, counts.local_hit, counts.local_miss)
    assert world.identity_map.binding.local is not None
    assert ROW == world.identity_map.binding.local.get(7)


def _in_a_transaction(world: World) -> None:
    world.unit_of_work._sessions = {"default": Session("default")}


def _in_use(world: World) -> None:
    world.unit_of_work._in_use_by = 1


def _without_a_local_cache(world: World) -> None:
    world.identity_map.binding.local = None


@pytest.mark.parametrize("make", [_in_a_transaction, _in_use, _without_a_local_cache])
def test_whatever_is_out_of_the_ordinary_is_the_plans(make: Callable[[World], None]) -> None:
    """A transaction reads past every cache, and only a plan finds out that two threads use one context."""
    world = world_with(ROW)
    make(world)

    found = entity_at_hand(world.identity_map, 7)

    assert found is FURTHER
    assert 0 == world.identity_map.binding.counts.local_hit


@pytest.mark.parametrize("id", [8, 7.0, "7", True])
def test_unknown_rows_and_what_is_no_id_are_the_plans(id: Any) -> None:
    """The plan reads them, and knows what to raise; an entity that is loaded does not make its id's equals ids."""
    world = world_with((1, b"one", b""))
    held = world.identity_map.adopt(1, [1, "one", ""], STORED, 0.0)

    found = entity_at_hand(world.identity_map, id)

    assert found is FURTHER
    assert held is entity_at_hand(world.identity_map, 1)
    assert 0 == world.identity_map.binding.counts.local_hit


def test_a_row_that_is_known_to_be_missing_is_none() -> None:
    """Nobody is asked again."""
    world = world_with(ABSENT)

    found = entity_at_hand(world.identity_map, 7)

    assert found is None
    assert 1 == world.identity_map.binding.counts.local_hit


@pytest.mark.parametrize("change", ["delete", "set"])
def test_an_entity_that_waits_to_be_deleted_is_hidden_when_it_is_stale_too(change: str) -> None:
    """A row in the process says nothing of what its context is about to do."""
    world = world_with(ROW)
    entity = entity_at_hand(world.identity_map, 7)
    if change == "delete":
        entity.delete()
    else:
        entity.name = "changed"
    world.unit_of_work._make_stale()

    found = entity_at_hand(world.identity_map, 7)

    assert (None if change == "delete" else entity) is found
    assert entity is entity_at_hand(world.identity_map, 7, True)


def test_an_entity_that_is_older_than_its_time_is_refreshed() -> None:
    """The time counts from when it was made, also of a row in the process."""
    world = world_with(ROW)
    world.unit_of_work._identity_ttl, world.unit_of_work._plain_identity = 1.0, False
    first = entity_at_hand(world.identity_map, 7)
    local = world.identity_map.binding.local
    assert local is not None
    local.put(7, (7, b"newer", b""), local.mark(7))

    young = entity_at_hand(world.identity_map, 7).name
    world.engine.now += 2.0
    old = entity_at_hand(world.identity_map, 7).name

    assert ("seven", "newer") == (young, old)
    assert first is entity_at_hand(world.identity_map, 7)


def test_a_stale_entity_is_refreshed_in_place() -> None:
    """One row is one object, also after a transaction made it stale."""
    world = world_with(ROW)
    first = entity_at_hand(world.identity_map, 7)
    world.unit_of_work._make_stale()
    local = world.identity_map.binding.local
    assert local is not None
    local.put(7, (7, b"newer", b""), local.mark(7))

    again = entity_at_hand(world.identity_map, 7)

    assert first is again
    assert "newer" == first.name
