"""Definitions for tests of registries: each with one thing that needs a pool."""

from __future__ import annotations

from fluxaorm import Entity, Field, Reference, UInt16, UInt32, UInt64


class PlainEntity(Entity):
    """Needs nothing but the default MySQL pool."""

    id: UInt64
    name: str


class CachedEntity(Entity, redis_cache=True):
    """Needs a Redis pool."""

    id: UInt64
    plain: Reference[PlainEntity]


class LocalEntity(Entity, local_cache=True):
    """Uses a Redis pool where there is one."""

    id: UInt16
    name: str


class LogEntity(Entity, mysql="logs", redis_cache="sessions", id_pool="ids"):
    """Lives in pools of its own."""

    id: UInt64
    text: str


class UniqueEntity(Entity):
    """Has a value that one row may take over from another."""

    id: UInt64
    email: str = Field(unique=True)


class VersionedEntity(Entity):
    """Is locked optimistically."""

    id: UInt64
    revision: UInt32 = Field(version=True)


class SearchEntity(Entity, redis_search="search"):
    """Needs the search module."""

    id: UInt64
    name: str = Field(searchable=True)


class StreamedEntity(Entity, debezium="events"):
    """Needs Kafka and Kafka Connect."""

    id: UInt64


class OtherStreamedEntity(Entity, debezium="other"):
    """Of the same MySQL pool, to another Kafka pool."""

    id: UInt64


class EventsEntity(Entity, events="events"):
    """Needs Kafka."""

    id: UInt64


class BrokenEntity(Entity):
    """A type that is no column type."""

    id: UInt64
    age: complex


class Mixin:
    """No entity."""
