"""The floor of asynchronous flushes: a plain produce of the same bytes, and multi-row INSERTs on the raw driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import MySQLdb
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from benchmarks.subject import Servers
from benchmarks.subjects.streams_fluxa import A_TRANSACTION, StreamsFluxa
from benchmarks.table import COLUMNS, Row, make_rows
from benchmarks.works import Unused

_INSERT: Final = f"INSERT INTO product ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"
_PATIENCE: Final = 30.0
_BOTH: Final = ("", "_redis")


class StreamsRaw:
    """``topics``: names by what they are for; ``fluxa``: whose records are produced again."""

    name = "raw"

    def __init__(self, topics: Mapping[str, str], fluxa: StreamsFluxa) -> None:
        self._topics, self._fluxa = topics, fluxa
        self._sent: list[None] = []

    def open(self, servers: Servers) -> None:
        self._connection: Any = MySQLdb.connect(
            host=servers.host, port=servers.port, user=servers.user, password=servers.password,
            database=servers.database, charset="utf8mb4",
        )  # fmt: skip
        self._producer = Producer(
            {"bootstrap.servers": servers.kafka, "acks": -1, "enable.idempotence": True, "linger.ms": 0}
        )
        self._records = {
            (count, ending): _published(servers, self._topics[topic], self._fluxa, count, ending)
            for ending, topic in zip(_BOTH, ("plain", "cached"), strict=True)
            for count in (1, 1_000)
        }

    def close(self) -> None:
        self._connection.close()

    # publishing

    def flush_async1(self, rows: Sequence[Row]) -> None:
        self._produce(self._records[1, ""])

    def flush_async1_redis(self, rows: Sequence[Row]) -> None:
        self._produce(self._records[1, "_redis"])

    def flush_async1000(self, rows: Sequence[Row]) -> None:
        self._produce(self._records[1_000, ""])

    def async64_flush_async(self, rows: Sequence[Row]) -> None:
        self._produce(self._records[1, ""] * len(rows))

    def async64_flush_async_redis(self, rows: Sequence[Row]) -> None:
        self._produce(self._records[1, "_redis"] * len(rows))

    def _produce(self, records: Sequence[Message]) -> None:
        self._sent.clear()
        for record in records:
            self._producer.produce(
                self._topics["raw"], record.value(), record.key(), headers=record.headers(), on_delivery=self._note
            )
        while len(self._sent) < len(records):
            self._producer.poll(1)

    def _note(self, error: Any, message: Any) -> None:
        assert error is None, error
        self._sent.append(None)

    # writing

    def consume10000(self, rows: Sequence[Row]) -> None:
        cursor = self._connection.cursor()
        for first in range(0, len(rows), A_TRANSACTION):
            cursor.executemany(_INSERT, rows[first : first + A_TRANSACTION])
            self._connection.commit()
        cursor.close()

    def prepare_consume(self, rows: Sequence[Row]) -> None:
        pass

    prepare_consume_redis = prepare_consume
    consume10000_redis = consume1000 = consume10000


def _published(servers: Servers, topic: str, fluxa: StreamsFluxa, count: int, ending: str) -> list[Message]:
    """The records that a flush of so many new rows makes."""
    consumer = Consumer({"bootstrap.servers": servers.kafka, "group.id": f"{topic}_raw", "enable.auto.commit": False})
    try:
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), _PATIENCE)
        getattr(fluxa, f"flush_async1{ending}")(make_rows(Unused.take(count), count))
        _, now = consumer.get_watermark_offsets(TopicPartition(topic, 0), _PATIENCE)
        consumer.assign([TopicPartition(topic, 0, end)])
        return consumer.consume(now - end, _PATIENCE)
    finally:
        consumer.close()
