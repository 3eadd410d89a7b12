"""Processes that are killed in the middle of a flush over three tables: ``python -m tests.support.killed_flushes``.

What it decides: where each is killed: before or after each effect of a flush, alone and in a block, or at a random
moment while a driver waits. All are forks of one warm parent, so that one costs a few milliseconds. What became of
each is said by its parent; what is in the tables is the test's to look at.

A child inserts a user, raises a counter's hits and deletes a note, all three named for it; ``prepare`` makes the rows.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Final, NoReturn

from tests.support.effects import AtEffect
from tests.support.shells import open_shell
from tests.support.shop_engines import Shop, open_engine

AT_ONCE: Final = 2
"""Children that run at the same time."""
RANDOM_SHARE: Final = 5
"""One child in so many is killed at a random moment."""
LONGEST: Final = 240.0
SILENT, RETURNED, FAILED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Moment:
    """When a child is killed: around effect ``number`` (-1: somewhere within ``seconds``) of a flush."""

    explicit: bool
    number: int
    after: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a child: ``name`` of its rows; whether it was killed, whether its flush had returned before."""

    name: str
    moment: Moment
    killed: bool
    returned: bool


def run_killed(url: str, redis: str, namespace: str, shell: str, kills: int) -> list[Fate]:
    """Kill so many clients, each in its flush or right after; what became of each."""
    command = [sys.executable, "-m", "tests.support.killed_flushes", str(kills), url, redis, namespace, shell]
    result = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    assert result.returncode == 0, result.stderr
    return [Fate(name, Moment(*moment), *rest) for name, moment, *rest in json.loads(result.stdout)]


def _prepare(shop: Shop, names: list[str]) -> list[tuple[int, int]]:
    """For each name a counter and a note; their ids."""
    ctx = shop.context()
    counters = shop.do(shop.counters.new_many(ctx, len(names)))
    notes = shop.do(shop.notes.new_many(ctx, len(names)))
    for name, counter, note in zip(names, counters, notes, strict=True):
        counter.label = note.text = name
    shop.do(ctx.flush())
    return [(counter.id, note.id) for counter, note in zip(counters, notes, strict=True)]


def _change(shop: Shop, ctx: Any, name: str, ids: tuple[int, int]) -> list[Any]:
    user = shop.do(shop.users.new(ctx, name=name, email=f"{name}@example.com"))
    counter = shop.do(shop.counters.must_get_by_id(ctx, ids[0]))
    counter.hits += 1
    note = shop.do(shop.notes.must_get_by_id(ctx, ids[1]))
    note.delete()
    return [user, counter, note]


def _flush(shop: Shop, ctx: Any, made: list[Any], explicit: bool) -> None:
    """At once; in a block one by one, so that there are moments between the three."""

    async def in_block() -> None:
        async with ctx.transaction():
            for each in made:
                await ctx.flush(each)

    if not explicit:
        shop.do(ctx.flush())
    elif shop.shell.name == "asyncio":
        shop.do(in_block())
    else:
        with ctx.transaction():
            for each in made:
                ctx.flush(each)


def _warm(shop: Shop, names: list[str]) -> tuple[list[Moment], float]:
    """Run both kinds of flush, so that everything is compiled: the moments of their effects, and the time one took."""
    moments: list[Moment] = []
    started = time.monotonic()
    for explicit, name, ids in zip((False, True), names, _prepare(shop, names), strict=True):
        ctx = shop.context()
        made = _change(shop, ctx, name, ids)
        counted = AtEffect(ctx, -1, lambda: None)
        started = time.monotonic()
        _flush(shop, ctx, made, explicit)
        moments += [Moment(explicit, number, after) for number in range(counted.seen) for after in (False, True)]
    return moments, time.monotonic() - started


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _in_child(engine: Any, shell: str, name: str, ids: tuple[int, int], moment: Moment) -> NoReturn:
    status = FAILED
    try:
        with open_shell(shell) as opened:
            shop = Shop(engine, opened, "")
            ctx = shop.context()
            made = _change(shop, ctx, name, ids)
            if moment.number < 0:
                threading.Timer(moment.seconds, _die).start()
            else:
                AtEffect(ctx, moment.number, _die, moment.after)
            _flush(shop, ctx, made, moment.explicit)
            status = RETURNED
            _SAID[int(name.removeprefix("k"))] = RETURNED
            if moment.number < 0:
                # the killer's thread may be at it now
                time.sleep(LONGEST)
    except Exception as error:  # noqa: BLE001 - told by the parent
        sys.stderr.write(f"{name} at {moment}: {error!r}\n")
    finally:
        os._exit(status)


_SAID = mmap.mmap(-1, 1 << 16)
"""One byte for each child, shared with them: RETURNED once its flush had returned."""


def _main(kills: int, url: str, redis: str, namespace: str, shell: str) -> list[Any]:
    draw = random.Random(shell)
    engine = open_engine(url, redis, namespace)
    with open_shell(shell) as opened:
        shop = Shop(engine, opened, url)
        moments, seconds = _warm(shop, ["warm1", "warm2"])
        steps = cycle(moments)
        every = [
            Moment(draw.random() < 0.5, -1, seconds=draw.uniform(0.0, 1.5) * seconds)
            if at % RANDOM_SHARE == 0
            else next(steps)
            for at in range(kills)
        ]
        names = [f"k{at}" for at in range(kills)]
        ids = _prepare(shop, names)
    running: dict[int, int] = {}
    statuses: dict[int, int] = {}
    for at in range(kills):
        if len(running) == AT_ONCE:
            _reap(running, statuses)
        child = os.fork()
        if child == 0:
            _in_child(engine, shell, names[at], ids[at], every[at])
        running[child] = at
    while running:
        _reap(running, statuses)
    unexpected = Counter(status for status in statuses.values() if status not in (-signal.SIGKILL, RETURNED))
    assert not unexpected, f"children failed: {unexpected}"
    return [
        (name, _fields(every[at]), statuses[at] == -signal.SIGKILL, _SAID[at] == RETURNED)
        for at, name in enumerate(names)
    ]


def _fields(moment: Moment) -> tuple[Any, ...]:
    return moment.explicit, moment.number, moment.after, moment.seconds


def _reap(running: dict[int, int], statuses: dict[int, int]) -> None:
    child, status = os.wait()
    if child in running:
        statuses[running.pop(child)] = os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    told = _main(int(sys.argv[1]), *sys.argv[2:])
    sys.stdout.write(json.dumps(told))
    sys.stdout.flush()
    # what the parent holds is of no use to anybody
    os._exit(0)
