"""Peewee's flights: references by joins."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import peewee

from benchmarks.flights import FOUND
from benchmarks.table import Row


def make_models(database: Any) -> tuple[Any, Any, Any, Any]:
    """Flight, Airline, Plane and Airport on this database."""

    class Airline(peewee.Model):  # type: ignore[misc]  # peewee is untyped
        """A carrier."""

        carrier = peewee.CharField()
        name = peewee.CharField()

        class Meta:
            table_name = "airlines"

    class Airport(peewee.Model):  # type: ignore[misc]  # peewee is untyped
        """An airport."""

        faa = peewee.CharField()
        name = peewee.CharField()
        latitude = peewee.DoubleField()
        longitude = peewee.DoubleField()
        altitude = peewee.IntegerField()
        utc_offset = peewee.IntegerField()
        daylight_saving = peewee.CharField()
        time_zone = peewee.CharField(null=True)

        class Meta:
            table_name = "airports"

    class Plane(peewee.Model):  # type: ignore[misc]  # peewee is untyped
        """A plane."""

        tail_number = peewee.CharField()
        built = peewee.IntegerField(null=True)
        type = peewee.CharField()
        manufacturer = peewee.CharField()
        model = peewee.CharField()
        engines = peewee.IntegerField()
        seats = peewee.IntegerField()
        speed = peewee.IntegerField(null=True)
        engine = peewee.CharField()

        class Meta:
            table_name = "planes"

    class Flight(peewee.Model):  # type: ignore[misc]  # peewee is untyped
        """A departure."""

        scheduled_at = peewee.DateTimeField()
        airline = peewee.ForeignKeyField(Airline, column_name="airline", object_id_name="airline_id")
        number = peewee.IntegerField()
        plane = peewee.ForeignKeyField(Plane, column_name="plane", object_id_name="plane_id", null=True)
        tail_number = peewee.CharField(null=True)
        origin_id = peewee.IntegerField(column_name="origin")
        destination = peewee.ForeignKeyField(
            Airport, column_name="destination", object_id_name="destination_id", null=True
        )
        destination_faa = peewee.CharField()
        departure_delay = peewee.IntegerField(null=True)
        arrival_delay = peewee.IntegerField(null=True)
        air_time = peewee.IntegerField(null=True)
        distance = peewee.IntegerField()

        class Meta:
            table_name = "flights"

    models = (Flight, Airline, Plane, Airport)
    database.bind(models)
    return models


class PeeweeFlights:
    """On ``_flight_models``."""

    _flight_models: tuple[Any, Any, Any, Any]

    def flights100(self, origin: int, after: datetime) -> list[Row]:
        flight = self._flight_models[0]
        return [
            (
                f.id, f.scheduled_at, f.airline_id, f.number, f.plane_id, f.tail_number, f.origin_id, f.destination_id,
                f.destination_faa, f.departure_delay, f.arrival_delay, f.air_time, f.distance,
            )
            for f in self._departures(flight.select(), origin, after)
        ]  # fmt: skip

    def flights100_references(self, origin: int, after: datetime) -> list[Row]:
        flight, airline, plane, airport = self._flight_models
        query = flight.select(flight, airline, plane, airport).join(airline).switch(flight)
        query = query.join(plane, peewee.JOIN.LEFT_OUTER).switch(flight).join(airport, peewee.JOIN.LEFT_OUTER)
        return [
            (f.id, f.airline.name, f.plane.model if f.plane else None, f.destination.name if f.destination else None)
            for f in self._departures(query, origin, after)
        ]

    def _departures(self, query: Any, origin: int, after: datetime) -> Any:
        flight = self._flight_models[0]
        found = query.where(flight.origin_id == origin, flight.scheduled_at >= after)
        return found.order_by(flight.scheduled_at, flight.id).limit(FOUND)
