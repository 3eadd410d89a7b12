"""Django's flights: references by ``select_related``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from benchmarks.flights import FOUND
from benchmarks.table import Row


def make_flight_model() -> Any:
    """Flight, with the models it refers to; Django is set up."""
    from django.db import models

    class Airline(models.Model):
        """A carrier."""

        id = models.PositiveSmallIntegerField(primary_key=True)
        carrier = models.CharField(max_length=2)
        name = models.CharField(max_length=100)

        class Meta:
            app_label = "benchmarks"
            db_table = "airlines"
            managed = False

    class Airport(models.Model):
        """An airport."""

        id = models.PositiveIntegerField(primary_key=True)
        faa = models.CharField(max_length=3)
        name = models.CharField(max_length=100)
        latitude = models.FloatField()
        longitude = models.FloatField()
        altitude = models.SmallIntegerField()
        utc_offset = models.SmallIntegerField()
        daylight_saving = models.CharField(max_length=1)
        time_zone = models.CharField(max_length=40, null=True)

        class Meta:
            app_label = "benchmarks"
            db_table = "airports"
            managed = False

    class Plane(models.Model):
        """A plane."""

        id = models.PositiveIntegerField(primary_key=True)
        tail_number = models.CharField(max_length=6)
        built = models.PositiveSmallIntegerField(null=True)
        type = models.CharField(max_length=30)
        manufacturer = models.CharField(max_length=60)
        model = models.CharField(max_length=40)
        engines = models.PositiveSmallIntegerField()
        seats = models.PositiveSmallIntegerField()
        speed = models.PositiveSmallIntegerField(null=True)
        engine = models.CharField(max_length=20)

        class Meta:
            app_label = "benchmarks"
            db_table = "planes"
            managed = False

    class Flight(models.Model):
        """A departure."""

        id = models.PositiveIntegerField(primary_key=True)
        scheduled_at = models.DateTimeField()
        airline = models.ForeignKey(Airline, models.DO_NOTHING, db_column="airline", db_constraint=False)
        number = models.PositiveSmallIntegerField()
        plane = models.ForeignKey(Plane, models.DO_NOTHING, db_column="plane", db_constraint=False, null=True)
        tail_number = models.CharField(max_length=6, null=True)
        origin_id = models.PositiveIntegerField(db_column="origin")
        destination = models.ForeignKey(
            Airport, models.DO_NOTHING, db_column="destination", db_constraint=False, null=True
        )
        destination_faa = models.CharField(max_length=3)
        departure_delay = models.SmallIntegerField(null=True)
        arrival_delay = models.SmallIntegerField(null=True)
        air_time = models.PositiveSmallIntegerField(null=True)
        distance = models.PositiveSmallIntegerField()

        class Meta:
            app_label = "benchmarks"
            db_table = "flights"
            managed = False

    return Flight


class DjangoFlights:
    """On ``_flight``, a model."""

    _flight: Any

    def flights100(self, origin: int, after: datetime) -> list[Row]:
        return [
            (
                f.id, f.scheduled_at, f.airline_id, f.number, f.plane_id, f.tail_number, f.origin_id, f.destination_id,
                f.destination_faa, f.departure_delay, f.arrival_delay, f.air_time, f.distance,
            )
            for f in self._departures(origin, after)
        ]  # fmt: skip

    def flights100_references(self, origin: int, after: datetime) -> list[Row]:
        return [
            (f.id, f.airline.name, f.plane.model if f.plane else None, f.destination.name if f.destination else None)
            for f in self._departures(origin, after, "airline", "plane", "destination")
        ]

    def _departures(self, origin: int, after: datetime, *related: str) -> Any:
        found = self._flight.objects.filter(origin_id=origin, scheduled_at__gte=after)
        if related:
            found = found.select_related(*related)
        return found.order_by("scheduled_at", "id")[:FOUND]
