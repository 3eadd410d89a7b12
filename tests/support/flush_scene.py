"""Counters that only asynchronous flushes raise, published past the code under test, and a log of what was written.

What it decides: which records there are, and what must have become of them in the end. A trigger of the database notes
each value that a row gets, and when its statement began.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fluxaorm as fx
from devstack.server import Server
from fluxaorm.engine import Engine
from fluxaorm.plans.streams.async_record import AsyncRecord, RowChange, encode, headers_of
from tests.support.flush_records import NOTES, TABLE, insert, update
from tests.support.flush_workers import ENTITIES, Served, Workers, flush_workers
from tests.support.kafka_brokers import OwnKafka
from tests.support.redis_servers import RedisServer
from tests.support.sql_servers import Database, SqlServer
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from confluent_kafka import Producer

TABLES = (TABLE, "MeterEntity", "TallyEntity")
"""Of counters; what concerns a table is in the partition with its position, and notes are in the one behind them."""
ROWS, PARTITIONS = 50, len(TABLES) + 1
POISON_EVERY = 97
NOTE_EVERY = 10
NOBODYS_ROW = 10_000


@dataclass
class Published:
    """What is in the topic."""

    order: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: {table: [] for table in TABLES})
    """Table -> row and value of each change, in the order of the records."""
    counts: Counter[int] = field(default_factory=Counter[int])
    """Row -> its value, which grows by one with each change."""
    notes: list[int] = field(default_factory=list[int])
    poisoned: set[bytes] = field(default_factory=set[bytes])
    """Tokens of records that cannot be applied."""

    @property
    def good(self) -> int:
        """How many records can be applied."""
        return sum(map(len, self.order.values())) + len(self.notes)


@dataclass
class Scene:
    """A database with a log of what was written, a topic, and who applies it."""

    database: Database
    mysql: Server
    kafka: OwnKafka
    served: Served
    workers: Workers
    engine: Engine
    valkey: RedisServer
    published: Published = field(default_factory=Published)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # what is published

    @cached_property
    def _producer(self) -> Producer:
        from confluent_kafka import Producer

        return Producer({"bootstrap.servers": self.kafka.bootstrap, "enable.idempotence": True, "log_level": "0"})

    @cached_property
    def _identity(self) -> str:
        [(identity,)] = self.database.execute("SELECT value FROM _fluxa_meta")
        return str(identity)

    def publish(self, count: int) -> None:
        """Increments, a note now and then, and poison in each partition at least."""
        numbers = list(itertools.islice(self._numbers, count))
        for number in numbers:
            self._increment(number)
            if number % NOTE_EVERY == 0 or number == numbers[-1]:
                self.published.notes.append(number)
                note = RowChange("i", number, {"id": number, "text": str(number)})
                self._send(NOTES, note, f"{number:032x}")
            if number % POISON_EVERY == 0:
                self._poison(number, number % PARTITIONS)
        for partition in range(PARTITIONS):
            self._poison(numbers[-1] * 10 + partition, partition)
        assert 0 == self._producer.flush(60)

    def _increment(self, number: int) -> None:
        row = number % ROWS + 1
        table = TABLES[row % len(TABLES)]
        self.published.counts[row] += 1
        value = self.published.counts[row]
        self.published.order[table].append((row, value))
        self._send(table, update(row, number=value), f"{number:032x}")

    def _poison(self, number: int, partition: int) -> None:
        """A record that cannot be applied, each another kind."""
        table = (*TABLES, NOTES)[partition]
        token = f"{number:016x}{partition + 1:016x}"
        self.published.poisoned.add(token.encode())
        gone = update(NOBODYS_ROW + number, **({"text": "x"} if table == NOTES else {"number": 1}))
        match number % 3:
            case 0:
                self._send(table, gone, token)
            case 1:
                self._send(table, gone, token, value=b"no record")
            case _:
                self._send(table, gone, token, database="another")

    def _send(
        self, table: str, change: RowChange, token: str, *, value: bytes | None = None, database: str | None = None
    ) -> None:
        keys = {"default": [f"fx:{self.served.namespace}:{table}:{change.id}"]} if table == TABLE else {}
        record = AsyncRecord(
            database=database or self._identity,
            pool="default",
            table=table,
            token=token,
            at=0,
            changes=[change],
            keys=keys,
            meta={},
        )
        sent = encode(record) if value is None else value
        headers: dict[str, Any] = {**headers_of(record, sent)}
        partition = (*TABLES, NOTES).index(table)
        self._producer.produce(self.served.topic, sent, table.encode(), partition, headers=headers)
        self._producer.poll(0)

    # what becomes of it

    def found(self) -> dict[int, int]:
        """Row -> the value that look-ups by id find, which fill the caches."""
        with self.engine.new_context() as ctx:
            found: dict[int, int] = {}
            for position, definition in enumerate(ENTITIES[: len(TABLES)]):
                provider: Any = self.engine.provider(definition)
                found |= {each.id: each.number for each in provider.get_by_ids(ctx, *rows_of(position))}
            return found

    def wait_for_all(self, limit: float) -> None:
        """Until everything that is published is applied, or put aside."""
        ends = self._ends()
        wait_until(lambda: self.workers.failures() or self._applied() == ends, "all records to be applied", limit)

    def _ends(self) -> dict[int, int]:
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

    def _applied(self) -> dict[int, int]:
        return dict(self.database.execute("SELECT partition_no, applied FROM _fluxa_async_offsets"))

    def stored(self) -> dict[int, int]:
        """Row -> its value in the database."""
        return dict(self.database.execute(" UNION ALL ".join(f"SELECT id, number FROM {table}" for table in TABLES)))

    def notes(self) -> list[int]:
        """Those that are stored."""
        return [id for (id,) in self.database.execute("SELECT id FROM NoteEntity ORDER BY id")]

    def statements(self, table: str) -> list[list[tuple[int, int]]]:
        """What each statement has written in a table, in order: rows and their values."""
        log = self.database.execute("SELECT at, row_id, number FROM written WHERE of = %s ORDER BY id", table)
        return [
            [(row, value) for _, row, value in group] for _, group in itertools.groupby(log, key=lambda line: line[0])
        ]

    def dead_letters(self) -> dict[bytes, set[bytes]]:
        """Token of a record -> ids of the dead letters that it has become."""
        found: defaultdict[bytes, set[bytes]] = defaultdict(set)
        for message in self.kafka.records(self.served.failed_topic):
            headers: dict[str, Any] = dict(message.headers() or ())
            found[headers["fluxa-token"]].add(headers["fluxa-dead-letter-id"])
        return dict(found)

    def handled(self) -> int:
        """How many records have had their after-handler called, once or more."""
        told = self.valkey.command("SCARD", self.served.handled)
        assert isinstance(told, int)
        return told


def rows_of(position: int) -> list[int]:
    """The rows of a table of counters."""
    return [row for row in range(1, ROWS + 1) if row % len(TABLES) == position]


@contextmanager
def opened(mysql: Server, kafka: OwnKafka, valkey: RedisServer, directory: Path) -> Iterator[Scene]:
    """With 50 rows at zero, and no consumer."""
    database = SqlServer("mariadb", mysql.host, mysql.port, "root", "", mysql.version).create_database()
    topic, failed = kafka.topic("flushes", PARTITIONS), kafka.topic("failed")
    group = kafka.name("flushes")
    served = Served(
        database.url, valkey.host_port, valkey.namespace, kafka.bootstrap, topic, failed, group, str(directory)
    )
    with served.open() as engine, flush_workers(served) as workers:
        with engine.new_context() as ctx:
            for alter in fx.get_alters(ctx):
                alter.exec(ctx)
        _fill(database)
        yield Scene(database, mysql, kafka, served, workers, engine, valkey)


def _fill(database: Database) -> None:
    database.execute(
        "CREATE TABLE written "
        "(id int AUTO_INCREMENT PRIMARY KEY, at datetime(6), of varchar(20), row_id int, number int)"
    )
    for position, table in enumerate(TABLES):
        for row in rows_of(position):
            values = insert(row, f"n{row}").values if table == TABLE else {"id": row, "number": 0}
            marks = ", ".join(["%s"] * len(values))
            database.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", *values.values())
        database.execute(
            # NOW is when the statement began
            f"CREATE TRIGGER note_{table} AFTER UPDATE ON {table} FOR EACH ROW "
            f"INSERT INTO written (at, of, row_id, number) VALUES (NOW(6), '{table}', NEW.id, NEW.number)"
        )
