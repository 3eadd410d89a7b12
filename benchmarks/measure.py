"""Measuring: the same work by every subject, interleaved over rounds, so that the machine's moods hit all alike.

Wall and client CPU time per operation; a round's figure is the mean over its operations, the result the median of
rounds. Nothing here asserts a time.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from benchmarks.subject import Subject
from benchmarks.table import ROWS, make_rows

Operation = Callable[[Subject, random.Random], Callable[[], Any]]


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work: ``prepare`` draws its input and gives what is measured."""

    name: str
    prepare: Operation
    repeats: int
    """Operations a round."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of the result; times in microseconds an operation, ``spread`` the interquartile range of the
    rounds' wall.
    """

    work: str
    subject: str
    wall_us: float
    cpu_us: float
    spread: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class Inserted:
    """Hands out ids above the table's, so that every insert is new."""

    next_id = 10_000_000

    @classmethod
    def take(cls, count: int) -> int:
        """The first of ``count`` unused ids."""
        first, cls.next_id = cls.next_id, cls.next_id + count
        return first


def _get(subject: Subject, generator: random.Random) -> Callable[[], Any]:
    id = generator.randrange(1, ROWS + 1)
    return lambda: subject.get_mysql(id)


def _get100(subject: Subject, generator: random.Random) -> Callable[[], Any]:
    ids = generator.sample(range(1, ROWS + 1), 100)
    return lambda: subject.get100_mysql(ids)


def _page(subject: Subject, generator: random.Random) -> Callable[[], Any]:
    price = Decimal(generator.randrange(100, 50_000)) / 100
    return lambda: subject.page20(price)


def _insert(subject: Subject, generator: random.Random) -> Callable[[], Any]:
    rows = make_rows(Inserted.take(1_000), 1_000)
    return lambda: subject.insert1000(rows)


def _update(subject: Subject, generator: random.Random) -> Callable[[], Any]:
    ids = generator.sample(range(1, ROWS + 1), 100)
    # a number nobody wrote before: a subject that finds nothing changed would write nothing
    stock = Inserted.take(1_000)
    subject.prepare_update(ids)
    return lambda: subject.update100(ids, stock)


WORKS: tuple[Work, ...] = (
    Work("get_mysql", _get, 300),
    Work("get100_mysql", _get100, 30),
    Work("page20", _page, 60),
    Work("insert1000", _insert, 2),
    Work("update100", _update, 5),
)


def check_agreement(subjects: Sequence[Subject]) -> None:
    """Every subject gives what the floor, the first subject, gives; AssertionError says who does not and where."""
    floor = subjects[0]
    for subject in subjects[1:]:
        for seed in range(5):
            expected_row = floor.get_mysql(seed * 991 + 1)
            assert expected_row == subject.get_mysql(seed * 991 + 1), f"{subject.name}: get_mysql"
            ids = random.Random(seed).sample(range(1, ROWS + 1), 100)
            assert sorted(floor.get100_mysql(ids)) == sorted(subject.get100_mysql(ids)), f"{subject.name}: get100_mysql"
            price = Decimal(seed * 50 + 1)
            assert floor.page20(price) == subject.page20(price), f"{subject.name}: page20"


def check_writes(subjects: Sequence[Subject], fetch: Callable[[str], Any]) -> None:
    """What each subject says it wrote is there; ``fetch`` runs a SELECT of one value past all subjects."""
    for number, subject in enumerate(subjects, start=1):
        ids = list(range(1, 101))
        subject.prepare_update(ids)
        subject.update100(ids, number * 1_000)
        stock = fetch("SELECT SUM(stock) FROM product WHERE id <= 100")
        assert stock == sum(number * 1_000 + position for position in range(100)), f"{subject.name}: update100"
        first = Inserted.take(1_000)
        subject.insert1000(make_rows(first, 1_000))
        assert fetch(f"SELECT COUNT(*) FROM product WHERE id >= {first}") == 1_000, f"{subject.name}: insert1000"


def measure(subjects: Sequence[Subject], works: Sequence[Work], rounds: int) -> list[Measurement]:
    """Medians by work and subject."""
    measurements: list[Measurement] = []
    for work in works:
        figures: dict[str, list[tuple[float, float]]] = {subject.name: [] for subject in subjects}
        for round_number in range(rounds + 1):
            order = list(subjects)
            random.Random(round_number).shuffle(order)
            for subject in order:
                figure = _round(work, subject, round_number)
                # the first round warms up
                if round_number:
                    figures[subject.name].append(figure)
        measurements.extend(_summary(work.name, name, rounds_) for name, rounds_ in figures.items())
    return measurements


def _round(work: Work, subject: Subject, seed: int) -> tuple[float, float]:
    generator = random.Random(seed)
    wall = cpu = 0.0
    gc.collect()
    for _ in range(work.repeats):
        operation = work.prepare(subject, generator)
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        operation()
        wall += time.perf_counter() - wall_start
        cpu += time.process_time() - cpu_start
    return wall / work.repeats * 1e6, cpu / work.repeats * 1e6


def _summary(work: str, subject: str, figures: Sequence[tuple[float, float]]) -> Measurement:
    walls = [wall for wall, _ in figures]
    quartiles = statistics.quantiles(walls, n=4) if len(walls) > 1 else [walls[0]] * 3
    return Measurement(
        work,
        subject,
        round(statistics.median(walls), 1),
        round(statistics.median(cpu for _, cpu in figures), 1),
        round(quartiles[2] - quartiles[0], 1),
    )
