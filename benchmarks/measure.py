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
from typing import Any

from benchmarks.subject import Subject
from benchmarks.table import make_rows
from benchmarks.works import CACHED, WORKS, Unused, Work


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


def able(subjects: Sequence[Subject], work: str) -> list[Subject]:
    """Those that can do a piece of work."""
    return [subject for subject in subjects if hasattr(subject, work)]


def check_agreement(floor: Subject, subjects: Sequence[Subject]) -> None:
    """Every subject gives what the floor gives; AssertionError says who does not and where."""
    for work in (work for work in WORKS if work.floor):
        generator = random.Random(17)
        for _ in range(3):
            arguments = work.draw(generator)
            expected = getattr(floor, work.floor)(*arguments)
            if work.floor == work.name:
                expected = work.shown(expected)
            for subject in able(subjects, work.name):
                got = work.shown(getattr(subject, work.name)(*arguments))
                assert expected == got, f"{subject.name}: {work.name}{arguments!r}: {got!r}, not {expected!r}"


def check_writes(subjects: Sequence[Subject], fetch: Callable[[str], Any]) -> None:
    """What each subject says it wrote is there; ``fetch`` runs a SELECT of one value past all subjects."""
    updating = [(subject, ending) for ending in ("", "_redis") for subject in able(subjects, f"update100{ending}")]
    for number, (subject, ending) in enumerate(updating, start=1):
        # a change empties the caches of what it changes: none of the rows that are asked of them later
        ids = list(range(CACHED + 1, CACHED + 101))
        getattr(subject, f"prepare_update{ending}")(ids, 0)
        getattr(subject, f"update100{ending}")(ids, number * 1_000)
        stock = fetch(f"SELECT SUM(stock) FROM product WHERE id BETWEEN {ids[0]} AND {ids[-1]}")
        assert stock == sum(number * 1_000 + position for position in range(100)), f"{subject.name}: update100{ending}"
    for subject in able(subjects, "upsert1000"):
        first = Unused.take(1_000)
        rows = [(1, "renamed", *make_rows(1, 1)[0][2:]), *make_rows(first, 999)]
        subject.upsert1000(rows)  # type: ignore[attr-defined]  # `able` saw it
        assert fetch(f"SELECT COUNT(*) FROM product WHERE id >= {first}") == 999, f"{subject.name}: upsert1000"
        assert fetch("SELECT name FROM product WHERE id = 1") == "renamed", f"{subject.name}: upsert1000"
        subject.upsert1000([make_rows(1, 1)[0]])  # type: ignore[attr-defined]  # `able` saw it
    inserting = [(subject, ending) for ending in ("", "_redis") for subject in able(subjects, f"insert1000{ending}")]
    for subject, ending in inserting:
        rows = make_rows(Unused.take(1_000), 1_000)
        count = f"SELECT COUNT(*) FROM product WHERE id >= {rows[0][0]}"
        getattr(subject, f"insert1000{ending}")(rows)
        assert fetch(count) == 1_000, f"{subject.name}: insert1000{ending}"
        if ending and hasattr(subject, "delete_where1000"):
            subject.delete_where1000(rows)
            assert fetch(count) == 0, f"{subject.name}: delete_where1000"
        elif hasattr(subject, "delete1000"):
            subject.delete1000(rows)
            assert fetch(count) == 0, f"{subject.name}: delete1000"


def measure(subjects: Sequence[Subject], works: Sequence[Work], rounds: int) -> list[Measurement]:
    """Medians by work and subject."""
    measurements: list[Measurement] = []
    for work in works:
        doing = able(subjects, work.name)
        figures: dict[str, list[tuple[float, float]]] = {subject.name: [] for subject in doing}
        for round_number in range(rounds + 1):
            order = list(doing)
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
    operation = getattr(subject, work.name)
    drawn = [work.draw(generator) for _ in range(work.repeats)]
    gc.collect()
    if not work.prepare:
        wall, cpu = _timed(operation, drawn)
    else:
        wall = cpu = 0.0
        for arguments in drawn:
            getattr(subject, work.prepare)(*arguments)
            one_wall, one_cpu = _timed(operation, [arguments])
            wall, cpu = wall + one_wall, cpu + one_cpu
    return wall / work.repeats * 1e6, cpu / work.repeats * 1e6


def _timed(operation: Callable[..., Any], drawn: Sequence[tuple[Any, ...]]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    for arguments in drawn:
        operation(*arguments)
    return time.perf_counter() - wall, time.process_time() - cpu


def _summary(work: str, subject: str, figures: Sequence[tuple[float, float]]) -> Measurement:
    walls = [wall for wall, _ in figures]
    quartiles = statistics.quantiles(walls, n=4) if len(walls) > 1 else [walls[0]] * 3
    return Measurement(
        work,
        subject,
        round(statistics.median(walls), 2),
        round(statistics.median(cpu for _, cpu in figures), 2),
        round(quartiles[2] - quartiles[0], 2),
    )
