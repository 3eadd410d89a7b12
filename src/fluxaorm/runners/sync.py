"""The blocking shell: performs the effects of a plan one after the other in the calling thread. Decides nothing.

Failures, interruptions too, are thrown into the plan, which cleans up and raises what it thinks right.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from fluxaorm.errors import ContextMisuseError, MySQLConnectionError, MySQLError, UnknownPoolError
from fluxaorm.plans.effects import (
    Begin,
    CallHandler,
    CloseStream,
    Commit,
    Effect,
    ExecResult,
    Execute,
    ExecuteBatch,
    FetchRows,
    FetchTable,
    OpenStream,
    Parallel,
    Plan,
    QueryRows,
    ReadStream,
    RedisReplies,
    RedisRoundTrip,
    Rollback,
    Row,
    ShieldedRedisRoundTrip,
    Sleep,
    Stream,
    Target,
)
from fluxaorm.query.own_sql.raw_statements import Reach
from fluxaorm.runners.kafka_sync import SyncKafka
from fluxaorm.runners.observer import Watched
from fluxaorm.runners.outcomes import (
    begin_stream,
    connection_of,
    end_stream,
    is_dead,
    note_doubt,
    open_connection_of,
    prepared,
    unknown_outcome,
)
from fluxaorm.runners.parallel import merged_by_pool, split_replies

if TYPE_CHECKING:
    from fluxaorm.pools.base.ports import SyncPool
    from fluxaorm.pools.base.redis_ports import RedisPool, SyncRedis
    from fluxaorm.pools.base.sql_ports import SQLPool, SyncSQLConnection
    from fluxaorm.pools.kafka.pool import KafkaPool
    from fluxaorm.runners.observer import Observer
    from fluxaorm.runners.time_limits import TimeLimit

T = TypeVar("T")


class SyncRunner:
    """Runs plans on the pools of one engine; shared by all its threads."""

    def __init__(
        self,
        sql_pools: Mapping[str, SQLPool],
        redis_pools: Mapping[str, RedisPool],
        kafka_pools: Mapping[str, KafkaPool] | None = None,
        limit: TimeLimit | None = None,
    ) -> None:
        """``limit``: what those effects keep to that mind the time themselves."""
        self._sql_pools = sql_pools
        self._redis_pools = redis_pools
        self._sql: dict[str, SyncPool[SyncSQLConnection]] = {}
        self._redis: dict[str, SyncRedis] = {}
        self._performers: dict[type[Any], Callable[[Any], Any]] = {
            FetchRows: self._fetch_rows,
            Execute: self._execute,
            ExecuteBatch: self._execute_batch,
            FetchTable: self._fetch_table,
            OpenStream: self._open_stream,
            ReadStream: self._read_stream,
            CloseStream: self._close_stream,
            Begin: self._begin,
            Commit: self._commit,
            Rollback: self._rollback,
            RedisRoundTrip: self._redis_round_trip,
            ShieldedRedisRoundTrip: self._redis_round_trip,
            Sleep: _sleep,
            Parallel: self._parallel,
            CallHandler: _call_handler,
        }
        if kafka_pools:
            self._performers |= SyncKafka(kafka_pools, limit).performers()

    def run(self, plan: Plan[T], observer: Observer | None = None) -> T:
        """Drive a plan to its end: its result, or what it raises."""
        if observer is not None:
            return self._run_observed(plan, observer)
        performers = self._performers
        try:
            effect = next(plan)
            while True:
                try:
                    reply = performers[type(effect)](effect)
                except BaseException as error:  # noqa: BLE001 - it is the plan that handles it
                    effect = plan.throw(error)
                else:
                    effect = plan.send(reply)
        except StopIteration as done:
            result: T = done.value
            return result
        except BaseException as error:
            if inspect.getgeneratorstate(plan) != inspect.GEN_SUSPENDED:
                raise
            return self.run(interrupted_plan(plan, error))

    def _run_observed(self, plan: Plan[T], observer: Observer) -> T:
        watched = Watched(observer)
        try:
            effect = next(plan)
            while True:
                try:
                    if not effect.shielded:
                        watched.deliver()
                    reply = self._perform_observed(effect, watched)
                except BaseException as error:  # noqa: BLE001 - it is the plan that handles it
                    effect = plan.throw(error)
                else:
                    effect = plan.send(reply)
        except StopIteration as done:
            watched.deliver()
            result: T = done.value
            return result
        except BaseException as error:
            if inspect.getgeneratorstate(plan) == inspect.GEN_SUSPENDED:
                return self.run(interrupted_plan(plan, error), observer)
            watched.deliver(error)
            raise

    def _perform_observed(self, effect: Effect[Any], observer: Watched) -> Any:
        if type(effect) is Parallel:
            return self._parallel(effect, observer)
        started = time.monotonic()
        try:
            reply = self._performers[type(effect)](effect)
        except BaseException as error:
            observer(effect, None, error, _microseconds_since(started), started)
            raise
        observer(effect, reply, None, _microseconds_since(started), started)
        return reply

    # SQL

    def _sql_pool(self, code: str) -> SyncPool[SyncSQLConnection]:
        pool = self._sql.get(code)
        if pool is None:
            if code not in self._sql_pools:
                raise UnknownPoolError("MySQL", code, list(self._sql_pools))
            pool = self._sql[code] = self._sql_pools[code].sync
        return pool

    def _fetch_rows(self, effect: FetchRows) -> list[Row]:
        target = effect.target
        if not isinstance(target, str):
            rows: list[Row] = connection_of(target).fetch(effect.sql, effect.args)
            return rows
        pool = self._sql.get(target) or self._sql_pool(target)
        connection = pool.take() or pool.acquire()
        held = True
        try:
            return connection.fetch(effect.sql, effect.args)
        except MySQLConnectionError as error:
            if not is_dead(error, connection):
                raise
            held = False
            connection = pool.replace(connection)
            held = True
            return connection.fetch(effect.sql, effect.args)
        finally:
            if held and (fate := pool.put(connection)):
                pool.hand_on(connection, fate)

    def _fetch_table(self, effect: FetchTable) -> QueryRows:
        target = effect.target
        if not isinstance(target, str):
            joined = prepared(connection_of(target), effect)
            try:
                table: QueryRows = joined.fetch_table(effect.sql, effect.args)
            except BaseException as error:
                note_doubt(target, effect.reach, error, joined)
                raise
            return table
        pool = self._sql_pool(target)
        connection = pool.acquire()
        try:
            return prepared(connection, effect).fetch_table(effect.sql, effect.args)
        except BaseException as error:
            if effect.reach >= Reach.WRITE and (
                unknown := unknown_outcome(error, connection, target, "the statement", effect.reach)
            ):
                raise unknown from error
            raise
        finally:
            pool.release(connection)

    def _open_stream(self, effect: OpenStream) -> None:
        stream, target = effect.stream, effect.target
        connection = self._sql_pool(target).acquire() if isinstance(target, str) else connection_of(target)
        try:
            stream.columns = prepared(connection, effect).open_stream(effect.sql, effect.args)
        except BaseException:
            if isinstance(target, str):
                self._sql_pool(target).release(connection)
            raise
        begin_stream(stream, connection, self._drop_stream(target))

    def _drop_stream(self, target: Target) -> Callable[[Any], None]:
        return self._sql_pool(target).drop if isinstance(target, str) else _keep

    def _read_stream(self, effect: ReadStream) -> list[tuple[Any, ...]]:
        stream = effect.stream
        if stream.connection is None:
            return []
        try:
            rows: list[tuple[Any, ...]] = stream.connection.read_stream(effect.count)
        except BaseException:
            self._leave_stream(stream)
            raise
        if len(rows) < effect.count:
            self._leave_stream(stream)
        return rows

    def _close_stream(self, effect: CloseStream) -> None:
        stream = effect.stream
        if stream.connection is None:
            return
        try:
            if isinstance(stream.target, str):
                stream.connection.usable = False
            else:
                stream.connection.close_stream()
        finally:
            self._leave_stream(stream)

    def _leave_stream(self, stream: Stream) -> None:
        connection = end_stream(stream)
        if isinstance(stream.target, str):
            self._sql_pool(stream.target).release(connection)

    def _execute(self, effect: Execute) -> ExecResult:
        target = effect.target
        if not isinstance(target, str):
            joined = prepared(connection_of(target), effect)
            try:
                result: ExecResult = joined.execute(effect.sql, effect.args, effect.rows)
            except BaseException as error:
                note_doubt(target, effect.reach, error, joined)
                raise
            return result
        pool = self._sql_pool(target)
        connection = pool.acquire()
        effect.result = None
        try:
            effect.result = prepared(connection, effect).execute(effect.sql, effect.args, effect.rows)
            return effect.result
        except BaseException as error:
            if effect.result is None and (
                unknown := unknown_outcome(error, connection, target, "the statement", effect.reach)
            ):
                raise unknown from error
            raise
        finally:
            pool.release(connection)

    def _execute_batch(self, effect: ExecuteBatch) -> list[ExecResult]:
        connection = prepared(connection_of(effect.session), effect)
        try:
            results: list[ExecResult] = connection.execute_batch(effect.statements)
        except BaseException as error:
            note_doubt(effect.session, effect.reach, error, connection)
            raise
        return results

    def _begin(self, effect: Begin) -> None:
        pool = self._sql_pool(effect.session.pool)
        connection = pool.acquire()
        try:
            connection.begin(effect.isolation, effect.read_only)
        except BaseException:
            connection.usable = False
            pool.release(connection)
            raise
        effect.session.drop = pool.drop
        effect.session.connection, effect.session.rollbacks = connection, connection.rollbacks

    def _commit(self, effect: Commit) -> None:
        session = effect.session
        connection = open_connection_of(session)
        session.connection = None
        try:
            connection.commit()
            effect.done = True
        except BaseException as error:
            # refused or not: only a fresh connection is certain to be outside the transaction
            connection.usable = False
            if not effect.done and (unknown := unknown_outcome(error, connection, session.pool, "the COMMIT")):
                raise unknown from error
            raise
        finally:
            self._sql_pool(session.pool).release(connection)

    def _rollback(self, effect: Rollback) -> None:
        session = effect.session
        connection, session.connection = session.connection, None
        if connection is None:
            return
        try:
            if connection.usable:
                connection.rollback()
        except BaseException as error:
            # closing it rolls back as well
            connection.usable = False
            if not isinstance(error, MySQLError):
                raise
        finally:
            self._sql_pool(session.pool).release(connection)

    # Redis

    def _redis_round_trip(self, effect: RedisRoundTrip) -> RedisReplies:
        redis = self._redis.get(effect.pool) or self._redis_pool(effect.pool)
        return redis.round_trip(effect.commands)

    def _redis_pool(self, code: str) -> SyncRedis:
        if code not in self._redis_pools:
            raise UnknownPoolError("Redis", code, list(self._redis_pools))
        redis = self._redis[code] = self._redis_pools[code].sync
        return redis

    # others

    def _parallel(self, effect: Parallel, observer: Watched | None = None) -> list[Any]:
        """All are performed, also after one failed; the error of the first that did is raised."""
        replies: list[Any] = [None] * len(effect.effects)
        failure: Exception | None = None
        for each, positions in merged_by_pool(effect.effects):
            try:
                reply = (
                    self._performers[type(each)](each) if observer is None else self._perform_observed(each, observer)
                )
            except Exception as error:  # noqa: BLE001 - raised below, when all were performed
                failure = failure or error
                continue
            own = [reply] if len(positions) == 1 else split_replies(reply, [effect.effects[at] for at in positions])
            for position, part in zip(positions, own, strict=True):
                replies[position] = part
        if failure is not None:
            raise failure
        return replies


def interrupted_plan(plan: Plan[T], interruption: BaseException) -> Plan[T]:
    """What is left of a plan whose runner was interrupted between two effects, for it to clean up."""
    step: Callable[[], Effect[Any]] = partial(plan.throw, interruption)
    try:
        while True:
            effect = step()
            try:
                reply = yield effect
            except BaseException as error:  # noqa: BLE001 - it is the plan that handles it
                step = partial(plan.throw, error)
            else:
                step = partial(plan.send, reply)
    except StopIteration as done:
        result: T = done.value
        return result


def _keep(_: Any) -> None:
    """A transaction's connection stays its own."""


def _microseconds_since(started: float) -> int:
    return int((time.monotonic() - started) * 1e6)


def _sleep(effect: Sleep) -> None:
    time.sleep(effect.seconds)


def _call_handler(effect: CallHandler) -> Any:
    result = effect.call()
    if inspect.iscoroutine(result):
        result.close()
        raise ContextMisuseError(f"the handler {effect.handler!r} is a coroutine function: use an AsyncContext")
    return result
