"""Compare the tables of every SQL pool with its entities, by one query a pool. No I/O; ``alter_runs`` does the rest."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, overload

from fluxaorm.alters import Alter, PoolDiff, wanted_table
from fluxaorm.errors import no_context
from fluxaorm.plans.cache.identity import RedisNamespace
from fluxaorm.plans.effects import Effect, FetchRows, Parallel, Plan
from fluxaorm.plans.streams.kafka_alters import KafkaDeclarationsPort, get_kafka_alters_plan
from fluxaorm.plans.tables.alter_runs import SQLAlterPlans
from fluxaorm.plans.tables.own_tables import own_table_alters

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect
    from fluxaorm.entity.schema import EntitySchema
    from fluxaorm.plans.state.unit_of_work import AsyncUnitOfWork, SyncUnitOfWork


class TablesPort(Protocol):
    """What is asked of a SQL pool."""

    dialect: Dialect
    collation: str
    ignored_tables: frozenset[str]
    drops_unknown_tables: bool


class DeclarationsPort(Protocol):
    """What is asked of an engine."""

    @property
    def schemas(self) -> Mapping[str, EntitySchema]:
        """Entities by name."""
        ...

    @property
    def mysql_pools(self) -> Mapping[str, Any]:
        """SQL pools by code; see ``TablesPort``."""
        ...


class StoresPort(DeclarationsPort, Protocol):
    """What is asked of an engine for all of its tables."""

    @property
    def namespaces(self) -> Sequence[RedisNamespace]:
        """What the entities use of Redis."""
        ...

    @property
    def has_async_flush(self) -> bool:
        """Whether async flush is registered."""
        ...


class AllStoresPort(StoresPort, KafkaDeclarationsPort, Protocol):
    """What is asked of an engine for all of its stores."""


@overload
def get_alters(ctx: SyncUnitOfWork, *, reorder: bool = False) -> list[Alter]: ...
@overload
def get_alters(ctx: AsyncUnitOfWork, *, reorder: bool = False) -> Coroutine[Any, Any, list[Alter]]: ...
def get_alters(ctx: SyncUnitOfWork | AsyncUnitOfWork, *, reorder: bool = False) -> Any:
    """What has to be done so that every MySQL pool has the tables its entities declare, ordered for execution.

    Nothing is changed; each alter runs by ``alter.exec(ctx)``. Empty when all is as declared. Pools without an entity
    are left alone, and so are tables that no entity has, unless ``MySQLOptions(unknown_tables="drop")`` says otherwise.
    The library's own tables are made as all others, and never dropped. ``reorder``: also move columns into the order
    of the fields, which nothing depends on. Raises MySQLError.
    """
    stores: StoresPort = _stores_of(ctx, "get_alters()")
    return ctx._run(get_alters_plan(stores, reorder, own_tables=True))


@overload
def get_all_alters(ctx: SyncUnitOfWork, *, reorder: bool = False) -> list[Alter]: ...
@overload
def get_all_alters(ctx: AsyncUnitOfWork, *, reorder: bool = False) -> Coroutine[Any, Any, list[Alter]]: ...
def get_all_alters(ctx: SyncUnitOfWork | AsyncUnitOfWork, *, reorder: bool = False) -> Any:
    """The alters of every store, ordered for execution: ``get_alters``, then ``get_kafka_alters``.

    ``reorder``: as for ``get_alters``. Raises MySQLError, and what ``get_kafka_alters`` raises.
    """
    stores: AllStoresPort = _stores_of(ctx, "get_all_alters()")
    return ctx._run(get_all_alters_plan(stores, reorder))


def _stores_of(ctx: Any, asker: str) -> Any:
    """The engine of a context. ContextMisuseError for what is none."""
    try:
        return ctx._engine
    except AttributeError:
        raise no_context(asker, ctx) from None


def get_all_alters_plan(engine: AllStoresPort, reorder: bool = False) -> Plan[list[Alter]]:
    """A store that others are filled from comes before them."""
    alters = yield from get_alters_plan(engine, reorder, own_tables=True)
    return [*alters, *(yield from get_kafka_alters_plan(engine))]


def get_alters_plan(
    engine: StoresPort, reorder: bool = False, keep_unknown: bool = False, own_tables: bool = False
) -> Plan[list[Alter]]:
    """The alters of all SQL pools, one introspection query each.

    ``keep_unknown``: tables that no entity has are left alone, whatever the options of the pool; ``own_tables``: the
    library's too.
    """
    by_pool = _by_pool(engine.schemas.values())
    pools: list[TablesPort] = [engine.mysql_pools[code] for code in by_pool]
    queries: list[Effect[Any]] = [
        FetchRows(code, pool.dialect.introspection_sql()) for code, pool in zip(by_pool, pools, strict=True)
    ]
    answers = yield from Parallel(queries)
    alters: list[Alter] = []
    for (code, schemas), pool, rows in zip(by_pool.items(), pools, answers, strict=True):
        actual, others = pool.dialect.parse_introspection(rows), pool.dialect.parse_others(rows)
        if own_tables:
            alters += own_table_alters(engine, code, pool.dialect, actual, engine.has_async_flush)
        drop_unknown = pool.drops_unknown_tables and not keep_unknown
        wanted = [wanted_table(schema, pool.dialect, pool.collation) for schema in schemas]
        diff = PoolDiff(code, pool.dialect, SQLAlterPlans(pool.dialect), reorder, drop_unknown)
        alters += diff.alters(wanted, actual, pool.ignored_tables, others)
    return alters


def _by_pool(schemas: Iterable[EntitySchema]) -> dict[str, list[EntitySchema]]:
    found: dict[str, list[EntitySchema]] = {}
    for schema in sorted(schemas, key=lambda schema: (schema.mysql_pool, schema.table)):
        found.setdefault(schema.mysql_pool, []).append(schema)
    return found
