"""Where servers are: addresses, parsed once when a pool is registered. No I/O; no ``repr`` shows a password."""

from __future__ import annotations

from fluxaorm.addresses.clickhouse import ClickhouseAddress, parse_clickhouse
from fluxaorm.addresses.kafka import ConnectAddress, KafkaAddress, parse_connect_url, parse_kafka
from fluxaorm.addresses.mysql import MySQLAddress, SQLiteAddress, parse_mysql
from fluxaorm.addresses.parts import Address, HostPort
from fluxaorm.addresses.redis import RedisAddress, parse_redis, parse_yaml_redis

__all__ = [
    "Address",
    "ClickhouseAddress",
    "ConnectAddress",
    "HostPort",
    "KafkaAddress",
    "MySQLAddress",
    "RedisAddress",
    "SQLiteAddress",
    "parse_clickhouse",
    "parse_connect_url",
    "parse_kafka",
    "parse_mysql",
    "parse_redis",
    "parse_yaml_redis",
]
