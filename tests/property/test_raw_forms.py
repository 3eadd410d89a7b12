"""The portable raw form of any value: it passes through a record, a decoder and a real column, and stays the value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from devstack.state import StackState
from fluxaorm.entity import Field, UInt64
from fluxaorm.plans.streams.async_record import AsyncRecord, RowChange, decode, encode, raw_values
from fluxaorm.plans.streams.row_coder import RowCoder
from tests.support.insides import core
from tests.support.kind_entities import made
from tests.support.value_paths import DRIVERS, SERVERS, ValuePath, database_at, open_path, redis_at
from tests.support.value_strategies import EVERY_COLUMN
from tests.unit.entity.cases import same

COLUMNS = {f"c{at}": column for at, column in enumerate(EVERY_COLUMN)}
RawEntity = made(
    "RawEntity",
    {"id": UInt64, **{name: column.hint | None for name, column in COLUMNS.items()}},
    {name: Field(default=None, **column.options) for name, column in COLUMNS.items()},
)
ROWS = st.fixed_dictionaries({name: st.none() | column.values for name, column in COLUMNS.items()})


@pytest.fixture(scope="module", params=[(server, DRIVERS[server]) for server in SERVERS], ids=SERVERS)
def paths(
    request: pytest.FixtureRequest, stack: StackState, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[ValuePath]]:
    """An engine for each driver of a server, over the same table."""
    server, drivers = request.param
    with ExitStack() as opened:
        redis = opened.enter_context(redis_at(stack))
        url = opened.enter_context(database_at(server, stack, tmp_path_factory.mktemp("raw")))
        yield [opened.enter_context(open_path(url, server, driver, redis, (RawEntity,))) for driver in drivers]


@settings(max_examples=25, deadline=None, phases=[Phase.generate])
@given(row=ROWS)
def test_a_raw_value_is_the_value_to_decoders_and_columns(paths: list[ValuePath], row: dict[str, Any]) -> None:
    """A consumer writes what the flush had, and readers lay it over rows, whatever the column and the driver."""
    for path in paths:
        provider = path.provider(RawEntity)
        binding = core(path.engine).binding_of("RawEntity")
        columns = binding.schema.columns
        entity = path.do(provider.new(path.context(), **row))
        raw = _through_a_record(raw_values(columns, dict(enumerate(entity._row))))
        coded = _through_a_record(RowCoder(columns).values(entity._row))
        assert [(name, type(form), form) for name, form in raw.items()] == [
            (name, type(form), form) for name, form in coded.items()
        ]
        for column in columns:
            value, form = row.get(column.attribute, entity.id), raw[column.name]
            read = None if form is None else binding.decoders[column.index](form)
            assert _is_same(value, getattr(read, "value", read)), (column.name, value, form)

        names = ", ".join(map(binding.dialect.quote, raw))
        sql = f"INSERT INTO {binding.quoted_table} ({names}) VALUES ({', '.join('?' * len(raw))})"
        path.do(path.context().mysql().exec(sql, *raw.values()))

        stored = path.do(provider.get_by_id(path.context(), entity.id))
        for name, value in row.items():
            assert _is_same(value, getattr(stored, name)), (name, value, raw[name])


def _through_a_record(values: dict[str, Any]) -> dict[str, Any]:
    record = AsyncRecord(
        database="", pool="default", table="raw", token="0", at=0, changes=[RowChange("i", 1, values)], keys={}, meta={}
    )
    return decode(encode(record)).changes[0].values


def _is_same(value: Any, read: Any) -> bool:
    # a generated enum's members are its texts
    return value is read or same(value, read) or (isinstance(value, str) and isinstance(read, str) and value == read)
