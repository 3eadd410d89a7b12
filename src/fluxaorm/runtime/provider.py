"""The base class of generated providers: every query that is the same for all entities.

A provider is a stateless singleton. The context that a call is given decides whether it blocks (Context) or is awaited
(AsyncContext); the plan behind both is the same.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from fluxaorm.plans import cache_control, reads, search
from fluxaorm.plans.creation import make, new_many_plan, new_plan, new_with_id
from fluxaorm.runtime.entity import EntityBase
from fluxaorm.runtime.provider_search import SearchMethods

if TYPE_CHECKING:
    from fluxaorm.context import AsyncContext, Context

E = TypeVar("E", bound=EntityBase)
F = TypeVar("F")
R = TypeVar("R", bound=EntityBase)


class Provider(SearchMethods[E], Generic[E, F]):
    """Queries of one entity. Generated subclasses add typed ``new``, look-ups by unique index and the fields."""

    fields: F
    """Typed field objects for queries: ``Provider.fields.age >= 18``."""

    @overload
    def get_by_id(self, ctx: Context, id: int, *, for_update: bool = False) -> E | None: ...
    @overload
    def get_by_id(self, ctx: AsyncContext, id: int, *, for_update: bool = False) -> Coroutine[Any, Any, E | None]: ...
    def get_by_id(self, ctx: Context | AsyncContext, id: int, *, for_update: bool = False) -> Any:
        """The entity of ``id``, or None; from the context, the local cache, Redis or MySQL, whichever has it first.

        ``for_update`` locks the row inside an open transaction and reads past every cache. Raises QueryError for what
        is no id, MySQLError, ContextClosedError.
        """
        unit = ctx.units.get(self) or ctx.unit_of(self)
        if for_update:
            return ctx._run(reads.get_for_update_plan(unit, id))
        ref = unit.identity.get(id)
        if ref is not None and ctx.plain_identity and not ctx.closed:
            entity = ref()
            if entity is not None:
                return ctx._value(entity)
        return ctx._run(reads.get_by_id_plan(unit, id))

    @overload
    def must_get_by_id(self, ctx: Context, id: int, *, for_update: bool = False) -> E: ...
    @overload
    def must_get_by_id(self, ctx: AsyncContext, id: int, *, for_update: bool = False) -> Coroutine[Any, Any, E]: ...
    def must_get_by_id(self, ctx: Context | AsyncContext, id: int, *, for_update: bool = False) -> Any:
        """The same, but EntityNotFoundError instead of None."""
        return ctx._run(reads.must_get_by_id_plan(ctx.unit_of(self), id, for_update))

    @overload
    def get_by_ids(self, ctx: Context, *ids: int) -> list[E]: ...
    @overload
    def get_by_ids(self, ctx: AsyncContext, *ids: int) -> Coroutine[Any, Any, list[E]]: ...
    def get_by_ids(self, ctx: Context | AsyncContext, *ids: int) -> Any:
        """The found entities in the order of ``ids``, duplicates once; in one step a cache tier."""
        return ctx._run(reads.get_by_ids_plan(ctx.unit_of(self), ids))

    @overload
    def get_all(self, ctx: Context) -> list[E]: ...
    @overload
    def get_all(self, ctx: AsyncContext) -> Coroutine[Any, Any, list[E]]: ...
    def get_all(self, ctx: Context | AsyncContext) -> Any:
        """Every living row, by id: for small tables."""
        return ctx._run(search.get_all_plan(ctx.unit_of(self)))

    @overload
    def new_many(self, ctx: Context, count: int) -> list[E]: ...
    @overload
    def new_many(self, ctx: AsyncContext, count: int) -> Coroutine[Any, Any, list[E]]: ...
    def new_many(self, ctx: Context | AsyncContext, count: int) -> Any:
        """``count`` tracked new entities, their ids taken in one round trip; set their fields, then flush."""
        return ctx._run(new_many_plan(ctx.unit_of(self), count))

    @overload
    def invalidate(self, ctx: Context, *ids: int) -> None: ...
    @overload
    def invalidate(self, ctx: AsyncContext, *ids: int) -> Coroutine[Any, Any, None]: ...
    def invalidate(self, ctx: Context | AsyncContext, *ids: int) -> Any:
        """Drop rows from every cache, after SQL that went past the library.

        Raises PostCommitError when Redis cannot be told.
        """
        return ctx._run(cache_control.invalidate_ids_plan(ctx.unit_of(self), ids))

    @overload
    def clear_redis_cache(self, ctx: Context) -> int: ...
    @overload
    def clear_redis_cache(self, ctx: AsyncContext) -> Coroutine[Any, Any, int]: ...
    def clear_redis_cache(self, ctx: Context | AsyncContext) -> Any:
        """Drop all cached rows of this entity; the number of keys."""
        return ctx._run(cache_control.clear_redis_cache_plan(ctx.unit_of(self)))

    # Called by generated methods, which say what a Context gets; ``sync_or_async`` says what an AsyncContext gets.

    def _new(self, ctx: Any, values: Mapping[str, Any]) -> E:
        unit = ctx.units.get(self) or ctx.unit_of(self)
        id = None if ctx.closed else unit.binding.ids.take()
        made: E = ctx._run(new_plan(unit, values)) if id is None else ctx._value(make(unit, id, values))
        return made

    def _new_with_id(self, ctx: Any, id: int, values: Mapping[str, Any]) -> E:
        made: E = ctx._value(new_with_id(ctx.unit_of(self), id, values))
        return made

    def _get_by_unique(self, ctx: Any, index: str, values: Sequence[Any]) -> E | None:
        found: E | None = ctx._run(reads.get_by_unique_plan(ctx.unit_of(self), index, values))
        return found

    def _must_get_by_unique(self, ctx: Any, index: str, values: Sequence[Any]) -> E:
        found: E = ctx._run(reads.must_get_by_unique_plan(ctx.unit_of(self), index, values))
        return found

    def _load(self, ctx: Any, position: int, provider: Provider[R, Any], entities: Iterable[E]) -> list[R]:
        plan = reads.load_reference_plan(ctx.unit_of(self), position, ctx.unit_of(provider), list(entities))
        found: list[R] = ctx._run(plan)
        return found
