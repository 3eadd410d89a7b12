"""The fingerprint is the same wherever a definition is resolved, and changes with what generated code depends on."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, Literal

import pytest

from fluxaorm.entity import Embedded, Field, Index, Json, UInt8, UInt16, UniqueIndex
from tests.unit.entity.declare.test_embedded import CityEntity, ThingEntity
from tests.unit.entity.definitions import entity, reference_to, schema_of

SCRIPT = """
from tests.unit.entity.definitions import schema_of
from tests.unit.entity.declare.test_embedded import CityEntity, ThingEntity
print(schema_of(ThingEntity, CityEntity).fingerprint)
"""


class Old(Embedded):
    """A group."""

    a: str = ""


class New(Embedded):
    """The same columns by another name."""

    a: str = ""


TARGETS = entity("AEntity"), entity("BEntity")
BASE: dict[str, Any] = {
    "name": (str, Field(length=10)),
    "level": (Literal["a", "b"], "a"),
    "data": (Json[dict[str, int]], Field(default_factory=dict)),
    "target": reference_to(TARGETS[0]),
    "old": Old,
}
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a length": ({"name": (str, Field(length=11))}, {}),
    "a null": ({"name": (str | None, Field(length=10))}, {}),
    "a default": ({"name": (str, Field(length=10, default=""))}, {}),
    "a column": ({"name": (str, Field(length=10, column="n"))}, {}),
    "a secret": ({"name": (str, Field(length=10, secret=True))}, {}),
    "an index": ({"name": (str, Field(length=10, index=True))}, {}),
    "a unique index": ({"name": (str, Field(length=10, unique=True))}, {}),
    "a member": ({"level": (Literal["a", "b", "c"], "a")}, {}),
    "the order of members": ({"level": (Literal["b", "a"], "a")}, {}),
    "an enum's name": ({"level": (Literal["a", "b"], Field(default="a", enum_name="L"))}, {}),
    "a type inside JSON": ({"data": (Json[dict[str, str]], Field(default_factory=dict))}, {}),
    "a target": ({"target": reference_to(TARGETS[1])}, {}),
    "a group's class": ({"old": New}, {}),
    "a field more": ({"more": UInt8}, {}),
    "a timestamp": ({"more": UInt16}, {}),
    "the table": ({}, {"table": "things"}),
    "the pool": ({}, {"mysql": "other"}),
    "soft delete": ({}, {"soft_delete": True}),
}
SAME: dict[str, dict[str, Any]] = {
    "the time to live": {"redis_cache": True, "ttl": 5},
    "a local cache": {"local_cache": 10},
    "the source of ids": {"id_pool": "mysql", "id_block": 5},
    "Debezium": {"debezium": True},
    "the name before": {"renamed_from": "old"},
}


def fingerprint(fields: dict[str, Any], **options: Any) -> str:
    """Of an entity with these fields."""
    return schema_of(entity(fields=fields, **options), *TARGETS).fingerprint


@pytest.mark.parametrize("change", CHANGES)
def test_it_changes_with_what_code_and_cached_rows_depend_on(change: str) -> None:
    """Old code or an old cache would misread the row."""
    fields, options = CHANGES[change]

    assert fingerprint(BASE) != fingerprint({**BASE, **fields}, **options)


@pytest.mark.parametrize("options", SAME.values(), ids=SAME)
def test_it_stays_when_neither_depends_on_it(options: dict[str, Any]) -> None:
    """Nobody has to generate code again for a cache's time to live."""
    assert fingerprint(BASE) == fingerprint(BASE, **options)


def test_it_changes_with_the_order_of_fields_and_with_cached_look_ups() -> None:
    """A row is a list in the order of the columns."""
    turned = dict(reversed(BASE.items()))

    assert fingerprint(BASE) != fingerprint(turned)


def test_every_change_gives_another() -> None:
    """No two definitions of the table above are told apart by luck."""
    prints = [fingerprint({**BASE, **fields}, **options) for fields, options in CHANGES.values()]

    assert len(prints) == len(set(prints))


def test_it_is_sixteen_hexadecimal_digits() -> None:
    """It stands in generated modules."""
    assert 16 == len(fingerprint(BASE))
    assert int(fingerprint(BASE), 16)


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_it_is_the_same_in_every_process(seed: str) -> None:
    """The order of sets and the addresses of functions are not part of it."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(["src", "."])},
        capture_output=True,
        text=True,
        check=True,
    )

    assert schema_of(ThingEntity, CityEntity).fingerprint == done.stdout.strip()


def test_indexes_of_other_kinds_differ() -> None:
    """A cached look-up has keys of its own."""
    plain = entity(fields=BASE, redis_cache=True)
    plain.indexes = (Index("name", "level"),)
    unique = entity(fields=BASE, redis_cache=True)
    unique.indexes = (UniqueIndex("name", "level"),)
    cached = entity(fields=BASE, redis_cache=True)
    cached.indexes = (UniqueIndex("name", "level", cached=True),)

    assert 3 == len({schema_of(cls, *TARGETS).fingerprint for cls in (plain, unique, cached)})
