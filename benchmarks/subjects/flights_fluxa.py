"""Our flights: the demo's own definitions, so airlines, airports and planes come through its caches."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import fluxaorm as fx
from benchmarks.flights import FOUND
from benchmarks.table import Row
from fluxaorm.cli.demo.models import AirlineEntity, AirportEntity, FlightEntity, PlaneEntity

FLIGHT_ENTITIES = (AirlineEntity, AirportEntity, PlaneEntity, FlightEntity)


class FluxaFlights:
    """On ``_flights_engine``, whose entities are ``FLIGHT_ENTITIES``."""

    _flights_engine: Any

    def flights100(self, origin: int, after: datetime) -> list[Row]:
        with self._flights_engine.new_context() as ctx:
            return [
                (
                    f.id, f.scheduled_at.replace(tzinfo=None), f.airline_id, f.number, f.plane_id, f.tail_number,
                    f.origin_id, f.destination_id, f.destination_faa, f.departure_delay, f.arrival_delay, f.air_time,
                    f.distance,
                )
                for f in self._departures(ctx, origin, after)
            ]  # fmt: skip

    def flights100_references(self, origin: int, after: datetime) -> list[Row]:
        flights = self._flights_engine.provider(FlightEntity)
        with self._flights_engine.new_context() as ctx:
            found = self._departures(ctx, origin, after)
            for load in (flights.load_airline, flights.load_plane, flights.load_destination):
                load(ctx, found)
            rows: list[Row] = []
            for flight in found:
                plane, destination = flight.get_plane(ctx), flight.get_destination(ctx)
                rows.append(
                    (
                        flight.id, flight.get_airline(ctx).name, plane.model if plane else None,
                        destination.name if destination else None,
                    )
                )  # fmt: skip
            return rows

    def _departures(self, ctx: Any, origin: int, after: datetime) -> Any:
        flights = self._flights_engine.provider(FlightEntity)
        fields = flights.fields
        query = fx.Query().filter(fields.origin == origin, fields.scheduled_at >= after.replace(tzinfo=UTC))
        return flights.search_many(ctx, query.sort_by_asc(fields.scheduled_at).pager(1, FOUND))
