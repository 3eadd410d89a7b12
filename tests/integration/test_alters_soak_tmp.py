"""Whatever is declared, the alters bring a real database there and then have nothing left to say."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fluxaorm.alters import split_alters
from fluxaorm.entity.schema import EntitySchema
from tests.support.raw_stores import RawStore
from tests.support.schema_strategies import schemas

PROPERTY = settings(
    max_examples=1500,
    deadline=None,
    # every example empties the database itself
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def _emptied(store: RawStore) -> None:
    store.query("DROP TABLE IF EXISTS `Thing`")


@PROPERTY
@given(before=schemas(), after=schemas())
def test_any_definition_turns_into_any_other(raw_store: RawStore, before: EntitySchema, after: EntitySchema) -> None:
    """Asking again after all alters ran gives nothing, or every deployment would alter for ever."""
    _emptied(raw_store)

    raw_store.apply(before)
    left_before = raw_store.alters(before)
    raw_store.apply(after)
    left_after = raw_store.alters(after)

    assert (left_before, left_after) == ([], [])


@PROPERTY
@given(data=st.data())
def test_what_is_added_to_a_table_with_rows_keeps_them(raw_store: RawStore, data: st.DataObject) -> None:
    """New columns and plain indexes are safe: rows stay, and nothing is left to do."""
    before = data.draw(schemas(addable=True))
    after = data.draw(schemas(before, unique=False, addable=True))
    _emptied(raw_store)
    raw_store.apply(before)
    required = [column.name for column in before.columns[1:] if not column.nullable and not column.has_default]
    assert required == []
    raw_store.query("INSERT INTO `Thing` (`id`) VALUES (7)")
    row = _row(raw_store, before)

    safe, rest = split_alters(raw_store.apply(after))

    assert rest == []
    assert raw_store.alters(after) == []
    assert row == _row(raw_store, before)
    assert len(safe) <= 1


def _row(store: RawStore, schema: EntitySchema) -> list[tuple[Any, ...]]:
    names = ", ".join(f"`{column.name}`" for column in schema.columns)
    return store.query(f"SELECT {names} FROM `Thing` WHERE `id` = 7")
