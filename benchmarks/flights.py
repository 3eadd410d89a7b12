"""The demo's flights as tables besides ``product``: 13 columns, values missing here and there, nullable references.

Rows are read by the demo's own reader: all airlines, airports and planes, and the year's first flights.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any, Final

from fluxaorm.cli.demo.source import sources

FLIGHTS: Final = 20_000
FOUND: Final = 100
"""Flights that a search of the benchmark finds."""
ORIGINS: Final = ("EWR", "JFK", "LGA")
FLIGHT_COLUMNS: Final = (
    "id", "scheduled_at", "airline", "number", "plane", "tail_number", "origin", "destination", "destination_faa",
    "departure_delay", "arrival_delay", "air_time", "distance",
)  # fmt: skip
_KEYS: Final = {"AirlineEntity": "carrier", "AirportEntity": "faa", "PlaneEntity": "tail_number", "FlightEntity": "id"}
"""Entity -> the field that flights know its rows by."""
_FIRST: Final = datetime(2013, 1, 1, 10)  # noqa: DTZ001 - naive, as every driver gives it
_LAST_DAYS: Final = 15
"""Days of which at least ``FOUND`` flights of each airport follow."""

DDL: Final[Mapping[str, tuple[str, str]]] = {
    "AirlineEntity": (
        "airlines",
        "id SMALLINT UNSIGNED PRIMARY KEY, carrier VARCHAR(2) NOT NULL UNIQUE, name VARCHAR(100) NOT NULL",
    ),
    "AirportEntity": (
        "airports",
        "id INT UNSIGNED PRIMARY KEY, faa VARCHAR(3) NOT NULL UNIQUE, name VARCHAR(100) NOT NULL,"
        " latitude DOUBLE NOT NULL, longitude DOUBLE NOT NULL, altitude SMALLINT NOT NULL, utc_offset TINYINT NOT NULL,"
        " daylight_saving ENUM('A','N','U') NOT NULL DEFAULT 'U', time_zone VARCHAR(40)",
    ),
    "PlaneEntity": (
        "planes",
        "id INT UNSIGNED PRIMARY KEY, tail_number VARCHAR(6) NOT NULL UNIQUE, built SMALLINT UNSIGNED,"
        " type ENUM('Fixed wing multi engine','Fixed wing single engine','Rotorcraft') NOT NULL,"
        " manufacturer VARCHAR(60) NOT NULL, model VARCHAR(40) NOT NULL, engines TINYINT UNSIGNED NOT NULL,"
        " seats SMALLINT UNSIGNED NOT NULL, speed SMALLINT UNSIGNED, engine ENUM('4 Cycle','Reciprocating','Turbo-fan',"
        "'Turbo-jet','Turbo-prop','Turbo-shaft') NOT NULL",
    ),
    "FlightEntity": (
        "flights",
        "id INT UNSIGNED PRIMARY KEY, scheduled_at DATETIME NOT NULL, airline SMALLINT UNSIGNED NOT NULL,"
        " number SMALLINT UNSIGNED NOT NULL, plane INT UNSIGNED, tail_number VARCHAR(6), origin INT UNSIGNED NOT NULL,"
        " destination INT UNSIGNED, destination_faa VARCHAR(3) NOT NULL, departure_delay SMALLINT,"
        " arrival_delay SMALLINT, air_time SMALLINT UNSIGNED, distance SMALLINT UNSIGNED NOT NULL,"
        " KEY origin_scheduled_at (origin, scheduled_at), KEY arrival_delay (arrival_delay), KEY airline (airline),"
        " KEY plane (plane), KEY destination (destination)",
    ),
}
"""Entity -> its table and what is in it."""


@cache
def rows() -> Mapping[str, list[dict[str, Any]]]:
    """Entity -> its rows, ids counted from 1; datetimes are naive UTC."""
    read: dict[str, list[dict[str, Any]]] = {}
    codes: dict[str, dict[str, int]] = {}
    for source in sources(FLIGHTS):
        if source.entity not in DDL:
            continue
        read[source.entity] = [
            {"id": id, **values} for id, values in enumerate(islice(source.read(codes), source.rows), start=1)
        ]
        codes[source.entity] = {row[_KEYS[source.entity]]: row["id"] for row in read[source.entity]}
    for flight in read["FlightEntity"]:
        flight["scheduled_at"] = flight["scheduled_at"].replace(tzinfo=None)
    return read


def fill(cursor: Any) -> None:
    """Make the tables and fill them."""
    for entity, (table, columns) in DDL.items():
        cursor.execute(f"CREATE TABLE {table} ({columns}) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4")
        values = [tuple(row.values()) for row in rows()[entity]]
        names = ", ".join(rows()[entity][0])
        places = ", ".join(["%s"] * len(values[0]))
        for first in range(0, len(values), 1_000):
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", values[first : first + 1_000])
    cursor.execute(f"ANALYZE TABLE {', '.join(table for table, _ in DDL.values())}")


def draw_departures(generator: random.Random) -> tuple[int, datetime]:
    """An airport of New York's, by id, and a moment."""
    airports = {row["faa"]: row["id"] for row in rows()["AirportEntity"]}
    moment = _FIRST + timedelta(minutes=generator.randrange(_LAST_DAYS * 24 * 60))
    return airports[generator.choice(ORIGINS)], moment
