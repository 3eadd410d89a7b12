"""Applying records of async flushes: their SQL and how far it goes in one transaction. Decides; no I/O.

Each MySQL pool keeps account of a partition in a row of its own. A transaction begins with that row's lock and goes on
only when it says what this consumer expects: one that was stalled while another took its partition over finds another
number, and writes nothing twice. What was committed is known by the same number, whatever became of the connection.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, Protocol

from fluxaorm.dialects.async_offsets import (
    ADVANCE,
    ALL_APPLIED,
    APPLIED,
    failed_offsets,
    failed_text,
    locked_offset_sql,
)
from fluxaorm.errors import MySQLError
from fluxaorm.plans.commits.after_commit import call_handlers_plan, leave_to_background
from fluxaorm.plans.commits.commits import commit_plan
from fluxaorm.plans.effects import (
    Begin,
    ExecResult,
    Execute,
    ExecuteBatch,
    FetchRows,
    Plan,
    Rollback,
    Row,
    Session,
    Statement,
)
from fluxaorm.plans.streams.applied_events import Rows, events_of, rows_before_plan
from fluxaorm.plans.streams.applied_sql import packets, statements_in
from fluxaorm.plans.streams.async_record import statements_of
from fluxaorm.plans.streams.record_intents import RecordIntents
from fluxaorm.plans.streams.rendering import RowsToFind
from fluxaorm.query.own_sql.raw_statements import Reach

if TYPE_CHECKING:
    from fluxaorm.plans.state.engine_port import EnginePort
    from fluxaorm.plans.state.unit_of_work import UnitOfWork
    from fluxaorm.plans.streams.arrivals import Arrival

RECORD_META: Final = "fluxaorm_record"
"""Metadata of the context that after-handlers get: topic, partition and offset of the record, which may come twice."""

logger = logging.getLogger("fluxaorm.async_flush")


class LostPartitionError(Exception):
    """Another consumer, or a transaction of unknown outcome, has moved on what this one has counted on."""


class StatementFailedError(Exception):
    """A statement of some records was refused, or found too few rows; its cause says why. Nothing is written."""


class RowsGoneError(Exception):
    """An UPDATE found fewer rows than it changes."""


class HandlerContext(Protocol):
    """The context that after-handlers get."""

    _meta: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TopicPartition:
    """A partition of a topic that is known by its id."""

    topic: str
    topic_id: str
    partition: int

    @property
    def args(self) -> tuple[str, str, int]:
        """As the statements want them."""
        return self.topic, self.topic_id, self.partition

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]"


@dataclass(slots=True)
class Account:
    """What a MySQL pool says of a partition, as this consumer expects it."""

    applied: int
    failed: set[int] = field(default_factory=set[int])
    """Offsets of dead letters."""


def accounts_plan(engine: EnginePort, pools: Sequence[str], place: TopicPartition) -> Plan[dict[str, Account]]:
    """What each pool says now; a partition that nobody knew begins at 0. MySQLError."""
    accounts: dict[str, Account] = {}
    for pool in pools:
        account = yield from _account_plan(pool, place)
        if account is None:
            # only then: it waits for a consumer that has the row locked
            dialect: Any = engine.mysql_pools[pool].dialect
            _ = yield from Execute(pool, dialect.async_offsets_first_row(), place.args)
            account = yield from _account_plan(pool, place)
        if account is not None:
            accounts[pool] = account
    return accounts


def _account_plan(pool: str, place: TopicPartition) -> Plan[Account | None]:
    for partition, applied, failed in (yield from FetchRows(pool, ALL_APPLIED, place.args[:2])):
        if int(partition) == place.partition:
            return Account(int(applied), set(failed_offsets(failed)))
    return None


class Applier:
    """Applies records of one partition. ``unit_of_work``: a context of the consumer's, for after-handlers."""

    def __init__(self, engine: EnginePort, unit_of_work: UnitOfWork, place: TopicPartition) -> None:
        self._engine, self._unit_of_work, self.place = engine, unit_of_work, place
        self.kept_from = 0
        """Dead letters below this offset need not be remembered: the group has said that it begins behind them."""

    def apply_plan(self, pool: str, account: Account, arrivals: Sequence[Arrival], upto: int) -> Plan[None]:
        """Write records of one MySQL pool in one transaction, which advances its account to ``upto``.

        StatementFailedError, LostPartitionError, CommitUnknownError, and what passes: TryAgainError, MySQLError.
        """
        rows: Rows = {}

        def statements_plan(session: Session) -> Plan[list[Statement]]:
            rows.update((yield from rows_before_plan(self._engine, session, arrivals)))
            return list(_statements(arrivals))

        intents = RecordIntents(self._engine, self.place.partition, arrivals)
        yield from self._transaction_plan(pool, account, upto, account.failed, statements_plan, intents)
        yield from self._finish_plan(intents, arrivals, rows)

    def ends_batch(self, arrival: Arrival) -> bool:
        """Whether what comes behind a record waits for its COMMIT: handlers hear of rows as SQL has left them."""
        if arrival.record is None or arrival.destination is None or not statements_of(arrival.record):
            return False
        return bool(self._engine.binding_of(arrival.destination.schema.name).handlers.after)

    def replay_plan(self, pool: str, account: Account, arrivals: Sequence[Arrival]) -> Plan[None]:
        """Records that were applied before: their caches are told, and their handlers called, once more at most."""
        rows = yield from rows_before_plan(self._engine, pool, arrivals)
        intents = RecordIntents(self._engine, self.place.partition, arrivals)
        yield from intents.intend_plan()
        intents.applied_up_to(min(account.applied, arrivals[-1].offset + 1))
        written = [arrival for arrival in arrivals if arrival.offset not in account.failed]
        yield from self._finish_plan(intents, written, rows)

    def pass_over_plan(self, account: Account, arrival: Arrival) -> Plan[None]:
        """Note a record as a dead letter, which it is already, and take what it left out of the caches."""
        intents = RecordIntents(self._engine, self.place.partition, (arrival,))
        failed = account.failed | {arrival.offset}
        yield from self._transaction_plan(arrival.pool, account, arrival.offset + 1, failed, _nothing_plan, intents)
        yield from self._finish_plan(intents, (), {})

    def advance_plan(self, pool: str, account: Account, upto: int) -> Plan[None]:
        """Advance a pool over records that are none of its own, and over what is no record at all."""
        intents = RecordIntents(self._engine, self.place.partition, ())
        yield from self._transaction_plan(pool, account, upto, account.failed, _nothing_plan, intents)

    def check_plan(self, pool: str, account: Account) -> Plan[None]:
        """LostPartitionError unless a pool's account is as it is expected to be. MySQLError."""
        self._compare(pool, account, (yield from FetchRows(pool, APPLIED, self.place.args)))

    def _transaction_plan(
        self,
        pool: str,
        account: Account,
        upto: int,
        failed: Collection[int],
        statements_plan: Callable[[Session], Plan[list[Statement]]],
        intents: RecordIntents,
    ) -> Plan[None]:
        session = Session(pool)
        kept = {offset for offset in failed if offset >= self.kept_from}
        try:
            yield from Begin(session)
            yield from self._lock_plan(session, account)
            statements = yield from statements_plan(session)
            advance = Statement(ADVANCE, (upto, failed_text(kept), *self.place.args), RowsToFind(1))
            yield from _execute_plan(session, [*statements, advance])
        except BaseException:
            yield from Rollback(session)
            raise
        interruption = yield from commit_plan(self._engine, [session], intents)
        account.applied, account.failed = upto, kept
        intents.applied_up_to(upto)
        if interruption is not None:
            leave_to_background(intents, interruption)
            raise interruption

    def _lock_plan(self, session: Session, account: Account) -> Plan[None]:
        dialect: Any = self._engine.mysql_pools[session.pool].dialect
        rows = yield from FetchRows(session, locked_offset_sql(dialect), self.place.args)
        self._compare(session.pool, account, rows)

    def _compare(self, pool: str, account: Account, rows: Sequence[Row]) -> None:
        if not rows or int(rows[0][0]) != account.applied:
            found = rows[0][0] if rows else "nothing"
            raise LostPartitionError(f"{self.place}: expected {account.applied}, MySQL pool {pool} has {found}")

    def _finish_plan(self, intents: RecordIntents, arrivals: Sequence[Arrival], rows: Rows) -> Plan[None]:
        intents.evict_local()
        # what could not be released is tried again in the background
        _ = yield from intents.release_or_later_plan()
        # without a handler no rows were read
        for arrival in arrivals if rows else ():
            if events := events_of(self._unit_of_work, arrival, rows):
                self._tell_of(arrival)
                for error in (yield from call_handlers_plan(self._unit_of_work, events)):
                    logger.error("an after-handler of %s@%d failed", self.place, arrival.offset, exc_info=error)

    def _tell_of(self, arrival: Arrival) -> None:
        assert arrival.record is not None
        context: Any = self._unit_of_work
        given: HandlerContext = context
        given._meta = {**arrival.record.meta, RECORD_META: f"{self.place}@{arrival.offset}"}


def _statements(arrivals: Sequence[Arrival]) -> Iterator[Statement]:
    """Lane by lane, and in each in order: joint statements of what follows each other in one table."""
    lanes: dict[bytes | str, list[Arrival]] = {}
    for arrival in arrivals:
        lanes.setdefault(arrival.lane, []).append(arrival)
    for lane in lanes.values():
        for _, of_one_table in groupby(lane, key=lambda arrival: id(arrival.destination)):
            yield from statements_in(of_one_table)


def _execute_plan(session: Session, statements: Sequence[Statement]) -> Plan[None]:
    *before, (_, last) = packets(statements)
    for reach, together in before:
        yield from _execute_packet_plan(session, together, len(together), reach)
    # the last one is ours
    yield from _execute_packet_plan(session, last, len(last) - 1)


def _execute_packet_plan(
    session: Session, statements: Sequence[Statement], of_records: int, reach: Reach = Reach.OURS
) -> Plan[None]:
    """``of_records``: so many of the statements are the records'."""
    try:
        results = yield from ExecuteBatch(session, statements, reach=reach)
    except MySQLError as error:
        if error._failed_statement is None or error._failed_statement >= of_records:
            raise
        raise StatementFailedError(str(error)) from error
    except (ValueError, TypeError, OverflowError) as error:
        # a value that the driver has no form for
        raise StatementFailedError(str(error)) from error
    _check_found(statements, results)


def _check_found(statements: Sequence[Statement], results: Sequence[ExecResult]) -> None:
    for statement, result in zip(statements, results, strict=True):
        tag = statement.tag
        if isinstance(tag, RowsToFind) and result.rows_affected < tag.count:
            gone = RowsGoneError("a row that it changes is gone")
            raise StatementFailedError(str(gone)) from gone


def _nothing_plan(_: Session) -> Plan[list[Statement]]:
    yield from ()
    return []
