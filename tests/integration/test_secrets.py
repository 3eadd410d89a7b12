"""Values of secret fields are shown by nobody: no error, none of its causes, no log, no query log, no repr."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Entity, Field, UInt64
from fluxaorm.errors import DuplicateKeyError, EntityNotFoundError, FieldValueError, QueryError
from tests.support.cached import Cached, OpenCached

SECRET = "s3cr3t"
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
