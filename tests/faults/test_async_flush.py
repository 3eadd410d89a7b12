"""Consumers of async flushes killed and stalled at each of their steps, servers restarted: each record exactly once."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

import pytest

from tests.support.consumer_steps import OF_CACHED, STARTED, STEPS, rounds
from tests.support.flush_scene import PARTITIONS, ROWS, TABLES, Scene, opened
from tests.support.kafka_brokers import StartKafka
from tests.support.measured import Measured
from tests.support.private_servers import StartServer
from tests.support.redis_servers import RedisServer
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.slow]
RECORDS: Final = int(os.environ.get("FLUXA_ASYNC_FLUSH_RECORDS", "1200"))
VISITS: Final = int(os.environ.get("FLUXA_ASYNC_FLUSH_VISITS", "1"))
"""Of each step by each number of consumers, up to 6: killed and stalled there, with MySQL and the broker restarted."""
ROUNDS: Final = int(os.environ.get("FLUXA_ASYNC_FLUSH_ROUNDS", "4"))
"""How often something happens at any moment."""
FEW: Final = 12
"""Records that are published again and again while a consumer has not come to its step."""
LIMIT: Final = 1_800.0

Fate = Literal["killed", "stalled"]
FATES: Final[tuple[Fate, ...]] = ("killed", "stalled")


@dataclass
class Troubles:
    """What is done to consumers and servers, and how much is published before each."""

    scene: Scene
    portion: int
    chance: random.Random

    def visit(self, consumers: int) -> None:
        """Each step, so often, by so many consumers: killed there, or stalled until others have what they had."""
        restarts = (None, self.restart_mysql, self.restart_broker)
        for visit in range(VISITS):
            for number, steps in enumerate(rounds(consumers)):
                # with one consumer the fates take turns; what is killed there is stalled with four
                fates = [FATES[(number + at + visit + (consumers > 1)) % 2] for at in range(len(steps))]
                self._visit(steps, fates, restarts[visit // 2 % len(restarts)])

    def _visit(self, steps: tuple[str, ...], fates: list[Fate], restart: Callable[[], None] | None) -> None:
        stopped = dict(zip(self._sent_to(steps), steps, strict=True))
        self._wait_for_all(stopped)
        had = self.scene.workers.holders()
        if restart is not None:
            restart()
        stalled = [pid for pid, fate in zip(stopped, fates, strict=True) if fate == "stalled"]
        for pid in stopped.keys() - stalled:
            self.scene.workers.kill(pid)
        taking_over = [self.scene.workers.start() for _ in stopped]
        places = [partition for partition, pid in had.items() if pid in stopped]

        def taken() -> bool:
            holders = self.scene.workers.holders()
            return all(holders.get(partition) in taking_over for partition in places)

        self._wait(taken, f"others to have what consumers had that were {fates} {steps}")
        for pid in stalled:
            # it finds out, and goes as it would at the end of a deployment
            self.scene.workers.go_on(pid)
        if stalled:
            self.scene.workers.stop(*stalled)

    def _sent_to(self, steps: tuple[str, ...]) -> Iterator[int]:
        """A consumer for each step, all of which have a share; then there is something for them to do."""
        workers = self.scene.workers
        self.settle(len(steps))
        holders = workers.holders()
        # those of cached tables come first, as steps that others do not come to
        pids = list(dict.fromkeys(holders[partition] for partition in range(PARTITIONS)))
        chosen = dict(zip(sorted(steps, key=OF_CACHED.__contains__, reverse=True), pids, strict=True))
        for step in steps:
            pid = chosen[step]
            if step == STARTED:
                # it comes to this with what another one leaves
                workers.kill(pid)
                yield workers.start(step)
            else:
                workers.tell(pid, step)
                yield pid
        _ = self.scene.found()
        self.scene.publish(self.portion)

    def _wait_for_all(self, stopped: dict[int, str]) -> None:
        """Until they are where they were sent to, also when partitions go round meanwhile."""
        asked = time.monotonic()

        def arrived() -> bool:
            nonlocal asked
            if time.monotonic() - asked > 1:
                asked = time.monotonic()
                self.scene.publish(FEW)
            return all(self.scene.workers.is_at(pid, step) for pid, step in stopped.items())

        self._wait(arrived, f"consumers to be at {list(stopped.values())}")

    def settle(self, consumers: int) -> None:
        """So many that are alive, each with a share."""
        workers = self.scene.workers
        while len(workers.pids) < consumers:
            workers.start()
        self._wait(
            lambda: {*workers.holders().values()} == {*workers.pids} and len(workers.holders()) == PARTITIONS,
            f"{consumers} consumers to share the partitions",
        )

    def _wait(self, look: Callable[[], bool], what: str) -> None:
        workers = self.scene.workers
        wait_until(lambda: workers.failures() or look(), what)
        assert [] == workers.failures()

    # at any moment

    def kill(self) -> None:
        """A consumer at any moment; another one takes its place."""
        time.sleep(self.chance.uniform(0.05, 0.3))
        self.scene.workers.kill(self.chance.choice(self.scene.workers.pids))
        self.scene.workers.start()

    def restart_mysql(self) -> None:
        """``kill -9`` and back."""
        self.scene.mysql.kill()
        self.scene.mysql.start()

    def restart_broker(self) -> None:
        """The same."""
        self.scene.kafka.brokers[0].kill()
        self.scene.kafka.brokers[0].start()


def test_each_record_is_applied_once_and_in_order_whatever_dies(
    private_server: StartServer,
    private_kafka: StartKafka,
    valkey: RedisServer,
    tmp_path: Path,
    measured: Measured,
) -> None:
    """A write that was told to be stored is applied once, in order; only poisoned ones are put aside."""
    options = ("group.min.session.timeout.ms=500", "group.initial.rebalance.delay.ms=0")
    portions = VISITS * sum(len(list(rounds(consumers))) for consumers in (1, 4)) + ROUNDS
    # who has to wait for one that stands still does something else soon
    mysql = private_server("mariadb", "--innodb-lock-wait-timeout=1")
    with opened(mysql, private_kafka(1, *options), valkey, tmp_path) as scene:
        troubles = Troubles(scene, max(FEW, RECORDS // portions), random.Random(11))
        marks = [time.monotonic()]

        for consumers in (1, 4):
            troubles.visit(consumers)
            marks.append(time.monotonic())
        anytime = (troubles.kill, troubles.restart_mysql, troubles.kill, troubles.restart_broker)
        for number in range(ROUNDS):
            scene.publish(troubles.portion)
            anytime[number % len(anytime)]()
        scene.wait_for_all(LIMIT)
        scene.workers.stop()
        marks.append(time.monotonic())

        assert [] == scene.workers.failures()
        published, letters = scene.published, scene.dead_letters()
        assert dict(published.counts) == scene.stored()
        assert dict(published.counts) == scene.found()
        assert published.notes == scene.notes()
        assert published.good == scene.handled()
        for table in TABLES:
            _assert_order(published.order[table], scene.statements(table))
        assert published.poisoned == letters.keys()
        assert {1} == {len(ids) for ids in letters.values()}
        spent = ", ".join(f"{after - before:.0f}" for before, after in pairwise(marks))
        measured(
            "async flushes applied under fire",
            f"{sum(published.counts.values())} increments, {published.good} records, {len(letters)} dead letters, "
            f"{len(STEPS)} steps, {VISITS} visits of each; {spent} s with 1, 4 and at any moment",
        )


def _assert_order(published: list[tuple[int, int]], statements: list[list[tuple[int, int]]]) -> None:
    """Each statement writes what was published behind all that the ones before it have written."""
    places = {change: place for place, change in enumerate(published)}
    done = -1
    for written in statements:
        found = [places[change] for change in written]
        assert done < min(found)
        assert len({row for row, _ in written}) == len(written) <= ROWS
        done = max(found)
