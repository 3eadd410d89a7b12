"""Id look-ups that AsyncContexts of one engine make in the same tick: what goes over the wire, and who gets what."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest

from fluxaorm.context import AsyncContext
from fluxaorm.engine import Engine
from fluxaorm.errors import ContextMisuseError, EntityNotFoundError, MySQLError
from fluxaorm.observe.query_log import QueryLogEntry
from tests.support import shop
from tests.support.insides import known_ids
from tests.support.redis_servers import RedisServer
from tests.support.shells import Shell, open_shell
from tests.support.shop_engines import Shop, open_engine
from tests.support.sql_servers import Database


@pytest.fixture
def asyncio_shell() -> Iterator[Shell]:
    """Only asyncio merges."""
    with open_shell("asyncio") as shell:
        yield shell


@pytest.fixture
def merging(mysql_database: Database, valkey: RedisServer, asyncio_shell: Shell) -> Iterator[Shop]:
    """A shop with 20 users and 20 counters, which are not cached."""
    engine = open_engine(mysql_database.url, valkey.host_port, valkey.namespace)
    made = Shop(engine, asyncio_shell, mysql_database.url)
    with engine.new_context() as ctx:
        for number in range(1, 21):
            made.users.new_with_id(ctx, number, name=f"User {number}", email=f"user{number}@example.com")
            made.counters.new_with_id(ctx, number, label=str(number))
        ctx.flush()
    yield made
    asyncio_shell.close(engine)


class Observed:
    """Contexts whose query logs are kept together."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.entries: list[QueryLogEntry] = []

    def context(self) -> AsyncContext:
        ctx = self._engine.new_async_context()
        ctx.register_query_logger(self.note)
        return ctx

    def note(self, ctx: Any, entry: QueryLogEntry) -> None:
        self.entries.append(entry)

    @property
    def sent(self) -> list[tuple[str, str]]:
        return [(entry.store, entry.operation) for entry in self.entries]


def test_look_ups_of_many_contexts_cost_one_statement(merging: Shop) -> None:
    """A thousand requests at once cost a handful of statements, each caller has its own entity in its own context."""
    observed = Observed(merging.engine)
    contexts = [observed.context() for _ in range(20)]

    found = merging.shell.together([merging.counters.get_by_id(ctx, id) for id, ctx in enumerate(contexts, start=1)])

    assert [("mysql", "SELECT")] == observed.sent
    assert 20 == observed.entries[0].rows
    assert [str(id) for id in range(1, 21)] == [counter.label for counter in found]
    assert [{id} for id in range(1, 21)] == [known_ids(ctx, merging.counters) for ctx in contexts]


def test_look_ups_through_redis_cost_one_mget(merging: Shop) -> None:
    """Cold: look, lease, read, fill; warm: one look."""
    cold, warm = Observed(merging.engine), Observed(merging.engine)

    merging.shell.together([merging.users.get_by_id(cold.context(), id) for id in range(1, 21)])
    found = merging.shell.together([merging.users.get_by_id(warm.context(), id) for id in range(1, 21)])

    assert [("redis", "MGET"), ("redis", "SET"), ("mysql", "SELECT"), ("redis", "FCALL")] == cold.sent
    assert [("redis", "MGET")] == warm.sent
    assert 20 == warm.entries[0].hits
    assert [f"User {id}" for id in range(1, 21)] == [user.name for user in found]


def test_one_row_for_two_contexts_is_two_entities(merging: Shop) -> None:
    """A change in one request is not seen by another before it is written."""
    contexts = [merging.context() for _ in range(2)]

    one, other = merging.shell.together([merging.users.get_by_id(ctx, 7) for ctx in contexts])
    one.name = "Changed"

    assert ("Changed", "User 7") == (one.name, other.name)


def test_rows_read_together_are_each_contexts_own(merging: Shop) -> None:
    """The same, of many rows at once."""
    contexts = [merging.context() for _ in range(2)]
    merging.do(merging.users.get_by_ids(merging.context(), 7, 8))

    ours, others = merging.shell.together([merging.users.get_by_ids(ctx, 7, 8) for ctx in contexts])
    for user in ours:
        user.name = "Changed"

    assert ["Changed", "Changed"] == [user.name for user in ours]
    assert ["User 7", "User 8"] == [user.name for user in others]


def test_a_look_up_awaited_in_a_transaction_is_in_it(merging: Shop) -> None:
    """What counts is when it is awaited: a transaction that began after the call is not read past."""
    ctx = merging.context()

    async def look_up() -> str:
        called_before = merging.users.get_by_id(ctx, 7)
        async with ctx.transaction():
            await ctx.mysql().exec("UPDATE UserEntity SET name = 'Inside' WHERE id = 7")
            inside: str = (await called_before).name
        return inside

    assert "Inside" == merging.do(look_up())


def test_one_context_gets_one_object_from_concurrent_look_ups(merging: Shop) -> None:
    """gather in one request keeps the identity map whole."""
    ctx = merging.context()

    one, other, several = merging.shell.together(
        [
            merging.users.get_by_id(ctx, 7),
            merging.users.get_by_id(ctx, 7),
            merging.users.get_by_ids(ctx, 8, 7),
        ]
    )

    assert one is other is several[1]


def test_lists_of_ids_are_merged_too_and_keep_their_order(merging: Shop) -> None:
    """Each caller gets what it asked for, in its order, without rows of others."""
    observed = Observed(merging.engine)

    found = merging.shell.together(
        [
            merging.counters.get_by_ids(observed.context(), 3, 1, 999, 2),
            merging.counters.get_by_ids(observed.context(), 2, 20),
            merging.counters.get_by_id(observed.context(), 999),
        ]
    )

    assert [("mysql", "SELECT")] == observed.sent
    assert [[3, 1, 2], [2, 20]] == [[counter.id for counter in counters] for counters in found[:2]]
    assert found[2] is None


def test_a_missing_row_is_only_its_callers_matter(merging: Shop) -> None:
    """``must_get`` beside others raises for the one who asked."""

    async def gathered() -> list[Any]:
        look_ups = [merging.users.must_get_by_id(merging.context(), id) for id in (1, 777, 2)]
        return list(await asyncio.gather(*look_ups, return_exceptions=True))

    found = merging.do(gathered())

    assert [1, EntityNotFoundError, 2] == [
        getattr(each, "id", None) if not isinstance(each, Exception) else type(each) for each in found
    ]


def test_an_id_no_row_can_have_does_not_spoil_the_statement_of_others(merging: Shop) -> None:
    """One hostile request must not fail the requests beside it."""
    observed = Observed(merging.engine)

    found = merging.shell.together([merging.counters.get_by_id(observed.context(), id) for id in (1, 2**70, 2)])

    assert ["1", None, "2"] == [counter and counter.label for counter in found]
    assert [2] == [entry.rows for entry in observed.entries]


def test_a_failing_statement_fails_every_caller_with_its_own_error(merging: Shop) -> None:
    """What one caller adds to its error is none of the others' business."""
    merging.sql("DROP TABLE CounterEntity")

    async def gathered() -> list[Any]:
        look_ups = [merging.counters.get_by_id(merging.context(), id) for id in (1, 2, 3)]
        return list(await asyncio.gather(*look_ups, return_exceptions=True))

    errors = merging.do(gathered())

    assert [MySQLError] * 3 == [type(error) for error in errors]
    assert [1146] * 3 == [error.errno for error in errors]
    assert 3 == len({id(error) for error in errors})


def test_coalescing_can_be_turned_off(merging: Shop, valkey: RedisServer) -> None:
    """Who wants each request's statements apart gets them."""
    apart = open_engine(merging.url, valkey.host_port, valkey.namespace, coalesce=False)
    observed = Observed(apart)
    counters: Any = apart.provider(shop.CounterEntity)

    found = merging.shell.together([counters.get_by_id(observed.context(), id) for id in (1, 2, 3)])
    merging.shell.close(apart)

    assert [("mysql", "SELECT")] * 3 == observed.sent
    assert ["1", "2", "3"] == [counter.label for counter in found]


def test_a_look_up_in_a_transaction_reads_alone(merging: Shop) -> None:
    """It must see the transaction's own rows, which nobody else may get."""
    observed, beside = Observed(merging.engine), Observed(merging.engine)

    async def look_up_beside_a_transaction() -> list[str]:
        ctx = observed.context()
        async with ctx.transaction():
            (await merging.counters.must_get_by_id(ctx, 1)).label = "changed"
            await ctx.flush()
            ctx.clear()
            observed.entries.clear()
            found = await asyncio.gather(
                merging.counters.get_by_id(ctx, 1),
                *(merging.counters.get_by_id(beside.context(), id) for id in (1, 2)),
            )
        return [counter.label for counter in found]

    labels = merging.do(look_up_beside_a_transaction())

    assert ["changed", "1", "2"] == labels
    assert [("mysql", "SELECT")] == beside.sent
    assert [("mysql", "SELECT"), ("mysql", "COMMIT")] == observed.sent


def test_a_metric_counts_a_merged_statement_once(merging: Shop) -> None:
    """Handlers that all contexts share hear of a statement once, contexts with their own hear of it each."""
    shared, own = Observed(merging.engine), [Observed(merging.engine) for _ in range(3)]
    contexts = [each.context() for each in own]
    for ctx in contexts:
        ctx.register_query_logger(shared.note)

    merging.shell.together([merging.counters.get_by_id(ctx, id) for id, ctx in enumerate(contexts, start=1)])

    assert [1, 1, 1] == [len(each.entries) for each in own]
    assert 1 == len(shared.entries)


def test_a_flush_beside_a_merged_look_up_is_refused(merging: Shop) -> None:
    """Look-ups may run together on one context, a flush may not run beside them."""
    ctx = merging.context()

    async def flush_beside_look_ups() -> list[Any]:
        look_ups = [asyncio.ensure_future(merging.users.get_by_id(ctx, id)) for id in (1, 2, 3)]
        await asyncio.sleep(0)
        with pytest.raises(ContextMisuseError):
            await ctx.flush()
        return list(await asyncio.gather(*look_ups))

    found = merging.do(flush_beside_look_ups())

    assert [1, 2, 3] == [user.id for user in found]


def test_a_forked_child_sends_nothing_that_its_parent_asked_for(merging: Shop) -> None:
    """The child starts without look-ups under way; what it asks for itself is merged and answered."""
    ctx = merging.context()

    async def fork_between_look_up_and_statement() -> tuple[Any, int]:
        look_ups = [asyncio.ensure_future(merging.counters.get_by_id(ctx, id)) for id in (1, 2)]
        await asyncio.sleep(0)
        child = os.fork()
        if child == 0:
            # the loop is the parent's: the child takes one of its own
            asyncio.events._set_running_loop(None)
            os._exit(child_finds_its_rows(merging))
        return await asyncio.gather(*look_ups), child

    found, child = merging.do(fork_between_look_up_and_statement())
    _, status = os.waitpid(child, 0)

    assert ["1", "2"] == [counter.label for counter in found]
    assert 0 == os.waitstatus_to_exitcode(status)


def child_finds_its_rows(merging: Shop) -> int:
    """0 when a fresh loop's merged look-ups are its own."""
    observed = Observed(merging.engine)

    async def look_up() -> list[Any]:
        return list(await asyncio.gather(*(merging.counters.get_by_id(observed.context(), id) for id in (11, 12))))

    try:
        found = asyncio.run(look_up())
    except BaseException:  # noqa: BLE001 - the exit code tells
        return 1
    args = [set(entry.args) for entry in observed.entries]
    return 0 if ["11", "12"] == [each.label for each in found] and args == [{11, 12}] else 2
