"""Servers that say nothing while a context's time runs out: when opening, in a COMMIT, in a statement."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest

import fluxaorm as fx
from devstack.proxy import Direction, Proxy, Verdict
from fluxaorm.errors import CommitUnknownError, DeadlineExceededError
from tests.support.blocks import block
from tests.support.fragile import Fragile
from tests.support.insides import core
from tests.support.shells import Shell
from tests.support.shop import ENTITIES
from tests.support.shop_engines import Shop
from tests.support.waiting import wait_until

Driver = Literal["", "pymysql"]
pytestmark = pytest.mark.fault
PATIENT = 100.0
"""Seconds that the options allow; nobody may wait so long here."""
GENEROUS = 40.0


@pytest.fixture
def open_patient(fragile: Fragile, shell: Shell) -> Iterator[Callable[[Driver], Shop]]:
    """Makes engines behind the proxies that would wait for long, with a driver for threads."""
    shops: list[Shop] = []

    def opened(driver: Driver) -> Shop:
        registry = fx.Registry()
        options = fx.MySQLOptions(driver=driver, connect_timeout=PATIENT, pool_timeout=PATIENT)
        registry.register_mysql(fragile.url, options=options)
        redis = fx.RedisOptions(
            connect_timeout=PATIENT, read_timeout=PATIENT, namespace=f"patient{uuid.uuid4().hex[:8]}"
        )
        registry.register_redis(f"{fragile.redis.host}:{fragile.redis.port}", 0, options=redis)
        registry.register_entity(*ENTITIES)
        shops.append(Shop(registry.validate(), shell, fragile.url))
        return shops[-1]

    yield opened
    for proxy in (fragile.mysql, fragile.redis):
        proxy.resume()
    for shop in shops:
        shell.close(shop.engine)


def limited(shop: Shop, seconds: float) -> Any:
    make = shop.engine.new_context if shop.shell.name == "sync" else shop.engine.new_async_context
    return make(timeout=seconds)


def ends_in_time(call: Callable[[], Any], kind: type[BaseException]) -> None:
    started = time.monotonic()
    with pytest.raises(kind):
        call()
    assert time.monotonic() - started < GENEROUS


@pytest.mark.parametrize(("store", "driver"), [("mysql", ""), ("mysql", "pymysql"), ("redis", "")])
def test_opening_a_connection_takes_no_longer_than_the_context_has(
    fragile: Fragile, open_patient: Callable[[Driver], Shop], store: str, driver: Driver
) -> None:
    """The server accepts and says nothing; ``connect_timeout`` is far away, the deadline is not."""
    proxy: Proxy = getattr(fragile, store)
    user = fragile.do(fragile.users.new(ctx := fragile.context(), name="A", email="a@example.com"))
    fragile.do(ctx.flush())
    patient = open_patient(driver)
    users = patient.users
    # what validate() left open would not be opened again
    pool = core(patient.engine).mysql_pools["default"].sync
    left = pool.acquire()
    left.close()
    pool.release(left)
    proxy.stall()

    def look_up() -> Any:
        ctx = limited(patient, 0.5)
        if store == "mysql":
            return patient.do(ctx.mysql().exec("DO 1"))
        return patient.do(users.get_by_id(ctx, user.id))

    ends_in_time(look_up, DeadlineExceededError)
    proxy.resume()

    assert "A" == patient.do(users.get_by_id(limited(patient, PATIENT), user.id)).name


def drop(proxy: Proxy, word: bytes) -> list[bytes]:
    """Requests with this word, and all after them, reach nobody."""
    dropped: list[bytes] = []

    def intercept(way: Direction, chunk: bytes) -> Verdict:
        if way is Direction.REQUEST and (word in chunk or dropped):
            dropped.append(chunk)
            return Verdict.DROP
        return Verdict.FORWARD

    proxy.intercept = intercept
    return dropped


@pytest.mark.parametrize("word", ["COMMIT", "INSERT INTO `CounterEntity`"], ids=["commit", "lone"])
def test_what_is_not_cut_off_is_given_up_after_a_while(
    fragile: Fragile, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """A COMMIT or a lone statement that is never answered ends with an error that says what is not known."""
    monkeypatch.setattr("fluxaorm.runners.time_limits.GRACE_SECONDS", 0.5)
    # a question about the lost thread may be dropped, too
    monkeypatch.setattr(core(fragile.engine).resources, "step_seconds", 2.0)
    fragile.do(fragile.counters.new_many(warm := fragile.context(), 10))
    fragile.do(fragile.notes.new_many(warm, 10))
    warm.clear_flush()
    ctx = limited(fragile, 3.0)
    fragile.do(fragile.counters.new(ctx, label="a"))
    if word == "COMMIT":
        fragile.do(fragile.notes.new(ctx, text="a"))
    dropped = drop(fragile.mysql, word.encode())

    ends_in_time(lambda: fragile.do(ctx.flush()), CommitUnknownError)
    fragile.mysql.intercept = None
    wait_until(lambda: core(fragile.engine).resources.background.unfinished == 0, "the statement to be seen gone")

    assert dropped
    assert ((0,),) == tuple(fragile.database.execute("SELECT COUNT(*) FROM CounterEntity"))
    again = fragile.context()
    fragile.do(fragile.counters.new(again, label="a"))
    assert 1 == fragile.do(again.flush()).inserted
    ctx.clear_flush()


def test_a_rollback_that_is_not_answered_is_given_up_too(fragile: Fragile, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is closed, which rolls back as well."""
    monkeypatch.setattr("fluxaorm.runners.time_limits.GRACE_SECONDS", 0.5)
    ctx = limited(fragile, 1.5)
    dropped = drop(fragile.mysql, b"ROLLBACK")

    def give_up() -> None:
        with block(fragile, ctx):
            fragile.do(ctx.mysql().query("SELECT 1"))
            raise KeyError

    ends_in_time(give_up, KeyError)
    fragile.mysql.intercept = None

    assert dropped
    assert [(1,)] == list(fragile.do(fragile.context().mysql().query("SELECT 1")))
