"""Dates and times."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from tests.unit.entity.cases.case import Case

NAIVE = datetime(2024, 2, 29, 12, 30, 1)  # noqa: DTZ001 - what is under test
CET = timezone(timedelta(hours=1))
LONGEST = timedelta(hours=838, minutes=59, seconds=59)

EAST = timezone(timedelta(hours=14))
WEST = timezone(timedelta(hours=-12))
LAST = datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)


class Day(date):
    """A date of another class."""


def with_digits(fsp: int) -> list[Case]:
    """datetime, time and timedelta with so many digits of the second: the finest value, and what is cut."""
    micros = 123456 // 10 ** (6 - fsp) * 10 ** (6 - fsp)
    nines = 999999 // 10 ** (6 - fsp) * 10 ** (6 - fsp)
    digits, most = f".{micros:06}"[: fsp + 1 if fsp else 0], f".{nines:06}"[: fsp + 1 if fsp else 0]
    suffix = f"({fsp})" if fsp else ""
    moment, clock = datetime(2024, 2, 29, 1, 2, 3, 123456, UTC), time(1, 2, 3, 123456)
    span = timedelta(hours=101, microseconds=micros)
    return [
        Case(
            f"datetime of {fsp} digits",
            datetime,
            "datetime",
            f"datetime{suffix}",
            [
                (moment, moment.replace(microsecond=micros), f"2024-02-29 01:02:03{digits}"),
                (LAST, LAST.replace(microsecond=nines), f"9999-12-31 23:59:59{most}"),
            ],
            [(None, "must be a datetime, not None")],
            {"fsp": fsp},
        ),
        Case(
            f"time of {fsp} digits",
            time,
            "time",
            f"time{suffix}",
            [
                (clock, clock.replace(microsecond=micros), f"01:02:03{digits}"),
                (time.max, time.max.replace(microsecond=nines), f"23:59:59{most}"),
            ],
            [(None, "must be a time, not None")],
            {"fsp": fsp},
        ),
        Case(
            f"timedelta of {fsp} digits",
            timedelta,
            "timedelta",
            f"time{suffix}",
            [
                (timedelta(hours=101, microseconds=123456), span, f"101:00:00{digits}"),
                (-timedelta(hours=101, microseconds=123456), -span, f"-101:00:00{digits}"),
            ],
            [(None, "must be a timedelta, not None")],
            {"fsp": fsp},
        ),
    ]


TIMES = [
    Case(
        "date",
        date,
        "date",
        "date",
        [
            (date(2024, 2, 29), date(2024, 2, 29), "2024-02-29"),
            (date.min, date.min, "0001-01-01"),
            (date(1000, 1, 1), date(1000, 1, 1), "1000-01-01"),
            (date(1600, 2, 29), date(1600, 2, 29), "1600-02-29"),
            (Day(2000, 2, 29), date(2000, 2, 29), "2000-02-29"),
            (date.max, date.max, "9999-12-31"),
        ],
        [
            (datetime(2024, 2, 29, tzinfo=UTC), "must be a date, not a datetime"),
            ("2024-02-29", "must be a date, not a str"),
        ],
        native=[(datetime(2024, 2, 29, 5, tzinfo=UTC), date(2024, 2, 29))],
    ),
    Case(
        "datetime",
        datetime,
        "datetime",
        "datetime",
        [
            (
                datetime(2024, 2, 29, 12, 30, 1, tzinfo=UTC),
                datetime(2024, 2, 29, 12, 30, 1, tzinfo=UTC),
                "2024-02-29 12:30:01",
            ),
            (NAIVE, datetime(2024, 2, 29, 12, 30, 1, tzinfo=UTC), "2024-02-29 12:30:01"),
            (
                datetime(2024, 2, 29, 0, 30, tzinfo=CET),
                datetime(2024, 2, 28, 23, 30, tzinfo=UTC),
                "2024-02-28 23:30:00",
            ),
            (
                datetime(2024, 2, 29, 12, 30, 1, 999999, tzinfo=UTC),
                datetime(2024, 2, 29, 12, 30, 1, tzinfo=UTC),
                "2024-02-29 12:30:01",
            ),
            (datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC), "0001-01-01 00:00:00"),
            (datetime(1, 1, 1, 14, tzinfo=EAST), datetime(1, 1, 1, tzinfo=UTC), "0001-01-01 00:00:00"),
            (datetime(1000, 1, 1, tzinfo=UTC), datetime(1000, 1, 1, tzinfo=UTC), "1000-01-01 00:00:00"),
            (LAST, LAST.replace(microsecond=0), "9999-12-31 23:59:59"),
            (
                datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Warsaw")),
                datetime(2024, 10, 27, 1, 30, tzinfo=UTC),
                "2024-10-27 01:30:00",
            ),
        ],
        [
            (date(2024, 2, 29), "must be a datetime, not a date"),
            ("2024-02-29 12:30:01", "must be a datetime, not a str"),
            (datetime(1, 1, 1, tzinfo=CET), "must be within the years 1 to 9999 in UTC"),
            (datetime(9999, 12, 31, 12, tzinfo=WEST), "must be within the years 1 to 9999 in UTC"),
        ],
        native=[(NAIVE, datetime(2024, 2, 29, 12, 30, 1, tzinfo=UTC))],
    ),
    Case(
        "datetime with a fraction",
        datetime,
        "datetime",
        "datetime(3)",
        [
            (
                datetime(2024, 1, 1, 0, 0, 0, 123999, tzinfo=UTC),
                datetime(2024, 1, 1, 0, 0, 0, 123000, tzinfo=UTC),
                "2024-01-01 00:00:00.123",
            )
        ],
        [(0, "must be a datetime, not an int")],
        {"fsp": 3},
    ),
    Case(
        "datetime with all of a fraction",
        datetime,
        "datetime",
        "datetime(6)",
        [
            (
                datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
                datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
                "2024-01-01 00:00:00.000001",
            )
        ],
        [(0.0, "must be a datetime, not a float")],
        {"fsp": 6},
    ),
    Case(
        "time",
        time,
        "time",
        "time",
        [(time(23, 59, 59, 999999), time(23, 59, 59), "23:59:59"), (time(0), time(0), "00:00:00")],
        [(time(1, tzinfo=UTC), "must have no time zone"), (timedelta(hours=1), "must be a time, not a timedelta")],
        native=[(timedelta(hours=23, minutes=1), time(23, 1))],
    ),
    Case(
        "time with a fraction",
        time,
        "time",
        "time(1)",
        [(time(1, 2, 3, 990000), time(1, 2, 3, 900000), "01:02:03.9")],
        [("01:02:03", "must be a time, not a str")],
        {"fsp": 1},
        [(timedelta(seconds=1, microseconds=500000), time(0, 0, 1, 500000))],
    ),
    Case(
        "timedelta",
        timedelta,
        "timedelta",
        "time",
        [
            (LONGEST, LONGEST, "838:59:59"),
            (-LONGEST, -LONGEST, "-838:59:59"),
            (timedelta(seconds=-1, microseconds=-999999), timedelta(seconds=-1), "-00:00:01"),
            (timedelta(microseconds=-1), timedelta(0), "00:00:00"),
            (timedelta(days=1, seconds=1), timedelta(days=1, seconds=1), "24:00:01"),
            (LONGEST + timedelta(microseconds=1), LONGEST, "838:59:59"),
        ],
        [
            (LONGEST + timedelta(seconds=1), "must be within -838:59:59 to 838:59:59"),
            (timedelta.min, "must be within -838:59:59 to 838:59:59"),
            (5, "must be a timedelta, not an int"),
        ],
        native=[(time(1, 2, 3), timedelta(hours=1, minutes=2, seconds=3))],
    ),
    Case(
        "timedelta with a short fraction",
        timedelta,
        "timedelta",
        "time(3)",
        [(timedelta(seconds=-1, milliseconds=-50), timedelta(seconds=-1, milliseconds=-50), "-00:00:01.050")],
        [(None, "must be a timedelta, not None")],
        {"fsp": 3},
        [("00:00:01.5", timedelta(seconds=1.5))],
    ),
    Case(
        "timedelta with a fraction",
        timedelta,
        "timedelta",
        "time(6)",
        [
            (timedelta(microseconds=-1), timedelta(microseconds=-1), "-00:00:00.000001"),
            (-LONGEST, -LONGEST, "-838:59:59.000000"),
        ],
        [(LONGEST + timedelta(microseconds=1), "must be within -838:59:59 to 838:59:59")],
        {"fsp": 6},
    ),
    *[case for fsp in range(7) for case in with_digits(fsp)],
]
"""The cases."""
