"""The JSON Schema of the YAML, made from the same types that check it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec import inspect

from fluxaorm.config.structs import (
    ConfigAsyncFlush,
    ConfigClickhouse,
    ConfigKafka,
    ConfigMySQL,
    ConfigStruct,
)
from fluxaorm.options.shapes import struct_type

Schema: TypeAlias = "dict[str, Any]"
_VARIABLE: Schema = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^{}]*)?\}"}


def made_schema() -> Schema:
    """See ``config_schema``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "FluxaORM configuration",
        "description": "Every key is the code of a pool; inside it are the stores of that code.",
        "type": "object",
        "properties": {
            "asyncFlush": _struct(ConfigAsyncFlush),
            "debeziumConnect": {
                "description": "Kafka pool -> URL of the Kafka Connect that serves it.",
                "type": "object",
                "additionalProperties": {"type": "string"},
            },
        },
        "additionalProperties": {"$ref": "#/$defs/pool"},
        "$defs": {"pool": _pool()},
    }


def _pool() -> Schema:
    return {
        "type": "object",
        "properties": {
            "mysql": _struct(ConfigMySQL),
            "redis": {
                "description": "host:port:db?user=x&password=y, /path.sock:db, redis://, rediss://, unix:// or redis+cluster://",
                "type": "string",
            },
            "sentinel": {
                "description": "A Redis master, as master:db?user=x&password=y, and the addresses of its Sentinels.",
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            },
            "local_cache": {
                "description": "Entries a cache in the process holds at most; 0: no limit.",
                "anyOf": [{"type": "integer", "minimum": 0}, _VARIABLE],
            },
            "clickhouse": _struct(ConfigClickhouse),
            "kafka": _struct(ConfigKafka),
        },
        "additionalProperties": False,
    }


def _struct(cls: type[ConfigStruct]) -> Schema:
    return {"description": (cls.__doc__ or "").partition("\n")[0], **_struct_body(struct_type(cls))}


def _struct_body(described: inspect.StructType) -> Schema:
    fields = [field for field in described.fields if field.name != "code"]
    body: Schema = {
        "type": "object",
        "properties": {field.encode_name: _schema(field.type) for field in fields},
        "additionalProperties": False,
    }
    required = [field.encode_name for field in fields if field.required]
    return {**body, "required": required} if required else body


def _schema(described: inspect.Type) -> Schema:
    if isinstance(described, inspect.Metadata):
        extra = getattr(described, "extra_json_schema")  # noqa: B009  # msgspec types it as a bare `dict`
        return {**(extra or {}), **_schema(described.type)}
    return _MAKERS[type(described)](described)


def _number(described: inspect.IntType | inspect.FloatType) -> Schema:
    limits = {"minimum": described.ge, "maximum": described.le}
    kind = "integer" if isinstance(described, inspect.IntType) else "number"
    plain: Schema = {"type": kind, **{name: limit for name, limit in limits.items() if limit is not None}}
    return {"anyOf": [plain, _VARIABLE]}


def _literal(described: inspect.LiteralType) -> Schema:
    return {"anyOf": [{"enum": list(described.values)}, _VARIABLE]}


def _union(described: inspect.UnionType) -> Schema:
    return {"anyOf": [_schema(each) for each in described.types]}


_MAKERS: dict[type[inspect.Type], Callable[[Any], Schema]] = {
    inspect.BoolType: lambda described: {"anyOf": [{"type": "boolean"}, _VARIABLE]},
    inspect.DictType: lambda described: {"type": "object", "additionalProperties": _schema(described.value_type)},
    inspect.FloatType: _number,
    inspect.IntType: _number,
    inspect.ListType: lambda described: {"type": "array", "items": _schema(described.item_type)},
    inspect.LiteralType: _literal,
    inspect.StrType: lambda described: {"type": "string"},
    inspect.NoneType: lambda described: {"type": "null"},
    inspect.StructType: _struct_body,
    inspect.UnionType: _union,
}
