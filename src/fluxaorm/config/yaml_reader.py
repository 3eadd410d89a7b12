"""Reads the YAML of pools into a Config: every top-level key is a pool's code, inside it the stores of that code.

Collects what is wrong, each with its path, into one ConfigError. Connects to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from msgspec import inspect

from fluxaorm.addresses.parts import MalformedAddressError
from fluxaorm.addresses.redis import parse_yaml_redis, split_yaml
from fluxaorm.config.structs import (
    Config,
    ConfigAsyncFlush,
    ConfigClickhouse,
    ConfigDebeziumConnect,
    ConfigKafka,
    ConfigLocalCache,
    ConfigMySQL,
    ConfigRedis,
    ConfigRedisSentinel,
    ConfigStruct,
)
from fluxaorm.config.yaml_text import Environment, Source, read_source
from fluxaorm.errors import ConfigError
from fluxaorm.options.masking import masked_address
from fluxaorm.options.shapes import Checker, did_you_mean, is_mapping, join, name_of_value, struct_type, unknown_key

STORES: Final = ("mysql", "redis", "sentinel", "local_cache", "clickhouse", "kafka")
FEATURES: Final = ("asyncFlush", "debeziumConnect")
_MOVED_TO_KAFKA: Final = frozenset({"streams", "redis_streams", "redisStreams", "redis_stream", "nats", "jetstream"})
_FOLDED_FEATURES: Final = frozenset({"asyncflush", "async_flush", "debeziumconnect", "debezium_connect"})
_TEXT = inspect.StrType()
_LIMIT = inspect.IntType(ge=0)
_TEXTS = inspect.ListType(_TEXT)
_URLS = inspect.DictType(_TEXT, _TEXT)


def read_config(source: Source, variables: Mapping[str, str]) -> Config:
    """See ``config_from_yaml``."""
    name, document = read_source(source)
    reader = _Reader(variables)
    config = reader.read(document)
    problems = [*reader.environment.problems, *reader.checker.problems]
    if problems:
        raise ConfigError(_message(name, problems))
    return config


def _message(name: str, problems: list[str]) -> str:
    if len(problems) == 1:
        return f"{name}: {problems[0]}" if name else problems[0]
    head = f"{len(problems)} problems in {name or 'the configuration'}:"
    return "\n".join([head, *(f"- {problem}" for problem in problems)])


class _Reader:
    """Walks one document; pools are collected by the Config field they belong to."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.environment = Environment(variables)
        self.checker = Checker(self.environment.replace)
        self._fields: dict[str, Any] = {}

    def read(self, document: Mapping[Any, Any]) -> Config:
        for key, value in document.items():
            self._read_top(key, value)
        return Config(**self._fields)

    def _read_top(self, key: object, value: object) -> None:
        if not isinstance(key, str):
            self.checker.problems.append(
                f"{key!r}: the name of a pool must be str, got {name_of_value(key)}; put it in quotes"
            )
        elif key in _MOVED_TO_KAFKA and not _is_pool(value):
            self.checker.problems.append(_moved(key))
        elif key == "asyncFlush":
            self._fields["async_flush"] = self.checker.read(value, struct_type(ConfigAsyncFlush), key)
        elif key == "debeziumConnect":
            self._fields["debezium_connect"] = self._debezium(value)
        elif key.lower() in _FOLDED_FEATURES:
            self.checker.problems.append(f"{key}: unknown key{did_you_mean(key, FEATURES)}")
        else:
            self._read_pool(key, value)

    def _debezium(self, value: object) -> list[ConfigDebeziumConnect]:
        urls: dict[Any, Any] = self.checker.read(value, _URLS, "debeziumConnect") or {}
        pairs = [(pool, url) for pool, url in urls.items() if isinstance(pool, str) and isinstance(url, str)]
        return [ConfigDebeziumConnect(kafka_pool=pool, url=url) for pool, url in pairs]

    def _read_pool(self, code: str, value: object) -> None:
        if not is_mapping(value):
            stores = ", ".join(STORES)
            self.checker.problems.append(f"{code}: expected mapping of stores ({stores}), got {name_of_value(value)}")
            return
        for store, settings in value.items():
            try:
                self._read_store(code, store, settings)
            except _MisfitError as misfit:
                self.checker.problems.append(str(misfit))

    def _read_store(self, code: str, store: object, settings: object) -> None:
        if store in _MOVED_TO_KAFKA:
            raise _MisfitError(_moved(f"{code}.{store}"))
        if store not in STORES:
            raise _MisfitError(unknown_key(code, store, STORES))
        field, read = _STORE_READERS[store]
        pool = read(self.checker, code, settings)
        if pool is not None:
            self._fields.setdefault(field, []).append(pool)


class _MisfitError(Exception):
    """A store whose settings cannot be read; becomes a problem."""


def _struct_reader(store: str, cls: type[ConfigStruct]) -> _StoreReader:
    """Reads a store whose settings are the fields of a Config struct besides ``code``."""

    def read(checker: Checker, code: str, settings: object) -> Any:
        path = join(code, store)
        if not is_mapping(settings):
            raise _MisfitError(f"{path}: expected mapping, got {name_of_value(settings)}")
        if "code" in settings:
            known = [field.encode_name for field in struct_type(cls).fields if field.name != "code"]
            raise _MisfitError(unknown_key(path, "code", known))
        return checker.read({**settings, "code": code.replace("${", "$${")}, struct_type(cls), path)

    return read


def _read_redis(checker: Checker, code: str, settings: object) -> ConfigRedis | None:
    """``host:port:db?user=x&password=y``."""
    path = f"{code}.redis"
    text = checker.read(settings, _TEXT, path)
    if text is None:
        return None
    try:
        address, database, user, password = parse_yaml_redis(code, text)
    except ConfigError as error:
        raise _MisfitError(f"{path}: {error}") from None
    return ConfigRedis(code=code, uri=address, database=database, user=user, password=password)


def _read_sentinel(checker: Checker, code: str, settings: object) -> ConfigRedisSentinel | None:
    """``{"master:db?user=x&password=y": [sentinel, ...]}``; the database may be left out."""
    path = f"{code}.sentinel"
    if not is_mapping(settings):
        raise _MisfitError(f"{path}: expected mapping of master:db to sentinels, got {name_of_value(settings)}")
    if len(settings) != 1:
        raise _MisfitError(f"{path}: expected one master:db, got {len(settings)}")
    key, value = next(iter(settings.items()))
    before = len(checker.problems)
    text = checker.read(key, _TEXT, path)
    sentinels = checker.read(value, _TEXTS, join(path, masked_address(str(key))))
    if len(checker.problems) > before:
        return None
    if not sentinels:
        raise _MisfitError(f"{path}: expected sentinels, got an empty list")
    name, database, user, password = _split_master(path, text)
    return ConfigRedisSentinel(
        code=code, master_name=name, database=database, sentinels=sentinels, user=user, password=password
    )


def _split_master(path: str, text: str) -> tuple[str, int, str, str]:
    name, question_mark, parameters = text.partition("?")
    with_database = text if ":" in name else f"{name}:0{question_mark}{parameters}"
    try:
        master = split_yaml(with_database)
    except MalformedAddressError as problem:
        form = "master:db?user=x&password=y"
        raise _MisfitError(f"{path}: {masked_address(text)!r}: {problem}; accepted form: {form}") from None
    if not master[0]:
        raise _MisfitError(f"{path}: the master's name is missing")
    return master


def _read_limit(checker: Checker, code: str, settings: object) -> ConfigLocalCache | None:
    """A number of entries."""
    before = len(checker.problems)
    limit = checker.read(settings, _LIMIT, f"{code}.local_cache")
    return ConfigLocalCache(code=code, limit=limit) if len(checker.problems) == before else None


_StoreReader: TypeAlias = "Callable[[Checker, str, object], Any]"
_STORE_READERS: dict[str, tuple[str, _StoreReader]] = {
    "mysql": ("mysql_pools", _struct_reader("mysql", ConfigMySQL)),
    "redis": ("redis_pools", _read_redis),
    "sentinel": ("redis_sentinel_pools", _read_sentinel),
    "local_cache": ("local_cache_pools", _read_limit),
    "clickhouse": ("clickhouse_pools", _struct_reader("clickhouse", ConfigClickhouse)),
    "kafka": ("kafka_pools", _struct_reader("kafka", ConfigKafka)),
}


def _is_pool(value: object) -> bool:
    return is_mapping(value) and bool(value) and all(key in STORES for key in value)


def _moved(path: str) -> str:
    return f"{path}: streams of Redis and NATS are not supported here; use Kafka: kafka: {{brokers: [host:port]}}"
