"""Config objects and their YAML: every pool of an application in one value."""

from __future__ import annotations

from fluxaorm.config.json_schema import config_schema
from fluxaorm.config.structs import (
    Config,
    ConfigAsyncFlush,
    ConfigClickhouse,
    ConfigDebeziumConnect,
    ConfigKafka,
    ConfigKafkaConsumerGroup,
    ConfigKafkaTopic,
    ConfigLocalCache,
    ConfigMySQL,
    ConfigRedis,
    ConfigRedisSentinel,
)
from fluxaorm.config.yaml_reader import config_from_yaml

__all__ = [
    "Config",
    "ConfigAsyncFlush",
    "ConfigClickhouse",
    "ConfigDebeziumConnect",
    "ConfigKafka",
    "ConfigKafkaConsumerGroup",
    "ConfigKafkaTopic",
    "ConfigLocalCache",
    "ConfigMySQL",
    "ConfigRedis",
    "ConfigRedisSentinel",
    "config_from_yaml",
    "config_schema",
]
