"""Addresses of every kind of pool: what each accepted form means, and that nobody sees a password."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fluxaorm.addresses import (
    ClickhouseAddress,
    ConnectAddress,
    HostPort,
    MySQLAddress,
    RedisAddress,
    SQLiteAddress,
    parse_clickhouse,
    parse_connect_url,
    parse_kafka,
    parse_mysql,
    parse_redis,
    parse_yaml_redis,
)
from fluxaorm.errors import ConfigError
from fluxaorm.options import ClickhouseOptions, RedisOptions, TLSOptions

LOCAL = (HostPort("localhost", 3306),)

MYSQL = [
    ("root:root@tcp(localhost:3306)/app", {"hosts": LOCAL, "user": "root", "password": "root", "database": "app"}),
    ("root@tcp(localhost)/app", {"hosts": LOCAL, "user": "root", "database": "app"}),
    ("/app", {"hosts": LOCAL, "database": "app"}),
    ("root@/app", {"hosts": LOCAL, "user": "root", "database": "app"}),
    ("root@tcp/app", {"hosts": LOCAL, "user": "root", "database": "app"}),
    ("u:p@unix(/run/my.sock)/app", {"socket": "/run/my.sock", "user": "u", "password": "p", "database": "app"}),
    (
        "u:p@ss/w:o?(r)d@tcp(localhost)/app",
        {"hosts": LOCAL, "user": "u", "password": "p@ss/w:o?(r)d", "database": "app"},
    ),
    ("u:p%40@tcp(localhost)/app", {"hosts": LOCAL, "user": "u", "password": "p%40", "database": "app"}),
    ("u@tcp([::1]:33)/app", {"hosts": (HostPort("::1", 33),), "user": "u", "database": "app"}),
    ("u@tcp(a:1,b)/app", {"hosts": (HostPort("a", 1), HostPort("b", 3306)), "user": "u", "database": "app"}),
    ("mysql://u:p@localhost/app", {"hosts": LOCAL, "user": "u", "password": "p", "database": "app"}),
    ("MySQL://u:p@localhost/app", {"hosts": LOCAL, "user": "u", "password": "p", "database": "app"}),
    ("mysql://u:p%40%2F%3A@localhost/app", {"hosts": LOCAL, "user": "u", "password": "p@/:", "database": "app"}),
    ("mysql://u:p@/x?y#@localhost/app", {"hosts": LOCAL, "user": "u", "password": "p@/x?y#", "database": "app"}),
    ("mysql://a:1,b:2/app", {"hosts": (HostPort("a", 1), HostPort("b", 2)), "database": "app"}),
    ("mysql://[::1]/app", {"hosts": (HostPort("::1", 3306),), "database": "app"}),
    ("mysql://localhost/my%20app", {"hosts": LOCAL, "database": "my app"}),
    ("mysql://localhost/app?tls=true", {"hosts": LOCAL, "database": "app", "tls": TLSOptions()}),
]


@pytest.mark.parametrize(("text", "fields"), MYSQL)
def test_each_form_of_a_mysql_address_is_understood(text: str, fields: dict[str, Any]) -> None:
    """Addresses are copied from other programs; each accepted form must mean the same here."""
    address, overrides = parse_mysql("default", text)

    assert MySQLAddress(**fields) == address
    assert {} == overrides


@pytest.mark.parametrize(
    ("parameters", "options"),
    [
        (
            "charset=utf8mb4,utf8&collation=utf8mb4_bin",
            {"default_encoding": "utf8mb4", "default_collate": "utf8mb4_bin"},
        ),
        (
            "timeout=5s&readTimeout=1m30s&writeTimeout=500ms",
            {"connect_timeout": 5, "read_timeout": 90, "write_timeout": 0.5},
        ),
        (
            "connect_timeout=2.5&read_timeout=3&write_timeout=4",
            {"connect_timeout": 2.5, "read_timeout": 3, "write_timeout": 4},
        ),
        ("driver=pymysql", {"driver": "pymysql"}),
        ("parseTime=true&loc=UTC&interpolateParams=true&multiStatements=true&clientFoundRows=false", {}),
    ],
)
def test_parameters_of_a_mysql_address_become_options(parameters: str, options: dict[str, Any]) -> None:
    """A DSN of the original's works unchanged: what the Go driver calls a parameter is an option here, or our habit."""
    _, overrides = parse_mysql("default", f"root@tcp(localhost)/app?{parameters}")

    assert options == overrides


@pytest.mark.parametrize(
    ("text", "path", "database"),
    [
        ("sqlite:///data/app.db", "/data/app.db", "app"),
        ("sqlite:////data/app.db", "/data/app.db", "app"),
        ("sqlite://app.db", "app.db", "app"),
        ("sqlite:///data/my%20app-1.db", "/data/my app-1.db", "my_app_1"),
        ("sqlite://:memory:", "", "memory"),
    ],
)
def test_a_sqlite_address_names_a_file_or_memory(text: str, path: str, database: str) -> None:
    """SQLite stands in for a MySQL pool; the file's name stands in for the database's in cache keys."""
    address, _ = parse_mysql("default", text)

    assert isinstance(address, SQLiteAddress)
    assert (path, database) == (address.path, address.database)


NO_OPTIONS = RedisOptions()
SENTINELS = RedisOptions(master="mymaster", sentinels=[":26379", "10.0.0.2", "[::1]:5"])
REDIS: list[tuple[str, int, RedisOptions, dict[str, Any]]] = [
    ("localhost:6380", 2, NO_OPTIONS, {"hosts": (HostPort("localhost", 6380),), "database": 2}),
    ("localhost", 0, NO_OPTIONS, {"hosts": (HostPort("localhost", 6379),)}),
    ("/run/redis.sock", 1, NO_OPTIONS, {"socket": "/run/redis.sock", "database": 1}),
    ("redis://h/3", 0, NO_OPTIONS, {"hosts": (HostPort("h", 6379),), "database": 3}),
    ("redis://h/3", 3, NO_OPTIONS, {"hosts": (HostPort("h", 6379),), "database": 3}),
    ("redis://h?db=4", 0, NO_OPTIONS, {"hosts": (HostPort("h", 6379),), "database": 4}),
    ("redis://:p%40@h", 0, NO_OPTIONS, {"hosts": (HostPort("h", 6379),), "password": "p@"}),
    ("redis://u:p@h", 0, NO_OPTIONS, {"hosts": (HostPort("h", 6379),), "user": "u", "password": "p"}),
    ("rediss://h", 0, NO_OPTIONS, {"hosts": (HostPort("h", 6379),), "tls": TLSOptions()}),
    ("h", 0, RedisOptions(tls=True), {"hosts": (HostPort("h", 6379),), "tls": TLSOptions()}),
    (
        "rediss://h",
        0,
        RedisOptions(tls=TLSOptions(ca_file="/ca")),
        {"hosts": (HostPort("h", 6379),), "tls": TLSOptions(ca_file="/ca")},
    ),
    (
        "unix://u:p@/run/r.sock?db=2",
        0,
        NO_OPTIONS,
        {"socket": "/run/r.sock", "database": 2, "user": "u", "password": "p"},
    ),
    ("redis+cluster://a:1,b:2", 0, NO_OPTIONS, {"hosts": (HostPort("a", 1), HostPort("b", 2)), "cluster": True}),
    ("a:1,b:2", 0, RedisOptions(cluster=True), {"hosts": (HostPort("a", 1), HostPort("b", 2)), "cluster": True}),
    (
        "redis://u:p@h",
        0,
        RedisOptions(user="me", password="mine"),
        {"hosts": (HostPort("h", 6379),), "user": "me", "password": "mine"},
    ),
    ("embedded:///data/valkey", 0, NO_OPTIONS, {"embedded": "/data/valkey"}),
    (
        "",
        1,
        SENTINELS,
        {
            "master": "mymaster",
            "sentinels": (HostPort("localhost", 26379), HostPort("10.0.0.2", 26379), HostPort("::1", 5)),
            "database": 1,
        },
    ),
]


@pytest.mark.parametrize(("text", "database", "options", "fields"), REDIS)
def test_each_form_of_a_redis_address_is_understood(
    text: str, database: int, options: RedisOptions, fields: dict[str, Any]
) -> None:
    """Addresses are copied from other programs; options win over what an address says."""
    assert RedisAddress(**fields) == parse_redis("default", text, database, options)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("localhost:6379:0", ("localhost:6379", 0, "", "")),
        ("localhost:6379:1?user=u&password=p%26w+x", ("localhost:6379", 1, "u", "p&w+x")),
        ("/run/redis.sock:3", ("/run/redis.sock", 3, "", "")),
        ("[::1]:6379:2", ("[::1]:6379", 2, "", "")),
        ("redis://u:p@h/3", ("redis://u:p@h/3", 0, "", "")),
    ],
)
def test_each_redis_form_of_the_yaml_is_understood(text: str, parts: tuple[str, int, str, str]) -> None:
    """The YAML appends the database and the user to the address."""
    assert parts == parse_yaml_redis("default", text)


CLICKHOUSE: list[tuple[str, dict[str, Any]]] = [
    ("clickhouse://localhost:9000/default", {"hosts": (HostPort("localhost", 8123),)}),
    (
        "clickhouse://localhost:9440/logs",
        {"hosts": (HostPort("localhost", 8443),), "database": "logs", "tls": TLSOptions()},
    ),
    ("clickhouse://localhost:8124", {"hosts": (HostPort("localhost", 8124),)}),
    (
        "clickhouse://u:p@a:1,b:2/d",
        {"hosts": (HostPort("a", 1), HostPort("b", 2)), "user": "u", "password": "p", "database": "d"},
    ),
    ("http://localhost/d", {"hosts": (HostPort("localhost", 8123),), "database": "d"}),
    ("http://localhost:9000", {"hosts": (HostPort("localhost", 9000),)}),
    ("https://localhost", {"hosts": (HostPort("localhost", 8443),), "tls": TLSOptions()}),
    (
        "clickhouse://h?secure=true&max_threads=2",
        {"hosts": (HostPort("h", 8443),), "tls": TLSOptions(), "settings": (("max_threads", "2"),)},
    ),
    ("chdb://memory", {"chdb": True}),
    ("chdb:///data/ch", {"chdb": True, "path": "/data/ch"}),
]


@pytest.mark.parametrize(("text", "fields"), CLICKHOUSE)
def test_each_form_of_a_clickhouse_address_is_understood(text: str, fields: dict[str, Any]) -> None:
    """The original speaks the native protocol, we speak HTTP: its addresses must keep working."""
    assert ClickhouseAddress(**fields) == parse_clickhouse("analytics", text, ClickhouseOptions())


def test_a_native_clickhouse_port_is_translated_aloud(caplog: pytest.LogCaptureFixture) -> None:
    """Another port than the one written down is used: whoever looks for it finds one line in the log."""
    caplog.set_level(logging.INFO, "fluxaorm.registry")

    parse_clickhouse("analytics", "clickhouse://u:hunter2@h:9000/d", ClickhouseOptions())

    expected = "ClickHouse pool 'analytics': the client speaks HTTP, so h:9000 is taken to mean h:8123"
    assert [expected] == [record.getMessage() for record in caplog.records]


def test_an_http_port_of_clickhouse_needs_no_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Only what surprises is logged."""
    caplog.set_level(logging.INFO, "fluxaorm.registry")

    parse_clickhouse("analytics", "clickhouse://h:8123/d", ClickhouseOptions())

    assert [] == caplog.records


def test_kafka_brokers_are_hosts_and_ports() -> None:
    """A broker without a port is on the usual one."""
    address = parse_kafka("events", ["a:1", "b", "[::1]:3"])

    assert (HostPort("a", 1), HostPort("b", 9092), HostPort("::1", 3)) == address.brokers


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("http://localhost:8083", {"scheme": "http", "host": HostPort("localhost", 8083)}),
        (
            "https://u:p@h/base/",
            {"scheme": "https", "host": HostPort("h", 8083), "path": "/base", "user": "u", "password": "p"},
        ),
    ],
)
def test_each_form_of_a_connect_url_is_understood(text: str, fields: dict[str, Any]) -> None:
    """Kafka Connect may sit behind a proxy with a path, a user and TLS."""
    assert ConnectAddress(**fields) == parse_connect_url("events", text)


SHOWN = [
    (parse_mysql("p", "root:hunter2@tcp(h:1,i:2)/d")[0], "mysql://root:***@h:1,i:2/d"),
    (parse_mysql("p", "root:hunter2@unix(/s)/d")[0], "root:***@unix(/s)/d"),
    (parse_mysql("p", "root@tcp([::1])/d")[0], "mysql://root@[::1]:3306/d"),
    (parse_mysql("p", "sqlite://:memory:")[0], "sqlite://:memory:"),
    (parse_redis("p", "rediss://u:hunter2@h/1", 0, NO_OPTIONS), "rediss://u:***@h:6379/1"),
    (parse_redis("p", "unix://u:hunter2@/s", 0, NO_OPTIONS), "unix://u:***@/s?db=0"),
    (parse_redis("p", "redis+cluster://u:hunter2@a,b", 0, NO_OPTIONS), "redis+cluster://u:***@a:6379,b:6379/0"),
    (
        parse_redis(
            "p", "", 2, RedisOptions(master="m", sentinels=["a"], password="hunter2", sentinel_password="hunter2")
        ),
        ":***@sentinel(a:26379)/m/2",
    ),
    (parse_redis("p", "embedded:///d", 0, NO_OPTIONS), "embedded:///d"),
    (parse_clickhouse("p", "https://u:hunter2@h", ClickhouseOptions()), "https://u:***@h:8443/default"),
    (parse_clickhouse("p", "chdb://memory", ClickhouseOptions()), "chdb://memory"),
    (parse_connect_url("p", "https://u:hunter2@h/b"), "https://u:***@h:8083/b"),
    (parse_kafka("p", ["a", "b"]), "a:9092,b:9092"),
]


@pytest.mark.parametrize(("address", "text"), SHOWN)
def test_an_address_shows_itself_without_its_password(address: Any, text: str) -> None:
    """Addresses stand in logs, errors and metrics; debuggers and rich print their reprs."""
    assert text == str(address)
    assert f"{type(address).__name__}({text!r})" == repr(address)
    assert [("address", text)] == address.__rich_repr__()


ANYTHING = st.text(max_size=60) | st.text("mysqlredisclickhousetcpunix:/@()?&=%[]1.,-chdb", max_size=60)
STARTS = st.sampled_from(
    [
        "",
        "mysql://",
        "u:p@tcp(",
        "u@unix(/",
        "sqlite://",
        "mysql://h/d?",
        "redis://",
        "redis+cluster://",
        "unix:///",
        "embedded:///",
        "localhost:6379:0?",
        "clickhouse://",
        "https://",
        "chdb://",
    ]
)


def _only_config_errors(parse: Any, *arguments: Any) -> None:
    try:
        parse(*arguments)
    except ConfigError:
        return


@given(start=STARTS, rest=ANYTHING)
@example(start="mysql://", rest="[::1")
@example(start="mysql://h/d?", rest="timeout=" + "9" * 400)
@example(start="mysql://", rest="u:%ff@h/d")
@example(start="sqlite://", rest="\0")
@example(start="", rest="h:" + "9" * 5000)
def test_no_text_makes_an_address_parser_raise_anything_but_config_error(start: str, rest: str) -> None:
    """Addresses come from the environment and from files: whatever is in them, the user gets our error."""
    text = start + rest

    _only_config_errors(parse_mysql, "p", text)
    _only_config_errors(parse_redis, "p", text, 0, NO_OPTIONS)
    _only_config_errors(parse_redis, "p", text, 0, RedisOptions(cluster=True))
    _only_config_errors(parse_redis, "p", "", 0, RedisOptions(master="m", sentinels=[text]))
    _only_config_errors(parse_yaml_redis, "p", text)
    _only_config_errors(parse_clickhouse, "p", text, ClickhouseOptions())
    _only_config_errors(parse_kafka, "p", [text])
    _only_config_errors(parse_connect_url, "p", text)


PASSWORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(password=PASSWORDS)
@example(password="p@ss:w/o?r#d(x)%&=")
def test_a_dsn_password_may_hold_any_character(password: str) -> None:
    """Generated passwords hold everything; the last @ before the host ends them."""
    address, _ = parse_mysql("p", f"root:{password}@tcp(localhost:3306)/app")

    assert isinstance(address, MySQLAddress)
    assert (password, LOCAL, "app") == (address.password, address.hosts, address.database)
