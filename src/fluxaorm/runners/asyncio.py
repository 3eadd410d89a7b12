"""The asyncio shell: performs the effects of a plan by awaiting asyncio drivers. Decides nothing.

Failures, cancellations too, are thrown into the plan. What must not be torn apart (COMMIT, a lone statement, clean-up)
runs to its end although the task was cancelled; the cancellation is delivered at the next effect that can take it, or,
when there is none, at the caller's next ``await``: a plan that committed returns its result.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from fluxaorm.errors import MySQLConnectionError, MySQLError, UnknownPoolError
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
    LookUpRows,
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
    TakeTurn,
    Target,
)
from fluxaorm.pools.base.per_loop import PerLoop
from fluxaorm.query.own_sql.raw_statements import Reach
from fluxaorm.runners.kafka_asyncio import AsyncKafka
from fluxaorm.runners.look_ups import LookUps, Rows
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
from fluxaorm.runners.shield import Shield

if TYPE_CHECKING:
    from fluxaorm.pools.base.ports import AsyncPool
    from fluxaorm.pools.base.redis_ports import RedisPool
    from fluxaorm.pools.base.sql_ports import AsyncSQLConnection, SQLPool
    from fluxaorm.pools.kafka.pool import KafkaPool
    from fluxaorm.runners.observer import Observer
    from fluxaorm.runners.time_limits import TimeLimit

T = TypeVar("T")


class SharedContext(Protocol):
    """A context whose plans may run beside one another."""

    _running: int
    """Plans under way."""

    @property
    def _in_use_by(self) -> Any:
        """Who has it alone; None: nobody."""
        ...

    @property
    def _sessions(self) -> Mapping[str, Any]:
        """Of its open transaction, in which plans wait for one another."""
        ...

    def _in_turn(self, plan: Plan[T]) -> Plan[T]:
        """The plan to run instead, when something is to be said against running it at once. ContextMisuseError."""
        ...


class AsyncRunner:
    """Runs plans on the pools of one engine; shared by all its tasks and loops."""

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
        self._look_ups = self._fresh_look_ups()
        self._performers: dict[type[Any], Callable[[Any, Shield], Awaitable[Any]]] = {
            FetchRows: self._fetch_rows,
            LookUpRows: self._look_up_rows,
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
            ShieldedRedisRoundTrip: self._shielded_redis_round_trip,
            Sleep: _sleep,
            Parallel: self._parallel,
            TakeTurn: _take_turn,
            CallHandler: _call_handler,
        }
        if kafka_pools:
            self._performers |= AsyncKafka(kafka_pools, limit).performers()

    async def run(self, plan: Plan[T], observer: Observer | None = None, shared: SharedContext | None = None) -> T:
        """Drive a plan to its end: its result, or what it raises. ``shared``: counts it while it runs."""
        if shared is not None:
            if shared._in_use_by is not None or shared._sessions:
                plan = shared._in_turn(plan)
            shared._running += 1
        shield = Shield()
        try:
            if observer is not None:
                return await self._run_observed(plan, Watched(observer), shield)
            performers = self._performers
            effect = next(plan)
            while True:
                try:
                    if shield.cancelled and not effect.shielded:
                        shield.deliver()
                    reply = await performers[type(effect)](effect, shield)
                except BaseException as error:  # noqa: BLE001 - it is the plan that handles it
                    effect = plan.throw(error)
                else:
                    effect = plan.send(reply)
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            if shared is not None:
                shared._running -= 1
            if shield.cancelled:
                shield.deliver_later()

    async def _run_observed(self, plan: Plan[T], watched: Watched, shield: Shield) -> T:
        try:
            effect = next(plan)
            while True:
                try:
                    if not effect.shielded:
                        if shield.cancelled:
                            shield.deliver()
                        watched.deliver()
                    reply = await self._perform_observed(effect, shield, watched)
                except BaseException as error:  # noqa: BLE001 - it is the plan that handles it
                    effect = plan.throw(error)
                else:
                    effect = plan.send(reply)
        except StopIteration as done:
            watched.deliver()
            result: T = done.value
            return result
        except BaseException as error:
            watched.deliver(error)
            raise

    async def _perform_observed(self, effect: Effect[Any], shield: Shield, observer: Watched) -> Any:
        if type(effect) is Parallel:
            return await self._parallel(effect, shield, observer)
        if type(effect) is LookUpRows:
            return await self._look_up_rows(effect, shield, observer.observer)
        started = time.monotonic()
        try:
            reply = await self._performers[type(effect)](effect, shield)
        except BaseException as error:
            observer(effect, None, error, _microseconds_since(started), started)
            raise
        observer(effect, reply, None, _microseconds_since(started), started)
        return reply

    # SQL

    def _sql_pool(self, code: str) -> AsyncPool[AsyncSQLConnection]:
        if code not in self._sql_pools:
            raise UnknownPoolError("MySQL", code, list(self._sql_pools))
        return self._sql_pools[code].asyncio

    async def _fetch_rows(self, effect: FetchRows, _: Shield) -> list[Row]:
        target = effect.target
        if not isinstance(target, str):
            rows: list[Row] = await connection_of(target).fetch(effect.sql, effect.args)
            return rows
        pool = self._sql_pool(target)
        connection = pool.take() or await pool.acquire()
        held = True
        try:
            return await connection.fetch(effect.sql, effect.args)
        except MySQLConnectionError as error:
            if not is_dead(error, connection):
                raise
            held = False
            connection = await pool.replace(connection)
            held = True
            return await connection.fetch(effect.sql, effect.args)
        finally:
            if held and (fate := pool.put(connection)):
                pool.hand_on(connection, fate)

    async def _fetch_table(self, effect: FetchTable, shield: Shield) -> QueryRows:
        target = effect.target
        if not isinstance(target, str):
            joined = prepared(connection_of(target), effect)
            try:
                table: QueryRows = await joined.fetch_table(effect.sql, effect.args)
            except BaseException as error:
                note_doubt(target, effect.reach, error, joined)
                raise
            return table
        pool = self._sql_pool(target)
        connection = await pool.acquire()
        if effect.reach >= Reach.WRITE:
            return await shield.run(self._fetch_table_alone(effect, target, pool, connection))
        try:
            return await prepared(connection, effect).fetch_table(effect.sql, effect.args)
        finally:
            pool.release(connection)

    async def _fetch_table_alone(
        self, effect: FetchTable, code: str, pool: AsyncPool[AsyncSQLConnection], connection: AsyncSQLConnection
    ) -> QueryRows:
        try:
            return await prepared(connection, effect).fetch_table(effect.sql, effect.args)
        except BaseException as error:
            if unknown := unknown_outcome(error, connection, code, "the statement", effect.reach):
                raise unknown from error
            raise
        finally:
            pool.release(connection)

    async def _open_stream(self, effect: OpenStream, _: Shield) -> None:
        stream, target = effect.stream, effect.target
        connection = await self._sql_pool(target).acquire() if isinstance(target, str) else connection_of(target)
        try:
            stream.columns = await prepared(connection, effect).open_stream(effect.sql, effect.args)
        except BaseException:
            if isinstance(target, str):
                self._sql_pool(target).release(connection)
            raise
        begin_stream(stream, connection, self._drop_in_loop(target))

    def _drop_in_loop(self, target: Target) -> Callable[[Any], None]:
        """Connections are given up in their loop."""
        loop, pool = asyncio.get_running_loop(), self._sql_pool(target) if isinstance(target, str) else None

        def drop(connection: Any) -> None:
            connection.retire()
            if pool is None or loop.is_closed():
                connection.close()
            else:
                loop.call_soon_threadsafe(pool.release, connection)

        return drop

    async def _read_stream(self, effect: ReadStream, _: Shield) -> list[tuple[Any, ...]]:
        stream = effect.stream
        if stream.connection is None:
            return []
        try:
            rows: list[tuple[Any, ...]] = await stream.connection.read_stream(effect.count)
        except BaseException:
            self._leave_stream(stream)
            raise
        if len(rows) < effect.count:
            self._leave_stream(stream)
        return rows

    async def _close_stream(self, effect: CloseStream, shield: Shield) -> None:
        stream = effect.stream
        if stream.connection is None:
            return
        try:
            if isinstance(stream.target, str):
                stream.connection.usable = False
            else:
                await shield.run(stream.connection.close_stream())
        finally:
            self._leave_stream(stream)

    def _leave_stream(self, stream: Stream) -> None:
        connection = end_stream(stream)
        if isinstance(stream.target, str):
            self._sql_pool(stream.target).release(connection)

    def _fresh_look_ups(self) -> PerLoop[LookUps]:
        return PerLoop(lambda: LookUps(self.run))

    def _look_up_rows(self, effect: LookUpRows, _: Shield, observer: Observer | None = None) -> Awaitable[Rows | None]:
        return self._look_ups.get().rows(effect, observer)

    def reset_after_fork(self) -> None:
        """In a child process: its loop does not send what tasks of the parent asked for."""
        self._look_ups = self._fresh_look_ups()

    async def _execute(self, effect: Execute, shield: Shield) -> ExecResult:
        target = effect.target
        if not isinstance(target, str):
            joined = prepared(connection_of(target), effect)
            try:
                result: ExecResult = await joined.execute(effect.sql, effect.args, effect.rows)
            except BaseException as error:
                note_doubt(target, effect.reach, error, joined)
                raise
            return result
        pool = self._sql_pool(target)
        connection = pool.take() or await pool.acquire()
        return await shield.run(self._execute_alone(effect, target, pool, connection))

    async def _execute_alone(
        self, effect: Execute, code: str, pool: AsyncPool[AsyncSQLConnection], connection: AsyncSQLConnection
    ) -> ExecResult:
        effect.result = None
        try:
            effect.result = await prepared(connection, effect).execute(effect.sql, effect.args, effect.rows)
            return effect.result
        except BaseException as error:
            if unknown := unknown_outcome(error, connection, code, "the statement", effect.reach):
                raise unknown from error
            raise
        finally:
            pool.release(connection)

    async def _execute_batch(self, effect: ExecuteBatch, _: Shield) -> list[ExecResult]:
        connection = prepared(connection_of(effect.session), effect)
        try:
            results: list[ExecResult] = await connection.execute_batch(effect.statements)
        except BaseException as error:
            note_doubt(effect.session, effect.reach, error, connection)
            raise
        return results

    async def _begin(self, effect: Begin, _: Shield) -> None:
        pool = self._sql_pool(effect.session.pool)
        connection = pool.take() or await pool.acquire()
        try:
            await connection.begin(effect.isolation, effect.read_only)
        except BaseException:
            connection.usable = False
            pool.release(connection)
            raise
        effect.session.drop = self._drop_in_loop(effect.session.pool)
        effect.session.connection, effect.session.rollbacks = connection, connection.rollbacks

    async def _commit(self, effect: Commit, shield: Shield) -> None:
        session = effect.session
        connection = open_connection_of(session)
        session.connection = None
        await shield.run(self._commit_on(connection, session.pool))
        effect.done = True

    async def _commit_on(self, connection: AsyncSQLConnection, code: str) -> None:
        try:
            await connection.commit()
        except BaseException as error:
            # refused or not: only a fresh connection is certain to be outside the transaction
            connection.usable = False
            if unknown := unknown_outcome(error, connection, code, "the COMMIT"):
                raise unknown from error
            raise
        finally:
            self._sql_pool(code).release(connection)

    async def _rollback(self, effect: Rollback, shield: Shield) -> None:
        session = effect.session
        connection, session.connection = session.connection, None
        if connection is not None:
            await shield.run(self._rollback_on(connection, session.pool))

    async def _rollback_on(self, connection: AsyncSQLConnection, code: str) -> None:
        try:
            if connection.usable:
                await connection.rollback()
        except BaseException as error:
            # closing it rolls back as well
            connection.usable = False
            if not isinstance(error, MySQLError):
                raise
        finally:
            self._sql_pool(code).release(connection)

    # Redis

    async def _redis_round_trip(self, effect: RedisRoundTrip, _: Shield) -> RedisReplies:
        pool = self._redis_pools.get(effect.pool)
        if pool is None:
            raise UnknownPoolError("Redis", effect.pool, list(self._redis_pools))
        return await pool.asyncio.round_trip(effect.commands)

    async def _shielded_redis_round_trip(self, effect: RedisRoundTrip, shield: Shield) -> RedisReplies:
        return await shield.run(self._redis_round_trip(effect, shield))

    # others

    async def _parallel(self, effect: Parallel, _: Shield, observer: Watched | None = None) -> list[Any]:
        """All run to their ends, also after one failed; the error of the first that did is raised."""
        performed = [self._perform_apart(each, observer) for each in effect.effects]
        replies = await asyncio.gather(*performed, return_exceptions=True)
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        return replies

    async def _perform_apart(self, effect: Effect[Any], observer: Watched | None) -> Any:
        """In a task of its own, which has its own cancellation."""
        shield = Shield()
        if observer is not None:
            return await self._perform_observed(effect, shield, observer)
        return await self._performers[type(effect)](effect, shield)


def _microseconds_since(started: float) -> int:
    return int((time.monotonic() - started) * 1e6)


async def _sleep(effect: Sleep, _: Shield) -> None:
    await asyncio.sleep(effect.seconds)


async def _take_turn(effect: TakeTurn, _shield: Shield) -> None:
    _ = await effect.turn.acquire()


async def _call_handler(effect: CallHandler, _: Shield) -> Any:
    result = effect.call()
    return await result if inspect.isawaitable(result) else result
