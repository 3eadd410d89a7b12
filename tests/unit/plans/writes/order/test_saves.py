"""In which order rows are saved: the same for everybody, and never one that could be seen in the result."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fluxaorm.entity.schema import IndexSchema
from fluxaorm.plans.writes.order.saves import in_lock_order, key_of
from tests.support.insides import row_of
from tests.unit.plans.world import World

NAME = IndexSchema(name="name", fields=("name",), columns=("name",), positions=(1,), unique=True)
NOTE = IndexSchema(name="note", fields=("note",), columns=("note",), positions=(2,), unique=True)
NAMES = st.sampled_from(["a", "A", "a ", "b", "B", "c", "d", "é", "e", "É", "\x00a"])


def _rows(*names: str) -> list[Any]:
    world = World()
    return [world.identity_map.loose_entity([number, name, ""]) for number, name in enumerate(names, start=1)]


def _ordered(entities: list[Any], sets: list[Any] | None = None) -> list[Any]:
    keys = [key_of(entity, False, [NAME]) for entity in entities]
    return list(in_lock_order(entities, keys, sets or [0] * len(entities)))


def _collated(text: str) -> str:
    """As a collation may see it: without case, accents, spaces at the end and what it ignores."""
    return text.lower().rstrip(" ").replace("é", "e").replace("\x00", "")


@given(st.lists(NAMES, max_size=8))
def test_the_row_that_wins_is_the_same_in_either_order(names: list[str]) -> None:
    """Of two rows with one key the later wins, also where only the server knows that it is one."""
    entities = _rows(*names)

    stored = {_collated(entity._row[1]): entity._row[0] for entity in _ordered(entities)}

    assert {_collated(name): number for number, name in enumerate(names, start=1)} == stored


@given(st.lists(st.text("abcXYZ 09", min_size=1, max_size=5), unique_by=_collated), st.randoms())
def test_those_who_save_the_same_rows_write_them_in_the_same_order(names: list[str], chance: Any) -> None:
    """Two that came in opposite orders would each hold what the other one waits for."""
    shuffled = chance.sample(names, len(names))

    first, second = ([row_of(entity)[1] for entity in _ordered(_rows(*given))] for given in (names, shuffled))

    assert first == second


def test_rows_that_set_the_same_columns_stay_together() -> None:
    """They share a statement."""
    entities = _rows("d", "c", "b", "a")

    ordered = _ordered(entities, [[1], [1, 2], [1], [1, 2]])

    assert ["b", "d", "a", "c"] == [row_of(entity)[1] for entity in ordered]


def test_rows_with_more_than_one_key_keep_their_order() -> None:
    """Each may meet, under its second key, what another row of the call leaves behind."""
    (entity,) = _rows("a")

    keys = [key_of(entity, own_id, uniques) for own_id, uniques in ((True, [NAME]), (False, [NAME, NOTE]))]

    assert [None, None] == keys
    assert (1,) == key_of(entity, True, [])
    rows = [SimpleNamespace(), SimpleNamespace()]
    assert rows == in_lock_order(rows, [None, ("a",)], [0, 0])
