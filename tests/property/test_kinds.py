"""Any definition and any values: what was written by one driver is what all drivers, protocols and caches read.

The rows of an example are written by one drawn way and read by all others of the same server. A failure names its
column and value; making the rest of the row small would take longer than CI waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from devstack.state import StackState
from fluxaorm.entity import Field, UInt64
from fluxaorm.query.query import Query
from tests.support.kind_entities import CACHES, made
from tests.support.redis_servers import RedisServer
from tests.support.value_paths import DRIVERS, SERVERS, WRITERS, ValuePath, database_at, open_path, redis_at
from tests.support.value_strategies import EVERY_COLUMN, Drawn, definitions
from tests.unit.entity.cases import same

pytestmark = pytest.mark.slow
SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
COLUMNS = {f"c{at}": column for at, column in enumerate(EVERY_COLUMN)}
WIDE = {
    cache: made(
        f"{cache}WideEntity",
        {"id": UInt64, **{name: column.hint | None for name, column in COLUMNS.items()}},
        {name: Field(default=None, **column.options) for name, column in COLUMNS.items()},
        **options,
    )
    for cache, options in CACHES.items()
}
ROWS = st.lists(
    st.fixed_dictionaries({name: st.none() | column.values for name, column in COLUMNS.items()}), min_size=1, max_size=2
)


@dataclass
class Server:
    """A database, its Redis, and an engine for each driver, all over the same tables."""

    name: str
    url: str
    redis: RedisServer
    paths: dict[str, ValuePath]


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, stack: StackState, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Each server, with every driver at once."""
    name: str = request.param
    directory: Path = tmp_path_factory.mktemp("values")
    with ExitStack() as opened:
        redis = opened.enter_context(redis_at(stack))
        url = opened.enter_context(database_at(name, stack, directory))
        entities = tuple(WIDE.values())
        paths = {
            driver: opened.enter_context(open_path(url, name, driver, redis, entities)) for driver in DRIVERS[name]
        }
        yield Server(name, url, redis, paths)


@settings(max_examples=200, deadline=None, phases=[Phase.generate])
@given(data=st.data())
def test_any_value_is_read_by_every_driver_as_one_of_them_wrote_it(server: Server, data: st.DataObject) -> None:
    """Whatever the value, whoever wrote it, by whatever statement, from whatever cache."""
    rows = data.draw(ROWS, label="rows")
    writer = server.paths[data.draw(st.sampled_from(sorted(server.paths)), label="driver")]
    way = WRITERS[data.draw(st.sampled_from(sorted(WRITERS)), label="way")]
    entity = WIDE[data.draw(st.sampled_from(sorted(WIDE)), label="cache")]
    asked = data.draw(st.sampled_from([name for name, column in COLUMNS.items() if column.compared]), label="asked")

    ids = [found.id for found in way(writer, writer.provider(entity), rows, [{}] * len(rows))]

    for driver in data.draw(st.permutations(sorted(server.paths)), label="readers"):
        path = server.paths[driver]
        provider, fields = path.provider(entity), path.provider(entity).fields
        for _ in range(2):
            for id, row in zip(ids, rows, strict=True):
                _assert_same(COLUMNS, row, path.do(provider.get_by_id(path.context(), id)))
        within = Query().filter(getattr(fields, asked) == rows[0][asked], fields.id.is_in(ids))
        found = path.do(provider.search_ids(path.context(), within.sort_by_asc(fields.id)))
        assert [id for id, row in zip(ids, rows, strict=True) if _is_same(rows[0][asked], row[asked])] == found


@pytest.mark.parametrize("server_name", SERVERS)
@settings(max_examples=25, deadline=None, phases=[Phase.generate], suppress_health_check=SLOW)
@given(data=st.data())
def test_any_definition_holds_any_value(
    server_name: str, stack: StackState, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever columns stand beside each other, by themselves, in lists and in groups."""
    columns, hints, defaults = data.draw(definitions(), label="definition")
    row = st.fixed_dictionaries({name: column.values for name, column in columns.items()})
    rows = data.draw(st.lists(row, min_size=1, max_size=3), label="rows")
    driver = data.draw(st.sampled_from(DRIVERS[server_name]), label="driver")
    entity = made("ThingEntity", {"id": UInt64, **hints}, defaults, redis_cache=True)

    with (
        redis_at(stack) as redis,
        database_at(server_name, stack, tmp_path_factory.mktemp("any")) as url,
        open_path(url, server_name, driver, redis, (entity,)) as path,
    ):
        provider = path.provider(entity)
        ids = [found.id for found in WRITERS["INSERT"](path, provider, rows, ())]
        for _ in range(2):
            found = path.do(provider.get_by_ids(path.context(), *ids))
            for expected, thing in zip(rows, found, strict=True):
                _assert_same(columns, expected, thing)


def _assert_same(columns: dict[str, Drawn], row: dict[str, Any], entity: Any) -> None:
    for name, column in columns.items():
        read = getattr(entity, name)
        assert _is_same(row[name], read), (name, column.hint, column.options, row[name], read)


def _is_same(value: Any, read: Any) -> bool:
    # a generated enum's members are its texts
    return value is read or same(value, read) or (isinstance(value, str) and isinstance(read, str) and value == read)
