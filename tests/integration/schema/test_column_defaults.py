"""The DEFAULT of a column is the default of its field: a row that somebody else inserts starts as one of ours does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fluxaorm as fx
from devstack.state import StackState
from fluxaorm.entity import Field, UInt64
from tests.support.insides import core
from tests.support.kind_entities import FIELDS, made
from tests.support.value_paths import SERVERS, ValuePath, database_at, insert, open_path, redis_at
from tests.unit.entity.cases import TargetEntity, same

LONGEST = 300
"""Of a constant here; longer ones say nothing more."""
CONSTANTS = {
    f"{name}_{at}": (case, value)
    for name, case in FIELDS.items()
    for at, (_, value, param) in enumerate(case.taken)
    if case.kind not in ("json", "references") and len(str(param)) <= LONGEST
}
DefaultsEntity: Any = made(
    "DefaultsEntity",
    {"id": UInt64, **{name: case.hint for name, (case, _) in CONSTANTS.items()}},
    {name: Field(default=value, **case.options) for name, (case, value) in CONSTANTS.items()},
)


@pytest.fixture(params=[("mysql", "mysqlclient"), ("mariadb", "mysqlclient"), ("sqlite", "threads")], ids="-".join)
def path(request: pytest.FixtureRequest, stack: StackState, tmp_path: Path) -> Iterator[ValuePath]:
    """Each server."""
    server, driver = request.param
    with (
        redis_at(stack) as redis,
        database_at(server, stack, tmp_path) as url,
        open_path(url, server, driver, redis, (DefaultsEntity, TargetEntity)) as opened,
    ):
        yield opened


def test_a_row_that_others_insert_has_the_defaults_of_the_fields(path: ValuePath) -> None:
    """Every value of every type can be a constant, and the schema diff knows it again."""
    pool = core(path.engine).mysql_pools["default"].sync
    connection = pool.acquire()
    connection.execute("INSERT INTO DefaultsEntity (id) VALUES (1)")
    pool.release(connection)

    entity = path.provider(DefaultsEntity).must_get_by_id(path.context(), 1)

    for name, (case, value) in CONSTANTS.items():
        read = getattr(entity, f"{name}_id" if case.kind == "reference" else name)
        assert same(value, read) or (case.kind in ("enum", "set") and value == read), (case.name, value, read)
    assert [] == fx.get_alters(path.context())


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("default", ["it's \\", "a\0b", "\0"])
def test_a_column_that_is_added_gives_the_rows_that_are_there_its_default(
    stack: StackState, tmp_path: Path, server: str, default: str
) -> None:
    """Whatever the text holds."""
    before = made("ThingEntity", {"id": UInt64}, {})
    after = made("ThingEntity", {"id": UInt64, "name": str}, {"name": default})
    driver = "threads" if server == "sqlite" else "mysqlclient"

    with redis_at(stack) as redis, database_at(server, stack, tmp_path) as url:
        with open_path(url, server, driver, redis, (before,)) as path:
            (old,) = insert(path, path.provider(before), [{}], ())
        with open_path(url, server, driver, redis, (after,)) as path:
            name = path.provider(after).must_get_by_id(path.context(), old.id).name
            left: Any = fx.get_alters(path.context())

    assert (default, []) == (name, left)
