"""The JSON Schema of the YAML accepts what the reader accepts, and refuses what it refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from fluxaorm.config import config_from_yaml, config_schema
from fluxaorm.errors import ConfigError
from tests.unit.config.test_yaml import EVERYTHING

SCHEMA = config_schema()
TYPES: dict[str, type[Any]] = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def _accepts(schema: dict[str, Any], value: Any) -> bool:
    """The part of JSON Schema that the schema uses, written down once more."""
    if "$ref" in schema:
        return _accepts(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], value)
    if "anyOf" in schema:
        return any(_accepts(each, value) for each in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    if schema["type"] in ("integer", "number"):
        kinds = int if schema["type"] == "integer" else (int, float)
        fits = isinstance(value, kinds) and not isinstance(value, bool)
        return fits and schema.get("minimum", value) <= value <= schema.get("maximum", value)
    if not isinstance(value, TYPES[schema["type"]]):
        return False
    if schema["type"] == "string":
        return re.search(schema.get("pattern", ""), value) is not None
    if schema["type"] == "array":
        return len(value) >= schema.get("minItems", 0) and all(_accepts(schema["items"], item) for item in value)
    return schema["type"] != "object" or _accepts_object(schema, value)


def _accepts_object(schema: dict[str, Any], value: dict[str, Any]) -> bool:
    if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)):
        return False
    if not set(schema.get("required", ())) <= value.keys():
        return False
    others = schema.get("additionalProperties", {})
    properties = schema.get("properties", {})
    return all(
        _accepts(properties[key], item) if key in properties else others is not False and _accepts(others, item)
        for key, item in value.items()
    )


def test_the_schema_knows_every_key() -> None:
    """An editor that underlines a good key teaches people to ignore it."""
    assert _accepts(SCHEMA, yaml.safe_load(EVERYTHING))


ONES = [
    {},
    {"default": {}},
    {"default": {"mysql": {"uri": "root@/app"}}},
    {"default": {"mysql": {"uri": "root@/app", "maxOpenConnections": "${OPEN:-5}"}}},
    {"default": {"mysql": {}}},
    {"default": {"mysql": {"uri": 5}}},
    {"default": {"mysql": {"uri": "root@/app", "code": "x"}}},
    {"default": {"mysql": {"uri": "root@/app", "maxOpenConnections": -1}}},
    {"default": {"mysql": {"uri": "root@/app", "maxOpenConnections": "5"}}},
    {"default": {"mysql": "root@/app"}},
    {"default": {"redis": "localhost:6379:0"}},
    {"default": {"redis": 6379}},
    {"default": {"postgres": {}}},
    {"default": {"local_cache": 0}},
    {"default": {"local_cache": -1}},
    {"default": {"sentinel": {"m:0": ["a:1"]}}},
    {"default": {"sentinel": {"m:0": []}}},
    {"default": {"sentinel": {"m:0": ["a:1"], "n:0": ["a:1"]}}},
    {"default": {"kafka": {"brokers": ["a:1"], "requiredAcks": 1}}},
    {"default": {"kafka": {"brokers": ["a:1"], "requiredAcks": 2}}},
    {"default": {"kafka": {"brokers": ["a:1"], "topics": [{"name": "t", "partitions": 2**31}]}}},
    {"default": {"kafka": {"brokers": ["a:1"], "topics": [{"partitions": 6}]}}},
    {"default": {"kafka": {"brokers": ["a:1"], "topics": [{"name": "t", "configs": {"a": "b"}}]}}},
    {"default": {"kafka": {"brokers": ["a:1"], "topics": [{"name": "t", "configs": {"a": 1}}]}}},
    {"default": {"kafka": {"brokers": ["a:1"], "topics": [{"name": "t", "retentionMs": None}]}}},
    {"default": {"kafka": {"brokers": ["a:1"], "topics": [{"name": "t", "retentionMs": -2}]}}},
    {"default": {"kafka": {"brokers": ["a:1"], "tls": True}}},
    {"default": {"kafka": {"brokers": ["a:1"], "tls": "${TLS}"}}},
    {"default": {"kafka": {"brokers": ["a:1"], "tls": 1}}},
    {"default": {"kafka": {"brokers": ["a:1"], "tls": {"verify": False, "caFile": "${CA}"}}}},
    {"default": {"kafka": {"brokers": ["a:1"], "tls": {"verify": 1}}}},
    {"default": {"kafka": {"brokers": ["a:1"], "tls": {"file": "x"}}}},
    {"default": {"kafka": {"brokers": ["a:1"], "deliveryTimeout": 0.5}}},
    {"asyncFlush": {"kafkaPool": "events"}},
    {"asyncFlush": {"topicPartitions": 6}},
    {"debeziumConnect": {"events": "http://h"}},
    {"debeziumConnect": {"events": 8083}},
    {"default": 5},
]


@pytest.mark.parametrize("document", ONES, ids=str)
def test_the_schema_and_the_reader_agree(document: dict[str, Any]) -> None:
    """What an editor accepts must load, and what loads an editor must accept."""
    try:
        config_from_yaml(document, {"OPEN": "5", "TLS": "true", "CA": "/ca.pem"})
        loads = True
    except ConfigError:
        loads = False

    assert loads == _accepts(SCHEMA, document)


def test_every_part_of_a_pool_is_described() -> None:
    """Editors show the descriptions."""
    pool = SCHEMA["$defs"]["pool"]["properties"]

    assert all(part["description"] for part in pool.values())
    assert (
        "seconds after which a connection is replaced" == pool["mysql"]["properties"]["connMaxLifetime"]["description"]
    )


def test_each_call_gives_a_dict_of_its_own() -> None:
    """A caller may add an $id to it."""
    config_schema()["$id"] = "x"

    assert "$id" not in config_schema()
