"""Option objects: what their reprs show, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from rich.console import Console
from rich.pretty import pretty_repr

from fluxaorm.config import Config, ConfigAsyncFlush, ConfigKafka, ConfigMySQL, ConfigRedis, ConfigRedisSentinel
from fluxaorm.errors import ConfigError
from fluxaorm.options import (
    AsyncFlushOptions,
    ClickhouseTable,
    Column,
    KafkaPoolOptions,
    KafkaTopic,
    MySQLOptions,
    RedisOptions,
    TLSOptions,
    tls_options,
    with_overrides,
)
from fluxaorm.options.masking import masked_address

SECRETS = [
    RedisOptions(user="me", password="hunter2", sentinel_password="hunter2"),
    KafkaPoolOptions(sasl_user="me", sasl_password="hunter2"),
    AsyncFlushOptions(signing_key="hunter2", accepted_keys=["hunter2"]),
    ConfigAsyncFlush(kafka_pool="a", signing_key="hunter2", accepted_keys=["hunter2"]),
    ConfigMySQL(code="a", uri="root:hunter2@tcp(h)/d"),
    ConfigRedis(code="a", uri="redis://:hunter2@h", password="hunter2"),
    ConfigRedisSentinel(code="a", master_name="m", sentinels=[":1"], password="hunter2"),
    ConfigKafka(code="a", brokers=["a:1"], sasl_password="hunter2"),
    Config(mysql_pools=[ConfigMySQL(code="a", uri="root:hunter2@tcp(h)/d")]),
]


@pytest.mark.parametrize("options", SECRETS, ids=lambda options: type(options).__name__)
@pytest.mark.parametrize("show", [repr, str, "{}".format, pretty_repr], ids=["repr", "str", "format", "rich"])
def test_no_option_object_shows_a_password(show: Callable[[Any], str], options: Any) -> None:
    """Objects end up in logs and tracebacks, and rich's tracebacks print locals."""
    assert "hunter2" not in show(options)
    assert "***" in show(options)


def test_richs_tracebacks_show_no_password() -> None:
    """The command line prints tracebacks with rich."""
    console = Console(record=True, width=200, file=None, quiet=True)

    console.print(RedisOptions(password="hunter2"))

    assert "hunter2" not in console.export_text()


def test_a_repr_names_what_differs_from_the_defaults() -> None:
    """Fifteen options at their defaults hide the one that matters."""
    assert "MySQLOptions(max_open_connections=50)" == repr(MySQLOptions(max_open_connections=50))
    assert "MySQLOptions()" == repr(MySQLOptions())


def test_options_do_not_change() -> None:
    """An engine shares them between threads."""
    options: Any = MySQLOptions()

    with pytest.raises(AttributeError):
        options.coalesce = False


def test_options_are_values() -> None:
    """Two that say the same are equal; msgspec can copy and replace them."""
    assert MySQLOptions(coalesce=False) == msgspec.structs.replace(MySQLOptions(), coalesce=False)


def test_builders_take_by_position_what_names_them() -> None:
    """The rest is keyword-only, so that a call can be read."""
    build: Any = KafkaTopic

    assert ("orders", "events", 6) == (build("orders", "events", partitions=6).name, "events", 6)
    with pytest.raises(TypeError):
        build("orders", "events", 6)


def test_a_topic_gives_its_settings_kafkas_names() -> None:
    """Alters compare them with what the broker says."""
    topic = KafkaTopic(
        "t", "p", retention_ms=5, retention_bytes=-1, cleanup_policy="delete", configs={"segment.ms": "7"}
    )

    expected = {"retention.ms": "5", "retention.bytes": "-1", "cleanup.policy": "delete", "segment.ms": "7"}
    assert expected == topic.settings


def test_settings_of_a_clickhouse_table_may_be_numbers_and_text() -> None:
    """ClickHouse has settings of both kinds."""
    table = ClickhouseTable("t", "p", columns=[Column("id", "UInt64")], settings={"a": 1, "b": "x", "c": 0.5})

    assert {"a": 1, "b": "x", "c": 0.5} == table.settings


@pytest.mark.parametrize(
    ("choice", "expected"),
    [(False, None), (True, TLSOptions()), (TLSOptions(verify=False), TLSOptions(verify=False))],
)
def test_tls_is_checked_unless_told_otherwise(choice: bool | TLSOptions, expected: TLSOptions | None) -> None:
    """``tls=True`` must not mean encrypted but unchecked."""
    assert expected == tls_options(choice)
    assert TLSOptions().verify
    assert TLSOptions().check_hostname


def test_options_win_over_the_parameters_of_an_address() -> None:
    """What is written in the code is more deliberate than what was pasted with the address."""
    options = MySQLOptions(connect_timeout=3)

    merged = with_overrides(options, {"connect_timeout": 5.0, "default_encoding": "utf8mb4"})

    assert MySQLOptions(connect_timeout=3, default_encoding="utf8mb4") == merged


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("root:pw@tcp(h:1)/d", "root:***@tcp(h:1)/d"),
        ("root@tcp(h:1)/d", "root@tcp(h:1)/d"),
        ("mysql://root:p@w@h/d", "mysql://root:***@h/d"),
        ("redis://:pw@h:1/2", "redis://:***@h:1/2"),
        ("localhost:6379:0?user=u&password=pw", "localhost:6379:0?user=u&password=***"),
        ("h?auth_token=pw;x=1", "h?auth_token=***;x=1"),
        ("root:pw/d", "root:***/d"),
        ("root:a://b@tcp(h)/d", "root:***@tcp(h)/d"),
        ("chdb://memory", "chdb://memory"),
        ("sqlite://:memory:", "sqlite://:memory:"),
        ("[::1]:6379", "[::1]:6379"),
        ("x" * 300, "x" * 197 + "..."),
    ],
)
def test_an_address_is_shown_without_what_may_be_a_password(text: str, shown: str) -> None:
    """Also when it is malformed: a missing host turns a password into what looks like a port."""
    assert shown == masked_address(text)


def test_an_empty_text_is_no_key_to_accept() -> None:
    """A variable that is not set would let everybody sign, where only some may."""
    with pytest.raises(ConfigError, match=r"AsyncFlushOptions\.accepted_keys: one is empty"):
        AsyncFlushOptions(signing_key="hunter2", accepted_keys=["the one before", ""])
