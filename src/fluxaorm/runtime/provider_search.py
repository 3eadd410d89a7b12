"""The searches of a provider; the second half of ``Provider``, see there."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, overload

from fluxaorm.plans import search
from fluxaorm.query.query import Query
from fluxaorm.plans.tracked import TrackedEntity
from fluxaorm.runtime.entity import EntityBase

if TYPE_CHECKING:
    from fluxaorm.context import AsyncContext, Context

E = TypeVar("E", bound=EntityBase)


class SearchMethods(Generic[E]):
    """Everything that takes a Query. Each raises QueryError before anything is sent, MySQLError, ContextClosedError."""

    entity_name: ClassVar[str]
    table_name: ClassVar[str]
    fingerprint: ClassVar[str]
    entity_class: ClassVar[type[TrackedEntity]]
    enum_classes: ClassVar[Mapping[int, type[Any]]] = {}

    @overload
    def search_many(self, ctx: Context, query: Query) -> list[E]: ...
    @overload
    def search_many(self, ctx: AsyncContext, query: Query) -> Coroutine[Any, Any, list[E]]: ...
    def search_many(self, ctx: Context | AsyncContext, query: Query) -> Any:
        """Entities that match, in the query's order."""
        return ctx._run(search.search_many_plan(ctx.unit_of(self), query))

    @overload
    def search_many_with_total(self, ctx: Context, query: Query) -> tuple[list[E], int]: ...
    @overload
    def search_many_with_total(self, ctx: AsyncContext, query: Query) -> Coroutine[Any, Any, tuple[list[E], int]]: ...
    def search_many_with_total(self, ctx: Context | AsyncContext, query: Query) -> Any:
        """The same with the number of all that match, whatever the page."""
        return ctx._run(search.search_many_with_total_plan(ctx.unit_of(self), query))

    @overload
    def search_one(self, ctx: Context, query: Query) -> E | None: ...
    @overload
    def search_one(self, ctx: AsyncContext, query: Query) -> Coroutine[Any, Any, E | None]: ...
    def search_one(self, ctx: Context | AsyncContext, query: Query) -> Any:
        """The first that matches, or None."""
        return ctx._run(search.search_one_plan(ctx.unit_of(self), query))

    @overload
    def search_ids(self, ctx: Context, query: Query) -> list[int]: ...
    @overload
    def search_ids(self, ctx: AsyncContext, query: Query) -> Coroutine[Any, Any, list[int]]: ...
    def search_ids(self, ctx: Context | AsyncContext, query: Query) -> Any:
        """The ids of what matches."""
        return ctx._run(search.search_ids_plan(ctx.unit_of(self), query))

    @overload
    def search_ids_with_total(self, ctx: Context, query: Query) -> tuple[list[int], int]: ...
    @overload
    def search_ids_with_total(self, ctx: AsyncContext, query: Query) -> Coroutine[Any, Any, tuple[list[int], int]]: ...
    def search_ids_with_total(self, ctx: Context | AsyncContext, query: Query) -> Any:
        """The same with the number of all that match."""
        return ctx._run(search.search_ids_with_total_plan(ctx.unit_of(self), query))

    @overload
    def count(self, ctx: Context, query: Query) -> int: ...
    @overload
    def count(self, ctx: AsyncContext, query: Query) -> Coroutine[Any, Any, int]: ...
    def count(self, ctx: Context | AsyncContext, query: Query) -> Any:
        """How many match."""
        return ctx._run(search.count_plan(ctx.unit_of(self), query))

    @overload
    def exists(self, ctx: Context, query: Query) -> bool: ...
    @overload
    def exists(self, ctx: AsyncContext, query: Query) -> Coroutine[Any, Any, bool]: ...
    def exists(self, ctx: Context | AsyncContext, query: Query) -> Any:
        """Whether any matches."""
        return ctx._run(search.exists_plan(ctx.unit_of(self), query))

    @overload
    def from_sql(self, ctx: Context, sql: str, *args: Any) -> list[E]: ...
    @overload
    def from_sql(self, ctx: AsyncContext, sql: str, *args: Any) -> Coroutine[Any, Any, list[E]]: ...
    def from_sql(self, ctx: Context | AsyncContext, sql: str, *args: Any) -> Any:
        """Entities from your own SELECT; it must return the entity's columns in their order (``SELECT t.* ...`` of a table made by us does)."""
        return ctx._run(search.from_sql_plan(ctx.unit_of(self), sql, args))
