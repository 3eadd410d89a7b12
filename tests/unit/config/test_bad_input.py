"""Malformed addresses, options and YAML: the exact error texts, kept in `golden/`, and that none holds a password.

Each text is read by somebody who has to fix a configuration: it says where, what, and what is accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxaorm.addresses import parse_clickhouse, parse_connect_url, parse_kafka, parse_mysql, parse_redis
from fluxaorm.config import Config, ConfigLocalCache, ConfigMySQL, ConfigRedis, config_from_yaml
from fluxaorm.errors import ConfigError
from fluxaorm.options import (
    AsyncFlushOptions,
    ClickhouseOptions,
    ClickhouseTable,
    Column,
    DeadLetter,
    DebeziumOptions,
    KafkaConsumerGroup,
    KafkaPoolOptions,
    KafkaTopic,
    MySQLOptions,
    RedisOptions,
    TLSOptions,
)
from tests.support.golden_texts import assert_golden

GOLDEN = Path(__file__).parent / "golden"
SECRET = "hunter2"
Anything: Any = lambda value: value  # noqa: E731 - hides a value's type from type checkers


def _mysql(text: Any) -> Callable[[], object]:
    return lambda: parse_mysql("logs", text)


def _redis(text: str, database: int = 0, options: RedisOptions | None = None) -> Callable[[], object]:
    return lambda: parse_redis("sessions", text, database, options or RedisOptions())


def _clickhouse(text: str) -> Callable[[], object]:
    return lambda: parse_clickhouse("analytics", text, ClickhouseOptions())


def _kafka(*brokers: str) -> Callable[[], object]:
    return lambda: parse_kafka("events", brokers)


def _yaml(source: Any) -> Callable[[], object]:
    return lambda: config_from_yaml(source, {})


def _connect(text: str) -> Callable[[], object]:
    return lambda: parse_connect_url("events", text)


ADDRESSES: dict[str, Callable[[], object]] = {
    "mysql: nothing": _mysql(""),
    "mysql: no database": _mysql("root:hunter2@tcp(localhost:3306)"),
    "mysql: empty database": _mysql("root:hunter2@tcp(localhost:3306)/"),
    "mysql: a database with a slash": _mysql("root:hunter2@tcp(localhost:3306)/a/b"),
    "mysql: misspelt network": _mysql("root:hunter2@tpc(localhost:3306)/app"),
    "mysql: parenthesis not closed": _mysql("root:hunter2@tcp(localhost:3306/app"),
    "mysql: no host": _mysql("root:hunter2@tcp(:3306)/app"),
    "mysql: port out of range": _mysql("root:hunter2@tcp(localhost:70000)/app"),
    "mysql: port is a word": _mysql("root:hunter2@tcp(localhost:port)/app"),
    "mysql: broken IPv6": _mysql("root:hunter2@tcp([::1:3306)/app"),
    "mysql: a relative socket": _mysql("root:hunter2@unix(my.sock)/app"),
    "mysql: the same host twice": _mysql("root:hunter2@tcp(a:1,a:1)/app"),
    "mysql: the user's @ is missing": _mysql("root:hunter2/app"),
    "mysql: another database's URL": _mysql("postgres://root:hunter2@localhost/app"),
    "mysql url: no database": _mysql("mysql://root:hunter2@localhost:3306"),
    "mysql url: empty host": _mysql("mysql://root:hunter2@/app"),
    "mysql url: the @ is missing": _mysql("mysql://root:hunter2/app"),
    "mysql url: percent-code is not UTF-8": _mysql("mysql://root:hunter2%ff@localhost/app"),
    "mysql: unknown parameter, near miss": _mysql("root:hunter2@tcp(localhost)/app?charst=utf8mb4"),
    "mysql: system variable as parameter": _mysql("root:hunter2@tcp(localhost)/app?innodb_lock_wait_timeout=5"),
    "mysql: a password as parameter": _mysql("mysql://localhost/app?password=hunter2"),
    "mysql: parameter twice": _mysql("mysql://localhost/app?charset=a&charset=b"),
    "mysql: parameter without value": _mysql("mysql://localhost/app?charset"),
    "mysql: duration": _mysql("mysql://localhost/app?timeout=soon"),
    "mysql: time zone": _mysql("mysql://localhost/app?loc=Europe%2FWarsaw"),
    "mysql: tls": _mysql("mysql://localhost/app?tls=custom"),
    "mysql: charset": _mysql("mysql://localhost/app?charset=utf8-mb4"),
    "mysql: unknown driver": _mysql("mysql://root:hunter2@localhost/app?driver=mysqldb"),
    "mysql: pyro": _mysql("mysql://root:hunter2@localhost/app?driver=pyro"),
    "sqlite: no path": _mysql("sqlite://"),
    "sqlite: a directory": _mysql("sqlite:///data/"),
    "redis: nothing": _redis(""),
    "redis: user before a plain address": _redis("user:hunter2@localhost:6379"),
    "redis: port": _redis("localhost:port"),
    "redis: another scheme": _redis("http://user:hunter2@localhost"),
    "redis: database is a word": _redis("redis://user:hunter2@localhost/first"),
    "redis: unknown parameter": _redis("redis://localhost?password=hunter2"),
    "redis: database twice": _redis("redis://localhost/1?db=2"),
    "redis: two databases": _redis("redis://localhost/1", 2),
    "redis: several hosts": _redis("a:1,b:2"),
    "redis: a cluster's database": _redis("redis+cluster://a:1", 3),
    "redis: a cluster on a socket": _redis("/run/redis.sock", 0, RedisOptions(cluster=True)),
    "redis: a relative socket": _redis("unix://redis.sock"),
    "redis: master without sentinels": _redis("", 0, RedisOptions(master="m", password="hunter2")),
    "redis: sentinels without master": _redis("", 0, RedisOptions(sentinels=["a:1"])),
    "redis: sentinels and an address": _redis("localhost:6379", 0, RedisOptions(master="m", sentinels=["a:1"])),
    "redis: a sentinel's port": _redis("", 0, RedisOptions(master="m", sentinels=["a:b"])),
    "redis: a sentinel twice": _redis("", 0, RedisOptions(master="m", sentinels=[":26379", "localhost:26379"])),
    "clickhouse: no scheme": _clickhouse("localhost:9000/default"),
    "clickhouse: another scheme": _clickhouse("tcp://u:hunter2@localhost:9000"),
    "clickhouse: secure": _clickhouse("clickhouse://u:hunter2@localhost?secure=maybe"),
    "clickhouse: port": _clickhouse("clickhouse://u:hunter2@localhost:0"),
    "chdb: relative": _clickhouse("chdb://data"),
    "kafka: no brokers": _kafka(),
    "kafka: a broker's port": _kafka("a:9092", "b:port"),
    "kafka: a broker twice": _kafka("a", "a:9092"),
    "kafka: one text": lambda: parse_kafka("events", "a:9092"),
    "connect: no scheme": _connect("localhost:8083"),
    "connect: port": _connect("http://u:hunter2@localhost:port"),
    "connect: parameters": _connect("http://localhost:8083?a=b"),
}

OPTIONS: dict[str, Callable[[], object]] = {
    "negative connections": lambda: MySQLOptions(max_open_connections=-1),
    "negative seconds": lambda: MySQLOptions(conn_max_lifetime=-0.5),
    "endless seconds": lambda: MySQLOptions(pool_timeout=float("inf")),
    "several at once": lambda: MySQLOptions(max_open_connections=-1, ignored_tables=Anything("users")),
    "wrong type": lambda: MySQLOptions(max_open_connections=Anything("50")),
    "a bool is no number": lambda: MySQLOptions(max_open_connections=True),
    "unknown driver": lambda: MySQLOptions(driver=Anything("mysqldb")),
    "pyro": lambda: MySQLOptions(driver=Anything("pyro")),
    "unknown topology": lambda: MySQLOptions(topology=Anything("galera")),
    "tls": lambda: MySQLOptions(tls=Anything("yes")),
    "tls options": lambda: TLSOptions(verify=Anything("no")),
    "redis: password's type": lambda: RedisOptions(password=Anything(12345)),
    "redis: no connections": lambda: RedisOptions(max_connections=0),
    "redis: sentinels are one text": lambda: RedisOptions(master="m", sentinels=":26379"),
    "redis: on_write_failure": lambda: RedisOptions(on_write_failure=Anything("ignore")),
    "clickhouse": lambda: ClickhouseOptions(max_idle_connections=-1),
    "clickhouse: a column's type": lambda: ClickhouseTable("t", "p", columns=Anything([{"name": "id"}])),
    "clickhouse: columns are texts": lambda: ClickhouseTable("t", "p", columns=Anything(["id"])),
    "clickhouse: codec": lambda: Column("id", "UInt64", codec=Anything(1)),
    "kafka: acks": lambda: KafkaPoolOptions(required_acks=Anything(2)),
    "kafka: acks are no bool": lambda: KafkaPoolOptions(required_acks=Anything(True)),
    "kafka: sasl": lambda: KafkaPoolOptions(sasl_mechanism=Anything("GSSAPI"), sasl_password="hunter2"),
    "kafka: partitions": lambda: KafkaTopic("t", "p", partitions=2**31),
    "kafka: configs": lambda: KafkaTopic("t", "p", configs=Anything({"retention.ms": 5})),
    "kafka: retention": lambda: KafkaTopic("t", "p", retention_ms=-2),
    "kafka: attempts": lambda: DeadLetter(max_attempts=0),
    "kafka: group": lambda: KafkaConsumerGroup("g", "p", topics=Anything("orders")),
    "async flush": lambda: AsyncFlushOptions(topic_partitions=-1),
    "debezium": lambda: DebeziumOptions(mysql_port=70000),
    "config": lambda: Config(mysql_pools=Anything([{"code": "a"}])),
    "config: pool": lambda: ConfigMySQL(code="a", uri=Anything(None)),
    "config: redis": lambda: ConfigRedis(code="a", uri="h", database=-1, password="hunter2"),
    "config: limit": lambda: ConfigLocalCache(code="a", limit=-1),
}

YAML: dict[str, Any] = {
    "nothing": "",
    "a list": "- default\n- logs\n",
    "a text": "default",
    "not YAML": "default: {mysql: [}",
    "a tab": "default:\n\tmysql: {}\n",
    "two documents": "a: {redis: 'h:1:0'}\n---\nb: {}\n",
    "a missing file": "config.yaml",
    "another type": 5,
    "a tag": "default: !!python/object:os.system {}",
    "a key that is a list": "? [a, b]\n: c\n",
    "a pool's name is a number": "1: {redis: 'h:1:0'}",
    "a pool is a text": "default: localhost",
    "a pool is empty": "default:\n",
    "an unknown store, near miss": "default: {mysq: {uri: root@/app}}",
    "an unknown store": "default: {postgres: 1}",
    "an unknown key, near miss": "default: {mysql: {uri: root@/app, maxOpenConnection: 5}}",
    "an unknown key in snake_case": "default: {mysql: {uri: root@/app, max_open_connections: 5}}",
    "code is no key": "default: {mysql: {uri: root@/app, code: x}}",
    "no uri": "default: {mysql: {maxOpenConnections: 5}}",
    "a wrong type": "events: {kafka: {brokers: ['a:1'], topics: [{name: orders, partitions: '6'}]}}",
    "a wrong type in a mapping": "events: {kafka: {brokers: ['a:1'], topics: [{name: o, configs: {retention.ms: 5}}]}}",
    "a number for a password": "events: {kafka: {brokers: ['a:1'], saslPassword: 12345}}",
    "a choice": "events: {kafka: {brokers: ['a:1'], saslMechanism: GSSAPI}}",
    "tls is misspelt": "events: {kafka: {brokers: ['a:1'], tls: {caFil: x}}}",
    "tls is a text": "events: {kafka: {brokers: ['a:1'], tls: ca.pem}}",
    "tls, a wrong type": "events: {kafka: {brokers: ['a:1'], tls: {verify: maybe}}}",
    "tls, an unset variable": "events: {kafka: {brokers: ['a:1'], tls: {caFile: '${CA}'}}}",
    "a time is a text": "events: {kafka: {brokers: ['a:1'], produceTimeout: 10s}}",
    "a time is too short": "events: {kafka: {brokers: ['a:1'], deliveryTimeout: 0.5}}",
    "a topic's retention": "events: {kafka: {brokers: ['a:1'], topics: [{name: o, retentionMs: forever}]}}",
    "a topic's compression": "events: {kafka: {brokers: ['a:1'], topics: [{name: o, compressionType: rar}]}}",
    "a negative limit": "default: {local_cache: -1}",
    "an unknown driver": "default: {mysql: {uri: root@/app, driver: pyro}}",
    "a negative number": "default: {mysql: {uri: root@/app, maxIdleConnections: -5}}",
    "a number of many digits": "default: {mysql: {uri: root@/app, maxIdleConnections: -999999999999999999}}",
    "a key twice": "default:\n  mysql: {uri: root@/app}\n  redis: h:1:0\n  mysql: {uri: root@/logs}\n",
    "a pool twice": "default: {local_cache: 1}\nlogs: {local_cache: 1}\ndefault: {local_cache: 2}\n",
    "a redis address": "default: {redis: 'user:hunter2@localhost:6379'}",
    "a redis parameter": "default: {redis: 'localhost:6379:0?usr=x&password=hunter2'}",
    "a redis database": "default: {redis: 'localhost:6379:first?password=hunter2'}",
    "two masters": "a: {sentinel: {'m:0?password=hunter2': [':1'], 'n:0': [':1']}}",
    "no sentinels": "a: {sentinel: {'m:0': []}}",
    "a sentinel is a number": "a: {sentinel: {'m:0?password=hunter2': [26379]}}",
    "sentinels are a list": "a: {sentinel: [':26379']}",
    "a master's database": "a: {sentinel: {'m:x?password=hunter2': [':1']}}",
    "a master without a name": "a: {sentinel: {':0': [':1']}}",
    "redis streams": "default: {streams: {uri: 'h:1'}}",
    "streams at the top": "streams: {events: default}",
    "nats": "default: {nats: 'nats://h'}",
    "async flush without a pool": "asyncFlush: {topicPartitions: 6}",
    "async flush misspelt": "asyncflush: {kafkaPool: events}",
    "debezium's url": "debeziumConnect: {events: 8083}",
    "an unset variable": "default: {mysql: {uri: 'root:${DB_PASSWORD}@tcp(h)/app'}}",
    "a malformed variable": "default: {mysql: {uri: 'root:${DB-PASSWORD}@tcp(h)/app'}}",
    "a variable of the wrong type": "default: {local_cache: '${LIMIT:-many}'}",
    "endless aliases": "a: &a [*a]",
    "aliases that blow up": "\n".join(
        ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10))]
    ),
    "several at once": "default: {mysql: {url: root@/app}, redis: 6379}\nevents: {kafka: {brokers: a}}\nx: 1\n",
}


def _text(call: Callable[[], object]) -> str:
    with pytest.raises(ConfigError) as caught:
        call()
    assert SECRET not in repr(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_malformed_addresses() -> None:
    """The pool, the address without its password, what is wrong with it, and the accepted forms."""
    assert_golden(GOLDEN / "addresses.txt", {name: _text(call) for name, call in ADDRESSES.items()})


def test_options_of_wrong_types_and_out_of_range() -> None:
    """A typing error in Python code is found where it is made, not when the first query runs."""
    assert_golden(GOLDEN / "options.txt", {name: _text(call) for name, call in OPTIONS.items()})


def test_malformed_yaml() -> None:
    """The path of each problem, so that it is found in a file of hundreds of lines; all problems at once."""
    assert_golden(GOLDEN / "yaml.txt", {name: _text(_yaml(source)) for name, source in YAML.items()})


def _shown(parse: Callable[[], object]) -> str:
    try:
        return repr(parse())
    except ConfigError as error:
        return str(error)


JUNK = st.text("abc:/@()?&=%[]1., #", max_size=15)


@given(user=JUNK, more=JUNK, rest=JUNK)
def test_a_password_before_an_at_sign_is_never_shown(user: str, more: str, rest: str) -> None:
    """However malformed the rest is, what stands where a password stands stays hidden."""
    text = f"{user}:{SECRET}{more}@{rest}"

    for parse in (_mysql(text), _mysql(f"mysql://{text}"), _redis(f"redis://{text}"), _clickhouse(f"http://{text}")):
        assert SECRET not in _shown(parse)
