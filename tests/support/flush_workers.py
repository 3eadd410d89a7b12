"""Consumers of async flushes in processes of their own, to be killed: ``python -m tests.support.flush_workers``.

One process has imported everything and forks a consumer for each line on its standard input, which is the step to stop
at first, if any; it prints its process id. It opens nothing itself, so that nothing is shared. Consumers end with
SIGTERM, or when they are killed. What they come to they write to one file, a line each.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import fluxaorm as fx
from fluxaorm import Entity, UInt64
from fluxaorm.engine import Engine
from tests.support.consumer_steps import Stopping
from tests.support.flush_records import CounterEntity, NoteEntity
from tests.support.insides import rename_async_flush, watch_contexts
from tests.support.waiting import wait_until

SESSION_MS = 1_000
"""Silence after which others take over what a consumer had."""
AT_ONCE = 20
"""Records of a round."""
REPORTS = "reports"


class MeterEntity(Entity, redis_cache=True, local_cache=100):
    """Rows are kept in Redis and in the process."""

    id: UInt64
    number: int = 0


class TallyEntity(Entity):
    """No caches."""

    id: UInt64
    number: int = 0


ENTITIES: tuple[type[Any], ...] = (CounterEntity, MeterEntity, TallyEntity, NoteEntity)


@dataclass(frozen=True)
class Served:
    """What a consumer is told of its servers."""

    url: str
    redis: str
    namespace: str
    bootstrap: str
    topic: str
    failed_topic: str
    group: str
    directory: str
    """Where consumers report, and find what they are told."""

    @property
    def handled(self) -> str:
        """The key of a set in Redis: records whose after-handler was called."""
        return f"{self.namespace}:handled"

    def open(self) -> Engine:
        """An engine on them."""
        registry = fx.Registry()
        registry.register_mysql(self.url)
        registry.register_redis(self.redis, 0, options=fx.RedisOptions(namespace=self.namespace))
        registry.register_kafka([self.bootstrap])
        registry.register_async_flush()
        registry.register_entity(*ENTITIES)
        engine = registry.validate()
        rename_async_flush(engine, self.topic, self.failed_topic, self.group)
        return engine


@dataclass
class Workers:
    """Those that are alive, those that stand still among them."""

    process: subprocess.Popen[str]
    directory: Path
    pids: list[int] = field(default_factory=list[int])

    def start(self, step: str = "") -> int:
        """One more consumer, which stops at a step if one is named."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{step}\n")
        self.process.stdin.flush()
        self.pids.append(pid := int(self.process.stdout.readline()))
        return pid

    def tell(self, pid: int, step: str) -> None:
        """Let a consumer stop at a step."""
        written = self.directory / f"{pid}.new"
        written.write_text(step)
        written.rename(self.directory / str(pid))

    def kill(self, pid: int) -> None:
        """With SIGKILL."""
        self.pids.remove(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def go_on(self, pid: int) -> None:
        """Let one that stands still go on where it is."""
        os.kill(pid, signal.SIGCONT)

    def stop(self, *pids: int) -> None:
        """As a deployment stops them, all or these; they must end by themselves."""
        ended = pids or tuple(self.pids)
        for pid in ended:
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not any(map(_is_alive, ended)), "consumers to end after SIGTERM")
        self.pids = [pid for pid in self.pids if pid not in ended]

    def reports(self) -> list[tuple[int, str, str]]:
        """What they have come to, in order: process id, and ``at STEP``, ``given PARTITION`` and so on."""
        lines = (self.directory / REPORTS).read_text().splitlines()
        return [(int(pid), what, detail) for pid, what, detail in (line.split(" ", 2) for line in lines)]

    def is_at(self, pid: int, step: str) -> bool:
        """Whether a consumer has come to the step that it was told."""
        return (pid, "at", step) in self.reports()

    def holders(self) -> dict[int, int]:
        """Partition -> who was given it last and has not lost it, as far as it knows."""
        found: dict[int, int] = {}
        for pid, what, detail in self.reports():
            if what == "given":
                found[int(detail)] = pid
            elif what == "taken" and found.get(int(detail)) == pid:
                del found[int(detail)]
        return found

    def failures(self) -> list[str]:
        """Why some ended by themselves."""
        return [detail for _, what, detail in self.reports() if what == "failed"]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def flush_workers(served: Served) -> Iterator[Workers]:
    """None at first; all are ended with the block."""
    directory = Path(served.directory)
    (directory / REPORTS).touch()
    command = [sys.executable, "-m", "tests.support.flush_workers", *vars(served).values()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    workers = Workers(process, directory)
    try:
        yield workers
    finally:
        for pid in list(workers.pids):
            workers.kill(pid)
        process.communicate(timeout=60)


# in their processes


def _consume(served: Served, step: str) -> None:
    """As a process of an application does it, which is started again while a server is down."""
    with _opened(served) as engine:
        _handle(engine, served.handled)
        watch_contexts(engine, lambda ctx: Stopping(ctx, Path(served.directory), partial(_report, served), step))
        engine.async_flush_consumer(session_timeout_ms=SESSION_MS).run(max_records=AT_ONCE)


def _opened(served: Served) -> Engine:
    while True:
        try:
            return served.open()
        except (fx.PoolConnectError, fx.TryAgainError):
            time.sleep(0.1)


def _handle(engine: Engine, key: str) -> None:
    client = engine.redis().client

    def note(ctx: Any, _row: Any, _changes: Any = None) -> None:
        client.sadd(key, ctx.meta_data["fluxaorm_record"])

    for definition in ENTITIES:
        provider: Any = engine.provider(definition)
        provider.on_after_insert(engine, note)
        provider.on_after_update(engine, note)


def _report(served: Served, what: str) -> None:
    # one call a line: others write there, too
    with open(Path(served.directory) / REPORTS, "ab", buffering=0) as reports:
        reports.write(f"{os.getpid()} {what}\n".encode())


def _main() -> None:
    served = Served(*sys.argv[1:])
    # nobody waits for those that are killed
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                _consume(served, line.strip())
            except BaseException as error:  # noqa: BLE001 - whatever it is, the test is to see it
                traceback.print_exc()
                _report(served, f"failed {type(error).__name__}: {error}".replace("\n", " "))
                os._exit(1)
            os._exit(0)
        os.write(1, f"{child}\n".encode())


if __name__ == "__main__":
    _main()
