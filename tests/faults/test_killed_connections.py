"""``KILL`` before, during and after each statement of a flush over three tables, and of what else is asked."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from devstack.proxy import Direction, Verdict
from fluxaorm.errors import MySQLConnectionError
from tests.support.blocks import flush
from tests.support.fragile import Fragile
from tests.support.insides import core
from tests.support.kills import kill_all
from tests.support.server_threads import threads_at, threads_of
from tests.support.three_tables import ALL, ALLOWED, NOTHING, end_of_flush, pend, written
from tests.support.waiting import wait_until

pytestmark = pytest.mark.fault
MOST_REQUESTS = 12


class KillAt:
    """``KILL`` of all connections once, around the request with this number."""

    def __init__(self, shop: Fragile, number: int, moment: str) -> None:
        self._shop, self._number, self._moment = shop, number, moment
        self._killer = threading.Thread(target=kill_all, args=(shop.database,))
        self._asked = 0
        self.happened = False
        shop.mysql.intercept = self._intercept

    def _intercept(self, way: Direction, chunk: bytes) -> Verdict:
        if way is Direction.REQUEST:
            self._asked += 1
        if not self.happened and self._is_now(way):
            self.happened = True
            self._killer.start()
            if self._moment != "during":
                self._killer.join()
        return Verdict.FORWARD

    def _is_now(self, way: Direction) -> bool:
        wanted = Direction.ANSWER if self._moment == "after" else Direction.REQUEST
        return self._asked == self._number and way is wanted

    def end(self) -> None:
        """Whatever comes from here on is let through."""
        self._shop.mysql.intercept = None
        if self.happened:
            self._killer.join()


@pytest.mark.parametrize("explicit", [False, True], ids=["flush", "block"])
def test_a_kill_around_any_statement_leaves_all_or_nothing(fragile: Fragile, explicit: bool) -> None:
    """What returned is there, what failed left nothing and is written by the same objects, what is unknown is whole."""
    ends: Counter[str] = Counter()

    for number in range(1, MOST_REQUESTS):
        moments = ("before", "during", "after")
        if not [moment for moment in moments if killed_at(fragile, explicit, number, moment, ends)]:
            break
    else:
        pytest.fail("the flush never ran to its end")

    assert number > 3
    assert {"returned", "unknown"} <= ends.keys()
    assert not explicit or "failed" in ends


def killed_at(shop: Fragile, explicit: bool, number: int, moment: str, ends: Counter[str]) -> bool:
    """Whether the flush had so many requests."""
    ctx, name = shop.context(), f"{moment}{number}"
    made = pend(shop, ctx, name)
    kill = KillAt(shop, number, moment)

    end = end_of_flush(shop, ctx, explicit)
    kill.end()
    there = written(shop.database, name)

    where = f"{moment} request {number}: {end}"
    assert there in ALLOWED[end], where
    if explicit and end == "unknown":
        # the entities of a block may be in the table: nothing waits to be written twice
        assert [False, False] == [made[0].is_new, made[1].is_dirty], where
    elif there == NOTHING:
        assert [True, True] == [made[0].is_new, made[1].is_dirty], where
        shop.do(ctx.flush())
        assert ALL == written(shop.database, name), where
    ctx.clear_flush()
    wait_until(lambda: core(shop.engine).resources.background.unfinished == 0, "the keys to be released")
    ends[end] += 1
    return kill.happened


@pytest.mark.parametrize("explicit", [False, True], ids=["flush", "block"])
def test_a_statement_killed_while_it_waits_for_a_lock(fragile: Fragile, explicit: bool) -> None:
    """A flush is repeated on another connection and gets the lock; a block is told, and its objects flush again."""
    ctx = fragile.context()
    pend(fragile, ctx, "a")
    holder = fragile.database.server.connect()
    holder.begin()
    holder.cursor().execute(f"SELECT * FROM {fragile.database.name}.CounterEntity FOR UPDATE")

    def kill() -> None:
        server = fragile.database.server
        (thread,) = wait_until(lambda: threads_at(fragile.database, "`CounterEntity`"), "the statement to wait")
        server.execute(f"KILL {thread}")
        wait_until(lambda: thread not in threads_of(fragile.database), "the thread to be gone")
        holder.rollback()

    killer = threading.Thread(target=kill)
    killer.start()
    failed = None
    try:
        flush(fragile, ctx, explicit)
    except MySQLConnectionError as error:
        failed = error
    killer.join()
    holder.close()
    there = written(fragile.database, "a")
    if failed:
        fragile.do(ctx.flush())

    assert (explicit, NOTHING if explicit else ALL) == (failed is not None, there)
    assert ALL == written(fragile.database, "a")


@pytest.mark.parametrize("moment", ["before", "during", "after"])
def test_a_kill_around_a_question_is_told_or_not_noticed(fragile: Fragile, moment: str) -> None:
    """Its answer is whole or an error; the next question gets its own."""
    ctx = fragile.context()
    fragile.do(ctx.mysql().query("SELECT 1"))
    before = fragile.mysql.farewells
    kill = KillAt(fragile, 1, moment)
    rows: list[Any] | None = None

    with suppress(MySQLConnectionError):
        rows = list(fragile.do(ctx.mysql().query("SELECT 2")))
    kill.end()
    wait_until(lambda: rows is None or fragile.mysql.farewells > before, "the server to hang up")

    assert kill.happened
    assert rows in ([(2,)], None)
    assert [(3,)] == list(fragile.do(ctx.mysql().query("SELECT 3")))
