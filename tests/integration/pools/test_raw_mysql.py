"""SQL of the user's own: what it returns, what it joins, what it refuses."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fluxaorm as fx
from fluxaorm.errors import ContextMisuseError, MySQLError, QueryError, UnknownPoolError
from fluxaorm.plans.effects import ExecResult
from tests.support.blocks import Undo, block
from tests.support.insides import core, dialect_of
from tests.support.shells import open_shell
from tests.support.shop_engines import Shop, open_engine
from tests.support.sql_servers import Database, SqlServer


@pytest.fixture
def things(plain_shop: Shop) -> Shop:
    """A shop whose database has a table of the test's own, with three rows."""
    plain_shop.sql("CREATE TABLE thing (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100), amount DECIMAL(10, 2))")
    for id, name in enumerate(("a", "b", None), 1):
        plain_shop.sql("INSERT INTO thing VALUES (?, ?, ?)", id, name, Decimal(id) / 2)
    return plain_shop


def ids(shop: Shop) -> list[int]:
    return [int(id) for (id,) in shop.sql("SELECT id FROM thing ORDER BY id")]


def test_statements_tell_what_they_did(things: Shop) -> None:
    """Found rows count, also those that stay as they are."""
    db = things.context().mysql()

    inserted = things.do(db.exec("INSERT INTO thing (id, name) VALUES (?, ?), (?, ?)", 4, "d", 5, "e"))
    same = things.do(db.exec("UPDATE thing SET name = ? WHERE id IN ?", "d", [4, 99]))

    assert 2 == inserted.rows_affected
    assert ExecResult(same.last_insert_id, 1) == same


def test_rows_are_tuples_with_the_names_of_their_columns(things: Shop) -> None:
    """One row, none, many; a list stands for a list of values."""
    db = things.context().mysql()

    rows = things.do(db.query("SELECT id, name AS title FROM thing WHERE id IN ? ORDER BY id", (1, 3)))
    row = things.do(db.query_row(fx.Where("SELECT name FROM thing WHERE id = ?", 2)))
    nothing = things.do(db.query_row("SELECT name FROM thing WHERE id = ?", 99))

    assert (("id", "title"), [(1, "a"), (3, None)]) == (rows.columns, list(rows))
    assert (("b",), None) == (row, nothing)


def test_a_stream_gives_every_row_and_gives_its_connection_back(things: Shop) -> None:
    """Rows come while they are read; at the end, or closed before it, nothing is held."""
    things.sql("DELETE FROM thing")
    for start in range(0, 2_000, 500):
        values = ", ".join(f"({id}, 'name {id}', 1)" for id in range(start, start + 500))
        things.sql(f"INSERT INTO thing VALUES {values}")
    ctx = things.context()
    sql = "SELECT id, name FROM thing ORDER BY id"

    stream = things.do(ctx.mysql().query(sql, stream=True))
    columns, rows = stream.columns, read(things, stream)
    left = things.do(ctx.mysql().query(sql, stream=True))
    first = read(things, left, 1)
    things.do(left.close() if things.shell.name == "sync" else left.aclose())

    assert (("id", "name"), [(id, f"name {id}") for id in range(2_000)]) == (columns, rows)
    assert [(0, "name 0")] == first
    assert 0 == held(things)


def read(shop: Shop, stream: Any, most: int | None = None) -> list[tuple[Any, ...]]:
    """The rows of a stream of either shell."""
    if shop.shell.name == "sync":
        return list(islice(stream, most))

    async def collected() -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        async for row in stream:
            rows.append(row)
            if len(rows) == most:
                break
        return rows

    rows: list[tuple[Any, ...]] = shop.do(collected())
    return rows


def held(shop: Shop) -> int:
    """Connections that were not given back."""
    pool = core(shop.engine).mysql_pools["default"]

    async def stats() -> Any:
        return pool.asyncio.stats()

    found = pool.sync.stats() if shop.shell.name == "sync" else shop.do(stats())
    return int(found.open - found.idle)


def test_raw_sql_joins_the_open_transaction(things: Shop) -> None:
    """It sees what the transaction wrote, and goes with its rollback."""
    ctx = things.context()

    with block(things, ctx, ctx.mysql().begin()):
        things.do(ctx.mysql().exec("DELETE FROM thing WHERE id = ?", 1))
        inside = things.do(ctx.mysql().query("SELECT id FROM thing ORDER BY id"))
        outside = things.do(ctx.clone().mysql().query("SELECT id FROM thing ORDER BY id"))
        raise Undo

    assert ([(2,), (3,)], [(1,), (2,), (3,)]) == (list(inside), list(outside))
    assert [1, 2, 3] == ids(things)


def test_a_stream_has_the_transactions_connection_for_itself(things: Shop) -> None:
    """Anything else would read its rows: it is told, and closing the stream, or the block, frees the connection."""
    ctx = things.context()
    many = f"SELECT 1 FROM {', '.join(f'thing t{at}' for at in range(7))}"

    with block(things, ctx):
        stream = things.do(ctx.mysql().query(many, stream=True))
        first = read(things, stream, 1)
        with pytest.raises(ContextMisuseError, match="stream"):
            things.do(ctx.mysql().exec("DELETE FROM thing"))
        things.do(stream.close() if things.shell.name == "sync" else stream.aclose())
        things.do(ctx.mysql().exec("DELETE FROM thing WHERE id = 1"))
        left = things.do(ctx.mysql().query(many.replace("FROM", "FROM thing s, thing r,"), stream=True))

    assert left is not None
    assert [(1,)] == first
    assert ([2, 3], 0) == (ids(things), held(things))


@pytest.mark.parametrize(
    ("sql", "args", "reason"),
    [
        ("SELECT ?", (), "1 placeholders, but 0"),
        ("SELECT '?'", (1,), "0 placeholders, but 1"),
        ("SELECT ?", (object(),), "object"),
        ("SELECT 1; DELETE FROM thing", (), "several"),
        ("/* x */ start  transaction", (), "START TRANSACTION is the library's"),
        ("COMMIT", (), "COMMIT is the library's"),
        ("set autocommit = 0", (), "SET AUTOCOMMIT is the library's"),
    ],
)
def test_sql_that_cannot_be_taken_is_refused(things: Shop, sql: str, args: tuple[Any, ...], reason: str) -> None:
    """Before anything is sent, with words."""
    ctx = things.context()
    seen: list[Any] = []
    ctx.register_query_logger(lambda _, entry: seen.append(entry))

    with pytest.raises(QueryError, match=reason):
        things.do(ctx.mysql().exec(sql, *args))

    assert ([], [1, 2, 3]) == (seen, ids(things))


def test_what_would_commit_the_transaction_is_refused_inside(things: Shop) -> None:
    """MySQL and MariaDB commit for a change of a table, silently; SQLite's are part of the transaction."""
    ctx = things.context()
    transactional = core(things.engine).mysql_pools["default"].dialect.transactional_ddl

    with block(things, ctx):
        if transactional:
            things.do(ctx.mysql().exec("CREATE TABLE other (id INTEGER)"))
        else:
            with pytest.raises(QueryError, match="would commit the open transaction"):
                things.do(ctx.mysql().exec("CREATE TABLE other (id INTEGER)"))
        things.do(ctx.mysql().exec("DELETE FROM thing"))
        raise Undo

    assert [1, 2, 3] == ids(things)


def test_errors_of_the_server_are_told_and_cost_no_connection(things: Shop) -> None:
    """With the server's words; the next statement runs."""
    db = things.context().mysql()

    with pytest.raises(MySQLError, match="nowhere"):
        things.do(db.query("SELECT * FROM nowhere"))
    with pytest.raises(MySQLError, match="nowhere"):
        things.do(db.query("SELECT * FROM nowhere", stream=True))

    assert [(1,)] == list(things.do(db.query("SELECT 1")))
    assert 0 == held(things)


def test_an_unknown_pool_is_told(things: Shop) -> None:
    """At once, with those there are."""
    with pytest.raises(UnknownPoolError, match="'other'"):
        things.context().mysql("other")


def test_the_query_log_sees_raw_sql(things: Shop) -> None:
    """Like every other statement, with its operation and its rows."""
    ctx = things.context()
    seen: list[tuple[str, int | None]] = []
    ctx.register_query_logger(lambda _, entry: seen.append((entry.operation, entry.rows)))

    things.do(ctx.mysql().exec("DELETE FROM thing WHERE id > ?", 1))
    things.do(ctx.mysql().query("SELECT id FROM thing"))

    assert [("DELETE", 2), ("SELECT", 1)] == seen


# on an engine


def on_engine(shop: Shop) -> Any:
    """``engine.mysql()`` of the shell."""
    return shop.engine.mysql() if shop.shell.name == "sync" else shop.engine.async_mysql()


def test_an_engine_runs_sql_without_a_context(things: Shop) -> None:
    """For a script, a health check, a migration: the same calls, each committed at once."""
    db = on_engine(things)

    inserted = things.do(db.exec("INSERT INTO thing (id, name) VALUES (?, ?)", 4, "d"))
    rows = things.do(db.query("SELECT id, name FROM thing WHERE id IN ? ORDER BY id", [1, 4]))
    row = things.do(db.query_row(fx.Where("SELECT name FROM thing WHERE id = ?", 2)))
    streamed = read(things, things.do(db.query("SELECT id FROM thing ORDER BY id", stream=True)))

    assert 1 == inserted.rows_affected
    assert (("id", "name"), [(1, "a"), (4, "d")]) == (rows.columns, list(rows))
    assert (("b",), [(1,), (2,), (3,), (4,)]) == (row, streamed)
    assert 0 == held(things)


def test_sql_on_an_engine_never_joins_an_open_transaction(things: Shop) -> None:
    """It sees what is committed, and what it writes stays whatever becomes of the transaction, as an audit's line."""
    ctx = things.context()
    db = on_engine(things)
    # SQLite has one writer at a time
    writes = dialect_of(things.engine).name != "sqlite"

    with block(things, ctx):
        things.do(ctx.mysql().exec("DELETE FROM thing WHERE id = ?", 1))
        seen = things.do(db.query("SELECT id FROM thing ORDER BY id"))
        if writes:
            things.do(db.exec("DELETE FROM thing WHERE id = ?", 3))
        raise Undo

    assert [(1,), (2,), (3,)] == list(seen)
    assert ([1, 2] if writes else [1, 2, 3]) == ids(things)


def test_a_transaction_of_an_engine_is_its_own(things: Shop) -> None:
    """Committed at the end of its block, undone by an exception; a nested one is a savepoint; others see the end."""
    db = on_engine(things)

    with block(things, None, db.begin()) as tx:
        things.do(tx.exec("DELETE FROM thing WHERE id = ?", 1))
        with block(things, None, tx.begin()):
            things.do(tx.exec("DELETE FROM thing WHERE id = ?", 2))
            raise Undo
        inside = things.do(tx.query("SELECT id FROM thing ORDER BY id"))
        outside = things.do(db.query("SELECT id FROM thing ORDER BY id"))
    with block(things, None, db.begin()) as tx:
        things.do(tx.exec("DELETE FROM thing"))
        raise Undo

    assert ([(2,), (3,)], [(1,), (2,), (3,)]) == (list(inside), list(outside))
    assert [2, 3] == ids(things)
    assert 0 == held(things)


def test_an_engine_refuses_what_a_context_refuses(things: Shop) -> None:
    """Statements that would take the connection out of its hands, pools that are not there."""
    db = on_engine(things)

    with pytest.raises(QueryError, match="COMMIT is the library's"):
        things.do(db.exec("COMMIT"))
    with pytest.raises(UnknownPoolError, match="'other'"):
        things.engine.mysql("other")
    with pytest.raises(UnknownPoolError, match="'other'"):
        things.engine.async_mysql("other")
    assert ("default", 0) == (db.code, held(things))


@pytest.fixture(params=["mysqlclient", "pymysql", "asyncmy"])
def server_shop(request: pytest.FixtureRequest, mysql_database: Database) -> Iterator[Shop]:
    """A shop on MySQL and on MariaDB, with each driver."""
    driver = request.param
    with open_shell("asyncio" if driver == "asyncmy" else "sync") as shell:
        options = {} if driver == "asyncmy" else {"driver": driver}
        shop = Shop(open_engine(mysql_database.url, None, **options), shell, mysql_database.url)
        yield shop
        shell.close(shop.engine)


def test_values_have_the_types_of_their_columns(server_shop: Shop) -> None:
    """The same with every driver: exact numbers, aware times, texts apart from binaries; what is none stays text."""
    sql = (
        "SELECT 1, -1, 1.50, 0.25e0, TIMESTAMP '2026-01-31 12:00:00', DATE '2026-01-31', TIME '-12:30:00',"
        " 'täxt', x'00ff', CAST('bin' AS BINARY), NULL, 18446744073709551615"
    )
    expected: tuple[Any, ...] = (
        1, -1, Decimal("1.50"), 0.25, datetime(2026, 1, 31, 12, tzinfo=UTC), date(2026, 1, 31),
        -timedelta(hours=12, minutes=30), "täxt", b"\x00\xff", b"bin", None, 2**64 - 1,
    )  # fmt: skip
    db = server_shop.context().mysql()
    stored = (
        "CREATE TABLE kind (j JSON, b BIT(8), y YEAR, s SET('a', 'b'), t TEXT, l BLOB, f CHAR(3) COLLATE utf8mb4_bin)"
    )
    server_shop.sql(stored)
    server_shop.sql("""INSERT INTO kind VALUES ('{"a": 1}', b'101', 2026, 'a,b', 'x', 'y', 'z')""")

    row = server_shop.do(db.query_row(sql))
    kinds = server_shop.do(db.query_row("SELECT * FROM kind"))
    streamed = server_shop.do(db.query(sql, stream=True))
    again = read(server_shop, streamed)

    assert expected == row
    assert [type(value) for value in expected] == [type(value) for value in row]
    assert ('{"a": 1}', 5, 2026, "a,b", "x", b"y", "z") == kinds
    assert [expected] == again


def test_a_long_stream_needs_constant_memory(server_shop: Shop) -> None:
    """Rows are not gathered on this side, whichever driver reads them."""
    db = server_shop.context().mysql()
    sql = (
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
        " SELECT a.i * 1000 + b.i, REPEAT('x', 400) FROM n a JOIN n b ON b.i <= 50"
    )
    stream = server_shop.do(db.query(sql, stream=True))
    first = read(server_shop, stream, 1)

    tracemalloc.start()
    count = 0
    while rows := read(server_shop, stream, 5_000):
        count += len(rows)
        del rows
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (1, 900 * 50 - 1) == (len(first), count)
    assert peak < 8 << 20


# placeholders

PIECES = st.one_of(
    st.tuples(st.just("?"), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)),
    st.sampled_from(
        [
            ("'it''s ?'", None), ("'back\\\\slash ?'", None), ('"dou""ble ?"', None), ("'100%'", None), ("7 % 4", None),
            ("'%s %(x)s'", None), ("'a' /* ? '*/", None), ("'b' -- ? \"\n", None), ("'c' # ? '\n", None),
            ("(SELECT `a?` FROM (SELECT 1 AS `a?`) AS `t``?`)", None), ("5--3", None), ("1 /* -- ? */", None),
            ("'c' -- /* ?\n", None), ("'\"?' /*! + 1 */", None), ("4 /* # */", None), ('"# ? -- /*"', None),
            ("""JSON_EXTRACT('{"a": "?"}', '$.a')""", None), ("'`?`'", None), ("'\\'?'", None), ("'{}' '?'", None),
        ]
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def fuzzed(stack: Any) -> Iterator[dict[str, Any]]:
    """A blocking context on each server, for all of a property's examples."""
    engines: dict[str, Any] = {}
    databases = []
    for kind in ("mysql", "mariadb"):
        if (address := getattr(stack, kind)) is not None:
            databases.append(SqlServer.at(address).create_database())
            engines[kind] = open_engine(databases[-1].url, None)
    yield engines
    for engine in engines.values():
        engine.close()
    for database in databases:
        database.drop()


@given(st.lists(PIECES, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_placeholders_are_found_where_the_server_would(fuzzed: dict[str, Any], pieces: list[tuple[str, Any]]) -> None:
    """Quotes, comments, JSON, percent signs around them change nothing: each value arrives as it was."""
    sql = "SELECT " + ", ".join(f"{text} AS c{at}" for at, (text, _) in enumerate(pieces))
    args = [value for text, value in pieces if text == "?"]

    for engine in fuzzed.values():
        with engine.new_context() as ctx:
            row = ctx.mysql().query_row(sql, *args)

        assert row is not None
        assert len(pieces) == len(row)
        assert args == [cell for cell, (text, _) in zip(row, pieces, strict=True) if text == "?"]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_json_operators_are_no_placeholders(fuzzed: dict[str, Any], value: str) -> None:
    """``->`` and ``->>``, whose paths may hold question marks and quotes of their own; MySQL has them."""
    sql = """SELECT ?, j->'$."a?"', j->>'$."a?"', ? FROM (SELECT CAST('{"a?": "?"}' AS JSON) AS j) AS t WHERE ? = ?"""

    with fuzzed["mysql"].new_context() as ctx:
        row = ctx.mysql().query_row(sql, value, 7, value, value)

    assert (value, '"?"', "?", 7) == row
