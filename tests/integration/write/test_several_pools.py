"""Entities in two MySQL pools: one flush writes both, a transaction each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Entity, Field, Reference, UInt32
from fluxaorm.errors import DuplicateKeyError, QueryError
from tests.support.insides import pending
from tests.support.shells import Shell
from tests.support.sql_servers import Database, SqlServer


class OrderEntity(Entity):
    """In the default pool."""

    id: UInt32
    number: str = Field(unique=True)


class AuditEntity(Entity, mysql="logs"):
    """In the other; refers to the first."""

    id: UInt32
    text: str = Field(unique=True)
    order: Reference[OrderEntity] | None = None


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
    registry.register_entity(AuditEntity, OrderEntity)
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
    assert 2 == len(pending(ctx))
    ctx.clear_flush()


@contextmanager
def in_block(shell: Shell, ctx: Any) -> Iterator[None]:
    """A transaction of either shell."""
    opened = ctx.transaction()
    opened.__enter__() if shell.name == "sync" else shell.do(opened.__aenter__())
    yield
    opened.__exit__(None, None, None) if shell.name == "sync" else shell.do(opened.__aexit__(None, None, None))


def committed(ctx: Any) -> list[str]:
    """The pools that commit from now on, in their order."""
    pools: list[str] = []
    ctx.register_query_logger(lambda _, entry: pools.append(entry.pool) if entry.operation == "COMMIT" else None)
    return pools


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a block"])
def test_the_pool_that_is_referred_to_commits_first(engine: fx.Engine, shell: Shell, inside: bool) -> None:
    """When the second COMMIT fails, what the first has written refers to nothing that is not there.

    Whichever pool the context has used first.
    """
    orders: Any = engine.provider(OrderEntity)
    audits: Any = engine.provider(AuditEntity)
    ctx = shell.context(engine)
    old = shell.do(audits.new(ctx, text="old"))
    shell.do(ctx.flush())
    pools = committed(ctx)

    with in_block(shell, ctx) if inside else nullcontext():
        old = shell.do(audits.get_by_id(ctx, old.id))
        old.text = "older"
        order = shell.do(orders.new(ctx, number="A1"))
        shell.do(audits.new(ctx, text="made A1", order=order))
        shell.do(ctx.flush())

    assert ["default", "logs"] == pools


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a block"])
def test_the_pool_that_refers_deletes_first(engine: fx.Engine, shell: Shell, inside: bool) -> None:
    """As long as a row refers to another, that one stays."""
    orders: Any = engine.provider(OrderEntity)
    audits: Any = engine.provider(AuditEntity)
    ctx = shell.context(engine)
    order = shell.do(orders.new(ctx, number="A1"))
    audit = shell.do(audits.new(ctx, text="made A1", order=order))
    shell.do(ctx.flush())
    pools = committed(ctx)

    with in_block(shell, ctx) if inside else nullcontext():
        order = shell.do(orders.get_by_id(ctx, order.id))
        audit = shell.do(audits.get_by_id(ctx, audit.id))
        order.delete()
        audit.delete()
        shell.do(ctx.flush())

    assert ["logs", "default"] == pools


def test_a_search_does_not_follow_a_reference_into_another_pool(engine: fx.Engine, shell: Shell) -> None:
    """No server joins what is in two databases: the error says how to ask."""
    audits: Any = engine.provider(AuditEntity)
    ctx = shell.context(engine)
    query = fx.Query().filter(audits.fields.order.number == "A1")

    asks: list[Callable[[], Any]] = [
        lambda: audits.search_many(ctx, query),
        lambda: audits.update_where(ctx, query, text="x"),
        lambda: audits.delete_where(ctx, query),
        lambda: audits.select(ctx, fx.Query(), audits.fields.order.number),
    ]
    for ask in asks:
        with pytest.raises(QueryError, match="OrderEntity is in MySQL pool 'default', AuditEntity in 'logs'"):
            shell.do(ask())
