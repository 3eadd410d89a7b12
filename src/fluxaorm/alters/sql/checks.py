"""What has to be asked of a table before a change: which rows it would lose, and which would keep it from being made.

Pure. A check is a SELECT and the way to read its rows: ``(total, group, key, value, ...)``; those of a group are equal.
A check has two spellings, for a table as it will be when its alter's turn comes, and as it is now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fluxaorm.alters.sql.finding import Finding

EXAMPLES: Final = 10
"""Rows that a check shows."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question to a table's rows."""

    what: str
    sql: str
    """For the table as it is when the alter's turn comes."""
    early_sql: str = ""
    """For the table as it was found, where earlier alters give it or its columns other names; "" when equal."""
    blocking: bool = False
    unsure: bool = False
    """Whether only the server can tell if a row is in the way."""
    labels: tuple[str, ...] = ()
    """Names of the values that equal rows share; those of secret fields are not among them."""

    def finding(self, rows: Sequence[Sequence[Any]]) -> Finding | None:
        """What the answer says; None when no row is affected."""
        if not rows or not int(rows[0][0]):
            return None
        keys = tuple(shown_value(row[2]) for row in rows if row[2] is not None)
        examples = tuple(f"id {key}" for key in keys) if rows[0][1] is None else self._groups(rows)
        return Finding(self.what, int(rows[0][0]), examples, self.blocking, keys)

    def _groups(self, rows: Sequence[Sequence[Any]]) -> tuple[str, ...]:
        groups: dict[Any, list[Sequence[Any]]] = {}
        for row in rows:
            groups.setdefault(row[1], []).append(row)
        return tuple(self._group(group) for group in groups.values())

    def _group(self, rows: Sequence[Sequence[Any]]) -> str:
        values = ", ".join(
            f"{label}={shown_value(value)!r}" for label, value in zip(self.labels, rows[0][3:], strict=False)
        )
        keys = ", ".join(str(shown_value(row[2])) for row in rows if row[2] is not None)
        return ": ".join(part for part in (values, f"ids {keys}" if keys else "") if part)


def shown_value(value: Any) -> int | str:
    """A value of a raw row as errors show it."""
    if isinstance(value, bytes | bytearray):
        value = bytes(value).decode("utf-8", "backslashreplace")
    return value if isinstance(value, int) else str(value)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a check looks: SQL of the table and of its key (None: not a single column)."""

    table: str
    key: str | None


def rows_sql(spot: Spot, condition: str) -> str:
    """Rows that meet a condition (all, when it is empty): how many, and the first by key."""
    where = f" WHERE {condition}" if condition else ""
    order = f" ORDER BY {spot.key}" if spot.key else ""
    total = f"(SELECT COUNT(*) FROM {spot.table}{where})"
    return f"SELECT {total}, NULL, {spot.key or 'NULL'} FROM {spot.table}{where}{order} LIMIT {EXAMPLES}"


def duplicates_sql(spot: Spot, values: Sequence[str], shown: Sequence[bool]) -> str:
    """Rows that are equal in all of these values and have no NULL in them. ``shown``: which of them to tell."""
    names = [f"v{at}" for at in range(len(values))]
    selected = (f"{sql} AS {name}" for sql, name in zip(values, names, strict=True))
    inner = ", ".join([f"{spot.key or 'NULL'} AS k", *selected])
    filled = " AND ".join(f"{sql} IS NOT NULL" for sql in values)
    by = ", ".join(names)
    told = "".join(f", {name}" for name, tell in zip(names, shown, strict=True) if tell)
    source = f"SELECT {inner} FROM {spot.table} WHERE {filled}"
    counted = f"SELECT d.*, COUNT(*) OVER (PARTITION BY {by}) AS n FROM ({source}) AS d"
    return (
        f"SELECT COUNT(*) OVER (), DENSE_RANK() OVER (ORDER BY {by}) AS g, k{told} FROM ({counted}) AS e WHERE n > 1 "
        f"ORDER BY g, k LIMIT {EXAMPLES * 2}"
    )
