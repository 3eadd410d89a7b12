"""Every kind of column on real servers: what was set is what the database, and then the cache, give back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fluxaorm.engine import Engine
from fluxaorm.entity import Entity, Field, UInt64
from tests.support.redis_servers import RedisServer
from tests.support.shells import Shell
from tests.support.shop_engines import open_engine
from tests.unit.entity.test_values import CASES, TargetEntity, same

FIELDS = {f"value_{at}": case for at, case in enumerate(CASES) if case.name != "the longest str"}
"""One column a case; the longest text would be longer than a packet may be."""
KindsEntity: Any = type(
    "KindsEntity",
    (Entity,),
    {
        "__module__": __name__,
        "__annotations__": {"id": UInt64, **{name: case.hint | None for name, case in FIELDS.items()}},
        **{name: Field(default=None, **case.options) for name, case in FIELDS.items()},
    },
    redis_cache=True,
)


@pytest.fixture
def engine(database_url: str, valkey: RedisServer, shell: Shell) -> Iterator[Engine]:
    """With a table of all kinds, on each database."""
    made = open_engine(database_url, valkey.host_port, valkey.namespace, (KindsEntity, TargetEntity))
    yield made
    shell.close(made)


def rows() -> list[dict[str, Any]]:
    """Assigned values: the first of each kind, the second of each, and so on."""
    longest = max(len(case.taken) for case in FIELDS.values())
    return [
        {name: case.column.check(case.taken[at][0]) for name, case in FIELDS.items() if at < len(case.taken)}
        for at in range(longest)
    ]


def test_every_value_comes_back_as_it_was_set(engine: Engine, shell: Shell) -> None:
    """From the session that set it, from the database, and from Redis."""
    provider: Any = engine.provider(KindsEntity)
    expected = [{**dict.fromkeys(FIELDS), **row} for row in rows()]
    ctx = shell.context(engine)
    entities = [
        shell.do(provider.new(ctx, **{_attribute(name): value for name, value in row.items()})) for row in expected
    ]
    shell.do(ctx.flush())

    for found in (
        entities,
        *(shell.do(provider.get_by_ids(shell.context(engine), *[entity.id for entity in entities])) for _ in range(2)),
    ):
        for entity, row in zip(found, expected, strict=True):
            for name, value in row.items():
                read = getattr(entity, _attribute(name))
                generated = FIELDS[name].kind in ("enum", "set") and value == read
                assert value is read or generated or same(value, read), (FIELDS[name].name, value, read)


def _attribute(name: str) -> str:
    return name + {"reference": "_id", "references": "_ids"}.get(FIELDS[name].kind, "")
