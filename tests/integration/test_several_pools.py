"""Entities in two MySQL pools: one flush writes both, a transaction each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Entity, Field, UInt32
from fluxaorm.errors import DuplicateKeyError
from tests.support.shells import Shell
from tests.support.sql_servers import Database, SqlServer


class OrderEntity(Entity):
    """In the default pool."""

    id: UInt32
    number: str = Field(unique=True)


class AuditEntity(Entity, mysql="logs"):
    """In the other."""

    id: UInt32
    text: str = Field(unique=True)


@pytest.fixture
def logs(mysql_server: SqlServer) -> Iterator[Database]:
    """The second pool's database."""
    database = mysql_server.create_database()
    yield database
    database.drop()


@pytest.fixture
def engine(mysql_database: Database, logs: Database, shell: Shell) -> Iterator[fx.Engine]:
    """Two pools on one server, with their tables."""
    registry = fx.Registry()
    registry.register_mysql(mysql_database.url)
    registry.register_mysql(logs.url, "logs")
    registry.register_entity(OrderEntity, AuditEntity)
    engine = registry.validate()
    with engine.new_context() as ctx:
        for alter in fx.get_alters(ctx):
            alter.exec(ctx)
    yield engine
    shell.close(engine)


def written(database: Database, table: str) -> int:
    """Rows of a table, past the code under test."""
    return int(database.execute(f"SELECT COUNT(*) FROM {table}")[0][0])


def new_pair(engine: fx.Engine, shell: Shell, ctx: Any, number: str, text: str) -> None:
    orders: Any = engine.provider(OrderEntity)
    audits: Any = engine.provider(AuditEntity)
    shell.do(orders.new(ctx, number=number))
    shell.do(audits.new(ctx, text=text))


def test_one_flush_writes_to_each_pool_in_a_transaction_of_its_own(
    engine: fx.Engine, shell: Shell, mysql_database: Database, logs: Database
) -> None:
    """Both are open before the first commits, so that what fails in either is written in none."""
    ctx = shell.context(engine)
    new_pair(engine, shell, ctx, "A1", "made A1")
    steps: list[tuple[str, str]] = []
    ctx.register_query_logger(lambda _, entry: steps.append((entry.pool, entry.operation)))

    result = shell.do(ctx.flush())

    assert (2, 1, 1) == (result.inserted, written(mysql_database, "OrderEntity"), written(logs, "AuditEntity"))
    (first, _), (second, _) = [step for step in steps if step[1] == "BEGIN"]
    assert {"default", "logs"} == {first, second}
    expected = [(first, "BEGIN"), (first, "INSERT"), (second, "BEGIN"), (second, "INSERT")]
    assert [*expected, (first, "COMMIT"), (second, "COMMIT")] == steps


def test_what_fails_in_one_pool_is_written_in_none(
    engine: fx.Engine, shell: Shell, mysql_database: Database, logs: Database
) -> None:
    """An order without its audit record, or the other way round, would be half a unit of work."""
    ctx = shell.context(engine)
    new_pair(engine, shell, ctx, "A1", "made A1")
    shell.do(ctx.flush())
    new_pair(engine, shell, ctx, "A2", "made A1")

    with pytest.raises(DuplicateKeyError, match="AuditEntity"):
        shell.do(ctx.flush())

    assert (1, 1) == (written(mysql_database, "OrderEntity"), written(logs, "AuditEntity"))
    assert 2 == len(ctx.pending)
    ctx.clear_flush()
