"""Registry: collects pools, entities and options, checks them together, and makes the immutable Engine.

Registering checks one thing at a time (ConfigError); ``validate()`` checks everything against everything
(RegistryError) and reaches the servers (PoolConnectError). Nothing is connected before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast
from urllib.parse import quote

from msgspec.structs import replace

from fluxaorm.addresses import (
    MySQLAddress,
    parse_clickhouse,
    parse_connect_url,
    parse_kafka,
    parse_mysql,
    parse_redis,
)
from fluxaorm.addresses.own_directories import own_directory
from fluxaorm.config import Config, config_from_yaml
from fluxaorm.engine import Engine
from fluxaorm.entity import Entity
from fluxaorm.errors import ConfigError, MissingExtraError, described
from fluxaorm.options import (
    AsyncFlushOptions,
    ClickhouseOptions,
    ClickhouseTable,
    DebeziumOptions,
    KafkaConsumerGroup,
    KafkaPoolOptions,
    KafkaTopic,
    MySQLOptions,
    RedisOptions,
    tls_options,
    with_overrides,
)
from fluxaorm.registry.build import build_engine
from fluxaorm.registry.from_config import register_config
from fluxaorm.registry.registrations import (
    DEFAULT_POOL_CODE,
    AsyncFlushRegistration,
    ClickhouseRegistration,
    ConnectRegistration,
    KafkaRegistration,
    LocalCacheRegistration,
    MySQLRegistration,
    RedisRegistration,
    Registrations,
    checked_code,
)

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from fluxaorm.config.yaml_text import Source

T = TypeVar("T")


class Registry:
    """The starting point: register pools and entities, then ``validate()``. One thread at a time.

    Registering parses and checks what it is given at once and raises ConfigError; it connects to nothing.
    """

    def __init__(self) -> None:
        self._registered = Registrations()

    def __repr__(self) -> str:
        kinds = [f"{kind}={[pool.code for pool in pools]}" for kind, _, pools in self._registered.by_kind() if pools]
        return f"<Registry {' '.join([*kinds, f'entities={len(self._registered.entities)}'])}>"

    @property
    def registered(self) -> Registrations:
        """A copy of what was registered so far: addresses parsed, options checked, passwords hidden from reprs."""
        return self._registered.copy()

    @classmethod
    def embedded(cls, directory: str | os.PathLike[str]) -> Self:
        """A registry that needs no server: all is in ``directory``, which is made when it is missing.

        SQLite in the place of MySQL, a Valkey of its own and a local cache, all as "default", and the ClickHouse engine
        in the process as "analytics". The directory is for its owner alone (0700). Raises ConfigError when it cannot be
        made or belongs to somebody else. Valkey is started when it is first used (MissingExtraError without
        ``fluxaorm[embedded]``) and stopped with the last engine that uses it.
        """
        root = own_directory(directory, "Registry.embedded")
        registry = cls()
        registry.register_mysql(f"sqlite://{quote(str(root / 'app.db'))}")
        registry.register_redis(f"embedded://{quote(str(root / 'valkey'))}")
        registry.register_local_cache()
        registry.register_clickhouse(f"chdb://{quote(str(root / 'clickhouse'))}", "analytics")
        return registry

    def register_mysql(self, address: str, pool: str = DEFAULT_POOL_CODE, options: MySQLOptions | None = None) -> None:
        """Add a MySQL or MariaDB pool, or a SQLite database in the place of one.

        ``address``: ``user:password@tcp(host:port)/db?params``, ``user:password@unix(/path.sock)/db``,
        ``mysql://user:password@host:port/db?charset=...``, ``sqlite:///path/app.db``, ``sqlite://:memory:``.
        Options win over the address's parameters. Raises ConfigError.
        """
        pool = checked_code("MySQL", pool)
        chosen = _checked_options("MySQL", pool, options, MySQLOptions)
        parsed, parameters = parse_mysql(pool, _checked_text("MySQL", pool, address))
        if isinstance(parsed, MySQLAddress):
            parsed = replace(parsed, tls=tls_options(chosen.tls) or parsed.tls)
        registered = MySQLRegistration(code=pool, address=parsed, options=with_overrides(chosen, parameters))
        self._registered.mysql.append(registered)

    def register_redis(
        self, address: str, database: int = 0, pool: str = DEFAULT_POOL_CODE, options: RedisOptions | None = None
    ) -> None:
        """Add a Redis or Valkey pool.

        ``address``: ``host:port``, ``/path/to.sock``, ``redis://``, ``rediss://``, ``unix://``, ``redis+cluster://``,
        or empty when the options name a master and its Sentinels. Raises ConfigError.

        A cluster has no database but 0, and needs only some of its nodes named. Slots that move are followed; while a
        primary is gone, its keys are read from MySQL and cannot be written to (``on_write_failure``). A primary that is
        cut off from the others, and still reached by some clients, may serve these old rows until it notices.
        """
        pool = checked_code("Redis", pool)
        chosen = _checked_options("Redis", pool, options, RedisOptions)
        number = _checked_number("Redis", pool, "database", database)
        parsed = parse_redis(pool, _checked_text("Redis", pool, address), number, chosen)
        self._registered.redis.append(RedisRegistration(code=pool, address=parsed, options=chosen))

    def register_local_cache(self, pool: str = DEFAULT_POOL_CODE, limit: int = 0) -> None:
        """Add a cache in this process that holds at most ``limit`` entries; 0: no limit. Raises ConfigError."""
        pool = checked_code("local cache", pool)
        number = _checked_number("local cache", pool, "limit", limit)
        self._registered.local_caches.append(LocalCacheRegistration(code=pool, limit=number))

    def register_clickhouse(
        self, address: str, pool: str = DEFAULT_POOL_CODE, options: ClickhouseOptions | None = None
    ) -> None:
        """Add a ClickHouse pool.

        ``address``: ``clickhouse://user:password@host:port/db``, ``http(s)://...``, ``chdb://memory``, ``chdb:///path``.
        The client speaks HTTP: in a ``clickhouse://`` address the native ports 9000 and 9440 are taken to mean 8123
        and 8443, which is logged. This version registers the pool and does not connect to it. Raises ConfigError.
        """
        pool = checked_code("ClickHouse", pool)
        chosen = _checked_options("ClickHouse", pool, options, ClickhouseOptions)
        parsed = parse_clickhouse(pool, _checked_text("ClickHouse", pool, address), chosen)
        self._registered.clickhouse.append(ClickhouseRegistration(code=pool, address=parsed, options=chosen))

    def register_clickhouse_table(self, table: ClickhouseTable) -> None:
        """Declare a ClickHouse table. Raises ConfigError for another type; ``validate()`` says what it lacks."""
        self._registered.clickhouse_tables.append(_checked_type("register_clickhouse_table", table, ClickhouseTable))

    def register_kafka(
        self, brokers: Sequence[str], pool: str = DEFAULT_POOL_CODE, options: KafkaPoolOptions | None = None
    ) -> None:
        """Add a Kafka pool. ``brokers``: ``host:port`` of some of them. Raises ConfigError."""
        pool = checked_code("Kafka", pool)
        chosen = _checked_options("Kafka", pool, options, KafkaPoolOptions)
        self._registered.kafka.append(KafkaRegistration(code=pool, address=parse_kafka(pool, brokers), options=chosen))

    def register_kafka_consumer_group(self, group: KafkaConsumerGroup) -> None:
        """Declare a consumer group of a Kafka pool. Raises ConfigError for another type."""
        self._registered.consumer_groups.append(
            _checked_type("register_kafka_consumer_group", group, KafkaConsumerGroup)
        )

    def register_kafka_topic(self, topic: KafkaTopic) -> None:
        """Declare a topic of a Kafka pool. Raises ConfigError for another type."""
        self._registered.topics.append(_checked_type("register_kafka_topic", topic, KafkaTopic))

    def register_debezium_connect_url(
        self, url: str, kafka_pool: str = DEFAULT_POOL_CODE, options: DebeziumOptions | None = None
    ) -> None:
        """Name the REST API of the Kafka Connect that serves a Kafka pool: ``http://host:port``. Raises ConfigError."""
        code = checked_code("Kafka", kafka_pool)
        chosen = _checked_options("Debezium of Kafka", code, options, DebeziumOptions)
        parsed = parse_connect_url(code, _checked_text("Debezium of Kafka", code, url))
        self._registered.connects.append(ConnectRegistration(kafka_pool=code, address=parsed, options=chosen))

    def register_async_flush(
        self, kafka_pool: str = DEFAULT_POOL_CODE, options: AsyncFlushOptions | None = None
    ) -> None:
        """Let flushes be written later, through a Kafka pool. Raises ConfigError."""
        code = checked_code("Kafka", kafka_pool)
        chosen = _checked_options("async flush of Kafka", code, options, AsyncFlushOptions)
        self._registered.async_flushes.append(AsyncFlushRegistration(kafka_pool=code, options=chosen))

    def register_entity(self, *definitions: type[Entity]) -> None:
        """Add entity definition classes. Raises ConfigError for anything else; ``validate()`` reads them."""
        for definition in definitions:
            if not _is_definition(definition):
                shown = getattr(definition, "__name__", None) or type(definition).__name__
                raise ConfigError(f"register_entity: {shown} is not a definition class, a subclass of fluxaorm.Entity")
            self._registered.entities.append(definition)

    def register_entities_from(self, module: ModuleType) -> None:
        """Add every entity that a module, or a package with its modules, defines. ConfigError when there is none."""
        given = cast("object", module)
        if not isinstance(given, ModuleType):
            named = f": import {given}, and give that" if isinstance(given, str) else ""
            raise ConfigError(f"register_entities_from: a module is wanted, not {described(given)}{named}")
        found = dict.fromkeys(each for each in vars(module).values() if _is_defined_in(each, module.__name__))
        if not found:
            raise ConfigError(f"register_entities_from: the module {module.__name__} defines no entity")
        self.register_entity(*found)

    def set_option(self, key: str, value: Any) -> None:
        """Keep a value of the application's own for ``engine.option(key)``; the last one set counts."""
        self._registered.settings[_checked_type("set_option", key, str)] = value

    def enable_metrics(self, prometheus_registry: CollectorRegistry | None = None) -> None:
        """Count and time queries, and count pools' connections, for Prometheus; None: its default registry.

        For the engines made from now on; once is enough, more often does no harm. Raises MissingExtraError without
        ``fluxaorm[metrics]``, ConfigError for another type, ValueError when a name is taken by another metric.
        """
        try:
            from fluxaorm.observe.metrics import metrics_in
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "prometheus_client":
                raise
            raise MissingExtraError("enable_metrics()", "prometheus_client", "fluxaorm[metrics]") from None
        metrics = metrics_in(prometheus_registry)
        if metrics not in self._registered.metrics:
            self._registered.metrics.append(metrics)

    def init_by_config(self, config: Config) -> None:
        """Register everything in a Config. Raises ConfigError with all that is wrong; then nothing was registered."""
        config = _checked_type("init_by_config", config, Config)
        scratch = Registry()
        register_config(scratch, config)
        self._registered.extend(scratch._registered)

    def init_by_yaml(self, source: Source, *, variables: Mapping[str, str] | None = None) -> None:
        """Register everything in a parsed mapping, a YAML file (its path) or YAML text.

        ``${VAR}`` and ``${VAR:-default}`` in strings are taken from ``variables`` (default: the environment). Raises
        ConfigError with all that is wrong, each with its path; then nothing was registered.
        """
        self.init_by_config(config_from_yaml(source, os.environ if variables is None else variables))

    def validate(self, *, connect: bool = True) -> Engine:
        """Check everything registered, reach the MySQL, Redis and Kafka servers, and make the Engine.

        1. Whatever can be known without a network; all problems are in one RegistryError. What does nothing in this
           version (tables of ClickHouse, options of replicas, events, search in Redis, ...) is
           among them; with ``connect=False`` it is told in the log, since definitions may be ahead of the version.
        2. Every MySQL, Redis and Kafka pool is connected (PoolConnectError names pool, address and cause;
           MissingExtraError when a driver is not installed). ``connect=False`` leaves out this and the next step:
           enough for code generation. ClickHouse pools are not connected in this version, which is told in the log.
        3. What servers say of themselves: limits and collation are taken from MySQL, servers that are too old or lack
           what an entity needs are problems in one RegistryError, and so are namespaces of Redis that are another
           database's.

        The registry may be changed and validated again; engines made before do not change.
        """
        return build_engine(self._registered, connect=connect)


def _checked_text(kind: str, code: str, value: object) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{kind} pool '{code}': the address must be str, got {type(value).__name__}")
    return value


def _checked_number(kind: str, code: str, name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigError(f"{kind} pool '{code}': {name} must be int, got {type(value).__name__}")
    if value < 0:
        raise ConfigError(f"{kind} pool '{code}': {name} must be at least 0, got {value}")
    return value


def _checked_options(kind: str, code: str, options: T | None, wanted: Callable[[], T]) -> T:
    if options is None:
        return wanted()
    if type(options) is not wanted:
        name = getattr(wanted, "__name__", "")
        raise ConfigError(f"{kind} pool '{code}': the options must be {name}, got {type(options).__name__}")
    return options


def _checked_type(method: str, value: T, wanted: type[T]) -> T:
    if not isinstance(value, wanted):
        raise ConfigError(f"{method}: expected {wanted.__name__}, got {type(value).__name__}")
    return value


def _is_definition(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Entity) and value is not Entity


def _is_defined_in(value: object, module: str) -> bool:
    if not _is_definition(value):
        return False
    home: str = getattr(value, "__module__", "")
    return home == module or home.startswith(f"{module}.")
