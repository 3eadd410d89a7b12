"""What conditions mean: random ones pick the same rows from SQLite as a plain Python reading of them does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fluxaorm.dialects.sqlite.collations import COLLATIONS
from fluxaorm.dialects.sqlite.sqlite import SQLITE
from fluxaorm.query.conditions import Condition
from fluxaorm.query.query import Query
from fluxaorm.query.sql.select import IDS
from tests.unit.query.catalogue import CATEGORY, PRODUCT, F, compiler
from tests.unit.query.meaning import (
    CATEGORIES,
    CONDITIONS,
    PRODUCTS,
    SORTS,
    in_order,
    matching,
    sorted_query,
    stored,
)


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    """The rows in a database in memory, in the tables that the dialect makes."""
    connection = sqlite3.connect(":memory:")
    for name, function in COLLATIONS.items():
        connection.create_collation(name, function)
    for schema in (PRODUCT, CATEGORY):
        connection.execute(SQLITE.create_table(SQLITE.define_table(schema, "NOCASE"))[0])
    for product in PRODUCTS:
        values = [_param(stored(column, product[column.field])) for column in PRODUCT.columns]
        connection.execute(f"INSERT INTO product VALUES ({', '.join('?' * len(values))})", values)
    for id, (name, parent) in CATEGORIES.items():
        connection.execute("INSERT INTO category VALUES (?, ?, ?)", (id, name, parent))
    yield connection
    connection.close()


def _param(param: Any) -> Any:
    return str(param) if isinstance(param, Decimal) else param


SQL = compiler(SQLITE)


@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(condition=CONDITIONS)
def test_sql_picks_the_rows_that_the_condition_means(database: sqlite3.Connection, condition: Condition) -> None:
    """Every operator, NULL, folding, parentheses and joins at once; no table of examples holds the combinations."""
    assert matching(condition) == _fetch(database, Query().filter(condition).sort_by_asc(F.id))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(sorts=SORTS, size=st.integers(1, 70))
def test_pages_put_together_are_the_whole_order(
    database: sqlite3.Connection, sorts: list[tuple[str, bool]], size: int
) -> None:
    """However many rows are equal in the order, each is on exactly one page."""
    query = sorted_query(sorts)
    pages = [_fetch(database, query.pager(page, size)) for page in range(1, 62 // size + 2)]

    assert in_order(sorts) == [id for page in pages for id in page]


def _fetch(database: sqlite3.Connection, query: Query) -> list[int]:
    bound = SQL.bind(query, IDS)
    if bound is None:
        return []
    return [row[0] for row in database.execute(bound.sql, [_param(arg) for arg in bound.args])]
