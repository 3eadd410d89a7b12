"""SQL pools on real servers: rows, statements, batches, transactions, with each driver."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from fluxaorm.errors import MySQLError, NotSupportedError, PoolConnectError, QueryError
from fluxaorm.plans.effects import (
    Begin,
    Commit,
    ExecResult,
    Execute,
    ExecuteBatch,
    FetchRows,
    FetchTable,
    Plan,
    Rollback,
    Session,
    Statement,
)
from tests.support.driven_pools import Driven, OpenPool, each_driver
from tests.support.insides import failed_statement_of
from tests.support.passwords import new_password
from tests.support.sql_servers import Database

TABLE = "CREATE TABLE thing (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(50), amount INTEGER)"


@pytest.fixture
def things(sql: Driven) -> Driven:
    """A pool on a database with a table of three rows."""
    sql.execute(TABLE)
    sql.execute("INSERT INTO thing VALUES ", rows=[(1, "one", 10), (2, "two", 20), (3, None, 30)])
    return sql


def raw(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Rows with text instead of bytes, and numbers that came as text as numbers."""
    return [[_number(cell.decode() if isinstance(cell, bytes) else cell) for cell in row] for row in rows]


def _number(cell: Any) -> Any:
    return int(cell) if isinstance(cell, str) and cell.lstrip("-").isdigit() else cell


@each_driver()
def test_rows_hold_what_was_stored(things: Driven) -> None:
    """Numbers, text and NULL, in the order of the columns."""
    rows = things.fetch("SELECT id, name, amount FROM thing WHERE amount >= ? ORDER BY id", 20)

    assert [[2, "two", 20], [3, None, 30]] == raw(rows)


@each_driver()
def test_the_same_query_gives_the_same_rows_however_often_it_ran(things: Driven) -> None:
    """A driver may prepare it after some runs: the values stay the same."""
    found = [raw(things.fetch("SELECT id, name FROM thing WHERE id = ?", turn % 2 + 1)) for turn in range(8)]

    assert [[[1, "one"]], [[2, "two"]]] * 4 == found


@each_driver()
def test_no_row_is_an_empty_list(things: Driven) -> None:
    """Not None."""
    assert [] == things.fetch("SELECT id FROM thing WHERE id = ?", 99)


@each_driver()
def test_statements_tell_how_many_rows_they_found(things: Driven) -> None:
    """Found, not changed: an UPDATE that sets what is there already has found its row."""
    results = [
        things.execute("UPDATE thing SET amount = ? WHERE id = ?", 10, 1),
        things.execute("UPDATE thing SET amount = amount + 1"),
        things.execute("UPDATE thing SET amount = 0 WHERE id = 99"),
        things.execute("DELETE FROM thing WHERE id IN (?, ?)", 1, 2),
    ]

    assert [1, 3, 0, 2] == [result.rows_affected for result in results]


@each_driver()
def test_rows_are_inserted_together_or_not_at_all(things: Driven) -> None:
    """A lone INSERT of many rows is one statement: a duplicate at its end leaves nothing."""
    rows = [(number, "x" * 20, number) for number in range(1000, 100, -1)]

    inserted = things.execute("INSERT INTO thing VALUES ", rows=rows)
    with pytest.raises(MySQLError) as caught:
        things.execute("INSERT INTO thing VALUES ", rows=[(5000, "new", 1), (1, "clash", 1)])

    assert 900 == inserted.rows_affected
    assert things.pool.dialect.parse_duplicate(caught.value.reason) is not None
    assert [903] == things.column("SELECT COUNT(*) + 0 FROM thing") or ["903"] == things.column(
        "SELECT COUNT(*) FROM thing"
    )


@each_driver()
def test_a_batch_runs_in_order_with_a_result_for_each(things: Driven) -> None:
    """Deletes before inserts, for example."""

    def plan() -> Plan[list[ExecResult]]:
        session = Session("default")
        yield from Begin(session)
        results = yield from ExecuteBatch(
            session,
            [
                Statement("DELETE FROM thing WHERE id = ?", (1,)),
                Statement("INSERT INTO thing VALUES ", rows=[(1, "again", 1), (7, "seven; -- '", 2)]),
                Statement("UPDATE thing SET name = ?", ("it's",)),
                Statement("UPDATE thing SET name = ? WHERE id = ?", ("last", 7)),
            ],
        )
        yield from Commit(session)
        return results

    results = things.run(plan())

    assert [1, 2, 4, 1] == [result.rows_affected for result in results]
    assert ["it's", "it's", "it's", "last"] == things.column("SELECT name FROM thing ORDER BY id")


@each_driver()
def test_a_long_batch_is_cut_into_packets(things: Driven) -> None:
    """Longer than a packet may be in all."""
    text = "x" * 300_000
    things.execute("CREATE TABLE long_text (id INTEGER NOT NULL PRIMARY KEY, body LONGTEXT)")

    def plan() -> Plan[list[ExecResult]]:
        session = Session("default")
        yield from Begin(session)
        results = yield from ExecuteBatch(
            session, [Statement("INSERT INTO long_text VALUES (?, ?)", (number, text)) for number in range(10)]
        )
        yield from Commit(session)
        return results

    assert [1] * 10 == [result.rows_affected for result in things.run(plan())]
    assert [300_000] == [int(cell) for cell in things.column("SELECT LENGTH(body) FROM long_text WHERE id = 9")]


@each_driver()
@pytest.mark.parametrize("position", [0, 1, 4])
def test_a_failing_batch_tells_which_statement_it_was(things: Driven, position: int) -> None:
    """The statements after it were not run, and the connection is in order."""
    statements = [Statement("UPDATE thing SET amount = amount + 1 WHERE id = ?", (number,)) for number in range(5)]
    statements[position] = Statement("INSERT INTO thing VALUES (?, ?, ?)", (1, "clash", 0))

    def plan() -> Plan[tuple[MySQLError, Any]]:
        session = Session("default")
        yield from Begin(session)
        try:
            yield from ExecuteBatch(session, statements)
        except MySQLError as error:
            rows = yield from FetchRows(session, "SELECT COUNT(*) FROM thing WHERE id < 5 AND amount IN (11, 21, 31)")
            yield from Rollback(session)
            return error, rows[0][0]
        raise AssertionError("no error")

    error, changed = things.run(plan())

    assert position == failed_statement_of(error)
    assert statements[position].sql == error.statement
    assert max(0, position - 1) == int(changed)
    assert [10, 20, 30] == [int(cell) for cell in things.column("SELECT amount FROM thing ORDER BY id")]
    assert 1 == things.stats().idle


@each_driver()
def test_a_transaction_is_seen_by_others_when_it_is_committed(things: Driven) -> None:
    """Its own reads see its writes before."""

    def plan() -> Plan[list[Any]]:
        session = Session("default")
        yield from Begin(session)
        yield from Execute(session, "UPDATE thing SET name = ? WHERE id = ?", ("new", 1))
        inside = yield from FetchRows(session, "SELECT name FROM thing WHERE id = 1")
        outside = yield from FetchRows("default", "SELECT name FROM thing WHERE id = 1")
        yield from Commit(session)
        after = yield from FetchRows("default", "SELECT name FROM thing WHERE id = 1")
        return raw([inside[0], outside[0], after[0]])

    assert [["new"], ["one"], ["new"]] == things.run(plan())


@each_driver()
def test_a_transaction_rolled_back_leaves_nothing(things: Driven) -> None:
    """And its connection is outside it afterwards."""

    def plan() -> Plan[None]:
        session = Session("default")
        yield from Begin(session, "serializable")
        yield from Execute(session, "DELETE FROM thing")
        yield from Rollback(session)

    things.run(plan())
    things.execute("UPDATE thing SET amount = 5 WHERE id = 1")

    assert ["one", "two", None] == things.column("SELECT name FROM thing ORDER BY id")
    assert 1 == things.stats().open


@each_driver()
def test_reserving_ids_returns_the_new_bound(sql: Driven) -> None:
    """One statement moves it and tells it."""
    dialect = sql.pool.dialect
    sql.execute(dialect.ids_table_ddl())
    sql.execute(TABLE)
    sql.execute(dialect.ids_first_row(), "thing", 41)

    results = [sql.execute(dialect.ids_reserve(), 100, table) for table in ("thing", "thing", "nothing")]

    assert [(141, 1), (241, 1), 0] == [
        *((result.last_insert_id, result.rows_affected) for result in results[:2]),
        results[2].rows_affected,
    ]


@each_driver()
def test_an_error_of_the_server_leaves_the_connection_in_order(things: Driven) -> None:
    """It is used again, not replaced."""
    for _ in range(3):
        with pytest.raises((MySQLError, NotSupportedError)):
            things.fetch("SELEC 1")
        with pytest.raises(MySQLError):
            things.fetch("SELECT missing FROM thing WHERE id = ?", 1)

    assert 1 == things.stats().open
    assert [1] == [int(cell) for cell in things.column("SELECT 1")]


@each_driver()
def test_a_value_that_cannot_be_sent_costs_no_connection(things: Driven) -> None:
    """Nothing was sent: the connection is as it was."""
    with pytest.raises(QueryError):
        things.fetch("SELECT ?", float("nan"))
    with pytest.raises(QueryError):
        things.execute("UPDATE thing SET amount = ?", object())
    with pytest.raises(QueryError):
        things.execute("UPDATE thing SET amount = ?", 1, 2)

    assert 1 == things.stats().open == things.stats().idle


@each_driver()
def test_values_of_every_kind_make_the_round_trip(sql: Driven) -> None:
    """As arguments of a statement, and as rows."""
    sql.execute("CREATE TABLE kinds (id INTEGER NOT NULL PRIMARY KEY, t TEXT, b BLOB, d DECIMAL(10,2), f DOUBLE)")
    blob = bytes(range(256)) * 3
    sql.execute("INSERT INTO kinds VALUES (?, ?, ?, ?, ?)", 1, "it's \\ zażółć 🦊\0", blob, Decimal("1.50"), 0.1)
    sql.execute("INSERT INTO kinds VALUES ", rows=[(2, "", b"", None, -1e-300)])

    first, second = sql.fetch("SELECT t, b, d, f FROM kinds ORDER BY id")

    assert ["it's \\ zażółć 🦊\0", blob, Decimal("1.5"), 0.1] == [
        first[0].decode() if isinstance(first[0], bytes) else first[0],
        first[1],
        Decimal(first[2].decode() if isinstance(first[2], bytes) else str(first[2])),
        float(first[3]),
    ]
    assert [b"", None, -1e-300] == [second[1], second[2], float(second[3])]


@each_driver()
def test_the_pool_knows_its_server(sql: Driven) -> None:
    """Dialect, collation of new tables, limits."""
    collation = {"mysql": "utf8mb4_0900_ai_ci", "mariadb": sql.pool.collation, "sqlite": "NOCASE"}[sql.kind]

    assert (sql.kind, collation) == (sql.pool.dialect.name, sql.pool.collation)
    assert sql.pool.collation
    assert 1 <= sql.pool.limits.max_idle <= sql.pool.limits.max_open <= 100


@each_driver(sqlite=False)
def test_an_unknown_collation_is_found_when_the_pool_connects(open_pool: OpenPool) -> None:
    """Not when the first table is made."""
    with pytest.raises(PoolConnectError, match=r"no collation 'klingon_ci' of charset 'utf8mb4'"):
        open_pool(default_collate="klingon_ci")


@each_driver(sqlite=False)
def test_connections_are_set_up_alike_with_every_driver(sql: Driven) -> None:
    """UTC, utf8mb4, strict, autocommit, and backslashes escape."""
    row = sql.fetch("SELECT @@time_zone, @@character_set_client, @@character_set_results, @@autocommit, @@sql_mode")[0]

    *settings, mode = (cell.decode() if isinstance(cell, bytes) else str(cell) for cell in row)
    assert ["+00:00", "utf8mb4", "utf8mb4", "1"] == settings
    assert "STRICT_TRANS_TABLES" in mode
    assert "NO_BACKSLASH_ESCAPES" not in mode


@each_driver(sqlite=False)
def test_a_procedure_with_results_leaves_the_connection_in_order(things: Driven) -> None:
    """All its results are read, though only the first is wanted."""
    things.execute("CREATE PROCEDURE many() BEGIN SELECT 1; SELECT 2; UPDATE thing SET amount = 1; END")

    first = things.column("CALL many()")
    things.execute("CALL many()")

    assert [1] == [int(cell) for cell in first]
    assert [3] == [int(cell) for cell in things.column("SELECT COUNT(*) FROM thing WHERE amount = 1")]
    assert 1 == things.stats().open


@each_driver(sqlite=False)
@pytest.mark.parametrize("letter", [b"\xff", "\u4e2d"], ids=["bytes", "characters of three bytes"])
def test_a_statement_larger_than_a_packet_is_refused_before_it_is_sent(things: Driven, letter: str | bytes) -> None:
    """The server would hang up, and nobody would know whether the statement was done."""
    things.execute("CREATE TABLE long_text (body LONGBLOB)")
    size = int(things.column("SELECT @@max_allowed_packet")[0])
    octets = len(letter if isinstance(letter, bytes) else letter.encode())

    with pytest.raises(MySQLError, match="max_allowed_packet") as caught:
        things.execute("INSERT INTO long_text VALUES (?)", letter * (size // octets + 1))

    assert 1153 == caught.value.errno
    assert 1 == things.stats().open


@each_driver(sqlite=False)
def test_a_read_larger_than_a_packet_is_refused_like_a_write(things: Driven) -> None:
    """Also one whose text was prepared, and so travels without its values."""
    sql = "SELECT COUNT(*) FROM thing WHERE name = ?"
    size = int(things.column("SELECT @@max_allowed_packet")[0])
    for _ in range(6):
        things.fetch(sql, "short")

    with pytest.raises(MySQLError, match="max_allowed_packet") as caught:
        things.fetch(sql, "x" * size)

    assert 1153 == caught.value.errno
    assert 1 == things.stats().open


@each_driver(sqlite=False)
def test_a_query_whose_table_was_altered_gives_the_new_columns(things: Driven) -> None:
    """A prepared statement is made anew by the server."""
    sql = "SELECT * FROM thing WHERE id = ?"
    before = [raw(things.fetch(sql, 1)) for _ in range(6)]
    things.execute("ALTER TABLE thing MODIFY amount VARCHAR(20), ADD COLUMN more INT NOT NULL DEFAULT 4")

    after = raw(things.fetch(sql, 1))

    assert [[[1, "one", 10]]] * 6 == before
    assert [[1, "one", 10, 4]] == after


@each_driver(sqlite=False)
def test_a_password_is_utf8(open_pool: OpenPool, sql_database: Any) -> None:
    """Some drivers would spell it in Latin-1, or not at all."""
    server, name = sql_database.server, sql_database.name
    password = new_password("zażółć@:/?#'\\")
    server.execute(f"CREATE USER '{name[:20]}'@'%%' IDENTIFIED BY %s", password)
    server.execute(f"GRANT ALL ON `{name}`.* TO '{name[:20]}'@'%'")

    from urllib.parse import quote

    driven = open_pool(f"mysql://{name[:20]}:{quote(password, safe='')}@{server.host}:{server.port}/{name}")

    assert [1] == [int(cell) for cell in driven.column("SELECT 1")]
    server.execute(f"DROP USER '{name[:20]}'@'%'")


def _table_plan(session: Session) -> Plan[Any]:
    yield from Begin(session)
    yield from Execute(session, "SET character_set_results = 'latin1'")
    try:
        return (yield from FetchTable(session, "SELECT _utf8mb4 x'C3A9' AS text"))
    finally:
        yield from Rollback(session)


@each_driver(sqlite=False)
def test_text_that_cannot_be_decoded_is_an_error_of_its_statement(sql: Driven) -> None:
    """Lists of threads hold statements cut within a character; and nobody gets what is left of such an answer."""
    with pytest.raises(MySQLError, match="none in utf8mb4") as caught:
        sql.run(_table_plan(Session("default")))

    assert caught.value.statement.startswith("SELECT _utf8mb4")
    assert ["é"] == sql.column("SELECT 'é'")


@each_driver(sqlite=False)
def test_a_connection_knows_which_server_it_leads_to(sql: Driven, sql_database: Database) -> None:
    """Its address may lead to another one tomorrow: what is asked about its thread is asked of this one alone."""

    def server() -> str:
        if sql.loop is None:
            connection = sql.pool.sync.acquire()
            sql.pool.sync.release(connection)
            return connection.server
        return sql.loop.run_until_complete(_server(sql))

    asked = sql.pool.dialect.server_sql()

    assert sql.column(asked) == [server()]
    assert server()
    told = sql_database.execute("SELECT @@server_uuid" if sql.kind == "mysql" else "SELECT @@datadir")
    assert str(told[0][0]) in server()


async def _server(sql: Driven) -> str:
    connection = await sql.pool.asyncio.acquire()
    sql.pool.asyncio.release(connection)
    return connection.server
