"""The searches of a provider; the second half of ``Provider``, see there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from fluxaorm.plans.reads import search
from fluxaorm.plans.reads.aggregates import aggregate_groups_plan, aggregate_plan
from fluxaorm.query.query import GroupedQuery, Query
from fluxaorm.runtime.entity import EntityBase
from fluxaorm.runtime.provider_identity import ProviderIdentity
from fluxaorm.runtime.sync_or_async import AnyContext, identity_map_of, run_plan, sync_or_async

if TYPE_CHECKING:
    from fluxaorm.plans.state.unit_of_work import AsyncUnitOfWork, SyncUnitOfWork
    from fluxaorm.query.aggregates import Aggregate
    from fluxaorm.query.field_base import QueryField

E = TypeVar("E", bound=EntityBase)
ALL: Final = Query()
"""No condition: all rows, but those that are marked deleted."""
V1 = TypeVar("V1")
V2 = TypeVar("V2")
V3 = TypeVar("V3")
V4 = TypeVar("V4")


class SearchMethods(ProviderIdentity[E]):
    """Everything that takes a Query; without one all rows are meant.

    Each raises QueryError before anything is sent, MySQLError, ContextClosedError.
    """

    @sync_or_async
    def search_many(self, ctx: AnyContext, query: Query = ALL) -> list[E]:
        """Entities that match, in the query's order. QueryError, MySQLError; UnsavedChangesError when it locks."""
        return run_plan(ctx, search.search_many_plan(identity_map_of(ctx, self), query))

    @sync_or_async
    def search_many_with_total(self, ctx: AnyContext, query: Query = ALL) -> tuple[list[E], int]:
        """Entities that match, in the query's order, and the number of all that match, whatever the page.

        Raises QueryError, MySQLError; UnsavedChangesError when it locks.
        """
        return run_plan(ctx, search.search_many_with_total_plan(identity_map_of(ctx, self), query))

    @sync_or_async
    def search_one(self, ctx: AnyContext, query: Query = ALL) -> E | None:
        """The first that matches, or None. QueryError, MySQLError; UnsavedChangesError when it locks."""
        return run_plan(ctx, search.search_one_plan(identity_map_of(ctx, self), query))

    @sync_or_async
    def search_ids(self, ctx: AnyContext, query: Query = ALL) -> list[int]:
        """The ids of what matches, in the query's order. Raises QueryError, MySQLError."""
        return run_plan(ctx, search.search_ids_plan(identity_map_of(ctx, self), query))

    @sync_or_async
    def search_ids_with_total(self, ctx: AnyContext, query: Query = ALL) -> tuple[list[int], int]:
        """The ids of what matches, in the query's order, and the number of all that match. QueryError, MySQLError."""
        return run_plan(ctx, search.search_ids_with_total_plan(identity_map_of(ctx, self), query))

    @sync_or_async
    def count(self, ctx: AnyContext, query: Query = ALL) -> int:
        """How many match, whatever the page. Raises QueryError, MySQLError."""
        return run_plan(ctx, search.count_plan(identity_map_of(ctx, self), query))

    @sync_or_async
    def exists(self, ctx: AnyContext, query: Query = ALL) -> bool:
        """Whether any matches. Raises QueryError, MySQLError."""
        return run_plan(ctx, search.exists_plan(identity_map_of(ctx, self), query))

    @sync_or_async
    def from_sql(self, ctx: AnyContext, sql: str, *args: Any) -> list[E]:
        """Entities from your own SELECT (``?`` for values), which must return the entity's columns by their names.

        Raises QueryError, MySQLError.
        """
        return run_plan(ctx, search.from_sql_plan(identity_map_of(ctx, self), sql, args))

    @overload
    def select(self, ctx: SyncUnitOfWork, query: Query, f1: QueryField[V1, Any], /) -> list[tuple[V1]]: ...
    @overload
    def select(
        self, ctx: AsyncUnitOfWork, query: Query, f1: QueryField[V1, Any], /
    ) -> Coroutine[Any, Any, list[tuple[V1]]]: ...
    @overload
    def select(
        self, ctx: SyncUnitOfWork, query: Query, f1: QueryField[V1, Any], f2: QueryField[V2, Any], /
    ) -> list[tuple[V1, V2]]: ...
    @overload
    def select(
        self, ctx: AsyncUnitOfWork, query: Query, f1: QueryField[V1, Any], f2: QueryField[V2, Any], /
    ) -> Coroutine[Any, Any, list[tuple[V1, V2]]]: ...
    @overload
    def select(
        self,
        ctx: SyncUnitOfWork,
        query: Query,
        f1: QueryField[V1, Any],
        f2: QueryField[V2, Any],
        f3: QueryField[V3, Any],
        /,
    ) -> list[tuple[V1, V2, V3]]: ...
    @overload
    def select(
        self,
        ctx: AsyncUnitOfWork,
        query: Query,
        f1: QueryField[V1, Any],
        f2: QueryField[V2, Any],
        f3: QueryField[V3, Any],
        /,
    ) -> Coroutine[Any, Any, list[tuple[V1, V2, V3]]]: ...
    @overload
    def select(
        self,
        ctx: SyncUnitOfWork,
        query: Query,
        f1: QueryField[V1, Any],
        f2: QueryField[V2, Any],
        f3: QueryField[V3, Any],
        f4: QueryField[V4, Any],
        /,
    ) -> list[tuple[V1, V2, V3, V4]]: ...
    @overload
    def select(
        self,
        ctx: AsyncUnitOfWork,
        query: Query,
        f1: QueryField[V1, Any],
        f2: QueryField[V2, Any],
        f3: QueryField[V3, Any],
        f4: QueryField[V4, Any],
        /,
    ) -> Coroutine[Any, Any, list[tuple[V1, V2, V3, V4]]]: ...
    @overload
    def select(self, ctx: SyncUnitOfWork, query: Query, /, *fields: QueryField[Any, Any]) -> list[tuple[Any, ...]]: ...
    @overload
    def select(
        self, ctx: AsyncUnitOfWork, query: Query, /, *fields: QueryField[Any, Any]
    ) -> Coroutine[Any, Any, list[tuple[Any, ...]]]: ...
    def select(self, ctx: AnyContext, query: Query, /, *fields: QueryField[Any, Any]) -> Any:
        """These columns only, a tuple for each row that matches; makes no entities. Raises QueryError, MySQLError."""
        return run_plan(ctx, search.select_plan(identity_map_of(ctx, self), query, fields))

    @overload
    def iterate(self, ctx: SyncUnitOfWork, query: Query | None = None, batch: int = 1_000) -> Iterator[E]: ...
    @overload
    def iterate(self, ctx: AsyncUnitOfWork, query: Query | None = None, batch: int = 1_000) -> AsyncIterator[E]: ...
    def iterate(self, ctx: AnyContext, query: Query | None = None, batch: int = 1_000) -> Any:
        """Everything that matches, by id, ``batch`` rows a round trip, in constant memory.

        A row written meanwhile is seen if its id is still to come; none comes twice. Raises QueryError, also for a
        query with a sort, and MySQLError.
        """
        identity_map = identity_map_of(ctx, self)
        return ctx._iterate(search.Iteration(identity_map, Query() if query is None else query, batch))

    @overload
    def aggregate(self, ctx: SyncUnitOfWork, query: Query, **aggregates: Aggregate) -> dict[str, Any]: ...
    @overload
    def aggregate(
        self, ctx: AsyncUnitOfWork, query: Query, **aggregates: Aggregate
    ) -> Coroutine[Any, Any, dict[str, Any]]: ...
    @overload
    def aggregate(self, ctx: SyncUnitOfWork, query: GroupedQuery, **aggregates: Aggregate) -> list[dict[str, Any]]: ...
    @overload
    def aggregate(
        self, ctx: AsyncUnitOfWork, query: GroupedQuery, **aggregates: Aggregate
    ) -> Coroutine[Any, Any, list[dict[str, Any]]]: ...
    def aggregate(self, ctx: AnyContext, query: Query | GroupedQuery, **aggregates: Aggregate) -> Any:
        """What the server computes of the rows that match: ``aggregate(ctx, q, total=sum_(F.price), n=count())``.

        A value for each name; of a query with ``group_by`` a list, each with the values it is grouped by. Raises
        QueryError, MySQLError.
        """
        identity_map = identity_map_of(ctx, self)
        if isinstance(query, GroupedQuery):
            return ctx._run(aggregate_groups_plan(identity_map, query, aggregates))
        return ctx._run(aggregate_plan(identity_map, query, aggregates))
