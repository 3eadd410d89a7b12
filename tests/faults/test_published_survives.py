"""Asynchronous flushes while brokers die, one and then all: what returned is applied, once; what was refused is not."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import AsyncFlushUnknownError, KafkaUnavailableError, PostCommitError
from fluxaorm.engine import Engine
from fluxaorm.plans.streams.async_record import decode
from tests.support.flush_records import NOTES, TABLE, CounterEntity, NoteEntity
from tests.support.insides import pending, rename_async_flush
from tests.support.kafka_brokers import OwnKafka, StartKafka
from tests.support.measured import Measured
from tests.support.redis_servers import RedisServer
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.slow]
THREADS, TASKS = 3, 8
ENOUGH = 60
"""Flushes of each kind, one record or two, that return before the broker dies, and after it."""
NOT_REPLICATED = 0.5
"""Seconds that a leader is alone: in this time whoever does not wait for the replicas would return."""
DOUBTS, REFUSALS, RETURNS = 3, 6, 10
"""Flushes that at least end so while brokers are away, and that return when they are back."""
TABLES = (TABLE, NOTES)


class Load:
    """Threads and tasks that each flush new rows, one after another, until they are told to end.

    Of even numbers a counter and a note, which are two records; of odd ones a counter. A row's id is the number.
    What was refused threads flush again, since the changes are still there; tasks give it up.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._counters: Any = engine.provider(CounterEntity)
        self._notes: Any = engine.provider(NoteEntity)
        self._numbers = itertools.count(1)
        self._ending = threading.Event()
        self.ends: list[tuple[int, str]] = []
        """The number of each flush that has ended, and how."""
        self.flushed_again = 0
        """How many had been refused before."""
        self.errors: list[BaseException] = []

    def ended(self, how: str) -> set[int]:
        """The numbers of the flushes that have ended so."""
        return {number for number, end in list(self.ends) if end == how}

    def returned(self) -> tuple[int, int]:
        """How many of one record, and how many of two, have returned."""
        numbers = self.ended("returned")
        of_two = sum(number % 2 == 0 for number in numbers)
        return len(numbers) - of_two, of_two

    @contextmanager
    def running(self) -> Iterator[None]:
        """All of them, within the block."""
        threads = [threading.Thread(target=self._flush_again) for _ in range(THREADS)]
        threads.append(threading.Thread(target=lambda: asyncio.run(self._tasks())))
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ending.set()
            for thread in threads:
                thread.join()

    def _flush_again(self) -> None:
        while not self._ending.is_set():
            number = next(self._numbers)
            with self._engine.new_context() as ctx:
                with self._noting(ctx, number):
                    self._counters.new_with_id(ctx, number, name=f"n{number}", number=number)
                    if number % 2 == 0:
                        self._notes.new_with_id(ctx, number, text=f"n{number}")
                    ctx.flush_async(True)
                while pending(ctx) and not self._ending.is_set():
                    self.flushed_again += 1
                    with self._noting(ctx, number):
                        ctx.flush_async(True)
                self._give_up(ctx, number)

    async def _tasks(self) -> None:
        await asyncio.gather(*(self._flush_again_async() for _ in range(TASKS)))

    async def _flush_again_async(self) -> None:
        while not self._ending.is_set():
            number = next(self._numbers)
            async with self._engine.new_async_context() as ctx:
                with self._noting(ctx, number):
                    await self._counters.new_with_id(ctx, number, name=f"n{number}", number=number)
                    if number % 2 == 0:
                        await self._notes.new_with_id(ctx, number, text=f"n{number}")
                    await ctx.flush_async(True)
                self._give_up(ctx, number)

    def _give_up(self, ctx: Any, number: int) -> None:
        """What is refused until now; each flush has rows of its own."""
        if pending(ctx):
            self.ends.append((number, "refused"))
            ctx.clear_flush()

    @contextmanager
    def _noting(self, ctx: Any, number: int) -> Iterator[None]:
        try:
            yield
        except KafkaUnavailableError:
            if len(pending(ctx)) != 2 - number % 2:
                self.errors.append(AssertionError(f"{number} was refused, and not all of its changes are kept"))
        except AsyncFlushUnknownError:
            self.ends.append((number, "unknown"))
            ctx.clear_flush()
        except PostCommitError:
            # the caches could not be told, the records stand
            self.ends.append((number, "returned"))
        except BaseException as error:  # noqa: BLE001 - the test tells it
            self.errors.append(error)
            self._ending.set()
            ctx.clear_flush()
        else:
            self.ends.append((number, "returned"))


@contextmanager
def opened(own: OwnKafka, database: Database, valkey: RedisServer) -> Iterator[tuple[Engine, str, str]]:
    """An engine with its tables, the topic of its flushes and that of the failed ones."""
    topic, failed = own.topic("flushes"), own.topic("failed")
    registry = fx.Registry()
    registry.register_mysql(database.url)
    registry.register_redis(valkey.host_port, 0, options=fx.RedisOptions(namespace=valkey.namespace))
    registry.register_kafka(own.bootstrap.split(","), "events")
    registry.register_async_flush("events")
    registry.register_entity(CounterEntity, NoteEntity)
    with registry.validate() as engine:
        rename_async_flush(engine, topic, failed, own.name("flushes"))
        with engine.new_context() as ctx:
            for alter in fx.get_alters(ctx):
                if alter.pool == "default":
                    alter.exec(ctx)
        yield engine, topic, failed


def applied(engine: Engine, database: Database, end: int) -> dict[str, list[int]]:
    """Table -> ids, once a consumer has done all that is published, up to the topic's end."""
    with engine.async_flush_consumer() as consumer:

        def is_done() -> bool:
            _ = consumer.consume(block_seconds=0.5)
            # a transaction that was open then has ended behind it
            return all(upto >= end for (upto,) in database.execute("SELECT applied FROM _fluxa_async_offsets"))

        wait_until(is_done, "everything to be applied")
    return {table: [id for (id,) in database.execute(f"SELECT id FROM {table} ORDER BY id")] for table in TABLES}


def published(own: OwnKafka, topic: str) -> dict[str, Counter[int]]:
    """Table -> how often each id is in the topic."""
    found: dict[str, Counter[int]] = {table: Counter() for table in TABLES}
    for value in own.values(topic):
        assert value is not None
        record = decode(value)
        found[record.table].update(change.id for change in record.changes)
    return found


def kill_with_what_only_it_has(own: OwnKafka, number: int) -> None:
    """While the others are silent it takes records that it may not acknowledge; they die with it."""
    others = [broker for broker in own.brokers if broker is not own.brokers[number]]
    for broker in others:
        broker.pause()
    time.sleep(NOT_REPLICATED)
    own.brokers[number].kill()
    for broker in others:
        broker.resume()


def lose_all(own: OwnKafka, topic: str, load: Load) -> None:
    """First a leader is left alone, which acknowledges nothing; when it dies as well, nobody is there to ask."""
    leader = wait_until(lambda: own.leader(topic) + 1, "a leader") - 1
    for number, broker in enumerate(own.brokers):
        if number != leader:
            broker.kill()
    wait_until(lambda: load.errors or len(load.ended("unknown")) >= DOUBTS, "flushes of which nobody knows")
    own.cluster.kill()

    def are_refused() -> bool:
        refused = load.ended("refused")
        of_two = sum(number % 2 == 0 for number in refused)
        return min(of_two, len(refused) - of_two) >= REFUSALS

    wait_until(lambda: load.errors or (load.flushed_again and are_refused()), "flushes that are refused")


def test_an_asynchronous_flush_that_returned_survives_the_death_of_brokers(
    private_kafka: StartKafka,
    mariadb_database: Database,
    valkey: RedisServer,
    measured: Measured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever was told "stored" has told a customer so; whoever was told "not stored" does it again."""
    # how long nobody knows what becomes of a record, and of a transaction that lost its producer
    monkeypatch.setattr("fluxaorm.pools.kafka.transactions.TRANSACTION_SECONDS", 2.0)
    own = private_kafka(3, "transaction.abort.timed.out.transaction.cleanup.interval.ms=500")
    with opened(own, mariadb_database, valkey) as (engine, topic, failed):
        wait_until(lambda: own.in_sync(topic) == {0, 1, 2}, "all replicas")
        load = Load(engine)

        with load.running():
            wait_until(lambda: load.errors or min(load.returned()) >= ENOUGH, "flushes before the death")
            kill_with_what_only_it_has(own, own.leader(topic))
            before = load.returned()
            wait_until(
                lambda: (
                    load.errors or all(now >= then + ENOUGH for now, then in zip(load.returned(), before, strict=True))
                ),
                "flushes after the death",
            )
            lose_all(own, topic, load)
            own.cluster.start()
            before = load.returned()
            wait_until(
                lambda: (
                    load.errors or all(now >= then + RETURNS for now, then in zip(load.returned(), before, strict=True))
                ),
                "flushes after all brokers were away",
            )
        rows = applied(engine, mariadb_database, own.ends(topic)[0])
        found = published(own, topic)
        put_aside = own.values(failed)

    measured(
        "flushes while a broker dies", f"{dict(Counter(how for _, how in load.ends))}, {load.flushed_again} tried again"
    )
    returned, refused, unknown = (load.ended(how) for how in ("returned", "refused", "unknown"))
    assert [] == load.errors
    assert {1} == {*found[TABLE].values(), *found[NOTES].values()}
    assert [sorted(found[table]) for table in TABLES] == [rows[table] for table in TABLES]
    assert set() == returned - {*rows[TABLE]}
    assert set() == refused & {*rows[TABLE]}
    assert set() == {*rows[TABLE]} - returned - unknown
    # of two records both are there, or none
    assert [number for number in rows[TABLE] if number % 2 == 0] == rows[NOTES]
    assert [] == put_aside
