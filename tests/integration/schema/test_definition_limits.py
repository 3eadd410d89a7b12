"""The limits that definitions are held to are the servers': what passes is made, and one more is refused by both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import pymysql
import pytest

from fluxaorm.dialects import dialect_for
from fluxaorm.entity import Entity, Field, Index, UInt8, UInt64
from fluxaorm.entity.resolve.definitions import resolve_entities
from tests.support.sql_servers import Database

COLLATION = "utf8mb4_general_ci"
LongText = Annotated[str, Field(length="max")]


@dataclass
class Limit:
    """A definition that just fits, one that does not, and the server's words for the latter."""

    fits: type[Any]
    beyond: type[Any]
    sql: str
    """What ``beyond`` would be made by."""
    message: str
    servers: set[str] = field(default_factory=lambda: {"mysql", "mariadb"})


def wide(count: int, hint: Any, indexes: tuple[Index, ...] = (), **options: Any) -> type[Any]:
    """A definition with this many columns of one type besides the id, in lists of at most a hundred."""
    body: dict[str, Any] = {"__module__": __name__, "indexes": indexes}
    hints: dict[str, Any] = {"id": UInt64}
    for start in range(0, count, 100):
        hints[f"f{start}"] = list[hint]
        body[f"f{start}"] = Field(size=min(100, count - start), **options)
    return type("WideEntity", (Entity,), {**body, "__annotations__": hints})


def columns(count: int, mysql_type: str, indexes: str = "") -> str:
    """CREATE TABLE of an id and this many columns of one type."""
    listed = ", ".join(f"c{at} {mysql_type} NOT NULL" for at in range(count))
    return f"CREATE TABLE t (id bigint unsigned PRIMARY KEY, {listed}{indexes}) CHARSET utf8mb4"


def indexed(count: int) -> tuple[Index, ...]:
    """An index on each of the first columns."""
    return tuple(Index(f"f0_{at}") for at in range(1, count + 1))


LIMITS = {
    "indexes": Limit(
        wide(64, UInt8, indexed(63)),
        wide(64, UInt8, indexed(64)),
        columns(64, "tinyint", "".join(f", INDEX (c{at})" for at in range(64))),
        "Too many keys",
    ),
    "columns of a table": Limit(wide(1016, bool), wide(1017, bool), columns(1017, "tinyint(1)"), "Too many columns"),
    "bytes of a key": Limit(
        wide(4, str, (Index("f0_1", "f0_2", "f0_3", "f0_4"),), length=192),
        wide(4, str, (Index("f0_1", "f0_2", "f0_3", "f0_4"),), length=193),
        columns(4, "varchar(193)", ", INDEX (c0, c1, c2, c3)"),
        "key was too long",
    ),
    "bytes of a row": Limit(wide(64, str), wide(65, str), columns(65, "varchar(255)"), "Row size too large"),
    "bytes of a page": Limit(
        wide(197, LongText), wide(198, LongText), columns(198, "mediumtext"), "Row size too large", {"mysql"}
    ),
}


@pytest.fixture(params=LIMITS)
def limit(request: pytest.FixtureRequest, mysql_database: Database) -> Limit:
    """Each limit on each server that has it."""
    found = LIMITS[request.param]
    if mysql_database.server.kind not in found.servers:
        pytest.skip(f"{mysql_database.server.kind} counts otherwise")
    return found


def test_a_definition_at_the_limit_is_made(limit: Limit, mysql_database: Database) -> None:
    """Nothing is refused that the servers would take."""
    schemas, problems = resolve_entities([limit.fits])
    dialect = dialect_for(mysql_database.server.version)

    for statement in dialect.create_table(dialect.define_table(schemas["WideEntity"], COLLATION)):
        mysql_database.execute(statement.replace("%", "%%"))

    assert [] == problems


def test_a_definition_beyond_the_limit_is_refused_as_the_server_would(limit: Limit, mysql_database: Database) -> None:
    """The mistake is told at validate(), not by a failing CREATE TABLE."""
    _, problems = resolve_entities([limit.beyond])

    with pytest.raises(pymysql.err.Error, match=limit.message):
        mysql_database.execute(limit.sql)

    assert 1 == len(problems)
