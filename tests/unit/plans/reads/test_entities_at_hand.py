"""Entities found without a plan, of rows in the local cache: when that is allowed, and what is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fluxaorm.plans.effects import Session
from fluxaorm.plans.reads.by_id import entity_at_hand
from fluxaorm.plans.state.keys import ABSENT
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
    world.unit_of_work.sessions = {"default": Session("default")}


def _in_use(world: World) -> None:
    world.unit_of_work.in_use_by = 1


def _with_a_ttl(world: World) -> None:
    world.unit_of_work.identity_ttl, world.unit_of_work.plain_identity = 1.0, False


def _without_a_local_cache(world: World) -> None:
    world.identity_map.binding.local = None


@pytest.mark.parametrize("make", [_in_a_transaction, _in_use, _with_a_ttl, _without_a_local_cache])
def test_whatever_is_out_of_the_ordinary_is_the_plans(make: Callable[[World], None]) -> None:
    """A transaction reads past every cache, and only a plan finds out that two threads use one context."""
    world = world_with(ROW)
    make(world)

    found = entity_at_hand(world.identity_map, 7)

    assert found is None
    assert 0 == world.identity_map.binding.counts.context_miss


@pytest.mark.parametrize(("row", "id"), [(ABSENT, 7), (ROW, 8), (ROW, True), (ROW, "7")])
def test_missing_rows_and_what_is_no_id_are_the_plans(row: Any, id: Any) -> None:
    """The plan knows what to raise, and counts."""
    world = world_with(row)

    found = entity_at_hand(world.identity_map, id)

    assert found is None
    assert 0 == world.identity_map.binding.counts.local_hit


@pytest.mark.parametrize("id", [7.0, True])
def test_what_only_equals_an_id_finds_no_entity(id: Any) -> None:
    """Python takes them for one key: with the entity loaded it would be found, without it be refused."""
    world = world_with((1, b"one", b""))
    held = [world.unit.adopt(number, [number, b"n", b""], STORED, 0.0) for number in (1, 7)]

    found = entity_at_hand(world.unit, id)

    assert found is None
    assert held == [entity_at_hand(world.unit, number) for number in (1, 7)]


def test_a_stale_entity_that_waits_to_be_deleted_is_not_given_out() -> None:
    """A row in the process says nothing of what its context is about to do."""
    world = world_with(ROW)
    entity = entity_at_hand(world.unit, 7)
    entity.delete()
    world.owner.make_stale()
    counts = world.unit.binding.counts
    before = (counts.context_miss, counts.local_hit)

    found = entity_at_hand(world.unit, 7)

    assert found is None
    # the plan looks again, and counts
    assert before == (counts.context_miss, counts.local_hit)
    assert entity is entity_at_hand(world.unit, 7, True)


def test_a_stale_entity_is_refreshed_in_place() -> None:
    """One row is one object, also after a transaction made it stale."""
    world = world_with(ROW)
    first = entity_at_hand(world.identity_map, 7)
    world.unit_of_work.make_stale()
    local = world.identity_map.binding.local
    assert local is not None
    local.put(7, (7, b"newer", b""), local.mark(7))

    again = entity_at_hand(world.identity_map, 7)

    assert first is again
    assert "newer" == first.name
