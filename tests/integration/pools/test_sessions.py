"""The session of a connection is as the library set it, whatever the server's defaults and the user's own SQL are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.dialects import dialect_for, guessed_dialect
from fluxaorm.errors import QueryError
from fluxaorm.pools.mysql.connection import session_sql
from tests.support.blocks import block
from tests.support.shells import open_shell
from tests.support.shop_engines import Shop, open_engine
from tests.support.sql_servers import Database, SqlServer
from tests.support.waiting import wait_until

NAMES = ("plain", "it's \\", "\\' OR 1=1 -- ", "中' OR 1=1 -- ", "表\\", "")


@pytest.fixture(params=["mysqlclient", "pymysql", "asyncmy"])
def notes(request: pytest.FixtureRequest, mysql_database: Database) -> Iterator[Shop]:
    """A shop with one connection, with each driver, and a note of each of the names."""
    driver = request.param
    with open_shell("asyncio" if driver == "asyncmy" else "sync") as shell:
        options = {} if driver == "asyncmy" else {"driver": driver}
        shop = Shop(open_engine(mysql_database.url, None, max_open_connections=1, **options), shell, mysql_database.url)
        ctx = shop.context()
        for text in NAMES:
            shop.do(shop.notes.new(ctx, text=text, blob=text.encode() * 50))
        shop.do(ctx.flush())
        yield shop
        shell.close(shop.engine)


def session(shop: Shop) -> tuple[Any, ...]:
    """What a fresh context finds of the session, and on which connection."""
    names = ("sql_mode", "time_zone", "character_set_client", "autocommit", "sql_select_limit")
    columns = ", ".join(f"@@SESSION.{name}" for name in names)
    # a lock is anybody's on the server, and a connection that was closed keeps its own until the server sees it
    own_lock = f"IS_USED_LOCK('{lock_of(shop)}') <=> CONNECTION_ID()"
    return tuple(shop.do(shop.context().mysql().query_row(f"SELECT {columns}, DATABASE(), @mine, {own_lock}")))


def lock_of(shop: Shop) -> str:
    """The name of a lock that no other test takes."""
    return str(shop.url).rpartition("/")[2]


def found(shop: Shop, ctx: Any, text: str) -> list[str]:
    """The notes with this text."""
    query = fx.Query().filter(shop.notes.fields.text == text)
    return [note.text for note in shop.do(shop.notes.search_many(ctx, query))]


@pytest.mark.parametrize(
    "sql",
    [
        "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'",
        "SET NAMES gbk",
        "SET @mine = 1, character_set_client = sjis",
        "SET time_zone = '+05:00', sql_select_limit = 1",
        "USE information_schema",
        "PREPARE mine FROM 'SET @mine = 1'",
        "CALL change_session()",
        "/*!50000 SET SESSION sql_mode = 'ANSI_QUOTES' */",
        "DO GET_LOCK('{lock}', 1)",
        "SELECT @mine := 5",
        "SELECT `GET_LOCK`('{lock}', 1)",
    ],
)
def test_nothing_of_a_context_is_seen_by_the_next(notes: Shop, sql: str) -> None:
    """A mode, a character set or a database that stayed would let values be read as SQL, or rows go elsewhere."""
    notes.sql(
        "CREATE PROCEDURE change_session() BEGIN SET @mine = 1; SET time_zone = '+07:00'; SET autocommit = 0;"
        f" SET character_set_client = gbk; DO GET_LOCK('{lock_of(notes)}', 1); END"
    )
    before = session(notes)

    run, sql = notes.context().mysql(), sql.format(lock=lock_of(notes))
    notes.do(run.query(sql) if sql.startswith("SELECT") else run.exec(sql))

    assert before == session(notes)
    assert [[text] for text in NAMES] == [found(notes, notes.context(), text) for text in NAMES]
    free = f"SELECT IS_FREE_LOCK('{lock_of(notes)}')"
    wait_until(lambda: notes.sql(free) == [("1",)], "the closed connection's lock to be free")


@pytest.mark.parametrize("sql", ["SET NAMES gbk", "SET sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'"])
def test_values_are_data_in_a_transaction_whose_session_was_changed(notes: Shop, sql: str) -> None:
    """There the library's own statements run in the changed session, and rely on nothing of it."""
    ctx = notes.context()
    blob = b"\\' OR 1=1 -- \x00\xe4\xb8" * 20

    with block(notes, ctx):
        notes.do(ctx.mysql().exec(sql))
        hits = [found(notes, ctx, text) for text in NAMES]
        added = [notes.do(notes.notes.new(ctx, text=f"new {text}", blob=blob)) for text in NAMES]
        notes.do(ctx.flush())
        names = ("SELECT text FROM NoteEntity WHERE text = ?", NAMES[2])
        raw = notes.do(ctx.mysql().exec("UPDATE NoteEntity SET text = text WHERE text = ?", NAMES[3]))

    assert [[text] for text in NAMES] == hits
    rows = notes.do(notes.notes.get_by_ids(notes.context(), *[note.id for note in added]))
    assert [(f"new {text}", blob) for text in NAMES] == [(row.text, row.blob) for row in rows]
    assert 1 == raw.rows_affected
    assert [(NAMES[2],)] == list(notes.do(notes.context().mysql().query(*names)))


def test_plain_statements_keep_their_connection(notes: Shop) -> None:
    """A login for each SELECT of the user's own would be dear."""
    ctx = notes.context()
    first = notes.do(ctx.mysql().query_row("SELECT CONNECTION_ID()"))

    notes.do(ctx.mysql().exec("UPDATE NoteEntity SET text = ? WHERE id = ?", "@x", 1))
    notes.do(ctx.mysql().query("SHOW TABLES"))

    assert first == notes.do(ctx.mysql().query_row("SELECT CONNECTION_ID()"))


def test_a_stream_that_changes_the_session_gives_nothing_back(notes: Shop) -> None:
    """Also one that is read to its end."""
    before = session(notes)
    ctx = notes.context()

    stream = notes.do(ctx.mysql().query("SELECT @mine := id FROM NoteEntity", stream=True))
    if notes.shell.name == "sync":
        read = [row[0] for row in stream]
    else:

        async def collected() -> list[Any]:
            return [row[0] async for row in stream]

        read = notes.do(collected())

    assert len(NAMES) == len(read)
    assert before == session(notes)


def test_typed_queries_take_nothing_that_stays_with_the_session(notes: Shop) -> None:
    """Their connections go back to others."""
    fields = notes.notes.fields

    with pytest.raises(QueryError, match="variables"):
        fx.Query().filter_where(fx.Where("id = GET_LOCK('mine', 1)"))
    with pytest.raises(QueryError, match="variables"):
        notes.do(notes.notes.from_sql(notes.context(), "SELECT *, @mine := 1 FROM NoteEntity"))
    assert fields is not None


PINNED = {
    "completion_type": ("'CHAIN'", "NO_CHAIN"),
    "sql_select_limit": ("1", 18_446_744_073_709_551_615),
    "autocommit": ("0", 1),
    "time_zone": ("'+03:00'", "+00:00"),
    "sql_auto_is_null": ("1", 0),
    "sql_safe_updates": ("1", 0),
    "character_set_client": ("latin1", "utf8mb4"),
    "lock_wait_timeout": ("31536000", 20),
    "innodb_lock_wait_timeout": ("50", 20),
}
"""Variable -> a server's default that would do harm, and what it is in a session of the library's."""


@pytest.mark.parametrize("asked", [True, False])
def test_one_set_pins_all_that_our_sql_rests_on(mysql_server: SqlServer, asked: bool) -> None:
    """A server's defaults are its administrator's; also on the first connection, before anybody asked what it is."""
    with closing(mysql_server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION(), @@version_comment")
        dialect = dialect_for(*cursor.fetchone()) if asked else guessed_dialect("8.4.0")
        isolation = "tx_isolation" if mysql_server.kind == "mariadb" else "transaction_isolation"
        defaults = {name: bad for name, (bad, _) in PINNED.items()}
        cursor.execute("SET " + ", ".join(f"SESSION {name} = {value}" for name, value in defaults.items()))
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")

        for statement in session_sql(dialect).split(";"):
            cursor.execute(statement)
        cursor.execute(f"SELECT {', '.join(f'@@SESSION.{name}' for name in (*PINNED, isolation))}")
        pinned = cursor.fetchone()

    assert (*(good for _, good in PINNED.values()), isolation_when(mysql_server, asked)) == pinned


def isolation_when(server: SqlServer, asked: bool) -> str:
    """A MariaDB that was not asked yet is only asked on that connection."""
    return "READ-UNCOMMITTED" if server.kind == "mariadb" and not asked else "READ-COMMITTED"


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_stricter_isolation_stays_the_servers(mysql_server: SqlServer, isolation: str) -> None:
    """It is somebody's choice, and does no harm."""
    with closing(mysql_server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION(), @@version_comment")
        dialect = dialect_for(*cursor.fetchone())
        name = "tx_isolation" if dialect.name == "mariadb" else "transaction_isolation"
        cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")

        for statement in session_sql(dialect).split(";"):
            cursor.execute(statement)
        cursor.execute(f"SELECT @@SESSION.{name}")

        assert (isolation.replace(" ", "-"),) == cursor.fetchone()
