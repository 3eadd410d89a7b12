"""Option and builder objects of the Registry, which users make by hand. They check themselves and show no password."""

from __future__ import annotations

from fluxaorm.options.base import Options, TLSOptions, tls_options, with_overrides
from fluxaorm.options.clickhouse import ClickhouseOptions, ClickhouseTable, Column
from fluxaorm.options.kafka import (
    AsyncFlushOptions,
    DeadLetter,
    DebeziumOptions,
    KafkaConsumerGroup,
    KafkaPoolOptions,
    KafkaTopic,
)
from fluxaorm.options.mysql import MySQLOptions
from fluxaorm.options.redis import RedisOptions

__all__ = [
    "AsyncFlushOptions",
    "ClickhouseOptions",
    "ClickhouseTable",
    "Column",
    "DeadLetter",
    "DebeziumOptions",
    "KafkaConsumerGroup",
    "KafkaPoolOptions",
    "KafkaTopic",
    "MySQLOptions",
    "Options",
    "RedisOptions",
    "TLSOptions",
    "tls_options",
    "with_overrides",
]
