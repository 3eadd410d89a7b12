"""The flights that left New York City's airports in 2013: what the demo stores.

Definitions only. ``fluxaorm generate`` makes the typed package ``entities`` from them, ``fluxaorm alters`` the tables.
Airlines, airports and planes are known to the world by a code, which gets a unique index; rows refer to each other by
id. A flight names planes and airports that the lists do not have: those references are empty and the code is kept.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from fluxaorm import Entity, Field, Index, Int8, Int16, Reference, UInt8, UInt16, UInt32, UniqueIndex


class AirlineEntity(Entity, table="airlines", local_cache=True, redis_cache=True):
    """A carrier. A few rows that everybody reads: cached in the process and in Redis."""

    id: UInt16
    carrier: str = Field(unique=True, cached=True, length=2)
    name: str = Field(length=100)


class AirportEntity(Entity, table="airports", local_cache=2000, redis_cache=True):
    """An airport of the United States."""

    id: UInt32
    faa: str = Field(unique=True, cached=True, length=3)
    name: str = Field(length=100)
    latitude: float
    longitude: float
    altitude: Int16
    utc_offset: Int8
    daylight_saving: Literal["A", "N", "U"] = "U"
    time_zone: str | None = Field(default=None, length=40)


class PlaneEntity(Entity, table="planes", redis_cache=True):
    """A plane of the registry of the Federal Aviation Administration."""

    id: UInt32
    tail_number: str = Field(unique=True, cached=True, length=6)
    built: UInt16 | None = None
    type: Literal["Fixed wing multi engine", "Fixed wing single engine", "Rotorcraft"]
    manufacturer: str = Field(length=60)
    model: str = Field(length=40)
    engines: UInt8
    seats: UInt16
    speed: UInt16 | None = None
    engine: Literal["4 Cycle", "Reciprocating", "Turbo-fan", "Turbo-jet", "Turbo-prop", "Turbo-shaft"]


class WeatherEntity(Entity, table="weather"):
    """An hour's weather at an airport: degrees Fahrenheit, miles an hour, inches, millibars, miles."""

    id: UInt32
    airport: Reference[AirportEntity]
    observed_at: datetime
    temperature: float | None = None
    dew_point: float | None = None
    humidity: float | None = None
    wind_direction: UInt16 | None = None
    wind_speed: float | None = None
    wind_gust: float | None = None
    precipitation: Decimal = Field(default=Decimal("0"), precision=4, scale=2)
    pressure: Decimal | None = Field(default=None, precision=5, scale=1)
    visibility: float
    indexes = (UniqueIndex("airport", "observed_at"),)


class FlightEntity(Entity, table="flights"):
    """A departure: times are UTC, delays and air time minutes, the distance miles. No delay: it was cancelled.

    Flights are searched for and hardly ever looked up by id, so no cache keeps their rows.
    """

    id: UInt32
    scheduled_at: datetime
    airline: Reference[AirlineEntity]
    number: UInt16
    plane: Reference[PlaneEntity] | None = None
    tail_number: str | None = Field(default=None, length=6)
    origin: Reference[AirportEntity]
    destination: Reference[AirportEntity] | None = None
    destination_faa: str = Field(length=3)
    departure_delay: Int16 | None = None
    arrival_delay: Int16 | None = None
    air_time: UInt16 | None = None
    distance: UInt16
    indexes = (Index("origin", "scheduled_at"), Index("arrival_delay"))
