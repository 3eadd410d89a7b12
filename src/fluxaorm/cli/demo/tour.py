"""Reads through the caches, searches, updates: each a step that is counted, and checked for what it should give.

Leaves the data as it was, so that it can be run again on the same directory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import fluxaorm as fx
from fluxaorm.cli.demo.concurrent import TOGETHER, read_together
from fluxaorm.cli.demo.source import SOURCES
from fluxaorm.cli.demo.tally import Tally, TourStep
from fluxaorm.engine import Engine
from fluxaorm.errors import FluxaError

MANY: Final = 1_000
FEW: Final = 100
CHANGED: Final = 500
PAGE: Final = 10


class DemoError(FluxaError):
    """A step gave something else than it must; this is a bug."""


@dataclass(slots=True)
class Findings:
    """What the searches found, for the report."""

    rows: dict[str, int] = field(default_factory=dict[str, int])
    """Table -> rows."""
    delayed: int = 0
    latest: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    """Flight, airline, from, to, plane, delay of the flights that were latest."""
    old_planes: int = 0
    punctuality: list[tuple[str, int, float]] = field(default_factory=list[tuple[str, int, float]])
    """Airline, flights that arrived, mean delay in minutes; the latest first."""
    far_hours: float = 0.0
    """In the air on the flights of more than 2,500 miles."""
    log: list[TourStep] = field(default_factory=list[TourStep])
    """Steps whose query log is worth a look."""


class Tour:
    """One walk through the library. ``make_engine`` gives another engine, ``entities`` is the generated package."""

    def __init__(self, engine: Engine, make_engine: Callable[[], Engine], entities: Any, tally: Tally) -> None:
        self._engine = engine
        self._make_engine = make_engine
        self._tally = tally
        self._flights = entities.FlightEntityProvider
        self._airports = entities.AirportEntityProvider
        self._planes = entities.PlaneEntityProvider
        self._airlines = entities.AirlineEntityProvider
        self._all = [getattr(entities, f"{source.entity}Provider") for source in SOURCES]
        self.findings = Findings()

    def walk(self) -> Findings:
        """Run every step. DemoError when one gives something else than it must."""
        self._count_rows()
        self._read_many()
        self._read_one_by_one()
        self._read_local()
        self._search()
        self._aggregate()
        self._iterate()
        self._update()
        self._insert_and_delete()
        self._read_together()
        return self.findings

    def _context(self) -> Any:
        ctx = self._engine.new_context()
        self._tally.watch(ctx)
        return ctx

    def _count_rows(self) -> None:
        with self._context() as ctx, self._tally.step("how many rows every table has") as step:
            rows = {provider.table_name: provider.count(ctx, fx.Query()) for provider in self._all}
            step.rows = len(rows)
        self.findings.rows = rows

    def _read_many(self) -> None:
        """The same ids from MySQL, from Redis, from the context."""
        with self._context() as ctx:
            ids = self._planes.search_ids(ctx, fx.Query().sort_by_asc(self._planes.fields.id).limit(MANY))
        with self._context() as ctx, self._tally.step(f"{MANY:,} planes, nothing cached", MANY) as step:
            cold = self._planes.get_by_ids(ctx, *ids)
        _must(step, [plane.id for plane in cold], ids)
        with self._context() as ctx:
            with self._tally.step(f"{MANY:,} planes, from Redis", MANY) as step:
                warm = self._planes.get_by_ids(ctx, *ids)
            _must(step, _rows(warm), _rows(cold))
            with self._tally.step(f"{MANY:,} planes, from the context", MANY) as step:
                again = self._planes.get_by_ids(ctx, *ids)
            _must(step, [a is b for a, b in zip(again, warm, strict=True)], [True] * MANY)

    def _read_one_by_one(self) -> None:
        with self._context() as ctx:
            query = fx.Query().sort_by_desc(self._planes.fields.id).limit(FEW)
            ids = self._planes.search_ids(ctx, query)
        for name in ("nothing cached", "from Redis"):
            with self._context() as ctx, self._tally.step(f"{FEW} planes one by one, {name}", FEW) as step:
                planes = [self._planes.must_get_by_id(ctx, id) for id in ids]
            _must(step, [plane.id for plane in planes], ids)

    def _read_local(self) -> None:
        """Airports have a local cache, too: after the first context they cost no round trip at all."""
        with self._context() as ctx:
            ids = self._airports.search_ids(ctx, fx.Query())
        for name in ("nothing cached", "from the local cache"):
            with self._context() as ctx, self._tally.step(f"{len(ids):,} airports, {name}", len(ids)) as step:
                airports = self._airports.get_by_ids(ctx, *ids)
            _must(step, len(airports), len(ids))
        with self._context() as ctx, self._tally.step("an airport by its code", 1) as step:
            kennedy = self._airports.must_get_by_faa(ctx, "JFK")
        _must(step, kennedy.name, "John F Kennedy Intl")

    def _search(self) -> None:
        F = self._flights.fields
        delayed = fx.Query().filter(F.arrival_delay > 120)
        with self._context() as ctx:
            name = f"a page of {PAGE} late flights and their number"
            with self._tally.step(name, PAGE) as step:
                query = delayed.sort_by_desc(F.arrival_delay).pager(1, PAGE)
                flights, self.findings.delayed = self._flights.search_many_with_total(ctx, query)
            self.findings.log.append(step)
            with self._tally.step("airlines, planes, airports of the page") as step:
                step.rows = self._load_references(ctx, flights)
            self.findings.latest = [self._shown(ctx, flight) for flight in flights]
        with self._context() as ctx, self._tally.step("flights in planes from before 1970", 1):
            self.findings.old_planes = self._flights.count(ctx, fx.Query().filter(F.plane.built < 1970))

    def _load_references(self, ctx: Any, flights: Sequence[Any]) -> int:
        """One batch a reference, however many flights there are."""
        flights_provider = self._flights
        loads = (
            flights_provider.load_airline,
            flights_provider.load_plane,
            flights_provider.load_origin,
            flights_provider.load_destination,
        )
        return sum(len(load(ctx, flights)) for load in loads)

    def _shown(self, ctx: Any, flight: Any) -> tuple[str, ...]:
        airline = flight.must_get_airline(ctx)
        origin = flight.must_get_origin(ctx)
        destination = flight.get_destination(ctx)
        plane = flight.get_plane(ctx)
        return (
            f"{airline.carrier} {flight.number}",
            f"{flight.scheduled_at:%Y-%m-%d %H:%M}",
            airline.name,
            origin.faa,
            flight.destination_faa if destination is None else destination.name,
            "" if plane is None else f"{plane.manufacturer} {plane.model}",
            f"{flight.arrival_delay:,}",
        )

    def _aggregate(self) -> None:
        F = self._flights.fields
        arrived = fx.Query().filter(F.arrival_delay.is_not_null())
        with self._context() as ctx:
            with self._tally.step("mean delay of every airline") as step:
                groups = self._flights.aggregate(
                    ctx, arrived.group_by(F.airline), flights=fx.count(), delay=fx.avg_(F.arrival_delay)
                )
                step.rows = len(groups)
            names = {airline.id: airline.name for airline in self._airlines.get_all(ctx)}
        found = [(names[group["airline"]], group["flights"], float(group["delay"])) for group in groups]
        self.findings.punctuality = sorted(found, key=lambda airline: -airline[2])

    def _iterate(self) -> None:
        """All that match, some thousands a round trip, in constant memory."""
        F = self._flights.fields
        with self._context() as ctx, self._tally.step("flights over 2,500 miles, one after the other") as step:
            minutes = 0
            for flight in self._flights.iterate(ctx, fx.Query().filter(F.distance > 2500), batch=2_000):
                step.rows += 1
                minutes += flight.air_time or 0
        self.findings.far_hours = minutes / 60

    def _update(self) -> None:
        """Change some planes, see the change through the caches, take it back."""
        with self._context() as ctx:
            ids = self._planes.search_ids(ctx, fx.Query().sort_by_asc(self._planes.fields.id).limit(CHANGED))
        before = self._seats(ids, f"{CHANGED} planes before the change")
        self.findings.log.append(self._change(ids, 1, f"{CHANGED} planes changed in one flush"))
        after = self._seats(ids, f"{CHANGED} planes after it, in another context")
        _must(self._tally.steps[-1], after, [seats + 1 for seats in before])
        self._change(ids, -1, "the change taken back")
        _must(self._tally.steps[-1], self._seats(ids, f"{CHANGED} planes after that"), before)

    def _change(self, ids: Iterable[int], by: int, name: str) -> TourStep:
        with self._context() as ctx:
            planes = self._planes.get_by_ids(ctx, *ids)
            for plane in planes:
                plane.seats += by
            with self._tally.step(name) as step:
                step.rows = ctx.flush().updated
        _must(step, step.rows, CHANGED)
        return step

    def _seats(self, ids: Iterable[int], name: str) -> list[int]:
        with self._context() as ctx, self._tally.step(name, CHANGED):
            return [plane.seats for plane in self._planes.get_by_ids(ctx, *ids)]

    def _insert_and_delete(self) -> None:
        with self._context() as ctx:
            origin = self._airports.must_get_by_faa(ctx, "JFK")
            airline = self._airlines.must_get_by_carrier(ctx, "B6")
            with self._tally.step("a new flight", 1) as step:
                flight = self._flights.new(
                    ctx,
                    scheduled_at=datetime(2014, 1, 1, 12, tzinfo=UTC),
                    airline=airline,
                    number=1,
                    origin=origin,
                    destination_faa="LAX",
                    distance=2475,
                )
                ctx.flush()
            with self._tally.step("and gone", 1) as step:
                flight.delete()
                ctx.flush()
            _must(step, self._flights.get_by_id(ctx, flight.id), None)

    def _read_together(self) -> None:
        with self._context() as ctx:
            ids = self._planes.search_ids(
                ctx, fx.Query().sort_by_asc(self._planes.fields.id).offset(MANY).limit(TOGETHER)
            )
        found = read_together(self._make_engine, self._planes, ids, self._tally)
        _must(self._tally.steps[-1], found, [ids, ids])


def _rows(entities: Iterable[Any]) -> list[dict[str, Any]]:
    return [entity.to_dict() for entity in entities]


def _must(step: TourStep, actual: Any, expected: Any) -> None:
    if actual != expected:
        raise DemoError(f"the step '{step.name}' gave {str(actual)[:200]} and not {str(expected)[:200]}")
