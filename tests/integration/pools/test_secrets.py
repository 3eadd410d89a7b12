"""Values of secret fields are shown by nobody: no error, none of its causes, no log, no query log, no repr."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Entity, Field, UInt64
from fluxaorm.errors import DuplicateKeyError, EntityNotFoundError, FieldValueError, QueryError
from tests.support.cached import Cached, OpenCached
from tests.support.forgetful_redis import forgetful_redis
from tests.support.insides import core
from tests.support.passwords import MARK, new_password
from tests.support.redis_servers import RedisServer
from tests.support.shells import Shell
from tests.support.sql_servers import Database

SECRET = MARK
LONG = f"{SECRET}-is-much-too-long-for-it"


class TokenEntity(Entity, redis_cache=True):
    """Its look-ups by a secret are kept in Redis."""

    id: UInt64
    token: str = Field(secret=True, unique=True, cached=True, length=20)
    label: str = Field(default="", length=20)


@pytest.fixture
def tokens(open_cached: OpenCached) -> Cached:
    """One token on each database, in each shell."""
    made = open_cached(TokenEntity)
    ctx = made.context()
    made.do(made.provider.new(ctx, token=SECRET, label="first"))
    made.do(ctx.flush())
    return made


def shown_by(call: Any) -> tuple[str, Exception]:
    """All that the error of a call shows, causes and notes as well, but for the lines of code; and the error."""
    with pytest.raises(fx.errors.FluxaError) as caught:
        call()
    seen: list[str] = []
    waiting: list[BaseException | None] = [caught.value]
    while waiting:
        if (error := waiting.pop()) is not None:
            seen += [*traceback.format_exception_only(error), repr(error), repr(error.args), repr(vars(error))]
            waiting += [error.__cause__, error.__context__]
    return "\n".join(seen), caught.value


def test_no_error_shows_a_secret(tokens: Cached) -> None:
    """Errors are logged, sent to trackers and shown to users, with what the driver said as their cause."""
    provider, field = tokens.provider, tokens.provider.fields.token

    def taken() -> None:
        ctx = tokens.context()
        tokens.do(provider.new(ctx, token=SECRET))
        tokens.do(ctx.flush())

    def taken_by_an_update() -> None:
        tokens.do(provider.update_where(tokens.context(), fx.Query(), token=SECRET))

    def taken_by_sql_of_ones_own() -> None:
        sql = "INSERT INTO TokenEntity (id, token, label) VALUES (?, ?, '')"
        tokens.do(tokens.context().mysql().exec(sql, 99, SECRET))

    calls: list[tuple[type[Exception], Any]] = [
        (DuplicateKeyError, taken),
        (fx.errors.MySQLError, taken_by_sql_of_ones_own),
        (EntityNotFoundError, lambda: tokens.do(provider.must_get_by_token(tokens.context(), f"{SECRET}-2"))),
        (QueryError, lambda: tokens.do(provider.get_by_token(tokens.context(), LONG))),
        (QueryError, lambda: tokens.do(provider.get_or_create(tokens.context(), {"token": LONG}))),
        (QueryError, lambda: tokens.do(provider.search_many(tokens.context(), fx.Query().filter(field == LONG)))),
        (FieldValueError, lambda: tokens.do(provider.new(tokens.context(), token=LONG))),
        (FieldValueError, lambda: tokens.do(provider.save_many(tokens.context(), [{"token": LONG}]))),
    ]
    ctx = tokens.context()
    tokens.do(provider.new(ctx, token="another"))
    tokens.do(ctx.flush())
    calls.append((fx.errors.MySQLError, taken_by_an_update))

    for kind, call in calls:
        text, error = shown_by(call)
        assert isinstance(error, kind)
        assert SECRET not in text
    assert "TokenEntity: not found (token=(secret))" in str(shown_by(calls[2][1])[1])


def test_a_query_log_shows_no_secret(tokens: Cached) -> None:
    """It is written to disk, or sent to who watches; what has nothing to do with the secret is shown as ever."""
    entries: list[fx.QueryLogEntry] = []
    ctx = tokens.context()
    ctx.register_query_logger(lambda _, entry: entries.append(entry))

    found = tokens.do(tokens.provider.get_by_token(ctx, SECRET))
    found.token = f"{SECRET}-2"
    tokens.do(ctx.flush())
    tokens.do(tokens.provider.search_many(ctx, fx.Query().filter(tokens.provider.fields.token == SECRET)))
    tokens.do(tokens.provider.search_many(ctx, fx.Query().filter(tokens.provider.fields.label == "first")))

    assert SECRET not in repr(entries)
    assert any(tuple(entry.args) == ("***",) for entry in entries)
    assert any("first" in entry.args for entry in entries)


def _logging_in(url: str, redis: str, driver: Any) -> fx.Registry:
    registry = fx.Registry()
    registry.register_mysql(url, options=fx.MySQLOptions(driver=driver))
    registry.register_redis(redis)
    registry.register_entity(TokenEntity)
    return registry


@pytest.mark.parametrize("driver", ["mysqlclient", "pymysql"])
def test_nobody_shows_the_passwords_of_addresses(
    mysql_database: Database, valkey: RedisServer, shell: Shell, driver: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong password is still almost the right one, and who looks at a repr or a log need not know either."""
    caplog.set_level(0)
    password = new_password()
    url = mysql_database.url.replace("//root@", f"//nobody:{password}@")
    engine = _logging_in(url, f"redis://nobody:{password}@{valkey.host_port}", driver).validate(connect=False)
    tokens: Any = engine.provider(TokenEntity)
    everything: list[object] = [engine, engine.registry, engine.mysql(), shell.context(engine), vars(engine)]
    for pool in (*core(engine).mysql_pools.values(), *core(engine).redis_pools.values()):
        everything += [pool, vars(pool)]
    everything += [engine.redis().client, engine.redis().client.connection_pool]

    refused = shown_by(lambda: shell.do(tokens.get_all(shell.context(engine))))[0]
    looked_up = shown_by(lambda: shell.do(tokens.get_by_id(shell.context(engine), 1)))[0]
    unreached = shown_by(_logging_in(url, valkey.host_port, driver).validate)[0]
    shell.close(engine)

    assert "Access denied" in refused
    assert MARK not in f"{everything!r} {refused} {looked_up} {unreached} {caplog.text}"


def test_a_server_that_repeats_what_it_was_sent_is_not_quoted(shell: Shell) -> None:
    """Redis tells what a command that it does not know was called with: of AUTH that is the password."""
    with forgetful_redis() as address:
        registry = _logging_in("sqlite://:memory:", f"redis://app:{new_password()}@{address}", "")
        engine = registry.validate(connect=False)

        starting = shown_by(registry.validate)[0]
        trip = shown_by(lambda: _round_trip(engine, shell))[0]
        listening = shown_by(core(engine).redis_pool().subscription)[0]
        shell.close(engine)

    assert "unknown command 'AUTH'" in starting
    assert MARK not in starting + trip + listening


def _round_trip(engine: Any, shell: Shell) -> None:
    if shell.name == "sync":
        core(engine).redis_pool().sync.round_trip([("PING",)])
        return

    async def trip() -> None:
        await core(engine).redis_pool().asyncio.round_trip([("PING",)])

    shell.do(trip())


def test_the_suite_would_notice_a_password_that_is_printed(tmp_path: Path) -> None:
    """Whatever else shows one, in whatever test: the look through all output is itself looked at."""
    module = tmp_path / "test_showing.py"
    module.write_text(
        f"""
import logging
def test_print(): print("{MARK}-1")
def test_log(): logging.warning("{MARK}-1")
def test_silent(): pass
""",
        encoding="utf-8",
    )
    plugins = ["-p", "tests.support.passwords", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *plugins, "-c", os.devnull, f"--rootdir={tmp_path}", str(module)]

    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout

    assert "2 failed, 1 passed" in told
    assert "a password is shown in: Captured log call" in told
