"""SQLAlchemy's flights: ORM, references by ``selectinload``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

from benchmarks.flights import FOUND
from benchmarks.table import Row


class FlightsBase(DeclarativeBase):
    """SQLAlchemy's registry of these tables."""


class Airline(FlightsBase):
    """A carrier."""

    __tablename__ = "airlines"

    id: Mapped[int] = mapped_column(primary_key=True)
    carrier: Mapped[str]
    name: Mapped[str]


class Airport(FlightsBase):
    """An airport."""

    __tablename__ = "airports"

    id: Mapped[int] = mapped_column(primary_key=True)
    faa: Mapped[str]
    name: Mapped[str]
    latitude: Mapped[float]
    longitude: Mapped[float]
    altitude: Mapped[int]
    utc_offset: Mapped[int]
    daylight_saving: Mapped[str]
    time_zone: Mapped[str | None]


class Plane(FlightsBase):
    """A plane."""

    __tablename__ = "planes"

    id: Mapped[int] = mapped_column(primary_key=True)
    tail_number: Mapped[str]
    built: Mapped[int | None]
    type: Mapped[str]
    manufacturer: Mapped[str]
    model: Mapped[str]
    engines: Mapped[int]
    seats: Mapped[int]
    speed: Mapped[int | None]
    engine: Mapped[str]


class Flight(FlightsBase):
    """A departure."""

    __tablename__ = "flights"

    id: Mapped[int] = mapped_column(primary_key=True)
    scheduled_at: Mapped[datetime]
    airline_id: Mapped[int] = mapped_column("airline", ForeignKey("airlines.id"))
    number: Mapped[int]
    plane_id: Mapped[int | None] = mapped_column("plane", ForeignKey("planes.id"))
    tail_number: Mapped[str | None]
    origin_id: Mapped[int] = mapped_column("origin")
    destination_id: Mapped[int | None] = mapped_column("destination", ForeignKey("airports.id"))
    destination_faa: Mapped[str]
    departure_delay: Mapped[int | None]
    arrival_delay: Mapped[int | None]
    air_time: Mapped[int | None]
    distance: Mapped[int]
    airline: Mapped[Airline] = relationship()
    plane: Mapped[Plane | None] = relationship()
    destination: Mapped[Airport | None] = relationship()


_ALL = select(Flight).order_by(Flight.scheduled_at, Flight.id).limit(FOUND)
_LOADED = (selectinload(Flight.airline), selectinload(Flight.plane), selectinload(Flight.destination))


class SQLAlchemyFlights:
    """On ``_reading``, an engine."""

    _reading: Any

    def flights100(self, origin: int, after: datetime) -> list[Row]:
        with Session(self._reading) as session:
            return [
                (
                    f.id, f.scheduled_at, f.airline_id, f.number, f.plane_id, f.tail_number, f.origin_id,
                    f.destination_id, f.destination_faa, f.departure_delay, f.arrival_delay, f.air_time, f.distance,
                )
                for f in _departures(session, origin, after)
            ]  # fmt: skip

    def flights100_references(self, origin: int, after: datetime) -> list[Row]:
        with Session(self._reading) as session:
            return [
                (
                    f.id, f.airline.name, f.plane.model if f.plane else None,
                    f.destination.name if f.destination else None,
                )
                for f in _departures(session, origin, after, *_LOADED)
            ]  # fmt: skip


def _departures(session: Session, origin: int, after: datetime, *options: Any) -> Sequence[Flight]:
    query = _ALL.where(Flight.origin_id == origin, Flight.scheduled_at >= after).options(*options)
    return session.scalars(query).all()
