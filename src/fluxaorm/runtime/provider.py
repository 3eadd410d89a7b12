"""The base class of generated providers: every query that is the same for all entities.

A provider is a stateless singleton. The context that a call is given decides whether it blocks (Context) or is awaited
(AsyncContext); the plan behind both is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack

from fluxaorm.entity.values.guards import is_iterable
from fluxaorm.errors import QueryError
from fluxaorm.plans.cache import control as cache_control
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.flush.bulk_changes import delete_where_plan, update_where_plan
from fluxaorm.plans.flush.get_or_create import get_or_create_plan
from fluxaorm.plans.reads import all_ids
from fluxaorm.plans.reads import by_id as reads
from fluxaorm.plans.reads import locked as locked_reads
from fluxaorm.plans.reads import unique as unique_reads
from fluxaorm.plans.writes.creation import new_many_plan, new_plan, new_with_id
from fluxaorm.query.query import Query
from fluxaorm.runtime.entity import EntityBase
from fluxaorm.runtime.look_up import LookUp
from fluxaorm.runtime.provider_callbacks import CallbackMethods
from fluxaorm.runtime.provider_saves import SaveMethods
from fluxaorm.runtime.provider_search import SearchMethods
from fluxaorm.runtime.sync_or_async import AnyContext, identity_map_of, ready, run_plan, sync_or_async

E = TypeVar("E", bound=EntityBase)
F = TypeVar("F")
R = TypeVar("R", bound=EntityBase)
V = TypeVar("V")


class Provider(SearchMethods[E], CallbackMethods[E], SaveMethods[V], Generic[E, F, V]):
    """Queries of one entity. Generated subclasses add the fields and what takes values of the entity's own types.

    Every method may raise MySQLError and ContextClosedError; RegistryError when the entity is not registered with the
    context's engine, StaleGeneratedCodeError when it was registered with another definition. What generated methods do,
    and raise besides:

    ``new``: takes an id, which is asked for when none is at hand (IdExhaustedError), and checks the values
    (FieldValueError, UnsettableFieldError). Nothing is written before the next flush, which runs the handlers.
    ``new_with_id``: takes yours; QueryError for what cannot be one, or when the context has an entity of it.

    ``update_where``: changes all rows that match and returns their number. Written at once, in the open transaction or
    one of its own, and seen through every cache; entities of this context are read again by their next look-up. No
    callbacks run. QueryError, FieldValueError, UnsettableFieldError, and as ``ctx.flush()``.

    ``get_or_create``: the entity with these unique values and False, or a new one and True. What it makes is flushed by
    itself, with its handlers, and the rest of the context stays pending. QueryError for what are not the values of one
    unique index, FieldValueError, and as ``ctx.flush()``.

    ``get_by_<unique index>`` and ``must_get_by_...``: past the context cache, through Redis where the index is cached.
    QueryError for a value that its column cannot hold, EntityNotFoundError where one must be; with ``for_update`` as
    ``get_by_id``.

    ``load_<reference>``: what it loads is held by the context until ``clear()``, so that ``get_<reference>`` of each
    entity finds it.
    """

    fields: F
    """Typed field objects for queries: ``Provider.fields.age >= 18``."""

    @sync_or_async
    def get_by_id(
        self, ctx: AnyContext, id: int, *, for_update: bool = False, include_deleted: bool = False
    ) -> E | None:
        """The entity of ``id``, or None; from the context, the local cache, Redis or MySQL, whichever has it first.

        One that is soft-deleted, or waits to be deleted by a flush, is left out unless ``include_deleted``.
        ``for_update`` locks the row until the open transaction ends and reads past every cache. Raises QueryError for
        what is no id and for a lock outside a transaction, UnsavedChangesError for a lock on an entity that has some,
        NotSupportedError where the server has no row locks, MySQLError, ContextClosedError.
        """
        try:
            identity_map = ctx._identity_maps.get(self) or ctx._identity_map_of(self)
        except AttributeError:
            identity_map = identity_map_of(ctx, self)
        if for_update:
            return run_plan(ctx, locked_reads.get_for_update_plan(identity_map, id, include_deleted=include_deleted))
        entity = reads.entity_at_hand(identity_map, id, include_deleted)
        if entity is reads.FURTHER:
            return run_plan(ctx, reads.get_by_id_plan(identity_map, id, include_deleted=include_deleted))
        return ready(ctx, entity)

    @sync_or_async
    def must_get_by_id(self, ctx: AnyContext, id: int, *, for_update: bool = False, include_deleted: bool = False) -> E:
        """The entity of ``id``, from the cache or database that has it first.

        EntityNotFoundError when there is none; the rest as ``get_by_id``, locks and errors too.
        """
        try:
            identity_map = ctx._identity_maps.get(self) or ctx._identity_map_of(self)
        except AttributeError:
            identity_map = identity_map_of(ctx, self)
        if for_update:
            return run_plan(
                ctx, locked_reads.get_for_update_plan(identity_map, id, must=True, include_deleted=include_deleted)
            )
        entity = reads.entity_at_hand(identity_map, id, include_deleted)
        if entity is reads.FURTHER:
            return run_plan(ctx, reads.get_by_id_plan(identity_map, id, must=True, include_deleted=include_deleted))
        return run_plan(ctx, reads.missing_plan(identity_map, id)) if entity is None else ready(ctx, entity)

    @sync_or_async
    def get_by_ids(
        self, ctx: AnyContext, *ids: int, for_update: bool = False, include_deleted: bool = False
    ) -> list[E]:
        """The found entities in the order of ``ids``, duplicates once; in one step a cache tier.

        Deleted ones and locks as in ``get_by_id``; rows are locked in the order of their ids. Raises QueryError,
        UnsavedChangesError, NotSupportedError, MySQLError, ContextClosedError, each as ``get_by_id``.
        """
        identity_map = identity_map_of(ctx, self)
        if for_update:
            return run_plan(
                ctx, locked_reads.get_many_for_update_plan(identity_map, ids, include_deleted=include_deleted)
            )
        return run_plan(ctx, reads.get_by_ids_plan(identity_map, ids, include_deleted))

    @sync_or_async
    def get_all(self, ctx: AnyContext, *, include_deleted: bool = False) -> list[E]:
        """Every living row, by id: for small tables. With ``cache_all`` the ids and rows come through the caches.

        ``include_deleted``: every row, from MySQL. Raises MySQLError, ContextClosedError.
        """
        return run_plan(ctx, all_ids.get_all_plan(identity_map_of(ctx, self), include_deleted))

    @sync_or_async
    def new_many(self, ctx: AnyContext, count: int) -> list[E]:
        """``count`` tracked new entities, their ids taken in one round trip; set their fields, then flush.

        Raises QueryError for what is no count, IdExhaustedError, MySQLError, ContextClosedError.
        """
        return run_plan(ctx, new_many_plan(identity_map_of(ctx, self), count))

    @sync_or_async
    def delete_where(self, ctx: AnyContext, query: Query, *, force: bool = False) -> int:
        """Delete all rows that match, with soft delete mark them deleted (``force``: remove them); their number.

        Written at once, in the open transaction or one of its own, and seen through every cache; entities of this
        context are read again by their next look-up. No callbacks run. Raises QueryError, NotSupportedError for soft
        delete of the id 0, and as ``ctx.flush()``.
        """
        return run_plan(ctx, delete_where_plan(identity_map_of(ctx, self), query, force=force))

    @sync_or_async
    def invalidate(self, ctx: AnyContext, *ids: int) -> None:
        """Drop rows from every cache, after SQL that went past the library.

        At once, not with the next flush. Raises QueryError for what is no id, PostCommitError when Redis cannot be
        told, ContextClosedError.
        """
        return run_plan(ctx, cache_control.invalidate_ids_plan(identity_map_of(ctx, self), ids))

    @sync_or_async
    def clear_redis_cache(self, ctx: AnyContext) -> int:
        """Drop all that is cached of this entity, here and in Redis, at once; the number of keys.

        Raises CacheUnavailableError or RedisError when Redis cannot be reached, PostCommitError when it was lost
        half-way, ContextClosedError.
        """
        return run_plan(ctx, cache_control.clear_cache_plan(ctx, identity_map_of(ctx, self).binding))

    # Called by generated methods, which say what a Context gets; ``sync_or_async`` says what an AsyncContext gets.

    def _new(self, ctx: Any, values: Mapping[str, Any]) -> E:
        try:
            identity_map = ctx._identity_maps.get(self) or ctx._identity_map_of(self)
        except AttributeError:
            identity_map = identity_map_of(ctx, self)
        id = None if ctx.closed or ctx._flushing else identity_map.binding.ids.take(ctx._engine.monotonic())
        return (
            run_plan(ctx, new_plan(identity_map, values))
            if id is None
            else ready(ctx, identity_map.new_entity(id, values))
        )

    def _new_with_id(self, ctx: Any, id: int, values: Mapping[str, Any]) -> E:
        return ready(ctx, new_with_id(identity_map_of(ctx, self), id, values))

    def _update_where(self, ctx: Any, query: Query, changes: Mapping[str, Any]) -> int:
        return run_plan(ctx, update_where_plan(identity_map_of(ctx, self), query, changes))

    def _get_or_create(self, ctx: Any, unique: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[E, bool]:
        identity_map = identity_map_of(ctx, self)
        created: tuple[E, bool] = ctx._run_alone(get_or_create_plan(identity_map, unique, defaults))
        return created

    def _get_by_unique(self, ctx: Any, index: str, values: Sequence[Any], /, **how: Unpack[LookUp]) -> E | None:
        return run_plan(ctx, self._unique_plan(unique_reads.get_by_unique_plan, ctx, index, values, how))

    def _must_get_by_unique(self, ctx: Any, index: str, values: Sequence[Any], /, **how: Unpack[LookUp]) -> E:
        return run_plan(ctx, self._unique_plan(unique_reads.must_get_by_unique_plan, ctx, index, values, how))

    def _unique_plan(
        self, plan_of: Callable[..., Plan[Any]], ctx: Any, index: str, values: Sequence[Any], how: LookUp
    ) -> Plan[Any]:
        identity_map = identity_map_of(ctx, self)
        try:
            return plan_of(identity_map, index, values, **how)
        except TypeError:
            raise _not_of_look_ups(self.entity_name, how) from None

    def _load(self, ctx: Any, position: int, provider: Provider[R, Any, Any], entities: Iterable[E]) -> list[R]:
        identity_map = identity_map_of(ctx, self)
        given: Any = list(entities) if is_iterable(entities) else entities
        return run_plan(ctx, reads.load_reference_plan(identity_map, position, identity_map_of(ctx, provider), given))


def _not_of_look_ups(entity: str, how: Mapping[str, Any]) -> QueryError:
    """For keywords that a generated look-up hands on and nobody takes."""
    unknown = ", ".join(sorted(how.keys() - LookUp.__annotations__.keys()))
    return QueryError(f"{entity}: a look-up takes {' and '.join(LookUp.__annotations__)}, not {unknown}")


if TYPE_CHECKING:

    class MemoryProvider(Provider[Any, Any, Any]):
        """A provider that was compiled in memory: what is generated for its entity, no type checker has seen."""

        def __getattr__(self, name: str) -> Any:
            """``new``, ``get_by_<unique index>`` and the like."""
            ...

else:
    MemoryProvider = Provider
