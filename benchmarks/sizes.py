"""What things weigh: loaded objects and locally cached rows in memory, the import in time, generated code in lines.

Memory is what tracemalloc says that 10,000 of them take, divided; of a subject that has ``hold``, which loads rows of
these ids and returns what must be kept, or ``hold_new``, which makes objects that wait to be written. The peak while
all rows are iterated over is tracemalloc's too: what a driver buffers in C is not in it. The import is timed in fresh
interpreters, less its dependencies'.
"""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import fluxaorm as fx
from benchmarks.measure import able
from benchmarks.subject import Subject
from benchmarks.subjects.fluxa import CategoryEntity, ProductEntity

COUNT: Final = 10_000
DEPENDENCIES: Final = ("asyncio", "decimal", "weakref", "msgspec", "cachebox", "yaml", "jinja2")
"""What ``import fluxaorm`` may import of others; what of it is missing in the end counts as ours."""


def sizes(subjects: Sequence[Subject]) -> dict[str, float]:
    """Figure by name."""
    figures: dict[str, float] = {}
    weighed = {"hold": "bytes_an_object", "hold_local": "bytes_a_local_row", "hold_new": "bytes_a_new_object"}
    for name, what in weighed.items():
        for subject in able(subjects, name):
            figures[f"{subject.name}_{what}"] = _bytes_each(getattr(subject, name))
    for subject in able(subjects, "iterate20000"):
        figures[f"{subject.name}_peak_bytes_of_iterate20000"] = _peak_bytes(subject.iterate20000)  # type: ignore[attr-defined]  # `able` saw it
    figures["import_ms"] = _import_ms("fluxaorm") - _import_ms(*DEPENDENCIES)
    return figures | _generated_lines()


def _bytes_each(hold: Callable[[Sequence[int]], object]) -> int:
    # what is made once is made before
    hold(range(1, 101))
    gc.collect()
    tracemalloc.start()
    kept = hold(range(1, COUNT + 1))
    gc.collect()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return taken // COUNT


def _peak_bytes(iterate: Callable[[], object]) -> int:
    """More memory than before, at most, that Python objects took meanwhile."""
    gc.collect()
    tracemalloc.start()
    iterate()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def _import_ms(*modules: str) -> float:
    code = f"import time; start = time.process_time(); import {', '.join(modules)}; print(time.process_time() - start)"
    with TemporaryDirectory() as compiled:
        # a user's modules are compiled once, whatever this environment thinks of .pyc files
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        _, *runs = [
            subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
            for _ in range(10)
        ]
    return round(statistics.median(float(run.stdout) for run in runs) * 1_000, 1)


def _generated_lines() -> dict[str, float]:
    registry = fx.Registry()
    registry.register_mysql("mysql://nobody@localhost:1/nothing")
    registry.register_entity(CategoryEntity, ProductEntity)
    with TemporaryDirectory() as directory:
        fx.generate(registry.validate(connect=False), directory)
        lines = len((Path(directory) / "product_entity.py").read_text().splitlines())
    return {"generated_lines_of_product": lines, "columns_of_product": 10}
