"""Consumers of async flushes in processes of their own, to be killed: ``python -m tests.support.flush_workers``.

One process has imported everything and forks a consumer for each line on its standard input; it prints its process id.
It opens nothing itself, so that nothing is shared. Consumers end with SIGTERM, or when they are killed.
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

import fluxaorm as fx
from fluxaorm.engine import Engine
from tests.support.flush_records import CounterEntity, NoteEntity
from tests.support.insides import rename_async_flush
from tests.support.waiting import wait_until


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

    def open(self) -> Engine:
        """An engine on them."""
        registry = fx.Registry()
        registry.register_mysql(self.url)
        registry.register_redis(self.redis, 0, options=fx.RedisOptions(namespace=self.namespace))
        registry.register_kafka([self.bootstrap])
        registry.register_async_flush()
        registry.register_entity(CounterEntity, NoteEntity)
        engine = registry.validate()
        rename_async_flush(engine, self.topic, self.failed_topic, self.group)
        return engine


@dataclass
class Workers:
    """Those that are alive."""

    process: subprocess.Popen[str]
    pids: list[int] = field(default_factory=list[int])

    def start(self) -> int:
        """One more consumer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("start\n")
        self.process.stdin.flush()
        self.pids.append(pid := int(self.process.stdout.readline()))
        return pid

    def kill(self, pid: int) -> None:
        """With SIGKILL."""
        self.pids.remove(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """As a deployment stops them; all must end by themselves."""
        for pid in self.pids:
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not any(map(_is_alive, self.pids)), "consumers to end after SIGTERM")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def flush_workers(served: Served) -> Iterator[Workers]:
    """None at first; all are ended with the block."""
    command = [sys.executable, "-m", "tests.support.flush_workers", *vars(served).values()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    workers = Workers(process)
    try:
        yield workers
    finally:
        for pid in list(workers.pids):
            workers.kill(pid)
        process.communicate(timeout=60)


def _consume(served: Served) -> None:
    """As a process of an application does it, which is started again while a server is down."""
    with _opened(served) as engine:
        engine.async_flush_consumer(session_timeout_ms=1_500).run(max_records=20)


def _opened(served: Served) -> Engine:
    while True:
        try:
            return served.open()
        except (fx.PoolConnectError, fx.TryAgainError):
            time.sleep(0.1)


def _main() -> None:
    served = Served(*sys.argv[1:])
    # nobody waits for those that are killed
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                _consume(served)
            except BaseException:  # noqa: BLE001 - whatever it is, the test is to see it
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        os.write(1, f"{child}\n".encode())


if __name__ == "__main__":
    _main()
