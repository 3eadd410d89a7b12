"""Ids under faults: processes that take ids while the Redis that shares them out loses, forgets and repeats itself."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from devstack.server import Server
from devstack.wire import redis_command
from tests.support.private_servers import StartServer
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until

PROCESSES = 8
FAULTS = ("flush", "evict", "kill", "snapshot", "restore")
ROOT = Path(__file__).parents[2]

TAKER = """
import json, os, random, sys, time
import fluxaorm as fx
from fluxaorm import Entity, UInt64

class TicketEntity(Entity, id_block=60):
    id: UInt64
    text: str = ""

url, redis, directory, processes, seconds = sys.argv[1:]
registry = fx.Registry()
registry.register_mysql(url)
registry.register_redis(redis, 0, options=fx.RedisOptions(namespace="ids"))
registry.register_entity(TicketEntity)
engine = registry.validate()
tickets = engine.provider(TicketEntity)
# the children begin with what the parent has in hand, and must not use it
tickets.new_many(engine.new_context(), 3)
engine._core.binding(tickets).ids.add(1, 3)

def take(seed):
    draw, ids, end = random.Random(seed), [], time.monotonic() + float(seconds)
    while time.monotonic() < end:
        with engine.new_context() as ctx:
            if draw.random() < 0.2:
                ids += [ticket.id for ticket in tickets.new_many(ctx, draw.randrange(1, 100))]
            else:
                ids += [tickets.new(ctx).id for _ in range(draw.randrange(1, 20))]
            ctx.clear_flush()
    with open(f"{directory}/{seed}.json", "w") as file:
        json.dump(ids, file)

children = []
for seed in range(int(processes)):
    child = os.fork()
    if not child:
        status = 1
        try:
            take(seed)
            status = 0
        finally:
            os._exit(status)
    children.append(child)
print("ready", flush=True)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""
"""Processes forked of one, each takes ids for a while and writes them down. A Redis that is away costs only blocks."""


@contextmanager
def takers(url: str, redis: str, directory: Path, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """The parent of the processes, once all of them are at work."""
    arguments = [url, redis, str(directory), str(PROCESSES), str(seconds)]
    parent = subprocess.Popen(
        [sys.executable, "-c", TAKER, *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert parent.stdout is not None
        assert "ready\n" == parent.stdout.readline(), parent.communicate()[1]
        yield parent
    finally:
        with suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)
        parent.communicate()


class Faults:
    """What befalls the Redis server; each leaves it running."""

    def __init__(self, server: Server, data: Path) -> None:
        self.server, self.data = server, data
        self.old = b""

    def command(self, *words: str) -> object:
        """One command past the code under test."""
        return redis_command(self.server.host, self.server.port, *words)

    def flush(self) -> None:
        """Everything is forgotten."""
        self.command("FLUSHALL")

    def evict(self) -> None:
        """There is no memory for a moment: the server lets go of every key, and refuses what would make another."""
        self.command("CONFIG", "SET", "maxmemory-policy", "allkeys-random", "maxmemory", "1")
        try:
            wait_until(lambda: self.command("DBSIZE") == 0, "everything to be evicted")
        finally:
            self.command("CONFIG", "SET", "maxmemory", "0")

    def kill(self) -> None:
        """Killed and started empty, or with what it last saved."""
        self.server.kill()
        self.server.start()

    def snapshot(self) -> None:
        """Remember what is there now, for a later ``restore``."""
        self.command("SAVE")
        self.old = self.data.read_bytes()

    def restore(self) -> None:
        """Killed, and started from a snapshot that is older than the ids handed out since."""
        self.server.kill()
        if self.old:
            self.data.write_bytes(self.old)
        self.server.start()


@pytest.mark.fault
@pytest.mark.slow
def test_no_id_is_handed_out_twice_whatever_happens_to_redis(
    mysql_database: Database, private_server: StartServer, tmp_path: Path
) -> None:
    """Eight processes take ids while Redis is killed, flushed, evicted and restored from old snapshots: no repeats."""
    server = private_server("valkey")
    mysql_database.execute("CREATE TABLE TicketEntity (id bigint unsigned PRIMARY KEY, text varchar(255) NOT NULL)")
    faults = Faults(server, server.directory / "data" / server.name / "dump.rdb")
    draw = random.Random(7)
    done: Counter[str] = Counter()

    with takers(mysql_database.url, f"{server.host}:{server.port}", tmp_path, 6.0) as parent:
        faults.snapshot()
        while parent.poll() is None:
            # each once at first, so that all of them happen on any machine
            names = list(FAULTS) if len(done) == len(FAULTS) else [name for name in FAULTS if name not in done]
            name = draw.choice(names)
            getattr(faults, name)()
            done[name] += 1
            time.sleep(draw.uniform(0.01, 0.1))
        _, errors = parent.communicate(timeout=120)

    taken = [json.loads(path.read_text()) for path in tmp_path.glob("*.json")]
    times = Counter(id for ids in taken for id in ids)
    assert (0, PROCESSES) == (parent.returncode, len(taken)), errors
    assert [] == [id for id, count in times.items() if count > 1]
    assert {*FAULTS} == done.keys()
    assert len(times) > 1_000
