"""Config objects and their YAML: every pool of an application in one value. PyYAML is loaded when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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
    ConfigTLS,
)

if TYPE_CHECKING:
    from fluxaorm.config.yaml_text import Source


def config_from_yaml(source: Source, variables: Mapping[str, str]) -> Config:
    """The Config of a parsed mapping, a path or YAML text; ``variables``: what ``${VAR}`` stands for.

    Raises ConfigError with every problem found, each with its path.
    """
    from fluxaorm.config.yaml_reader import read_config

    return read_config(source, variables)


def config_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what ``Registry.init_by_yaml`` reads, as a new dict."""
    from fluxaorm.config.json_schema import made_schema

    return made_schema()


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
    "ConfigTLS",
    "config_from_yaml",
    "config_schema",
]
