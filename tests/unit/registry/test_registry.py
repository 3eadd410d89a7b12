"""Registering: what each method takes, what it refuses at once, and that validating leaves the registry as it was."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fluxaorm import (
    Config,
    ConfigKafka,
    ConfigLocalCache,
    ConfigMySQL,
    ConfigRedis,
    Entity,
    KafkaPoolOptions,
    MySQLOptions,
    RedisOptions,
    Registry,
)
from fluxaorm.addresses import ClickhouseAddress, RedisAddress, SQLiteAddress
from fluxaorm.errors import ConfigError
from tests.support.golden_texts import assert_golden
from tests.unit.registry import models

ANYTHING: Any = None

REFUSED: dict[str, Callable[[Registry], object]] = {
    "address's type": lambda registry: registry.register_mysql(ANYTHING),
    "address's type, Redis": lambda registry: registry.register_redis(Path("/x")),  # type: ignore[arg-type]
    "code's type": lambda registry: registry.register_mysql("root@/app", ANYTHING),
    "code": lambda registry: registry.register_mysql("root@/app", "my pool"),
    "empty code": lambda registry: registry.register_kafka(["a:1"], ""),
    "code of another kind": lambda registry: registry.register_redis("localhost:6379", 0, "-"),
    "options of another kind": lambda registry: registry.register_mysql(
        "root@/app",
        options=RedisOptions(password="hunter2"),  # type: ignore[arg-type]
    ),
    "options as a dict": lambda registry: registry.register_redis("h", options={}),  # type: ignore[arg-type]
    "negative limit": lambda registry: registry.register_local_cache(limit=-1),
    "limit's type": lambda registry: registry.register_local_cache(limit=True),
    "negative database": lambda registry: registry.register_redis("localhost:6379", -1),
    "database's type": lambda registry: registry.register_redis("localhost:6379", "1"),  # type: ignore[arg-type]
    "malformed address": lambda registry: registry.register_mysql("root:hunter2@tcp(localhost)", "logs"),
    "topic's type": lambda registry: registry.register_kafka_topic("orders"),  # type: ignore[arg-type]
    "group's type": lambda registry: registry.register_kafka_consumer_group("g"),  # type: ignore[arg-type]
    "table's type": lambda registry: registry.register_clickhouse_table("t"),  # type: ignore[arg-type]
    "option's key": lambda registry: registry.set_option(5, 5),  # type: ignore[arg-type]
    "no definition": lambda registry: registry.register_entity(models.Mixin),  # type: ignore[arg-type]
    "an instance": lambda registry: registry.register_entity("UserEntity"),  # type: ignore[arg-type]
    "Entity itself": lambda registry: registry.register_entity(Entity),
    "a module without entities": lambda registry: registry.register_entities_from(os),
    "a module's name": lambda registry: registry.register_entities_from("app.models"),  # type: ignore[arg-type]
    "no module": lambda registry: registry.register_entities_from(ANYTHING),
    "a class for a module": lambda registry: registry.register_entities_from(models.PlainEntity),  # type: ignore[arg-type]
    "config's type": lambda registry: registry.init_by_config({}),  # type: ignore[arg-type]
    "a bad address in a config": lambda registry: registry.init_by_config(
        Config(mysql_pools=[ConfigMySQL(code="default", uri="root:hunter2@localhost")])
    ),
    "several in a config": lambda registry: registry.init_by_config(
        Config(
            mysql_pools=[ConfigMySQL(code="default", uri="root:hunter2@localhost")],
            redis_pools=[ConfigRedis(code="a b", uri="h", password="hunter2")],
            kafka_pools=[ConfigKafka(code="events", brokers=[], sasl_password="hunter2")],
        )
    ),
    "a directory that cannot be made": lambda registry: Registry.embedded("/dev/null/x"),
    "no directory": lambda registry: Registry.embedded(ANYTHING),
    "a number for a directory": lambda registry: Registry.embedded(5),  # type: ignore[arg-type]
}


def test_what_registering_refuses_at_once() -> None:
    """A mistake in one call is found at that call; the texts are in `golden/refused.txt`."""
    texts: dict[str, str] = {}
    for name, register in REFUSED.items():
        with pytest.raises(ConfigError) as caught:
            register(Registry())
        assert "hunter2" not in repr(caught.value)
        texts[name] = str(caught.value)

    assert_golden(Path(__file__).parent / "golden" / "refused.txt", texts)


def test_a_pool_has_the_default_code_unless_it_is_named() -> None:
    """Most applications have one pool of a kind."""
    registry = Registry()
    registry.register_mysql("root@/app")
    registry.register_redis("localhost:6379")
    registry.register_local_cache()
    registry.register_clickhouse("chdb://memory")
    registry.register_kafka(["a:1"])

    with registry.validate(connect=False) as engine:
        view = engine.registry

    pools = (view.mysql_pools, view.redis_pools, view.local_cache_pools, view.clickhouse_pools, view.kafka_pools)
    assert [["default"]] * 5 == [list(each) for each in pools]


def test_parameters_of_an_address_reach_the_options() -> None:
    """A DSN may carry what an option says."""
    registry = Registry()
    registry.register_mysql("root@/app?charset=latin1&timeout=3s", options=MySQLOptions(connect_timeout=7))

    (pool,) = registry.registered.mysql

    assert MySQLOptions(connect_timeout=7, default_encoding="latin1") == pool.options


def test_a_module_gives_the_entities_it_defines() -> None:
    """A models module imports others' entities for its references; those are not its own."""
    module = ModuleType("shop")
    own = type("OwnEntity", (Entity,), {"__module__": "shop", "__annotations__": {"id": int}})
    inner = type("InnerEntity", (Entity,), {"__module__": "shop.users", "__annotations__": {}})
    module.__dict__.update(own=own, again=own, inner=inner, imported=models.PlainEntity, Entity=Entity, n=1)
    registry = Registry()

    registry.register_entities_from(module)

    assert [own, inner] == registry.registered.entities


def test_all_entities_of_a_real_module() -> None:
    """The models of these tests, in the order they are written."""
    registry = Registry()

    registry.register_entities_from(sys.modules[models.__name__])

    assert models.PlainEntity == registry.registered.entities[0]
    assert models.BrokenEntity == registry.registered.entities[-1]


def test_a_config_that_fails_registers_nothing() -> None:
    """A half-filled registry would be validated by whoever catches the error."""
    registry = Registry()
    registry.register_mysql("root@/app")
    before = registry.registered
    config = Config(
        mysql_pools=[ConfigMySQL(code="a", uri="root@/app"), ConfigMySQL(code="b", uri="nonsense")],
        local_cache_pools=[ConfigLocalCache(code="c", limit=1)],
    )

    with pytest.raises(ConfigError):
        registry.init_by_config(config)
    with pytest.raises(ConfigError):
        registry.init_by_yaml("a: {mysql: {uri: root@/app}, local_cache: many}")

    assert before == registry.registered


def test_configs_add_up_with_what_was_registered_by_hand() -> None:
    """Pools come from a file, entities and options from code."""
    registry = Registry()
    registry.register_local_cache("by_hand", 1)
    registry.init_by_yaml("a: {local_cache: 2}")
    registry.init_by_config(Config(local_cache_pools=[ConfigLocalCache(code="b", limit=3)]))

    assert [1, 2, 3] == [pool.limit for pool in registry.registered.local_caches]


def test_yaml_variables_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the caller brings others."""
    monkeypatch.setenv("APP_LIMIT", "7")
    registry = Registry()

    registry.init_by_yaml("a: {local_cache: '${APP_LIMIT}'}")
    registry.init_by_yaml("b: {local_cache: '${APP_LIMIT}'}", variables={"APP_LIMIT": "8"})

    assert [7, 8] == [pool.limit for pool in registry.registered.local_caches]


def test_the_last_value_of_an_option_counts() -> None:
    """Defaults are set first, then what the application wants."""
    registry = Registry()
    registry.set_option("app_name", "a")
    registry.set_option("app_name", "b")

    assert "b" == registry.validate(connect=False).option("app_name")


def test_a_registry_may_be_changed_and_validated_again() -> None:
    """An engine never changes; the registry makes another."""
    registry = Registry()
    registry.set_option("n", 1)
    first = registry.validate(connect=False)
    registry.register_local_cache()
    registry.set_option("n", 2)

    second = registry.validate(connect=False)

    assert ([], ["default"]) == (list(first.registry.local_cache_pools), list(second.registry.local_cache_pools))
    assert (1, 2) == (first.option("n"), second.option("n"))


def test_a_registrys_repr_shows_pools_and_no_password() -> None:
    """It is printed by debuggers and in tracebacks."""
    registry = Registry()
    registry.register_mysql("root:hunter2@/app")
    registry.register_redis("h", options=RedisOptions(password="hunter2"))
    registry.register_kafka(["a:1"], "events", KafkaPoolOptions(sasl_password="hunter2"))

    expected = "<Registry MySQL=['default'] Redis=['default'] Kafka=['events'] entities=0>"
    assert expected == repr(registry)
    assert "hunter2" not in repr(registry.registered)


def test_what_was_registered_cannot_be_changed_from_outside() -> None:
    """It is a copy."""
    registry = Registry()

    registry.registered.mysql.append(ANYTHING)

    assert [] == registry.registered.mysql


def test_the_embedded_registry_has_every_pool_of_the_first_minute(tmp_path: Path) -> None:
    """SQLite, a Valkey of its own, a local cache and chdb; the directory may hold a blank or a percent sign."""
    directory = tmp_path / "my %41 data"

    registered = Registry.embedded(directory).registered

    assert directory.is_dir()
    assert SQLiteAddress(path=f"{directory}/app.db") == registered.mysql[0].address
    assert RedisAddress(embedded=f"{directory}/valkey") == registered.redis[0].address
    assert ClickhouseAddress(chdb=True, path=f"{directory}/clickhouse") == registered.clickhouse[0].address
    codes = [pools[0].code for pools in (registered.mysql, registered.redis, registered.local_caches)]
    assert ["default"] * 3 == codes
    assert "analytics" == registered.clickhouse[0].code
