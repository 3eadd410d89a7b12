"""What both contexts share: what they hold and hand out, and what they say when they are left.

It neither blocks nor awaits. A context serves one thread or one flow of tasks.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Self, cast

from fluxaorm.entity.values.not_copied import NotCopied
from fluxaorm.errors import (
    ContextMisuseError,
    ForeignEntityError,
    ReentrantFlushError,
    UnflushedChangesWarning,
    described,
    shown_value,
)
from fluxaorm.observe.query_log import QueryLogEntry, QueryLoggers
from fluxaorm.plans.commits.transactions import transaction_of
from fluxaorm.plans.flush.flush import clear_flush
from fluxaorm.plans.state.tracked import check_entity
from fluxaorm.plans.state.unit_of_work import UnitOfWork
from fluxaorm.plans.writes.creation import track_new
from fluxaorm.plans.writes.pipelines import MySQLPipeline, RedisPipeline, pipelines_of, queue_key
from fluxaorm.runtime.entity import EntityBase

if TYPE_CHECKING:
    from fluxaorm.engine import Engine
    from fluxaorm.engine.core import EngineCore

ENTITIES_NAMED: Final = 10
"""How many a warning of unflushed changes names."""


class ContextBase(NotCopied, UnitOfWork):
    """What both contexts share and neither blocks nor awaits."""

    _engine: EngineCore
    _observer: QueryLoggers | None = None

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine._core)
        self.engine = engine
        """What made it."""
        for handler in engine._core.query_loggers:
            # metrics and the engine's query log hear of what this context does
            self.register_query_logger(handler)

    def track(self, *entities: EntityBase) -> None:
        """Make sure entities are looked at by the next flush; setters do it by themselves. ForeignEntityError.

        A new entity that was cleared or rolled back is the context's again; QueryError when it has another one of that
        id meanwhile.
        """
        for entity in entities:
            check_entity("track()", entity)
            if entity._identity_map.unit_of_work is not self:
                raise ForeignEntityError(entity._identity_map.schema.name, entity.id)
            if entity.is_new:
                track_new(entity)
            elif entity.changes():
                self._pending[entity] = None

    def clear_flush(self) -> None:
        """Forget all pending changes.

        Entities go back to their loaded values, new ones are no longer tracked, and what is queued in pipelines or
        waits to be invalidated is dropped. Nothing is sent; no callbacks run.
        """
        clear_flush(self)

    def mysql_pipeline(self, pool: str = "default") -> MySQLPipeline:
        """Statements of your own that the next flush runs after its entities, in their transaction.

        UnknownPoolError for a code that is not registered.
        """
        self._check_open()
        return MySQLPipeline(self, self._engine.mysql_pool(pool).code)

    def redis_pipeline(self, pool: str = "default") -> RedisPipeline:
        """Commands of your own that are sent once the next flush is committed, in one round trip. UnknownPoolError."""
        self._check_open()
        return RedisPipeline(self, self._engine.redis_pool(pool).code)

    def invalidate_key(self, key: str, *, pool: str = "default") -> None:
        """Let the next flush delete a Redis key of your own: before its SQL, and again after its commit.

        QueryError for a key of the library's own cache, UnknownPoolError.
        """
        self._check_open()
        queue_key(self, self._engine.redis_pool(pool).code, key)

    def _check_open(self) -> None:
        if self.closed:
            raise self._closed_error()

    def clear(self) -> None:
        """Empty the context cache: the next look-ups read, and what ``load_<reference>`` held is let go.

        Entities with unsaved changes stay, and so does what is queued. Nothing is sent.
        """
        self._forget_all()

    def set_context_cache_ttl(self, seconds: float | None) -> None:
        """Read a clean entity again, in place, when it is older than ``seconds``; None: never (the default).

        ContextMisuseError for what is no number of seconds.
        """
        given = cast("object", seconds)
        if given is not None and not (isinstance(given, int | float) and given >= 0):
            raise ContextMisuseError(f"a TTL is a number of seconds, at least 0, or None, got {shown_value(given)}")
        self._identity_ttl = seconds
        self._note_identity_mode()

    def disable_context_cache(self) -> None:
        """Make every look-up read again, in place."""
        self._identity_enabled = False
        self._note_identity_mode()

    def _note_identity_mode(self) -> None:
        self._plain_identity = self._identity_enabled and self._identity_ttl is None

    @property
    def meta_data(self) -> dict[str, str]:
        """A copy of the metadata that query logs and records of asynchronous flushes carry."""
        return dict(self._meta)

    def set_meta_data(self, key: str, value: str) -> None:
        """Attach a value that query logs and records of asynchronous flushes carry, such as a request id."""
        self._meta = {**self._meta, key: value}

    def _instead(self) -> str:
        return "a context serves one flow of work, and is neither copied nor pickled; ctx.clone() makes another"

    def register_query_logger(
        self,
        handler: Callable[[Any, QueryLogEntry], None],
        *,
        mysql: bool = True,
        redis: bool = True,
        kafka: bool = True,
    ) -> None:
        """Call ``handler(ctx, entry)`` after each statement, Redis round trip, exchange with Kafka of this context.

        What it raises is logged once (logger ``fluxaorm.observe``) and changes nothing. ContextMisuseError: it cannot
        be called, or is a coroutine function, which nobody would await.
        """
        if not callable(handler):
            raise ContextMisuseError(f"a query logger is a function of (ctx, entry), not {described(handler)}")
        if inspect.iscoroutinefunction(handler):
            raise ContextMisuseError(f"the query logger {handler!r} is a coroutine function: it must be a plain one")
        if self._observer is None:
            self._observer = QueryLoggers(self, self._engine.failing_handlers, self._engine.secret_arguments)
        self._observer.add(handler, mysql=mysql, redis=redis, kafka=kafka)

    def _check_reentrance(self) -> None:
        """Refuse what a before-handler does through its own flush's context; after-handlers may read."""
        if self._calling_back != "after":
            raise ReentrantFlushError("this context is in the middle of a flush; a handler uses ctx.clone()")

    def _take_over(self, other: ContextBase) -> Self:
        """Metadata, loggers and cache settings of another context; its entities stay its own."""
        self._meta = dict(other._meta)
        if other._observer is not None:
            self._observer = other._observer.for_context(self)
        self._identity_enabled, self._identity_ttl = other._identity_enabled, other._identity_ttl
        self._note_identity_mode()
        return self

    def _close(self) -> None:
        self.closed = True
        self._pipelines = self._json_held = self._held = None
        self._identity_maps.clear()
        self._pending.clear()
        self._json_read.clear()

    def _warn_of_loss(self, stacklevel: int) -> None:
        """Tell what is given up with the context: an open transaction, what waits for a flush."""
        if self._json_read or self._json_held:
            self._note_json_changes()
        transaction = transaction_of(self) if self._sessions else None
        if transaction is not None and (transaction.begun or self._pending):
            unflushed = f" with {self._unflushed()}" if self._pending or self._pipelines else ""
            message = (
                f"a context was left in an open transaction{unflushed}, which is rolled back; leave its block first"
            )
        elif self._pending or self._pipelines:
            message = f"a context was left with {self._unflushed()}; call flush() or clear_flush()"
        else:
            return
        warnings.warn(message, UnflushedChangesWarning, stacklevel=stacklevel)

    def _unflushed(self) -> str:
        queued = pipelines_of(self)
        left = [repr(entity) for entity in islice(self._pending, ENTITIES_NAMED)]
        if len(self._pending) > len(left):
            left.append(f"{len(self._pending) - len(left)} more")
        if queued:
            left.append(f"{len(queued)} in pipelines")
        return f"{len(self._pending) + len(queued or ())} unflushed changes ({', '.join(left)})"

    def __del__(self) -> None:
        # what is missing: __init__ raised
        if not getattr(self, "closed", True) and not sys.is_finalizing():
            self._give_up_transaction()
            self._warn_of_loss(stacklevel=2)

    def _give_up_transaction(self) -> None:
        """Nobody can end it any more: its connections would be nobody's for ever."""
        if [session for session in self._sessions.values() if session.abandon()]:
            message = "a context was forgotten in an open transaction, which the server rolls back; "
            warnings.warn(f"{message}use a `with` block, or close() the context", ResourceWarning, stacklevel=3)
            self._open_transaction = None
