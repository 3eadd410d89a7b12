"""What can be said and does nothing yet is refused: nobody may wait for the effect of an option that nobody reads."""

from __future__ import annotations

import ast
import dataclasses
import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest

import fluxaorm as fx
from fluxaorm import Entity, Field, UInt32
from fluxaorm.entity.declare import field
from fluxaorm.entity.resolve import class_options
from fluxaorm.entity.schema import CacheSchema, ColumnSchema, EntitySchema, IndexSchema
from fluxaorm.errors import RegistryError
from fluxaorm.options import ClickhouseOptions, MySQLOptions, RedisOptions, TLSOptions
from fluxaorm.registry.unbuilt import CLASS_OPTIONS, FIELD_OPTIONS, MYSQL_OPTIONS

SOURCE = Path(fx.__file__).parent
DECLARING = ("options", "entity", "registry", "config")
"""What only takes in what users say: reading an option there gives it no effect."""


class DocumentEntity(Entity, redis_search="default", events="default", shard_key="owner"):
    """Says much that is not built."""

    id: UInt32
    owner: UInt32
    body: str = Field(searchable=True, sortable=True)


def _registry() -> fx.Registry:
    registry = fx.Registry()
    options = MySQLOptions(topology="replicas", max_replica_lag=1, failover_timeout=1)
    registry.register_mysql("mysql://root:hunter2@127.0.0.1:1/db", options=options)
    registry.register_redis("127.0.0.1:1")
    registry.register_kafka(["127.0.0.1:1"])
    registry.register_kafka_consumer_group(
        fx.KafkaConsumerGroup("g", "default", topics=["orders"], dead_letter=fx.DeadLetter())
    )
    registry.register_debezium_connect_url("http://localhost:1")
    registry.register_clickhouse("clickhouse://nowhere:1/db", options=ClickhouseOptions(max_open_connections=5))
    registry.register_clickhouse_table(
        fx.ClickhouseTable("t", "default", columns=[fx.Column("id", "UInt64")], engine="Memory")
    )
    registry.register_entity(DocumentEntity)
    return registry


EXPECTED = [
    "MySQL pool 'default': MySQLOptions(topology=)",
    "MySQL pool 'default': MySQLOptions(failover_timeout=)",
    "MySQL pool 'default': MySQLOptions(max_replica_lag=)",
    "ClickHouse pool 'default': ClickhouseOptions(max_open_connections=)",
    "ClickHouse table 't': register_clickhouse_table()",
    "Kafka consumer group 'g': KafkaConsumerGroup(dead_letter=)",
    "Debezium of Kafka pool 'default': register_debezium_connect_url()",
    "DocumentEntity: redis_search=",
    "DocumentEntity: events=",
    "DocumentEntity: shard_key=",
    "DocumentEntity.body: Field(searchable=)",
    "DocumentEntity.body: Field(sortable=)",
]


def test_what_does_nothing_is_refused_before_a_server_is_asked(no_sockets: None) -> None:
    """An engine that starts is taken at its word."""
    with pytest.raises(RegistryError) as caught:
        _registry().validate()

    assert [f"{each} does nothing in this version; leave it out" for each in EXPECTED] == list(caught.value.problems)


def test_without_servers_it_is_told_in_the_log(no_sockets: None, caplog: pytest.LogCaptureFixture) -> None:
    """Definitions may be ahead of the version that code is generated with, but not in silence."""
    with caplog.at_level(logging.WARNING, logger="fluxaorm.registry"):
        _registry().validate(connect=False).close()

    told = [record.getMessage() for record in caplog.records]
    assert EXPECTED == [sentence.partition(" does nothing")[0] for sentence in told[: len(EXPECTED)]]
    assert ["ClickHouse pool 'default': this version keeps its address and does not connect to it"] == (
        told[len(EXPECTED) :]
    )


def _read_in(path: Path) -> set[str]:
    return {node.attr for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute)}


def _read_outside(*packages: str) -> set[str]:
    """The names of all attributes that the library reads, outside of these packages."""
    paths = [path for path in SOURCE.rglob("*.py") if path.relative_to(SOURCE).parts[0] not in packages]
    return {name for path in paths for name in _read_in(path)}


@pytest.mark.parametrize("struct", [MySQLOptions, RedisOptions, TLSOptions])
def test_each_option_of_a_pool_is_read_or_refused(struct: type[msgspec.Struct]) -> None:
    """A new option is one or the other: this fails for whoever adds it and stops there."""
    # what an engine is made of is read there
    makers = (SOURCE / "registry" / "build.py", SOURCE / "registry" / "servers.py")
    read = _read_outside("options", "registry", "config").union(*map(_read_in, makers))

    unread = {each.name for each in msgspec.structs.fields(struct)} - read

    assert (MYSQL_OPTIONS if struct is MySQLOptions else frozenset()) == unread


@pytest.mark.parametrize(
    ("metadata", "of_options"),
    [
        (EntitySchema, ("debezium_pool", "events_pool", "shard_key", "redis_search_pool")),
        (ColumnSchema, tuple(FIELD_OPTIONS)),
        (CacheSchema, ()),
        (IndexSchema, ()),
    ],
)
def test_what_definitions_become_is_read_or_refused(metadata: Any, of_options: tuple[str, ...]) -> None:
    """Options of classes and fields have their effect through these alone."""
    read = _read_outside(*DECLARING)

    unread = {each.name for each in dataclasses.fields(metadata)} - read

    # the entity's own packages make what others read of these two
    assert set(of_options) == unread - {"minimum", "implicit"}


def test_each_option_of_a_class_and_of_a_field_is_known_here() -> None:
    """The first line says which options become metadata that is read (see above); the rest is refused."""
    built = {"mysql", "table", "redis_cache", "ttl", "local_cache", "local_ttl", "cache_all", "soft_delete"}
    built |= {"id_pool", "id_block", "renamed_from"}
    of_fields = {"default", "default_factory", "unique", "index", "cached", "column", "prefix", "ignore", "secret"}
    of_fields |= {"renamed_from", "version", "length", "size_class", "precision", "scale", "unsigned", "fsp"}
    of_fields |= {"enum_name", "size"}

    assert built | CLASS_OPTIONS == set(class_options.OPTION_NAMES)
    assert of_fields | FIELD_OPTIONS == set(field.OPTION_NAMES)


def test_each_key_of_the_configuration_is_registered() -> None:
    """YAML that is read into a Config and forgotten there would be accepted for nothing."""
    read = _read_in(SOURCE / "registry" / "from_config.py")
    structs = [each for name, each in vars(fx).items() if name.startswith("Config") and isinstance(each, type)]

    unread = {
        f"{struct.__name__}.{each}"
        for struct in structs
        if issubclass(struct, msgspec.Struct)
        for each in struct.__struct_fields__
        if each not in read
    }

    assert set() == unread
