"""What can be said already and does nothing yet: each is a sentence, so that nobody waits for its effect.

``validate()`` refuses all of it. ``validate(connect=False)``, of which code generation makes use, tells it in the log.
A pool of ClickHouse is no more than an address that is kept, and is told in the log in either case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from fluxaorm.entity.schema import EntitySchema
from fluxaorm.registry.registrations import Registrations

MYSQL_OPTIONS: Final = frozenset({"topology", "failover_timeout", "max_replica_lag"})
CLASS_OPTIONS: Final = frozenset({"events", "debezium", "redis_search", "shard_key"})
GROUP_OPTIONS: Final = ("debezium", "dead_letter")
FIELD_OPTIONS: Final = frozenset({"searchable", "sortable"})

_NOTHING: Final = "does nothing in this version; leave it out"


def unbuilt(registered: Registrations, schemas: Mapping[str, EntitySchema]) -> Iterator[str]:
    """Everything that was registered and that nobody reads."""
    for mysql in registered.mysql:
        for name in _given(mysql.options):
            if name in MYSQL_OPTIONS:
                yield f"MySQL pool '{mysql.code}': MySQLOptions({name}=) {_NOTHING}"
    for clickhouse in registered.clickhouse:
        for name in _given(clickhouse.options):
            yield f"ClickHouse pool '{clickhouse.code}': ClickhouseOptions({name}=) {_NOTHING}"
    yield from _declarations(registered)
    for schema in schemas.values():
        yield from _of_entity(schema)


def kept_addresses(registered: Registrations) -> Iterator[str]:
    """The pools that are kept and not connected. The engine in the process has no server to connect to."""
    for pool in registered.clickhouse:
        if not pool.address.chdb:
            yield f"ClickHouse pool '{pool.code}': this version keeps its address and does not connect to it"


def _given(options: msgspec.Struct) -> Iterator[str]:
    """The names of options that are not at their defaults; no value, since it may be a secret."""
    for field in msgspec.structs.fields(type(options)):
        default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        if getattr(options, field.name) != default:
            yield field.name


def _declarations(registered: Registrations) -> Iterator[str]:
    for table in registered.clickhouse_tables:
        yield f"ClickHouse table '{table.name}': register_clickhouse_table() {_NOTHING}"
    for group in registered.consumer_groups:
        for name in GROUP_OPTIONS:
            if getattr(group, name):
                yield f"Kafka consumer group '{group.name}': KafkaConsumerGroup({name}=) {_NOTHING}"
    for connect in registered.connects:
        yield f"Debezium of Kafka pool '{connect.kafka_pool}': register_debezium_connect_url() {_NOTHING}"


def _of_entity(schema: EntitySchema) -> Iterator[str]:
    given: Mapping[str, Any] = getattr(schema.definition, "__fluxa_options__", {})
    for name in given:
        if name in CLASS_OPTIONS and given[name] not in (None, False):
            yield f"{schema.name}: {name}= {_NOTHING}"
    for column in schema.columns:
        for name in sorted(FIELD_OPTIONS):
            if getattr(column, name):
                yield f"{schema.name}.{column.field}: Field({name}=) {_NOTHING}"
