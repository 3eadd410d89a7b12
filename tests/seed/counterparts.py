"""Each snippet of the page beside its counterpart in Python, which asserts what came of it.

The snippets are byte for byte the page's; `test_page.py` runs the counterparts. Servers are not reached here:
`tests/integration/pools/test_registry_*.py` register real ones.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import fluxaorm as fx
from fluxaorm.addresses import HostPort, KafkaAddress, RedisAddress
from fluxaorm.errors import RegistryError
from fluxaorm.registry.registrations import Registrations
from tests.seed.entities import CategoryEntity, OrderEntity, ProductEntity, UserEntity

Counterpart = Callable[[Path], None]
COUNTERPARTS: dict[str, Counterpart] = {}
"""Snippet -> its counterpart, which is given an empty directory."""


def of(snippet: str) -> Callable[[Counterpart], Counterpart]:
    """Notes the counterpart of a snippet."""

    def note(counterpart: Counterpart) -> Counterpart:
        COUNTERPARTS[snippet.strip("\n")] = counterpart
        return counterpart

    return note


def _shown(registered: Registrations) -> dict[str, str]:
    """Every MySQL, Redis and ClickHouse pool and its address, passwords hidden."""
    shown = {pool.code: str(pool.address) for pool in registered.mysql}
    shown |= {pool.code: str(pool.address) for pool in registered.redis}
    return shown | {pool.code: str(pool.address) for pool in registered.clickhouse}


@of(
    """
package main
import "github.com/latolukasz/fluxaorm/v2"
func main() {
registry := fluxaorm.NewRegistry()
// Register connection pools
registry.RegisterMySQL("root:root@tcp(localhost:3306)/app", fluxaorm.DefaultPoolCode, nil)
registry.RegisterRedis("localhost:6379", 0, fluxaorm.DefaultPoolCode, nil)
registry.RegisterLocalCache(fluxaorm.DefaultPoolCode, 100000)
registry.RegisterClickhouse("clickhouse://localhost:9000/default", "analytics", nil)
// Register entities
registry.RegisterEntity(&UserEntity{}, &ProductEntity{}, &CategoryEntity{})
// Validate and get the Engine
engine, err := registry.Validate()
if err != nil {
panic(err)
}
}
"""
)
def creating_a_registry(directory: Path) -> None:
    registry = fx.Registry()
    registry.register_mysql("root:root@tcp(localhost:3306)/app", fx.DEFAULT_POOL_CODE)
    registry.register_redis("localhost:6379", 0, fx.DEFAULT_POOL_CODE)
    registry.register_local_cache(fx.DEFAULT_POOL_CODE, 100_000)
    registry.register_clickhouse("clickhouse://localhost:9000/default", "analytics")
    registry.register_entity(UserEntity, ProductEntity, CategoryEntity)
    engine = registry.validate(connect=False)

    with engine:
        assert ["default"] == list(engine.registry.mysql_pools)
        assert "mysql://root:***@localhost:3306/app" == str(engine.mysql().address)
        assert "redis://localhost:6379/0" == str(engine.redis().address)
        assert 100_000 == engine.local_cache().limit
        assert (HostPort("localhost", 8123),) == engine.clickhouse("analytics").address.hosts
        assert [UserEntity, ProductEntity, CategoryEntity] == list(engine.registry.entities.values())


@of(
    """
registry.RegisterEntity(&UserEntity{})
registry.RegisterEntity(&ProductEntity{}, &OrderEntity{})
"""
)
def registering_entities(directory: Path) -> None:
    registry = fx.Registry()
    registry.register_entity(UserEntity)
    registry.register_entity(ProductEntity, OrderEntity)

    assert [UserEntity, ProductEntity, OrderEntity] == registry.registered.entities


@of(
    """
type UserEntity struct {
ID uint64 `orm:"redisCache"`
Name string `orm:"required"`
Email string `orm:"required"`
Age uint8
}
func (e UserEntity) UniqueIndexes() map[string][]string {
return map[string][]string{"Email": {"Email"}}
}
type ProductEntity struct {
ID uint64 `orm:"redisCache"`
Name string `orm:"required"`
Price float64
Category fluxaorm.Reference[CategoryEntity] `orm:"required"`
Status string `orm:"enum=draft,active,archived;required"`
}
type CategoryEntity struct {
ID uint16
Name string `orm:"required"`
}
func (e CategoryEntity) UniqueIndexes() map[string][]string {
return map[string][]string{"Name": {"Name"}}
}
type OrderEntity struct {
ID uint64 `orm:"redisCache"`
User fluxaorm.Reference[UserEntity] `orm:"required"`
Product fluxaorm.Reference[ProductEntity] `orm:"required"`
Quantity uint32 `orm:"required"`
CreatedAt time.Time
}
"""
)
def entity_structs(directory: Path) -> None:
    with _engine_of_the_page() as engine:
        user, product = engine.schema(UserEntity), engine.schema(ProductEntity)
        category, order = engine.schema(CategoryEntity), engine.schema(OrderEntity)

    assert {"on"} == {schema.cache.redis for schema in (user, product, order)}
    assert "off" == category.cache.redis
    assert [("email", ("email",))] == [(index.name, index.fields) for index in user.unique_indexes]
    assert [("name", ("name",))] == [(index.name, index.fields) for index in category.unique_indexes]
    required = ["id", "name", "category", "status"]
    assert required == [column.field for column in product.columns if not column.has_default]
    assert [0, 0.0] == [user.by_field["age"].default, product.by_field["price"].default]
    status = product.by_field["status"].enum
    assert status is not None
    assert ("draft", "active", "archived") == status.members
    assert "smallint unsigned" == product.by_field["category"].mysql_type
    assert {"CategoryEntity": "category"} == {each.target: each.field for each in product.references}
    assert {"UserEntity": "user", "ProductEntity": "product"} == {each.target: each.field for each in order.references}
    assert "int unsigned" == order.by_field["quantity"].mysql_type
    assert "created_at" == order.by_field["created_at"].auto


@of(
    """
registry.RegisterMySQL("user:password@tcp(localhost:3306)/mydb", fluxaorm.DefaultPoolCode, nil)
registry.RegisterMySQL("user:password@tcp(localhost:3306)/logs", "logs", &fluxaorm.MySQLOptions{
MaxOpenConnections: 50,
})
"""
)
def mysql(directory: Path) -> None:
    registry = fx.Registry()
    registry.register_mysql("user:password@tcp(localhost:3306)/mydb", fx.DEFAULT_POOL_CODE)
    registry.register_mysql("user:password@tcp(localhost:3306)/logs", "logs", fx.MySQLOptions(max_open_connections=50))

    expected = {
        "default": "mysql://user:***@localhost:3306/mydb",
        "logs": "mysql://user:***@localhost:3306/logs",
    }
    assert expected == _shown(registry.registered)
    assert [0, 50] == [pool.options.max_open_connections for pool in registry.registered.mysql]


@of(
    """
// Standard connection
registry.RegisterRedis("localhost:6379", 0, fluxaorm.DefaultPoolCode, nil)
// With authentication
registry.RegisterRedis("localhost:6379", 1, "sessions", &fluxaorm.RedisOptions{
User: "user",
Password: "secret",
})
// Sentinel connection
registry.RegisterRedis("", 0, "cluster", &fluxaorm.RedisOptions{
Master: "mymaster",
Sentinels: []string{":26379", "192.168.1.2:26379", "192.168.1.3:26379"},
})
"""
)
def redis(directory: Path) -> None:
    registry = fx.Registry()
    registry.register_redis("localhost:6379", 0, fx.DEFAULT_POOL_CODE)
    registry.register_redis("localhost:6379", 1, "sessions", fx.RedisOptions(user="user", password="secret"))
    registry.register_redis(
        "",
        0,
        "cluster",
        fx.RedisOptions(master="mymaster", sentinels=[":26379", "192.168.1.2:26379", "192.168.1.3:26379"]),
    )

    local = (HostPort("localhost", 6379),)
    sentinels = (HostPort("localhost", 26379), HostPort("192.168.1.2", 26379), HostPort("192.168.1.3", 26379))
    expected = {
        "default": RedisAddress(hosts=local),
        "sessions": RedisAddress(hosts=local, database=1, user="user", password="secret"),
        "cluster": RedisAddress(master="mymaster", sentinels=sentinels),
    }
    assert expected == {pool.code: pool.address for pool in registry.registered.redis}


@of(
    """
// LRU cache with max 100,000 entries
registry.RegisterLocalCache(fluxaorm.DefaultPoolCode, 100000)
// Unlimited cache (no eviction)
registry.RegisterLocalCache("static_data", 0)
"""
)
def local_cache(directory: Path) -> None:
    registry = fx.Registry()
    registry.register_local_cache(fx.DEFAULT_POOL_CODE, 100_000)
    registry.register_local_cache("static_data", 0)

    with registry.validate(connect=False) as engine:
        assert [100_000, 0] == [engine.local_cache().limit, engine.local_cache("static_data").limit]


@of(
    """
registry.RegisterClickhouse("clickhouse://localhost:9000/default", "analytics", nil)
registry.RegisterClickhouse("clickhouse://localhost:9000/logs", "ch_logs", &fluxaorm.ClickhouseOptions{
MaxOpenConnections: 20,
})
"""
)
def clickhouse(directory: Path) -> None:
    registry = fx.Registry()
    registry.register_clickhouse("clickhouse://localhost:9000/default", "analytics")
    registry.register_clickhouse(
        "clickhouse://localhost:9000/logs", "ch_logs", fx.ClickhouseOptions(max_open_connections=20)
    )

    expected = {"analytics": "http://localhost:8123/default", "ch_logs": "http://localhost:8123/logs"}
    assert expected == _shown(registry.registered)
    assert [0, 20] == [pool.options.max_open_connections for pool in registry.registered.clickhouse]


@of(
    """
registry.RegisterKafka([]string{"localhost:9092"}, "events", &fluxaorm.KafkaPoolOptions{
ClientID: "my-service",
})
"""
)
def kafka(directory: Path) -> None:
    registry = fx.Registry()
    registry.register_kafka(["localhost:9092"], "events", fx.KafkaPoolOptions(client_id="my-service"))

    with registry.validate(connect=False) as engine:
        assert KafkaAddress(brokers=(HostPort("localhost", 9092),)) == engine.kafka("events").address
        assert "my-service" == engine.kafka("events").options.client_id


@of(
    """
registry.RegisterKafkaConsumerGroup(
fluxaorm.NewKafkaConsumerGroup("my-group", "events").Topics("orders"),
)
"""
)
def kafka_consumer_groups(directory: Path) -> None:
    registry = fx.Registry()
    registry.register_kafka(["localhost:9092"], "events")
    registry.register_kafka_consumer_group(fx.KafkaConsumerGroup("my-group", "events", topics=["orders"]))

    registry.validate(connect=False).close()
    (group,) = registry.registered.consumer_groups
    assert ("my-group", "events", ["orders"]) == (group.name, group.pool, list(group.topics))


@of(
    """
registry.RegisterKafkaTopic(
fluxaorm.NewKafkaTopic("orders", "events").
Partitions(6).
ReplicationFactor(3).
RetentionMs(86400000).
CleanupPolicy("delete"),
)
"""
)
def kafka_topics(directory: Path) -> None:
    registry = fx.Registry()
    registry.register_kafka(["localhost:9092"], "events")
    registry.register_kafka_topic(
        fx.KafkaTopic(
            "orders", "events", partitions=6, replication_factor=3, retention_ms=86_400_000, cleanup_policy="delete"
        )
    )

    registry.validate(connect=False).close()
    (topic,) = registry.registered.topics
    assert ("orders", "events", 6, 3) == (topic.name, topic.pool, topic.partitions, topic.replication_factor)
    assert {"retention.ms": "86400000", "cleanup.policy": "delete"} == topic.settings


@of(
    """
registry.RegisterDebeziumConnectURL("http://localhost:8083", "events")
"""
)
def debezium_connect(directory: Path) -> None:
    registry = fx.Registry()
    registry.register_kafka(["localhost:9092"], "events")
    registry.register_debezium_connect_url("http://localhost:8083", "events")

    registry.validate(connect=False).close()
    (connect,) = registry.registered.connects
    assert ("events", "http://localhost:8083") == (connect.kafka_pool, connect.address.url)


@of(
    """
registry.RegisterAsyncFlush("events", &fluxaorm.AsyncFlushOptions{
TopicPartitions: 6,
})
"""
)
def async_flush(directory: Path) -> None:
    registry = fx.Registry()
    registry.register_kafka(["localhost:9092"], "events")
    registry.register_async_flush("events", fx.AsyncFlushOptions(topic_partitions=6))

    registry.validate(connect=False).close()
    (flush,) = registry.registered.async_flushes
    assert ("events", 6) == (flush.kafka_pool, flush.options.topic_partitions)


@of(
    """
type AsyncFlushOptions struct {
TopicPartitions int32 // number of partitions for the _fluxa_async_sql topic
}
"""
)
def async_flush_options(directory: Path) -> None:
    assert 6 == fx.AsyncFlushOptions(topic_partitions=6).topic_partitions
    with pytest.raises(fx.FluxaError, match="topic_partitions: must be at most 2147483647"):
        fx.AsyncFlushOptions(topic_partitions=2**31)


@of(
    """
engine, err := registry.Validate()
if err != nil {
panic(err)
}
"""
)
def validating(directory: Path) -> None:
    registry = fx.Registry()
    registry.register_kafka_topic(fx.KafkaTopic("orders", "events"))
    with pytest.raises(RegistryError, match="no Kafka pool 'events' is registered"):
        registry.validate(connect=False)

    registry.register_kafka(["localhost:9092"], "events")
    with registry.validate(connect=False) as engine:
        assert isinstance(engine, fx.Engine)


@of(
    """
ctx := engine.NewContext(context.Background())
"""
)
def new_context(directory: Path) -> None:
    with _engine_of_the_page() as engine, engine.new_context() as ctx:
        assert isinstance(ctx, fx.Context)
        assert isinstance(engine.new_async_context(), fx.AsyncContext)


@of(
    """
err = fluxaorm.Generate(engine, "./entities")
if err != nil {
panic(err)
}
"""
)
def code_generation(directory: Path) -> None:
    with _engine_of_the_page() as engine:
        fx.generate(engine, directory / "entities_of_the_page")

    sys.path.insert(0, str(directory))
    try:
        package = importlib.import_module("entities_of_the_page")
    finally:
        sys.path.remove(str(directory))
    generated = [provider.table_name for provider in package.ALL_PROVIDERS]
    assert ["CategoryEntity", "OrderEntity", "ProductEntity", "UserEntity"] == generated
    assert isinstance(package.UserEntity.name, property)
    assert callable(package.UserEntityProvider.get_by_email)


@of(
    """
registry := fluxaorm.NewRegistry()
config := &fluxaorm.Config{
MySQlPools: []fluxaorm.ConfigMysql{
{Code: "default", URI: "root:root@tcp(localhost:3306)/app"},
{Code: "logs", URI: "root:root@tcp(localhost:3306)/logs", MaxOpenConnections: 50},
},
RedisPools: []fluxaorm.ConfigRedis{
{Code: "default", URI: "localhost:6379", Database: 0},
{Code: "sessions", URI: "localhost:6379", Database: 1},
},
RedisSentinelPools: []fluxaorm.ConfigRedisSentinel{
{
Code: "cluster",
MasterName: "mymaster",
Database: 0,
Sentinels: []string{":26379", "192.168.1.2:26379"},
},
},
LocalCachePools: []fluxaorm.ConfigLocalCache{
{Code: "default", Limit: 100000},
},
ClickhousePools: []fluxaorm.ConfigClickhouse{
{Code: "analytics", URI: "clickhouse://localhost:9000/default"},
},
KafkaPools: []fluxaorm.ConfigKafka{
{
Code: "events",
Brokers: []string{"localhost:9092"},
Topics: []fluxaorm.ConfigKafkaTopic{
{Name: "orders", Partitions: 6, ReplicationFactor: 3},
},
},
},
AsyncFlush: &fluxaorm.ConfigAsyncFlush{
KafkaPool: "events",
TopicPartitions: 6,
},
}
err := registry.InitByConfig(config)
if err != nil {
panic(err)
}
"""
)
def config_struct(directory: Path) -> None:
    registry = fx.Registry()
    config = fx.Config(
        mysql_pools=[
            fx.ConfigMySQL(code="default", uri="root:root@tcp(localhost:3306)/app"),
            fx.ConfigMySQL(code="logs", uri="root:root@tcp(localhost:3306)/logs", max_open_connections=50),
        ],
        redis_pools=[
            fx.ConfigRedis(code="default", uri="localhost:6379", database=0),
            fx.ConfigRedis(code="sessions", uri="localhost:6379", database=1),
        ],
        redis_sentinel_pools=[
            fx.ConfigRedisSentinel(
                code="cluster", master_name="mymaster", database=0, sentinels=[":26379", "192.168.1.2:26379"]
            ),
        ],
        local_cache_pools=[fx.ConfigLocalCache(code="default", limit=100_000)],
        clickhouse_pools=[fx.ConfigClickhouse(code="analytics", uri="clickhouse://localhost:9000/default")],
        kafka_pools=[
            fx.ConfigKafka(
                code="events",
                brokers=["localhost:9092"],
                topics=[fx.ConfigKafkaTopic(name="orders", partitions=6, replication_factor=3)],
            ),
        ],
        async_flush=fx.ConfigAsyncFlush(kafka_pool="events", topic_partitions=6),
    )
    registry.init_by_config(config)

    by_hand = fx.Registry()
    by_hand.register_mysql("root:root@tcp(localhost:3306)/app")
    by_hand.register_mysql("root:root@tcp(localhost:3306)/logs", "logs", fx.MySQLOptions(max_open_connections=50))
    by_hand.register_redis("localhost:6379")
    by_hand.register_redis("localhost:6379", 1, "sessions")
    sentinels = fx.RedisOptions(master="mymaster", sentinels=(":26379", "192.168.1.2:26379"))
    by_hand.register_redis("", 0, "cluster", sentinels)
    by_hand.register_local_cache(limit=100_000)
    by_hand.register_clickhouse("clickhouse://localhost:9000/default", "analytics")
    by_hand.register_kafka(["localhost:9092"], "events")
    by_hand.register_kafka_topic(fx.KafkaTopic("orders", "events", partitions=6, replication_factor=3))
    by_hand.register_async_flush("events", fx.AsyncFlushOptions(topic_partitions=6))
    assert by_hand.registered == registry.registered
    registry.validate(connect=False).close()


@of(
    """
type Config struct {
MySQlPools []ConfigMysql
RedisPools []ConfigRedis
RedisSentinelPools []ConfigRedisSentinel
LocalCachePools []ConfigLocalCache
ClickhousePools []ConfigClickhouse
KafkaPools []ConfigKafka
AsyncFlush *ConfigAsyncFlush
}
type ConfigAsyncFlush struct {
KafkaPool string // required — Kafka pool code
TopicPartitions int32 // number of partitions for the async flush topic
}
type ConfigMysql struct {
Code string // required — pool name
URI string // required — MySQL DSN
ConnMaxLifetime int // seconds
MaxOpenConnections int
MaxIdleConnections int
DefaultEncoding string
DefaultCollate string
IgnoredTables []string
}
type ConfigRedis struct {
Code string // required — pool name
URI string // required — host:port or /path/to/socket.sock
Database int // Redis database number (0-15)
User string
Password string
}
type ConfigRedisSentinel struct {
Code string // required — pool name
MasterName string // required — Sentinel master name
Database int
Sentinels []string // list of sentinel addresses
User string
Password string
}
type ConfigLocalCache struct {
Code string // required — pool name
Limit int // required — max number of cached entries (0 = unlimited)
}
type ConfigClickhouse struct {
Code string // required — pool name
URI string // required — ClickHouse DSN
ConnMaxLifetime int // seconds
MaxOpenConnections int
MaxIdleConnections int
}
type ConfigKafka struct {
Code string // required — pool name
Brokers []string // required — broker addresses
ClientID string
RequiredAcks int
ProducerLingerMs int
MaxBufferedRecords int
SASLMechanism string
SASLUser string
SASLPassword string
ConsumerGroups []ConfigKafkaConsumerGroup
IgnoredTopics []string // topics to exclude from schema management
IgnoredConsumerGroups []string // consumer groups to exclude from deletion
Topics []ConfigKafkaTopic // topic definitions for schema management
}
type ConfigKafkaConsumerGroup struct {
Name string
Topics []string
SessionTimeoutMs int
RebalanceTimeoutMs int
FetchMaxBytes int
AutoCommitIntervalMs int
}
type ConfigKafkaTopic struct {
Name string // required — topic name
Partitions int32
ReplicationFactor int16
Configs map[string]string // arbitrary topic config key-value pairs
}
"""
)
def config_struct_reference(directory: Path) -> None:
    (snippet,) = [each for each, counterpart in COUNTERPARTS.items() if counterpart is config_struct_reference]
    structs = re.findall(r"^type (\w+) struct \{\n((?:[^}].*\n)+)", snippet, re.MULTILINE)
    assert 10 == len(structs)
    for name, body in structs:
        ours = getattr(fx, name.replace("ConfigMysql", "ConfigMySQL"))
        fields = [_snake(line.split()[0]) for line in body.splitlines()]
        beyond = ("debezium_connect", "driver", "unknown_tables")
        assert fields == [field for field in ours.__struct_fields__ if field not in beyond]


@of(
    """
package main
import (
"os"
"github.com/latolukasz/fluxaorm/v2"
"gopkg.in/yaml.v2"
)
func main() {
data, err := os.ReadFile("./config.yaml")
if err != nil {
panic(err)
}
var parsedYaml map[string]interface{}
err = yaml.Unmarshal(data, &parsedYaml)
if err != nil {
panic(err)
}
registry := fluxaorm.NewRegistry()
err = registry.InitByYaml(parsedYaml)
if err != nil {
panic(err)
}
}
"""
)
def yaml_file(directory: Path) -> None:
    file = Path(__file__).parent / "page" / "config.yaml"
    registry = fx.Registry()
    registry.init_by_yaml(yaml.safe_load(file.read_text(encoding="utf-8")))

    by_path = fx.Registry()
    by_path.init_by_yaml(file)
    assert by_path.registered == registry.registered
    registry.validate(connect=False).close()


@of(
    """
default:
mysql:
uri: root:root@tcp(localhost:3306)/app
redis: localhost:6379:0
local_cache: 100000
logs:
mysql:
uri: root:root@tcp(localhost:3306)/logs
maxOpenConnections: 50
sessions:
redis: localhost:6379:1?user=myuser&password=secret
cluster:
sentinel:
mymaster:0:
- :26379
- 192.168.1.2:26379
- 192.168.1.3:26379
analytics:
clickhouse:
uri: clickhouse://localhost:9000/default
events:
kafka:
brokers:
- localhost:9092
ignoredTopics:
- legacy-topic
topics:
- name: orders
partitions: 6
replicationFactor: 3
configs:
retention.ms: "86400000"
"""
)
def yaml_format(directory: Path) -> None:
    registry = fx.Registry()
    registry.init_by_yaml(Path(__file__).parent / "page" / "config.yaml")

    registered = registry.registered
    expected = {
        "logs": "mysql://root:***@localhost:3306/logs",
        "default": "redis://localhost:6379/0",
        "sessions": "redis://myuser:***@localhost:6379/1",
        "cluster": "sentinel(localhost:26379,192.168.1.2:26379,192.168.1.3:26379)/mymaster/0",
        "analytics": "http://localhost:8123/default",
    }
    assert expected == _shown(registered)
    assert "mysql://root:***@localhost:3306/app" == str(registered.mysql[0].address)
    assert [0, 50] == [pool.options.max_open_connections for pool in registered.mysql]
    assert "secret" == registered.redis[1].address.password
    assert [("default", 100_000)] == [(pool.code, pool.limit) for pool in registered.local_caches]
    assert ("legacy-topic",) == registered.kafka[0].options.ignored_topics
    configs = {"retention.ms": "86400000"}
    topic = fx.KafkaTopic("orders", "events", partitions=6, replication_factor=3, configs=configs)
    assert [topic] == registered.topics


@of(
    """
registry.SetOption("app_name", "my-service")
// Later, retrieve from engine:
engine.Option("app_name") // returns "my-service"
"""
)
def setting_options(directory: Path) -> None:
    registry = fx.Registry()
    registry.set_option("app_name", "my-service")

    with registry.validate(connect=False) as engine:
        assert "my-service" == engine.option("app_name")
        assert engine.option("another") is None


def _engine_of_the_page() -> fx.Engine:
    registry = fx.Registry()
    registry.register_mysql("root:root@tcp(localhost:3306)/app")
    registry.register_redis("localhost:6379")
    registry.register_entity(UserEntity, ProductEntity, CategoryEntity, OrderEntity)
    return registry.validate(connect=False)


def _snake(name: str) -> str:
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+", name.replace("MySQl", "Mysql"))
    return "_".join(word.lower() for word in words)
