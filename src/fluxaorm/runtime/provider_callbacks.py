"""The callbacks of a provider: handlers of an engine, taken until its first context is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from fluxaorm.errors import RegistryError, described
from fluxaorm.plans.state.handlers import Event, Handler, Handlers
from fluxaorm.plans.state.tracked import Change, TrackedEntity
from fluxaorm.runtime.provider_identity import ProviderIdentity

if TYPE_CHECKING:
    from fluxaorm.plans.state.bound_entity import BoundEntity, ProviderPort

E = TypeVar("E", bound=TrackedEntity)


class HandlersCore(Protocol):
    """What an engine is to its handlers."""

    @property
    def has_contexts(self) -> bool:
        """Whether it has made one."""
        ...

    def binding(self, provider: ProviderPort) -> BoundEntity:
        """The entity of a provider in it."""
        ...


class HandlersEngine(Protocol):
    """An ``Engine``."""

    @property
    def _core(self) -> HandlersCore: ...


class CallbackMethods(ProviderIdentity[E]):
    """Handlers of one event run in the order registered; on an AsyncContext they may be coroutine functions.

    Before-handlers run inside the flush: what they change of the entity is part of its statement, and what they raise
    ends the flush with nothing written. They get the flushing context but do no I/O through it.

    After-handlers run after the commit, once for each write, with a read-only snapshot. All of them run; what any
    raises becomes a PostCommitError. They may read through the context, and write through ``ctx.clone()``.

    Bulk writes (``save_many``, ``update_where``, ``delete_where``) have no entities and call none. Each method raises
    RegistryError once the engine has made a context, StaleGeneratedCodeError.
    """

    def on_before_insert(self, engine: HandlersEngine, handler: Callable[[Any, E], object]) -> None:
        """Call ``handler(ctx, entity)`` before a new entity is written; it may set what is missing. RegistryError."""
        self._add_before(engine, "insert", handler)

    def on_before_update(self, engine: HandlersEngine, handler: Callable[[Any, E], object]) -> None:
        """Call ``handler(ctx, entity)`` before changes are written; ``entity.changes()`` says which. RegistryError."""
        self._add_before(engine, "update", handler)

    def on_before_delete(self, engine: HandlersEngine, handler: Callable[[Any, E], object]) -> None:
        """Call ``handler(ctx, entity)`` before a row is deleted or soft-deleted. RegistryError."""
        self._add_before(engine, "delete", handler)

    def on_after_insert(self, engine: HandlersEngine, handler: Callable[[Any, E], object]) -> None:
        """Call ``handler(ctx, row)`` after a row was inserted and committed. RegistryError."""
        self._add_after(engine, "insert", handler)

    def on_after_update(
        self, engine: HandlersEngine, handler: Callable[[Any, E, dict[str, Change[Any]]], object]
    ) -> None:
        """Call ``handler(ctx, row, changes)`` after a row was updated.

        ``changes``: attribute -> ``Change(old, new)`` of what the program set: no automatic timestamps, and nothing for
        a restored row but what was set with it. RegistryError.
        """
        self._add_after(engine, "update", handler)

    def on_after_delete(self, engine: HandlersEngine, handler: Callable[[Any, E], object]) -> None:
        """Call ``handler(ctx, row)``, with the row as it was, after it was deleted or soft-deleted. RegistryError."""
        self._add_after(engine, "delete", handler)

    def _add_before(self, engine: HandlersEngine, event: Event, handler: Handler) -> None:
        self._on(engine, f"before_{event}", handler).before.setdefault(event, []).append(handler)

    def _add_after(self, engine: HandlersEngine, event: Event, handler: Handler) -> None:
        self._on(engine, f"after_{event}", handler).after.setdefault(event, []).append(handler)

    def _on(self, engine: HandlersEngine, event: str, handler: object) -> Handlers:
        where = f"{self.entity_name}.on_{event}"
        core: HandlersCore | None = getattr(engine, "_core", None)
        if core is None:
            raise RegistryError([f"{where}: an engine is wanted first, not {described(engine)}"])
        if not callable(handler):
            raise RegistryError([f"{where}: a handler is a function, not {described(handler)}"])
        if core.has_contexts:
            raise RegistryError([f"{where}: the engine has a context already; register handlers before"])
        return core.binding(self).handlers
