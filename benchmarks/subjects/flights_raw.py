"""The floor's flights: one SELECT, joins included, into slotted classes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from benchmarks.flights import FLIGHT_COLUMNS, FOUND
from benchmarks.table import Row

_WHERE = f"WHERE f.origin = %s AND f.scheduled_at >= %s ORDER BY f.scheduled_at, f.id LIMIT {FOUND}"
_SELECT = f"SELECT {', '.join(f'f.{name}' for name in FLIGHT_COLUMNS)} FROM flights f {_WHERE}"
_JOINED = (
    f"SELECT {', '.join(f'f.{name}' for name in FLIGHT_COLUMNS)}, a.name, p.model, d.name FROM flights f"
    " JOIN airlines a ON a.id = f.airline LEFT JOIN planes p ON p.id = f.plane"
    f" LEFT JOIN airports d ON d.id = f.destination {_WHERE}"
)


class Flight:
    """What a hand-written mapper would fill; the last three of others, when they were asked for."""

    __slots__ = (*FLIGHT_COLUMNS, "airline_name", "destination_name", "plane_model")

    def __init__(self, *values: Any) -> None:
        (
            self.id, self.scheduled_at, self.airline, self.number, self.plane, self.tail_number, self.origin,
            self.destination, self.destination_faa, self.departure_delay, self.arrival_delay, self.air_time,
            self.distance, self.airline_name, self.plane_model, self.destination_name,
        ) = values  # fmt: skip


class RawFlights:
    """By hand, on ``_connection``."""

    _connection: Any

    def flights100(self, origin: int, after: datetime) -> list[Row]:
        cursor = self._connection.cursor()
        cursor.execute(_SELECT, (origin, after))
        found = [Flight(*row, None, None, None) for row in cursor.fetchall()]
        cursor.close()
        return [
            (
                f.id, f.scheduled_at, f.airline, f.number, f.plane, f.tail_number, f.origin, f.destination,
                f.destination_faa, f.departure_delay, f.arrival_delay, f.air_time, f.distance,
            )
            for f in found
        ]  # fmt: skip

    def flights100_references(self, origin: int, after: datetime) -> list[Row]:
        cursor = self._connection.cursor()
        cursor.execute(_JOINED, (origin, after))
        found = [Flight(*row) for row in cursor.fetchall()]
        cursor.close()
        return [(f.id, f.airline_name, f.plane_model, f.destination_name) for f in found]
