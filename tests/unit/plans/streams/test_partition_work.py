"""How a consumer works through a partition: what is applied together, what waits, what is put aside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from fluxaorm.dialects import dialect_for
from fluxaorm.errors import KafkaUnavailableError, MySQLError
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.streams.applying import Account, LostPartitionError, StatementFailedError, TopicPartition
from fluxaorm.plans.streams.arrivals import Arrival
from fluxaorm.plans.streams.effects import ProduceRecords
from fluxaorm.plans.streams.partition_work import (
    IDLE_SECONDS,
    AppliedCounts,
    Aside,
    NamesMissingError,
    PartitionWork,
    first_offset,
)
from fluxaorm.plans.streams.records import KafkaRecord

MARIADB = dialect_for("10.11.6-MariaDB")


class Applied:
    """An applier that notes what it is asked for, and fails as it is told to."""

    def __init__(self) -> None:
        self.place = TopicPartition("topic", "id", 0)
        self.calls: list[tuple[Any, ...]] = []
        self.failing: Callable[[Sequence[int]], Exception | None] = lambda offsets: None
        self.undone = ""
        """The MySQL pool that has lost what it had."""

    def apply_plan(self, pool: str, account: Account, arrivals: Sequence[Arrival], upto: int) -> Plan[None]:
        offsets = [arrival.offset for arrival in arrivals]
        if (error := self.failing(offsets)) is not None:
            raise error
        self.calls.append(("apply", pool, offsets, upto))
        account.applied = upto
        yield from ()

    def ends_batch(self, arrival: Arrival) -> bool:
        return False

    def replay_plan(self, pool: str, account: Account, arrivals: Sequence[Arrival]) -> Plan[None]:
        self.calls.append(("replay", pool, [arrival.offset for arrival in arrivals]))
        yield from ()

    def pass_over_plan(self, account: Account, arrival: Arrival) -> Plan[None]:
        self.calls.append(("aside", arrival.pool, arrival.offset))
        account.applied = arrival.offset + 1
        account.failed.add(arrival.offset)
        yield from ()

    def advance_plan(self, pool: str, account: Account, upto: int) -> Plan[None]:
        self.calls.append(("advance", pool, upto))
        account.applied = upto
        yield from ()

    def check_plan(self, pool: str, account: Account) -> Plan[None]:
        if pool == self.undone:
            raise LostPartitionError(f"{account.applied} is no more")
        yield from ()


class Scene:
    """A partition of two MySQL pools, from offset 0 on."""

    def __init__(self, applied: int = 0) -> None:
        self.applier, self.now, self.counts = Applied(), 0.0, AppliedCounts()
        self.stored: list[KafkaRecord] = []
        self.broker_is_down = False
        aside = Aside(
            kafka_pool="kafka",
            topic="failed",
            unknown_grace=10.0,
            clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
            monotonic=lambda: self.now,
        )
        self.accounts = {"a": Account(applied), "b": Account(applied)}
        applier: Any = self.applier
        self.work = PartitionWork(applier, self.accounts, 0, {"a": MARIADB, "b": MARIADB}, aside, self.counts)

    def read(self, *offsets: int, pool: str = "a", **different: Any) -> None:
        """Records that were polled."""
        for offset in offsets:
            source = KafkaRecord("topic", b"key", b"value", {"kept": b"1"}, 0, offset)
            self.work.add(Arrival(source=source, offset=offset, pool=pool, **different))

    def run(self) -> None:
        """Work; dead letters are stored while the broker is up."""
        plan = self.work.work_plan()
        try:
            effect = next(plan)
            while True:
                assert isinstance(effect, ProduceRecords)
                if self.broker_is_down:
                    effect = plan.send([KafkaUnavailableError("down")])
                else:
                    self.stored += effect.records
                    effect = plan.send(list(effect.records))
        except StopIteration:
            return


def _refused(errno: int) -> StatementFailedError:
    error = StatementFailedError("refused")
    error.__cause__ = MySQLError("refused", errno=errno)
    return error


def test_what_was_read_is_applied_together_a_pool_each() -> None:
    """Two databases have no transaction in common; each keeps its own account."""
    scene = Scene()
    scene.read(0, 1)
    scene.read(2, pool="b")
    scene.read(3)

    scene.run()

    assert [("apply", "a", [0, 1, 3], 4), ("apply", "b", [2], 4)] == scene.applier.calls
    assert (4, 4) == (scene.work.position, scene.counts.applied)


def test_the_end_of_the_partition_is_stored_in_every_pool() -> None:
    """Who waits for the end of the topic waits for each of them."""
    scene = Scene()
    scene.read(0)
    scene.work.end = 2

    scene.run()

    assert [("apply", "a", [0], 2), ("advance", "b", 2)] == scene.applier.calls
    assert 2 == scene.work.position


def test_a_pool_without_records_follows_each_minute() -> None:
    """A consumer that begins anew begins at the pool that is farthest behind."""
    scene = Scene()
    scene.read(0)
    scene.run()
    scene.now = IDLE_SECONDS
    scene.read(1)

    scene.run()

    assert [("apply", "a", [0], 1), ("apply", "a", [1], 2), ("advance", "b", 2)] == scene.applier.calls


def test_a_database_that_lost_what_it_had_is_noticed_within_a_minute() -> None:
    """Else what it lost would wait for the next record, which may never come."""
    scene = Scene()
    scene.read(0)
    scene.run()
    scene.applier.undone = "a"
    scene.run()
    scene.now = IDLE_SECONDS

    with pytest.raises(LostPartitionError):
        scene.run()


@pytest.mark.parametrize(("committed", "start"), [(None, 2), (1, 1), (4, 2)])
def test_a_partition_is_begun_at_the_smallest_offset(committed: int | None, start: int) -> None:
    """What the group has passed may have been lost by a database since; what it has not, the caches may not know."""
    assert start == first_offset([Account(3), Account(2)], committed)


def test_what_was_applied_before_is_not_executed() -> None:
    """Its caches and handlers follow once more, since nobody knows whether they did."""
    scene = Scene(applied=2)
    scene.read(0, 1, 2)

    scene.run()

    assert [("replay", "a", [0, 1]), ("apply", "a", [2], 3)] == scene.applier.calls
    assert (1, 2) == (scene.counts.applied, scene.counts.repeated)


def test_after_a_refusal_records_go_one_by_one() -> None:
    """Only the one that is at fault is put aside, and the ones before and behind it are applied in order."""
    scene = Scene()
    scene.read(0, 1, 2)
    scene.applier.failing = lambda offsets: _refused(1062) if 1 in offsets else None

    scene.run()

    assert [("apply", "a", [0], 1), ("aside", "a", 1), ("apply", "a", [2], 3)] == scene.applier.calls
    [letter] = scene.stored
    assert ("failed", b"key", b"value") == (letter.topic, letter.key, letter.value)
    assert (b"1062", b"1", b"id/0/1", b"1") == (
        letter.headers["fluxa-error-code"],
        letter.headers["fluxa-origin-offset"],
        letter.headers["fluxa-dead-letter-id"],
        letter.headers["kept"],
    )


def test_a_dead_letter_is_stored_before_its_offset() -> None:
    """While it cannot be stored nothing is passed over."""
    scene = Scene()
    scene.read(0, flaw="no record")
    scene.broker_is_down = True

    with pytest.raises(KafkaUnavailableError):
        scene.run()
    before = list(scene.applier.calls)
    scene.broker_is_down = False
    scene.run()

    assert ([], [("aside", "a", 0)]) == (before, scene.applier.calls)


@pytest.mark.parametrize("errno", [1114, 1205, 1213, 1290, 2006])
def test_what_passes_is_tried_again_and_nothing_overtakes_it(errno: int) -> None:
    """A full disk or a lock is no fault of the record's."""
    scene = Scene()
    scene.read(0, 1)
    scene.applier.failing = lambda offsets: _refused(errno)

    with pytest.raises(MySQLError):
        scene.run()
    waiting = [arrival.offset for arrival in scene.work.waiting]
    scene.applier.failing = lambda offsets: None
    scene.run()

    assert [0, 1] == waiting
    assert [("apply", "a", [0, 1], 2)] == scene.applier.calls
    assert [] == scene.stored


def test_unknown_names_wait_and_become_a_dead_letter_in_the_end() -> None:
    """What comes before is applied, what comes behind waits as well; the time runs from when it was first met."""
    scene = Scene()
    scene.read(0)
    scene.read(1, unknown="the table 'New'")
    scene.read(2)
    with pytest.raises(NamesMissingError, match="topic\\[0\\]@1: nobody here knows the table 'New'"):
        scene.run()
    scene.now = 9.9
    with pytest.raises(NamesMissingError):
        scene.run()
    position = scene.work.position

    scene.now = 10.0
    scene.run()

    assert 1 == position
    assert [("apply", "a", [0], 1), ("aside", "a", 1), ("apply", "a", [2], 3)] == scene.applier.calls


def test_what_was_put_aside_before_is_passed_over_in_silence() -> None:
    """A consumer that begins anew meets the record again: one dead letter is enough."""
    scene = Scene(applied=1)
    scene.read(0, flaw="no record")

    scene.run()

    assert ([], []) == (scene.applier.calls, scene.stored)
    assert 1 == scene.work.position
