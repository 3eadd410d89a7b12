"""What would not work on the servers as they are: a sentence each. Reads and asks; changes nothing.

A statement that matches no row is how a right is asked for: whatever a right was given by, the server decides it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from fluxaorm.alters import Alter
from fluxaorm.dialects.port import IDS_TABLE
from fluxaorm.errors import AlterError, MySQLConnectionError, MySQLError
from fluxaorm.plans.cache.identity import RedisNamespace, identity_problems_plan
from fluxaorm.plans.cache.rights import redis_problems_plan
from fluxaorm.plans.effects import Execute, FetchRows, Plan
from fluxaorm.plans.streams.kafka_alters import KafkaDeclarationsPort, get_kafka_alters_plan
from fluxaorm.plans.tables.alters import StoresPort, get_alters_plan

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect
    from fluxaorm.entity.schema import EntitySchema
    from fluxaorm.plans.state.bound_entity import ProviderPort

_RUN_ALTERS: Final = "run 'fluxaorm alters --apply' as a user who may change tables"


class ServersPort(StoresPort, KafkaDeclarationsPort, Protocol):
    """What is asked of an engine."""

    @property
    def redis_pools(self) -> Mapping[str, object]:
        """Redis pools by code."""
        ...

    @property
    def namespaces(self) -> Sequence[RedisNamespace]:
        """All that its entities use."""
        ...


def check_plan(engine: ServersPort, providers: Iterable[ProviderPort]) -> Plan[list[str]]:
    """See ``Engine.check``."""
    alters = [alter for alter in (yield from get_alters_plan(engine)) if alter.kind != "drop_table"]
    problems = [*_stale(engine.schemas, providers), *map(_pending, alters)]
    missing = {(alter.pool, alter.table) for alter in alters if alter.kind == "create_table"}
    for pool, tables in _tables(engine).items():
        for table, columns in tables.items():
            told = yield from _table_plan(pool, engine.mysql_pools[pool].dialect, table, columns, missing)
            problems += told
    for code in engine.redis_pools:
        problems += yield from redis_problems_plan(
            code, [each for each in engine.namespaces if each.redis_pool == code]
        )
    problems += yield from identity_problems_plan(engine, claim=False)
    problems += yield from _kafka_plan(engine)
    return list(dict.fromkeys(problems))


def _kafka_plan(engine: KafkaDeclarationsPort) -> Plan[list[str]]:
    """What topics lack. A user who may not look is told of; nobody's topics and groups are no problem."""
    try:
        alters = yield from get_kafka_alters_plan(engine)
    except AlterError as error:
        return [str(error)]
    return [_of_topic(alter) for alter in alters if not alter.kind.startswith("delete_")]


def _of_topic(alter: Alter) -> str:
    where = f"Kafka pool '{alter.pool}': topic `{alter.target}`"
    if alter.kind == "create_topic":
        return f"{where} is missing; run 'fluxaorm alters --apply' as a user who may make topics"
    return f"{where} differs: {alter.description} ({alter.safety})"


def _stale(schemas: Mapping[str, EntitySchema], providers: Iterable[ProviderPort]) -> Iterator[str]:
    for provider in providers:
        schema = schemas.get(provider.entity_name)
        if schema is None:
            yield f"{provider.entity_name}: there is generated code of it, and no definition is registered"
        elif schema.fingerprint != provider._fingerprint:
            yield f"{schema.name}: its generated code is out of date; run 'fluxaorm generate'"


def _pending(alter: Alter) -> str:
    where = f"MySQL pool '{alter.pool}': table `{alter.table}`"
    owner = f" of {alter.entity}" if alter.entity else ""
    if alter.kind == "create_table":
        return f"{where}{owner} is missing; {_RUN_ALTERS}"
    return f"{where}{owner} differs: {alter.description} ({alter.safety})"


def _tables(engine: StoresPort) -> dict[str, dict[str, tuple[str, ...]]]:
    """Columns by table by pool, the table of ids among them."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for schema in engine.schemas.values():
        tables = found.setdefault(schema.mysql_pool, {IDS_TABLE: ("entity", "reserved")})
        tables[schema.table] = tuple(column.name for column in schema.columns)
    return found


def _table_plan(
    pool: str, dialect: Dialect, table: str, columns: tuple[str, ...], missing: Collection[tuple[str, str]]
) -> Plan[list[str]]:
    """What the user may not do with a table. One that is not shown as there may be one that is hidden from the user."""
    problems: list[str] = []
    for right, sql in _statements(dialect, table, columns):
        try:
            if right == "SELECT":
                _ = yield from FetchRows(pool, sql)
            else:
                _ = yield from Execute(pool, sql, ())
        except MySQLError as error:
            if dialect.is_missing_table(error):
                if (pool, table) not in missing:
                    problems.append(f"MySQL pool '{pool}': table `{table}` is missing; {_RUN_ALTERS}")
                return problems
            if dialect.is_missing_column(error):
                continue
            if isinstance(error, MySQLConnectionError) and not dialect.is_missing_right(error):
                raise
            problems.append(f"MySQL pool '{pool}': {right} on table `{table}` is refused: {error.reason}")
    return problems


def _statements(dialect: Dialect, table: str, columns: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    name, first = dialect.quote(table), dialect.quote(columns[0])
    listed = ", ".join(map(dialect.quote, columns))
    nothing = "WHERE 1 = 0"
    yield "SELECT", f"SELECT {listed} FROM {name} {nothing}"
    yield "INSERT", f"INSERT INTO {name} ({listed}) SELECT {listed} FROM {name} {nothing}"
    yield "UPDATE", f"UPDATE {name} SET {first} = {first} {nothing}"
    if table != IDS_TABLE:
        yield "DELETE", f"DELETE FROM {name} {nothing}"
