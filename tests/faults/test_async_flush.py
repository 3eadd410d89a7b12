"""Consumers of async flushes killed and stalled, MySQL and the broker restarted meanwhile: each record exactly once."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

import fluxaorm as fx
from devstack.server import Server
from fluxaorm.plans.streams.async_record import AsyncRecord, RowChange, encode, headers_of
from tests.support.flush_records import NOTES, TABLE, insert, update
from tests.support.flush_workers import Served, Workers, flush_workers
from tests.support.kafka_brokers import OwnKafka, StartKafka
from tests.support.measured import Measured
from tests.support.private_servers import StartServer
from tests.support.redis_servers import RedisServer
from tests.support.sql_servers import Database, SqlServer
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.slow]
RECORDS = int(os.environ.get("FLUXA_ASYNC_FLUSH_RECORDS", "600"))
ROUNDS = int(os.environ.get("FLUXA_ASYNC_FLUSH_ROUNDS", "6"))
ROWS, PARTITIONS, CONSUMERS = 50, 4, 2
STALLED_SECONDS = 3.0
"""Longer than the session of a consumer, so that its partitions go to another one."""


@dataclass
class Scene:
    """A database with a log of what was written, a topic, and who applies it."""

    database: Database
    mysql: Server
    kafka: OwnKafka
    served: Served
    workers: Workers
    chance: random.Random

    def publish(self, first: int, count: int) -> set[int]:
        """Records number ``first`` and following; which of them are poisoned."""
        from confluent_kafka import Producer

        [(identity,)] = self.database.execute("SELECT value FROM _fluxa_meta")
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap, "enable.idempotence": True, "log_level": "0"})
        poisoned: set[int] = set()
        for number in range(first, first + count):
            row = number % ROWS + 1
            changes: list[tuple[str, RowChange]] = [
                (TABLE, update(row, number=number)),
                (NOTES, RowChange("i", number, {"id": number, "text": str(number)})),
            ]
            if number % 97 == 0:
                poisoned.add(number)
                changes.append((TABLE, update(10_000 + number, number=number)))
            for table, change in changes:
                keys = {"default": [f"fx:{self.served.namespace}:{TABLE}:{change.id}"]} if table == TABLE else {}
                record = AsyncRecord(
                    database=str(identity),
                    pool="default",
                    table=table,
                    token=f"{number:032x}",
                    at=0,
                    changes=[change],
                    keys=keys,
                    meta={},
                )
                value = encode(record)
                headers: dict[str, Any] = {**headers_of(record, value)}
                producer.produce(self.served.topic, value, table.encode(), row % PARTITIONS, headers=headers)
        assert 0 == producer.flush(60)
        return poisoned

    def kill(self) -> None:
        """A consumer at any moment; another one takes its place."""
        time.sleep(self.chance.uniform(0.05, 0.5))
        self.workers.kill(self.chance.choice(self.workers.pids))
        self.workers.start()

    def stall(self) -> None:
        """A consumer sleeps until another one has its partitions, and goes on where it was."""
        pid = self.chance.choice(self.workers.pids)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(STALLED_SECONDS)
        os.kill(pid, signal.SIGCONT)

    def restart_mysql(self) -> None:
        """``kill -9`` and back."""
        self.mysql.kill()
        self.mysql.start()

    def restart_broker(self) -> None:
        """The same."""
        self.kafka.brokers[0].kill()
        self.kafka.brokers[0].start()

    def ends(self) -> dict[int, int]:
        """Partition -> its end, as soon as a broker says so again."""
        from confluent_kafka import Consumer, KafkaException, TopicPartition

        consumer = Consumer({"bootstrap.servers": self.kafka.bootstrap, "group.id": "ends", "log_level": "0"})
        places = [TopicPartition(self.served.topic, number) for number in range(PARTITIONS)]

        def asked() -> dict[int, int]:
            try:
                return {place.partition: consumer.get_watermark_offsets(place, 10)[1] for place in places}
            except KafkaException:
                return {}

        try:
            return wait_until(asked, "the ends of the partitions")
        finally:
            consumer.close()

    def applied(self) -> dict[int, int]:
        """Partition -> how far it is applied."""
        return dict(self.database.execute("SELECT partition_no, applied FROM _fluxa_async_offsets"))


@contextmanager
def opened(mysql: Server, kafka: OwnKafka, valkey: RedisServer, seed: int) -> Iterator[Scene]:
    """With 50 rows, and a trigger that notes each value that one of them gets."""
    database = SqlServer("mariadb", mysql.host, mysql.port, "root", "", mysql.version).create_database()
    topic, failed = kafka.topic("flushes", PARTITIONS), kafka.topic("failed")
    served = Served(
        database.url, valkey.host_port, valkey.namespace, kafka.bootstrap, topic, failed, kafka.name("flushes")
    )
    with served.open() as engine, engine.new_context() as ctx:
        for alter in fx.get_alters(ctx):
            alter.exec(ctx)
    for number in range(1, ROWS + 1):
        values = insert(number, f"n{number}").values
        database.execute(f"INSERT INTO CounterEntity ({', '.join(values)}) VALUES (%s, %s, %s, %s)", *values.values())
    database.execute("CREATE TABLE written (id int AUTO_INCREMENT PRIMARY KEY, row_id bigint, number bigint)")
    database.execute(
        "CREATE TRIGGER note AFTER UPDATE ON CounterEntity FOR EACH ROW "
        "INSERT INTO written (row_id, number) VALUES (NEW.id, NEW.number)"
    )
    with flush_workers(served) as workers:
        for _ in range(CONSUMERS):
            workers.start()
        yield Scene(database, mysql, kafka, served, workers, random.Random(seed))


def test_each_record_is_applied_once_and_in_order_whatever_dies(
    private_server: StartServer, private_kafka: StartKafka, valkey: RedisServer, measured: Measured
) -> None:
    """A write that was told to be stored is applied once, in order; only poisoned ones are put aside."""
    options = ("group.min.session.timeout.ms=500", "group.initial.rebalance.delay.ms=0")
    with opened(private_server("mariadb"), private_kafka(1, *options), valkey, seed=11) as scene:
        troubles = [scene.kill, scene.stall, scene.kill, scene.restart_mysql, scene.kill, scene.restart_broker]
        a_round = RECORDS // ROUNDS
        poisoned: set[int] = set()

        for number in range(ROUNDS):
            poisoned |= scene.publish(1 + number * a_round, a_round)
            troubles[number % len(troubles)]()
        ends = scene.ends()
        wait_until(lambda: scene.applied() == ends, "all records to be applied", 120)
        scene.workers.stop()

        done = a_round * ROUNDS
        written: defaultdict[int, list[int]] = defaultdict(list)
        for row, value in scene.database.execute("SELECT row_id, number FROM written ORDER BY id"):
            written[row].append(value)
        last = {number % ROWS + 1: number for number in range(1, done + 1)}
        assert last == dict(scene.database.execute("SELECT id, number FROM CounterEntity"))
        assert [(number,) for number in range(1, done + 1)] == scene.database.execute(
            "SELECT id FROM NoteEntity ORDER BY id"
        )
        assert all(values == sorted(set(values)) for values in written.values())
        letters = [dict(message.headers() or ()) for message in scene.kafka.records(scene.served.failed_topic)]
        tokens: set[Any] = {letter["fluxa-token"] for letter in letters}
        assert {f"{number:032x}".encode() for number in poisoned} == tokens
        measured("async flushes applied under fire", f"{done} rows, {len(letters)} dead letters")
