"""Moments are UTC, wherever the server stands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.engine import Engine
from fluxaorm.entity import Entity, Field, UInt64
from fluxaorm.query.query import Query
from fluxaorm.query.where import Where
from tests.support.private_servers import StartServer
from tests.support.shells import Shell
from tests.support.sql_servers import SqlServer

pytestmark = pytest.mark.slow
EAST = timezone(timedelta(hours=14))


class MomentEntity(Entity):
    """Times of all sorts."""

    id: UInt64
    at: datetime = Field(fsp=6)
    created_at: datetime
    updated_at: datetime = Field(fsp=3)


@pytest.fixture(params=["mysql", "mariadb"])
def engine(request: pytest.FixtureRequest, private_server: StartServer, shell: Shell) -> Iterator[Engine]:
    """On a server that is fourteen hours ahead."""
    zone = "+14:00" if request.param == "mysql" else "+13:00"
    running = private_server(request.param, f"--default-time-zone={zone}")
    server = SqlServer(request.param, running.host, running.port, "root", "", "")
    registry = fx.Registry()
    registry.register_mysql(server.create_database().url)
    registry.register_entity(MomentEntity)
    made = registry.validate()
    with made.new_context() as ctx:
        for alter in fx.get_alters(ctx):
            alter.exec(ctx)
    yield made
    shell.close(made)


def test_the_servers_time_zone_does_not_matter(engine: Engine, shell: Shell) -> None:
    """A DATETIME has no zone: the library's is UTC when it writes, reads, compares, and sets timestamps by itself."""
    provider: Any = engine.provider(MomentEntity)
    ctx = shell.context(engine)
    moment = datetime(2024, 2, 29, 13, 59, 59, 999999, EAST)
    before = datetime.now(UTC).replace(microsecond=0)

    entity = shell.do(provider.new(ctx, at=moment))
    shell.do(ctx.flush())
    found = shell.do(provider.search_one(shell.context(engine), Query().filter(provider.fields.at == moment)))

    assert (entity.id, datetime(2024, 2, 28, 23, 59, 59, 999999, UTC)) == (found.id, found.at)
    assert (entity.created_at, entity.updated_at) == (found.created_at, found.updated_at)
    assert before <= found.created_at <= datetime.now(UTC)
    raw = shell.do(
        provider.search_ids(shell.context(engine), Query().filter_where(Where("at = '2024-02-28 23:59:59.999999'")))
    )
    assert [entity.id] == raw
