"""MySQL and MariaDB pick the rows that random queries mean, by a plain Python reading of them.

The statements go through PyMySQL, past our pools: this is about the text and its values only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fluxaorm.dialects import VERSION_SQL, Dialect, dialect_for
from fluxaorm.query.conditions import Condition
from fluxaorm.query.own_sql.placeholders import split_placeholders
from fluxaorm.query.query import Query
from fluxaorm.query.sql.select import IDS, QueryCompiler
from tests.support.sql_servers import SqlServer
from tests.unit.query.catalogue import CATEGORY, PRODUCT, SCHEMAS, F
from tests.unit.query.meaning import (
    CATEGORIES,
    PORTABLE_CONDITIONS,
    PORTABLE_SORTS,
    PRODUCTS,
    in_order,
    matching,
    sorted_query,
    stored,
)

pytestmark = pytest.mark.slow
LENIENT = settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


class Catalogue:
    """The rows in a database, and the queries over them."""

    def __init__(self, connection: pymysql.Connection[Any]) -> None:
        self._connection = connection
        dialect = dialect_for(*self._rows(VERSION_SQL)[0])
        self._compiler = QueryCompiler(PRODUCT, dialect, SCHEMAS)
        self._fill(dialect)

    def ids(self, query: Query) -> list[int]:
        """What the server answers."""
        bound = self._compiler.bind(query, IDS)
        return [] if bound is None else [row[0] for row in self._rows(bound.sql, bound.args)]

    def _rows(self, sql: str, args: list[Any] | None = None) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute("%s".join(piece.replace("%", "%%") for piece in split_placeholders(sql)), args or ())
            return list(cursor.fetchall())

    def _fill(self, dialect: Dialect) -> None:
        collations = [row[0] for row in self._rows(dialect.collations_sql(), ["utf8mb4"])]
        collation = dialect.choose_collation(collations, "utf8mb4")
        assert collation is not None
        for schema in (PRODUCT, CATEGORY):
            self._rows(dialect.create_table(dialect.define_table(schema, collation))[0])
        self._rows("DROP INDEX name_status ON product")
        self._rows("DROP INDEX code ON product")
        for product in PRODUCTS:
            self._insert("product", [stored(column, product[column.field]) for column in PRODUCT.columns])
        for id, (name, parent) in CATEGORIES.items():
            self._insert("category", [id, name, parent])

    def _insert(self, table: str, values: list[Any]) -> None:
        self._rows(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)


@pytest.fixture(scope="module")
def catalogue(mysql_server: SqlServer) -> Iterator[Catalogue]:
    """One database for all examples on each server."""
    database = mysql_server.create_database()
    connection = mysql_server.connect(database.name)
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION time_zone = '+00:00'")
    yield Catalogue(connection)
    connection.close()
    database.drop()


@LENIENT
@given(condition=PORTABLE_CONDITIONS)
def test_the_server_picks_the_rows_that_the_condition_means(catalogue: Catalogue, condition: Condition) -> None:
    """SQLite agreeing is not enough: sets, enums, times and patterns are each server's own."""
    assert matching(condition) == catalogue.ids(Query().filter(condition).sort_by_asc(F.id))


@LENIENT
@given(sorts=PORTABLE_SORTS, size=st.integers(1, 70))
def test_the_servers_pages_put_together_are_the_whole_order(
    catalogue: Catalogue, sorts: list[tuple[str, bool]], size: int
) -> None:
    """However many rows are equal in the order, each is on exactly one page."""
    query = sorted_query(sorts)

    pages = [catalogue.ids(query.pager(page, size)) for page in range(1, 62 // size + 2)]

    assert in_order(sorts) == [id for page in pages for id in page]
