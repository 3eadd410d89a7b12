"""What an engine leaves behind, counted in a process of its own: ``python -m tests.support.resource_worker``.

What it decides: what engines are used for before they are counted, and that nothing else runs in the process. Prints
what it counted as JSON. A process for each scenario, since tests leave threads and sockets of their own.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any, Final

import fluxaorm as fx
from fluxaorm import Entity, UInt64
from fluxaorm.engine import Engine
from fluxaorm.plans.effects import Plan, RedisRoundTrip
from tests.support.insides import core

LONGEST: Final = 120.0


class PebbleEntity(Entity, redis_cache=True, local_cache=10):
    """Has everything that an engine can hold."""

    id: UInt64
    name: str = ""


def open_pebbles(url: str, redis: str, namespace: str, *, connect: bool = True) -> Engine:
    """An engine over pebbles."""
    registry = fx.Registry()
    registry.register_mysql(url)
    registry.register_redis(redis, options=fx.RedisOptions(namespace=namespace, read_timeout=60))
    registry.register_entity(PebbleEntity)
    return registry.validate(connect=connect)


def use(engine: Engine) -> None:
    """All that threads can have it open, time limits and their watchdog among it."""
    pebbles: Any = engine.provider(PebbleEntity)
    with engine.new_context(timeout=60) as ctx:
        pebbles.new(ctx, name="x")
        ctx.flush()
        pebbles.get_by_id(ctx, 1)
        engine.redis().client.ping()
    begun = threading.Event()
    core(engine).finish_later(lambda: _told(begun))
    begun.wait()


def _told(begun: threading.Event) -> Plan[bool]:
    begun.set()
    yield from ()
    return True


async def use_on_a_loop(engine: Engine) -> None:
    """The same on asyncio."""
    pebbles: Any = engine.provider(PebbleEntity)
    async with engine.new_async_context(timeout=60) as ctx:
        await pebbles.new(ctx, name="x")
        await ctx.flush()
        await pebbles.get_by_id(ctx, 1)
        await engine.redis().async_client.ping()


def left() -> list[Any]:
    """How many files and sockets are open, and which threads run."""
    gc.collect()
    threads = [each.name for each in threading.enumerate() if each is not threading.main_thread()]
    return [len(os.listdir("/proc/self/fd")), sorted(threads)]


def closed(make: Callable[[], Engine]) -> list[Any]:
    """By ``close``, then by ``aclose``, after one engine of each and after four more."""

    async def on_a_loop() -> None:
        async with make() as engine:
            await use_on_a_loop(engine)

    counts = []
    for times in (1, 4):
        for _ in range(times):
            with make() as engine:
                use(engine)
            asyncio.run(on_a_loop())
        counts.append(left())
    return counts


def ended_loops(make: Callable[[], Engine]) -> list[Any]:
    """Several loops in turn, each ended without ``aclose``, while the engine lives."""
    with make() as engine:
        use(engine)
        asyncio.run(use_on_a_loop(engine))
        before = left()[0]
        for _ in range(3):
            asyncio.run(use_on_a_loop(engine))
        after = left()[0]
    return [before, after]


def forgotten(make: Callable[[], Engine]) -> list[Any]:
    """Engines that nobody closed, and nobody holds any more."""

    def forget() -> None:
        use(make())

    before = left()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            forget()
        after = left()
    return [before, after, [f"{each.category.__name__}: {each.message}" for each in caught]]


def ended_threads(make: Callable[[], Engine]) -> list[Any]:
    """Threads that end without a word, contexts that nobody closes."""
    with make() as engine:
        for _ in range(3):
            thread = threading.Thread(target=lambda: engine.provider(PebbleEntity).get_by_id(engine.new_context(), 1))
            thread.start()
            thread.join()
        use(engine)
        return [core(engine).mysql_pool().stats().open, core(engine).redis_pool().stats().open]


def hanging(make: Callable[[], Engine], close: bool) -> None:
    """End the process while a server holds up a step in the background."""
    engine = make()
    begun = threading.Event()
    core(engine).finish_later(lambda: _held_up(begun))
    begun.wait()
    if close:
        engine.close()


def _held_up(begun: threading.Event) -> Plan[bool]:
    begun.set()
    _ = yield from RedisRoundTrip("default", (("PING",),))
    return True


SCENARIOS: Final = {each.__name__: each for each in (closed, ended_loops, forgotten, ended_threads)}


def run_worker(scenario: str, url: str, redis: str, namespace: str) -> subprocess.CompletedProcess[str]:
    """Count in a fresh process."""
    command = [sys.executable, "-m", "tests.support.resource_worker", scenario, url, redis, namespace]
    return subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)


def main(scenario: str, *address: str) -> None:
    """See the module."""
    url, redis, namespace = address
    if scenario.startswith("hanging"):
        hanging(lambda: open_pebbles(url, redis, namespace, connect=False), close=scenario.endswith("closed"))
        return
    counts = SCENARIOS[scenario](lambda: open_pebbles(url, redis, namespace))
    sys.stdout.write(json.dumps(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
