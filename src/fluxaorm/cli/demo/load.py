"""Fills the tables: units of work of some thousands of rows, ids for each in one round trip.

A unit of work is written whole or not at all, in the order of the files. So a table's number of rows says where an
interrupted load goes on, and a table that is complete is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final

import fluxaorm as fx
from fluxaorm.cli.demo.source import Codes, FlightSource, Values
from fluxaorm.cli.demo.tally import Tally
from fluxaorm.engine import Engine

UNIT_OF_WORK: Final = 4_000
_KEYS: Final = {"AirlineEntity": "carrier", "AirportEntity": "faa", "PlaneEntity": "tail_number"}

Progress = Callable[[str, int], None]
"""Called with a table's entity and the rows it now has."""


def load_all(engine: Engine, entities: Any, sources: Iterable[FlightSource], tally: Tally, progress: Progress) -> int:
    """Load what is missing of these tables; the number of rows written. ``entities`` is the generated package."""
    codes: dict[str, dict[str, int]] = {}
    written = 0
    for source in sources:
        provider = getattr(entities, f"{source.entity}Provider")
        with tally.step(f"load {provider.table_name}") as step:
            step.rows = _load(engine, provider, source, codes, tally, progress)
            written += step.rows
        if source.entity in _KEYS:
            codes[source.entity] = _ids_by_key(engine, provider, _KEYS[source.entity], tally)
    return written


def _load(engine: Engine, provider: Any, source: FlightSource, codes: Codes, tally: Tally, progress: Progress) -> int:
    with engine.new_context() as ctx:
        tally.watch(ctx)
        there = provider.count(ctx, fx.Query())
    written = 0
    progress(source.entity, there)
    for rows in _cut(islice(source.read(codes), there, source.rows)):
        written += _write(engine, provider, rows, tally)
        progress(source.entity, there + written)
    return written


def _write(engine: Engine, provider: Any, rows: list[Values], tally: Tally) -> int:
    with engine.new_context() as ctx:
        tally.watch(ctx)
        for entity, values in zip(provider.new_many(ctx, len(rows)), rows, strict=True):
            entity.set(**values)
        return ctx.flush().inserted


def _cut(rows: Iterator[Values]) -> Iterator[list[Values]]:
    while part := list(islice(rows, UNIT_OF_WORK)):
        yield part


def _ids_by_key(engine: Engine, provider: Any, key: str, tally: Tally) -> dict[str, int]:
    with engine.new_context() as ctx:
        tally.watch(ctx)
        fields = provider.fields
        return dict(provider.select(ctx, fx.Query(), getattr(fields, key), fields.id))
