"""``engine.schema(X)``: what an entity is, and what can be done to its table and caches, in one engine.

The metadata is the resolved ``entity.schema.EntitySchema``; this adds the operations, for both contexts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from fluxaorm.alters import Alter
from fluxaorm.entity.schema import (
    CacheSchema,
    ColumnSchema,
    EntitySchema,
    EnumSchema,
    IndexSchema,
    ReferenceSchema,
)
from fluxaorm.entity.values.not_copied import NotCopied
from fluxaorm.errors import ContextMisuseError, RegistryError, no_context
from fluxaorm.plans.cache.control import clear_cache_plan
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.state.bound_entity import BoundEntity, DisabledCaches
from fluxaorm.plans.state.engine_port import EnginePort
from fluxaorm.plans.tables import table_operations
from fluxaorm.runtime.sync_or_async import AnyContext, run_plan, sync_or_async


class SchemaEnginePort(EnginePort, Protocol):
    """What is asked of the engine, beside what plans ask of it."""

    has_contexts: bool

    @property
    def schemas(self) -> Mapping[str, EntitySchema]:
        """Entities by name."""
        ...

    def disable_caches(self, entity_name: str, disabled: DisabledCaches) -> None:
        """Read and fill these caches of the entity no more."""
        ...


class EngineSchema(NotCopied):
    """One entity in one engine. Made by the engine; the same object each time.

    What tables are changed by (``update_schema`` and the three below it) is refused inside an open transaction:
    ContextMisuseError. Each raises MySQLError when the server refuses, ContextClosedError, and ContextMisuseError for a
    context of another engine.
    """

    def __init__(self, engine: SchemaEnginePort, metadata: EntitySchema) -> None:
        self._engine = engine
        self._metadata = metadata
        self._options: dict[str, Any] = {}

    def _instead(self) -> str:
        return "a schema belongs to its engine, and is neither copied nor pickled; ask engine.schema(X) of each engine"

    def __repr__(self) -> str:
        return f"<EngineSchema {self.name} table={self.table_name!r} columns={len(self.columns)}>"

    @property
    def metadata(self) -> EntitySchema:
        """Everything that was resolved from the definition; immutable."""
        return self._metadata

    @property
    def name(self) -> str:
        """Class name of definition and generated entity."""
        return self._metadata.name

    @property
    def table_name(self) -> str:
        """The table's name."""
        return self._metadata.table

    @property
    def mysql_pool(self) -> str:
        """Code of the MySQL pool."""
        return self._metadata.mysql_pool

    @property
    def columns(self) -> tuple[ColumnSchema, ...]:
        """Every column, the id first."""
        return self._metadata.columns

    @property
    def by_field(self) -> Mapping[str, ColumnSchema]:
        """Columns by field name."""
        return self._metadata.by_field

    @property
    def indexes(self) -> tuple[IndexSchema, ...]:
        """Every index besides the primary key."""
        return self._metadata.indexes

    @property
    def unique_indexes(self) -> tuple[IndexSchema, ...]:
        """The unique ones of them."""
        return self._metadata.unique_indexes

    @property
    def references(self) -> tuple[ReferenceSchema, ...]:
        """Fields that refer to other entities."""
        return self._metadata.references

    @property
    def enums(self) -> Mapping[str, EnumSchema]:
        """The members of enum and set columns, by field name."""
        return {column.field: column.enum for column in self.columns if column.enum is not None}

    @property
    def cache(self) -> CacheSchema:
        """The cache options as declared."""
        return self._metadata.cache

    @property
    def fingerprint(self) -> str:
        """A hash of everything that generated code and cached rows depend on."""
        return self._metadata.fingerprint

    # the table

    @sync_or_async
    def update_schema(self, ctx: AnyContext, *, allow_destructive: bool = False) -> list[Alter]:
        """Bring the table in line with the definition: make it, or run its safe alters; other tables are left alone.

        Returns the alters that were not run, because they may lose data or break code that runs now: each says why.
        ``allow_destructive`` runs them too. Raises as ``Alter.exec`` does; alters that were run before stay.
        """
        engine = self._checked_outside(ctx)
        return run_plan(ctx, table_operations.update_schema_plan(ctx, engine, self._metadata, allow_destructive))

    @sync_or_async
    def update_schema_and_truncate(self, ctx: AnyContext) -> None:
        """Remove all rows, then bring the table in line with the definition, destructive alters included.

        With the rows gone there is nothing left that they could lose. Raises as ``truncate_table`` and ``Alter.exec``.
        """
        engine = self._checked_outside(ctx)
        return self._run(ctx, lambda binding: table_operations.update_schema_and_truncate_plan(ctx, engine, binding))

    @sync_or_async
    def truncate_table(self, ctx: AnyContext) -> None:
        """Remove all rows and all that is cached of them; their ids are not given out again. No callbacks are called.

        Raises CacheUnavailableError when Redis cannot be told: nothing was removed. PostCommitError when it could not
        be told afterwards.
        """
        self._checked_outside(ctx)
        return self._run(ctx, lambda binding: table_operations.truncate_table_plan(ctx, binding))

    @sync_or_async
    def drop_table(self, ctx: AnyContext) -> None:
        """Drop the table with all rows and all that is cached of them, at once; one that is not there does no harm.

        Its ids are not given out again, no callbacks are called. Raises CacheUnavailableError when Redis cannot be
        told: nothing was dropped. PostCommitError when it could not be told afterwards.
        """
        self._checked_outside(ctx)
        return self._run(ctx, lambda binding: table_operations.drop_table_plan(ctx, binding))

    # the caches

    @sync_or_async
    def clear_cache(self, ctx: AnyContext) -> int:
        """Drop all that is cached of the entity in this process and in Redis; the number of Redis keys.

        Raises CacheUnavailableError or RedisError when Redis cannot be reached, PostCommitError when it was lost
        half-way.
        """
        return self._run(ctx, lambda binding: clear_cache_plan(ctx, binding))

    def disable_cache(self, *, local: bool | None = None, redis: bool | None = None) -> None:
        """Neither read nor fill the local cache or the Redis cache of rows; both when neither is named.

        Other processes are told of changes as before, so that their caches stay right. For this engine alone, and
        only before its first context: RegistryError afterwards.
        """
        self._refuse_late("disable_cache")
        if local is None and redis is None:
            local = redis = True
        self._engine.disable_caches(self.name, DisabledCaches(local is True, redis is True))

    # options

    def option(self, key: str, default: Any = None) -> Any:
        """The value given to ``set_option``, or ``default``."""
        return self._options.get(key, default)

    def set_option(self, key: str, value: Any) -> None:
        """Keep a value of the application's own with the entity; only before the engine's first context: RegistryError.

        The library reads none of them.
        """
        self._refuse_late("set_option")
        self._options[key] = value

    def _refuse_late(self, method: str) -> None:
        if self._engine.has_contexts:
            problem = f"{self.name}: {method}() comes before the engine's first context; an engine never changes later"
            raise RegistryError([problem])

    def _checked(self, ctx: AnyContext) -> SchemaEnginePort:
        try:
            engine = ctx._engine
        except AttributeError:
            raise no_context(self.name, ctx) from None
        if engine is not self._engine:
            raise ContextMisuseError(f"{self.name}: the context is one of another engine")
        return self._engine

    def _checked_outside(self, ctx: AnyContext) -> SchemaEnginePort:
        """The same of what changes tables, which waits for every transaction that uses them."""
        engine = self._checked(ctx)
        if ctx.in_transaction:
            raise ContextMisuseError(
                f"{self.name}: what changes the table waits for every transaction that uses it, this context's too; "
                "do it outside of ctx.transaction()"
            )
        return engine

    def _run(self, ctx: AnyContext, make: Callable[[BoundEntity], Plan[Any]]) -> Any:
        return run_plan(ctx, make(self._checked(ctx).binding_of(self.name)))
