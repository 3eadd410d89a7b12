"""What keeps an alter from being made besides rows: somebody else's lock, missing rights, a connection that goes."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Entity
from fluxaorm.errors import AlterError, AlterLockedError, CommitUnknownError
from tests.support.own_tables import without_own_tables
from tests.support.passwords import new_password
from tests.support.private_servers import StartServer
from tests.support.server_threads import threads_waiting
from tests.support.shells import Shell
from tests.support.sql_servers import Database, SqlServer
from tests.support.waiting import wait_until

PASSWORD = new_password()


class ThingEntity(Entity):
    """Has two columns more than the table that the tests make."""

    id: fx.UInt64
    name: str | None = None
    size: fx.UInt32 = 0


class OtherEntity(Entity):
    """Has no table."""

    id: fx.UInt64


@pytest.fixture
def things(mysql_database: Database) -> Database:
    """A database whose table ``ThingEntity`` lacks both columns."""
    mysql_database.execute("CREATE TABLE `ThingEntity` (`id` bigint unsigned NOT NULL PRIMARY KEY)")
    return mysql_database


@pytest.fixture
def open_engine(shell: Shell) -> Iterator[Any]:
    """Opens engines and closes them."""
    engines: list[fx.Engine] = []

    def opened(url: str) -> fx.Engine:
        registry = fx.Registry()
        registry.register_mysql(url, options=fx.MySQLOptions(max_open_connections=1))
        registry.register_entity(ThingEntity, OtherEntity)
        engines.append(registry.validate())
        return engines[-1]

    yield opened
    for engine in engines:
        shell.close(engine)


@contextmanager
def _reading(database: Database) -> Iterator[int]:
    """Somebody whose transaction has read the table: the number of the connection."""
    with closing(database.server.connect(database.name)) as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM `ThingEntity`")
        cursor.execute("SELECT CONNECTION_ID()")
        ((number,),) = cursor.fetchall()
        yield number


def _columns(database: Database) -> list[str]:
    return [row[0] for row in database.execute("SHOW COLUMNS FROM `ThingEntity`")]


def test_a_table_that_somebody_uses_is_not_waited_for_for_ever(
    things: Database, open_engine: Any, shell: Shell
) -> None:
    """While an ALTER waits, every later query of the table waits behind it; the error says whose transaction to end."""
    ctx = shell.context(open_engine(things.url))
    _, alter = without_own_tables(shell.do(fx.get_alters(ctx)))

    with _reading(things) as reader:
        with pytest.raises(AlterLockedError, match=r"the table was in use for 1 s, nothing was changed") as error:
            shell.do(alter.exec(ctx, lock_timeout=1))
        untouched = _columns(things)
        holder = f"connection {reader}"
    shell.do(alter.exec(ctx, lock_timeout=1))

    assert ["id"] == untouched
    assert [holder] == [text[: len(holder)] for text in error.value.holders]
    assert holder in str(error.value)
    assert ["id", "name", "size"] == _columns(things)


@pytest.mark.slow
def test_where_the_server_knows_who_holds_a_table_nobody_else_is_named(private_server: StartServer) -> None:
    """Ending the transaction of a bystander would help nobody."""
    own = private_server("mysql", "--performance-schema=ON")
    server = SqlServer("mysql", own.host, own.port, "root", "", own.version)
    database = server.create_database()
    database.execute("CREATE TABLE `ThingEntity` (`id` bigint unsigned NOT NULL PRIMARY KEY)")
    database.execute("CREATE TABLE `Bystander` (`id` bigint unsigned NOT NULL PRIMARY KEY)")
    registry = fx.Registry()
    registry.register_mysql(database.url, options=fx.MySQLOptions(ignored_tables=["Bystander"]))
    registry.register_entity(ThingEntity)

    with (
        registry.validate() as engine,
        closing(server.connect(database.name)) as bystander,
        bystander.cursor() as cursor,
        _reading(database) as reader,
    ):
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM `Bystander`")
        ctx = engine.new_context()
        (alter,) = without_own_tables(fx.get_alters(ctx))
        with pytest.raises(AlterLockedError) as error:
            alter.exec(ctx, lock_timeout=1)

        (holder,) = error.value.holders
        assert holder.startswith(f"connection {reader} of root@")


def test_the_limit_of_a_wait_is_taken_back(things: Database, open_engine: Any, shell: Shell) -> None:
    """The connection goes back to those who never asked for it."""
    ctx = shell.context(open_engine(things.url))
    alters = without_own_tables(shell.do(fx.get_alters(ctx)))
    plain = without_own_tables(shell.do(fx.get_alters(ctx)))[0]
    before = _limit(shell, ctx)

    with _reading(things), pytest.raises(AlterLockedError):
        shell.do(alters[1].exec(ctx, lock_timeout=1))
    after_failure = _limit(shell, ctx)
    shell.do(plain.exec(ctx, lock_timeout=1))
    after_success = _limit(shell, ctx)

    assert (before, before) == (after_failure, after_success)
    assert before > 1


def _limit(shell: Shell, ctx: Any) -> int:
    from fluxaorm.plans.effects import FetchRows

    def limit_plan() -> Any:
        return (yield from FetchRows("default", "SELECT @@SESSION.lock_wait_timeout"))

    return int(shell.do(ctx._run(limit_plan()))[0][0])


@pytest.fixture
def reader_url(things: Database) -> Iterator[str]:
    """The address of the database for a user who may read and write rows, and no more."""
    name = f"u{uuid.uuid4().hex[:10]}"
    things.execute(f"CREATE USER '{name}'@'%%' IDENTIFIED BY '{PASSWORD}'")
    things.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{things.name}`.* TO '{name}'@'%%'")
    server = things.server
    yield f"mysql://{name}:{PASSWORD}@{server.host}:{server.port}/{things.name}"
    things.execute(f"DROP USER '{name}'@'%%'")


def test_a_user_without_the_right_is_told_which_ones_alters_need(
    things: Database, reader_url: str, open_engine: Any, shell: Shell
) -> None:
    """Applications often run as a user who may not change tables; looking is allowed."""
    ctx = shell.context(open_engine(reader_url))
    create, add = without_own_tables(shell.do(fx.get_alters(ctx)))

    for alter, command in ((create, "CREATE"), (add, "ALTER")):
        with pytest.raises(AlterError, match=f"the user may not do .*: {command} command denied") as error:
            shell.do(alter.exec(ctx))
        assert "alters need ALTER, CREATE, DROP, INDEX, INSERT and SELECT on the database" in str(error.value)
        assert PASSWORD not in str(error.value)

    assert ["id"] == _columns(things)


def test_an_interrupted_alter_is_found_again(things: Database) -> None:
    """Nobody knows whether it was done, but the tables do: asking again continues."""
    registry = fx.Registry()
    registry.register_mysql(things.url)
    registry.register_entity(ThingEntity, OtherEntity)
    outcome: list[BaseException | None] = []
    with registry.validate() as engine:
        create, add = without_own_tables(fx.get_alters(engine.new_context()))
        create.exec(engine.new_context())

        with _reading(things):
            waiting = threading.Thread(target=lambda: outcome.append(_raised(lambda: add.exec(engine.new_context()))))
            waiting.start()
            (victim,) = wait_until(lambda: threads_waiting(things))
            things.execute(f"KILL {victim}")
            waiting.join(60)
        left = fx.get_alters(engine.new_context())
        for alter in left:
            alter.exec(engine.new_context())

        assert [CommitUnknownError] == [type(error) for error in outcome]
        assert "ask get_alters() again" in str(outcome[0])
        assert [add.statements] == [alter.statements for alter in without_own_tables(left)]
        assert [] == fx.get_alters(engine.new_context())


def _raised(call: Any) -> BaseException | None:
    try:
        call()
    except BaseException as error:  # noqa: BLE001 - the test looks at it
        return error
    return None
