"""What is wrong among the declarations of Kafka, Debezium and ClickHouse, as far as can be known without a network."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from fluxaorm.addresses import SQLiteAddress
from fluxaorm.alters.kafka.nobodys import OUR_PREFIXES
from fluxaorm.alters.kafka.setting_values import number_of
from fluxaorm.entity.schema import EntitySchema
from fluxaorm.options import ClickhouseTable, KafkaConsumerGroup, KafkaTopic
from fluxaorm.registry.registrations import Registrations, by_code, unknown_pool

_TOPIC = re.compile(r"[A-Za-z0-9_.-]{1,249}", re.ASCII)
DEFAULT_SESSION_MS: Final = 45_000
DEFAULT_REBALANCE_MS: Final = 300_000
_OWN_PREFIXES = ("__", *OUR_PREFIXES)


def kafka_problems(registered: Registrations, schemas: Mapping[str, EntitySchema]) -> Iterator[str]:
    """Problems of topics, consumer groups, async flush, Debezium and outboxes."""
    yield from _pool_problems(registered)
    yield from _topic_problems(registered)
    yield from _group_problems(registered, schemas)
    yield from _async_flush_problems(registered, schemas)
    yield from _connect_problems(registered)
    for schema in schemas.values():
        yield from _debezium_problems(schema, registered)
        if schema.events_pool is not None and (unknown := unknown_pool("Kafka", schema.events_pool, registered)):
            yield f"{schema.name}: events: {unknown}"
    yield from _split_connectors(schemas.values())


def _pool_problems(registered: Registrations) -> Iterator[str]:
    for code, pool in by_code(registered.kafka).items():
        where, options = f"Kafka pool '{code}'", pool.options
        if options.producer_linger_ms >= options.delivery_timeout * 1000:
            yield f"{where}: producer_linger_ms is as long as delivery_timeout: records would fail before they are sent"
        if options.sasl_mechanism and not (options.sasl_user and options.sasl_password):
            yield f"{where}: sasl_mechanism needs sasl_user and sasl_password"
        if not options.sasl_mechanism and (options.sasl_user or options.sasl_password):
            yield f'{where}: a user or password without sasl_mechanism is not used; say which: "SCRAM-SHA-512", ...'


def _repeated(names: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [name for name, count in Counter(names).items() if count > 1]


def _topic_problems(registered: Registrations) -> Iterator[str]:
    for name, pool in _repeated((topic.name, topic.pool) for topic in registered.topics):
        yield f"Kafka topic '{name}' of pool '{pool}' is registered more than once; register it once"
    for topic in registered.topics:
        where = f"Kafka topic '{topic.name}'"
        if unknown := unknown_pool("Kafka", topic.pool, registered):
            yield f"{where}: {unknown}"
        if problem := _name_problem(topic.name):
            yield f"{where}: {problem}"
        yield from _setting_problems(where, topic)
    yield from _alike_names(registered)


def _alike_names(registered: Registrations) -> Iterator[str]:
    """Brokers name their metrics by topics, with '.' for '_', and refuse a second topic with a name."""
    first: dict[tuple[str, str], str] = {}
    for topic in registered.topics:
        other = first.setdefault((topic.pool, topic.name.replace(".", "_")), topic.name)
        if other != topic.name:
            yield f"Kafka topic '{topic.name}': to Kafka '.' and '_' are the same, and '{other}' is there; rename one"


def _name_problem(name: str) -> str:
    if not _TOPIC.fullmatch(name) or name in (".", ".."):
        return "a topic's name has 1 to 249 letters, digits, '_', '-' and '.'"
    if name.startswith(_OWN_PREFIXES):
        return f"names that begin with {', '.join(_OWN_PREFIXES)} are internal; choose another"
    return ""


def _setting_problems(where: str, topic: KafkaTopic) -> Iterator[str]:
    both = sorted(set(topic.configs) & set(topic.arguments))
    for name in both:
        yield f"{where}: '{name}' is given as an argument and in configs; give it once"
    in_sync = number_of(topic.settings.get("min.insync.replicas", "")) or 0
    if 0 < topic.replication_factor < in_sync:
        yield f"{where}: min_insync_replicas is more than replication_factor: nothing could be written"


def _group_problems(registered: Registrations, schemas: Mapping[str, EntitySchema]) -> Iterator[str]:
    for name, pool in _repeated((group.name, group.pool) for group in registered.consumer_groups):
        yield f"Kafka consumer group '{name}' of pool '{pool}' is registered more than once; register it once"
    for group in registered.consumer_groups:
        where = f"Kafka consumer group '{group.name}'"
        if not group.name:
            yield f"{where}: its name is empty"
        if unknown := unknown_pool("Kafka", group.pool, registered):
            yield f"{where}: {unknown}"
        if not group.topics and not group.debezium:
            yield f"{where}: it reads nothing; give it topics=[...] or debezium=[...]"
        if 0 < group.rebalance_timeout_ms < (group.session_timeout_ms or DEFAULT_SESSION_MS):
            yield f"{where}: rebalance_timeout_ms is less than session_timeout_ms; make it at least as long"
        elif not group.rebalance_timeout_ms and group.session_timeout_ms > DEFAULT_REBALANCE_MS:
            yield f"{where}: session_timeout_ms is more than rebalance_timeout_ms, 300,000 by default; say both"
        yield from _subscription_problems(where, group, schemas)


def _subscription_problems(where: str, group: KafkaConsumerGroup, schemas: Mapping[str, EntitySchema]) -> Iterator[str]:
    by_definition = {schema.definition: schema for schema in schemas.values()}
    for definition in group.debezium:
        schema = by_definition.get(definition) if isinstance(definition, type) else None
        name = getattr(definition, "__name__", None) or repr(definition)
        if schema is None:
            yield f"{where}: debezium: {name} is not a registered entity"
        elif schema.debezium_pool != group.pool:
            fix = f'give it debezium="{group.pool}"'
            yield f"{where}: debezium: {name} is not streamed to Kafka pool '{group.pool}'; {fix}"


def _async_flush_problems(registered: Registrations, schemas: Mapping[str, EntitySchema]) -> Iterator[str]:
    if len(registered.async_flushes) > 1:
        yield "async flush is registered more than once; it goes through one Kafka pool"
    for flush in registered.async_flushes:
        if unknown := unknown_pool("Kafka", flush.kafka_pool, registered):
            yield f"async flush: {unknown}"
        if flush.options.order_by == "row":
            for schema in schemas.values():
                if schema.unique_indexes:
                    yield (
                        f'{schema.name}: async flush with order_by="row" does not keep the order of different rows, '
                        f"and so cannot hand a value of its unique index '{schema.unique_indexes[0].name}' from one "
                        'to another; use order_by="table"'
                    )


def not_flushed_asynchronously(registered: Registrations, schemas: Mapping[str, EntitySchema]) -> Iterator[str]:
    """Entities that async flush, when it is registered, will refuse; what is told in the log."""
    for schema in schemas.values() if registered.async_flushes else ():
        if schema.version_position is not None:
            field = schema.columns[schema.version_position].field
            yield (
                f"{schema.name}: ctx.flush_async() will refuse it, since {schema.name}.{field} is a version: nobody "
                "is left to be told of a conflict when the write is applied"
            )


def _connect_problems(registered: Registrations) -> Iterator[str]:
    for code, count in Counter(connect.kafka_pool for connect in registered.connects).items():
        if count > 1:
            yield f"Debezium of Kafka pool '{code}' has more than one connect URL; register one"
        if unknown := unknown_pool("Kafka", code, registered):
            yield f"Debezium's connect URL: {unknown}"


def _debezium_problems(schema: EntitySchema, registered: Registrations) -> Iterator[str]:
    code = schema.debezium_pool
    if code is None:
        return
    if unknown := unknown_pool("Kafka", code, registered):
        yield f"{schema.name}: debezium: {unknown}"
    if code not in {connect.kafka_pool for connect in registered.connects}:
        yield (
            f"{schema.name}: debezium: Kafka pool '{code}' has no Kafka Connect; "
            f"register_debezium_connect_url(url, {code!r})"
        )
    mysql = by_code(registered.mysql).get(schema.mysql_pool)
    if mysql is not None and isinstance(mysql.address, SQLiteAddress):
        yield f"{schema.name}: debezium: MySQL pool '{mysql.code}' is SQLite, which has no binlog to stream"


def _split_connectors(schemas: Iterable[EntitySchema]) -> Iterator[str]:
    """A connector serves one MySQL pool and streams to one Kafka pool."""
    first: dict[str, EntitySchema] = {}
    for schema in schemas:
        if schema.debezium_pool is None:
            continue
        other = first.setdefault(schema.mysql_pool, schema)
        if other.debezium_pool != schema.debezium_pool:
            yield (
                f"{schema.name}: debezium: entities of MySQL pool '{schema.mysql_pool}' must stream to one Kafka pool, "
                f"but {other.name} streams to '{other.debezium_pool}', {schema.name} to '{schema.debezium_pool}'"
            )


def clickhouse_table_problems(registered: Registrations) -> Iterator[str]:
    """Problems of ClickHouse tables: what they lack, unknown pools, duplicates."""
    for name, pool in _repeated((table.name, table.pool) for table in registered.clickhouse_tables):
        yield f"ClickHouse table '{name}' of pool '{pool}' is registered more than once; register it once"
    for table in registered.clickhouse_tables:
        if unknown := unknown_pool("ClickHouse", table.pool, registered):
            yield f"ClickHouse table '{table.name}': {unknown}"
        for problem in _table_problems(table):
            yield f"ClickHouse table '{table.name}': {problem}"


def _table_problems(table: ClickhouseTable) -> Iterator[str]:
    if not table.name:
        yield "it has no name"
    if not table.engine:
        yield 'it has no engine; give it engine="MergeTree" or another'
    if not table.columns:
        yield 'it has no columns; give it columns=[Column("id", "UInt64"), ...]'
    if "MergeTree" in table.engine and not table.order_by:
        yield "its engine needs order_by=[...]"
    if list(table.primary_key) != list(table.order_by[: len(table.primary_key)]):
        yield "primary_key is not the beginning of order_by"
    yield from _column_problems(table)


def _column_problems(table: ClickhouseTable) -> Iterator[str]:
    for name, count in Counter(column.name for column in table.columns).items():
        if count > 1:
            yield f"the column '{name}' is given more than once"
    for column in table.columns:
        if not column.name or not column.type:
            yield f"the column '{column.name}' has no {'type' if column.name else 'name'}"
        if sum(map(bool, (column.default, column.materialized, column.alias))) > 1:
            yield f"the column '{column.name}' has more than one of default, materialized and alias"
