"""Asynchronous flushes: what publishing costs beside a plain produce, and applying beside a plain writer.

``flush`` is the synchronous flush that an asynchronous one replaces; ``fluxaorm_one_by_one`` is our consumer with one
transaction a record. All works are on ``product`` in a database, and topics, of their own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Final

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks.measure import Measurement, measure
from benchmarks.subject import Servers, Subject
from benchmarks.subjects.streams_fluxa import OneByOne, StreamsFluxa, SyncFlush
from benchmarks.subjects.streams_raw import StreamsRaw
from benchmarks.table import DDL, make_rows
from benchmarks.works import Unused, Work

_PATIENCE: Final = 30.0


def measure_streams(servers: Servers, connection: Any, works: Sequence[Work], rounds: int) -> list[Measurement]:
    """Medians by work and subject."""
    with _stage(servers, connection) as (own, topics), ExitStack() as closing:
        fluxa = StreamsFluxa(topics)
        subjects: list[Subject] = [fluxa, SyncFlush(fluxa), OneByOne(fluxa), StreamsRaw(topics, fluxa)]
        for subject in subjects:
            subject.open(own)
            _ = closing.callback(subject.close)
        _check(fluxa, connection, own.database)
        return measure(subjects, works, rounds)


@contextmanager
def _stage(servers: Servers, connection: Any) -> Iterator[tuple[Servers, dict[str, str]]]:
    """A database, and topics by what they are for, which are gone afterwards."""
    mark = uuid.uuid4().hex[:8]
    own = replace(servers, database=f"bench_streams_{mark}")
    topics = {word: f"bench_{mark}_{word}" for word in ("plain", "cached", "failed", "raw")}
    admin = AdminClient({"bootstrap.servers": servers.kafka})
    made = admin.create_topics([NewTopic(name, num_partitions=1) for name in topics.values()])
    for job in made.values():
        job.result(_PATIENCE)
    connection.query(f"CREATE DATABASE `{own.database}` CHARACTER SET utf8mb4")
    connection.query(DDL.replace("CREATE TABLE product", f"CREATE TABLE `{own.database}`.product"))
    try:
        yield own, topics
    finally:
        connection.query(f"DROP DATABASE `{own.database}`")
        for job in admin.delete_topics(list(topics.values())).values():
            job.result(_PATIENCE)


def _check(fluxa: StreamsFluxa, connection: Any, database: str) -> None:
    """What is published and consumed is there; AssertionError where it is not."""
    for ending in ("", "_redis"):
        rows = make_rows(Unused.take(100), 100)
        getattr(fluxa, f"prepare_consume{ending}")(rows)
        getattr(fluxa, f"consume10000{ending}")(rows)
        cursor = connection.cursor()
        cursor.execute(f"SELECT * FROM `{database}`.product WHERE id >= %s ORDER BY id", (rows[0][0],))
        found = cursor.fetchall()
        cursor.close()
        assert [(*row[:6], bool(row[6]), *row[7:]) for row in found] == rows, f"consume10000{ending}"
