"""The consumer that the explorer of asynchronous flushes runs: the real work on one partition, record by record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from fluxaorm.dialects.async_offsets import ALL_APPLIED
from fluxaorm.plans.effects import Effect, FetchRows, Plan
from fluxaorm.plans.state.unit_of_work import UnitOfWork
from fluxaorm.plans.streams.applying import Account, Applier, TopicPartition
from fluxaorm.plans.streams.arrivals import Arrival, Destination
from fluxaorm.plans.streams.async_record import AsyncRecord, RowChange
from fluxaorm.plans.streams.partition_work import IDLE_SECONDS, AppliedCounts, Aside, PartitionWork, first_offset
from fluxaorm.plans.streams.records import KafkaRecord
from fluxaorm.plans.streams.rendering import RenderedTable
from tests.support.async_states import TOPIC_ID
from tests.support.explorer_states import ID, FixedTokens


class AskGroup(Effect[int]):
    """The group's offset."""

    __slots__ = ()


class TakeRecord(Effect[int]):
    """The writer whose record lies at this offset; waits until there is one, or, with 0 for an answer, a minute.

    ``applied``: what the consumer expects of the database. With the offset it is all that it remembers of before.
    """

    __slots__ = ("applied", "offset")

    def __init__(self, offset: int, applied: int) -> None:
        self.offset, self.applied = offset, applied


class CommitGroup(Effect[None]):
    """Tell the group how far it is."""

    __slots__ = ("offset",)

    def __init__(self, offset: int) -> None:
        self.offset = offset


def consume_plan(
    unit_of_work: UnitOfWork,
    columns_of: Callable[[int], dict[str, str]],
    begun: tuple[int, int] | None,
    *,
    at_group: bool = False,
) -> Plan[None]:
    """Apply for ever. ``begun``: offset and applied, of one that has begun; ``at_group``: the weaker beginning."""
    engine: Any = unit_of_work._engine
    place = TopicPartition(engine.async_flush.topic, TOPIC_ID, 0)
    if begun is None:
        committed = yield from AskGroup()
        rows = yield from FetchRows("default", ALL_APPLIED, place.args[:2])
        account = Account(int(rows[0][1]))
        start = committed if at_group else first_offset([account], committed)
    else:
        start, account = begun[0], Account(begun[1])
    binding = engine.binding(None)
    aside = Aside(
        kafka_pool="events",
        topic="failed",
        unknown_grace=600.0,
        clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        monotonic=engine.monotonic,
    )
    applier = Applier(engine, unit_of_work, place)
    dialects = {"default": binding.dialect}
    work = PartitionWork(applier, {"default": account}, start, dialects, aside, AppliedCounts())
    destination = Destination(binding.schema, RenderedTable(binding.schema, binding.dialect), "thing")
    while True:
        writer = yield from TakeRecord(work.position, account.applied)
        if not writer:
            engine.now += IDLE_SECONDS
            yield from work.work_plan()
            continue
        work.add(_arrival(work.position, writer, columns_of(writer), binding.row_key(ID), destination))
        yield from work.work_plan()
        yield from CommitGroup(work.position)


def _arrival(offset: int, writer: int, values: dict[str, str], key: str, destination: Destination) -> Arrival:
    record = AsyncRecord(
        database="db",
        pool="default",
        table="thing",
        token=FixedTokens(writer).take(),
        at=0,
        changes=[RowChange("u", ID, values)],
        keys={"default": [key]},
        meta={},
    )
    source = KafkaRecord("log", key=b"thing", value=b"", partition=0, offset=offset)
    return Arrival(source=source, offset=offset, pool="default", record=record, destination=destination, lane=b"thing")
