"""What a large model costs: in proportion to its size, and one round trip a pool to look at what is there."""

from __future__ import annotations

import cProfile
import pstats
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest

import fluxaorm as fx
from fluxaorm import Entity, Field, Index
from tests.support.own_tables import without_own_tables
from tests.support.sql_servers import Database

# twenty columns
HINTS: dict[str, Any] = {
    "id": fx.UInt64,
    **dict.fromkeys(["name", "email", "city", "street"], str),
    **dict.fromkeys(["bio", "note"], str | None),
    **dict.fromkeys(["created_at", "seen_at", "paid_at"], datetime),
    **dict.fromkeys(["price", "tax"], Decimal),
    **dict.fromkeys(["age", "level", "stars"], fx.UInt8),
    **dict.fromkeys(["visits", "orders"], int),
    "score": float,
    "active": bool,
    "status": Literal["new", "old"],
}


def _entities(count: int) -> list[type[Any]]:
    body: dict[str, Any] = {
        "__module__": __name__,
        "__annotations__": HINTS,
        "email": Field(unique=True, length=100),
        "price": Field(precision=10, scale=2),
        "tax": Field(precision=10, scale=2),
        "status": "new",
        "indexes": (Index("age", "level"),),
    }
    return [type(f"Thing{number}Entity", (Entity,), dict(body)) for number in range(count)]


def _everything(database: Database, entities: list[type[Any]], directory: Path) -> list[str]:
    """Validate, generate and compare; gives the statements that were sent for the comparison."""
    registry = fx.Registry()
    registry.register_mysql(database.url)
    registry.register_entity(*entities)
    statements: list[str] = []
    with registry.validate() as engine:
        fx.generate(engine, directory)
        ctx = engine.new_context()
        ctx.register_query_logger(lambda _, entry: statements.append(entry.query))
        alters = without_own_tables(fx.get_alters(ctx))
    assert len(entities) == len(alters)
    return statements


def _calls(database: Database, count: int, directory: Path) -> int:
    entities = _entities(count)
    profile = cProfile.Profile()
    profile.enable()
    statements = _everything(database, entities, directory)
    profile.disable()
    assert 1 == len(statements)
    total: int = pstats.Stats(profile).total_calls  # type: ignore[attr-defined]  # the stub lacks it
    return total


def _seconds(database: Database, count: int, directory: Path) -> float:
    entities = _entities(count)
    started = time.process_time()
    _everything(database, entities, directory)
    return time.process_time() - started


@pytest.mark.slow
def test_ten_times_the_entities_take_ten_times_the_work(mariadb_database: Database, tmp_path: Path) -> None:
    """A step that looks at all entities for each entity would take a hundred times; 12 is what the design allows."""
    _everything(mariadb_database, _entities(2), tmp_path / "templates")

    twenty, two_hundred = (_calls(mariadb_database, count, tmp_path / str(count)) for count in (20, 200))

    assert two_hundred <= 12 * twenty
    assert 9 * twenty <= two_hundred


@pytest.mark.slow
def test_ten_times_the_entities_take_ten_times_the_time(mariadb_database: Database, tmp_path: Path) -> None:
    """The same for what no count of calls shows, such as a search in a list; generous, as other work disturbs it."""
    _everything(mariadb_database, _entities(2), tmp_path / "templates")

    fifty = min(_seconds(mariadb_database, 50, tmp_path / f"few{attempt}") for attempt in range(3))
    five_hundred = _seconds(mariadb_database, 500, tmp_path / "many")

    assert five_hundred <= 30 * fifty


def test_a_large_schema_is_read_in_one_round_trip(mariadb_database: Database, tmp_path: Path) -> None:
    """And compared with what is declared; nothing is left to say."""
    entities = _entities(30)
    registry = fx.Registry()
    registry.register_mysql(mariadb_database.url)
    registry.register_entity(*entities)
    with registry.validate() as engine:
        ctx = engine.new_context()
        for alter in fx.get_alters(ctx):
            alter.exec(ctx)
        sent: list[str] = []
        ctx.register_query_logger(lambda _, entry: sent.append(entry.query))

        assert [] == fx.get_alters(ctx)
        assert 1 == len(sent)
        assert [] == fx.get_all_alters(ctx)
