"""Which values a SQLite column of another type refuses, by its CHECK or its storage class. Pure text."""

from __future__ import annotations

from fluxaorm.dialects.misfits import Misfit
from fluxaorm.dialects.sqlite.ddl import check_condition, compared_value, storage_class
from fluxaorm.dialects.tables import ColumnDefinition


def misfits(old: ColumnDefinition, new: ColumnDefinition, value: str) -> list[Misfit]:
    """Values of the old column, read by the SQL ``value``, that the new one refuses."""
    was, becomes = storage_class(old), storage_class(new)
    conditions = [_NOT_OF_STORAGE.get((was, becomes), "").format(value=value)]
    if check := check_condition(new, compared_value(old, new, value)):
        conditions.append(f"NOT ({check})")
    either = " OR ".join(f"({condition})" for condition in conditions if condition)
    return [Misfit(f"do not fit {new.type}", f"{value} IS NOT NULL AND ({either})")] if either else []


_NOT_OF_STORAGE = {
    ("TEXT", "INTEGER"): "CAST(CAST({value} AS INTEGER) AS TEXT) <> {value}",
    ("TEXT", "REAL"): "{value} GLOB '*[^-0-9.eE+]*' OR {value} NOT GLOB '*[0-9]*'",
    ("REAL", "INTEGER"): "CAST({value} AS INTEGER) <> {value}",
    ("BLOB", "INTEGER"): "1",
    ("BLOB", "REAL"): "1",
    ("BLOB", "TEXT"): "1",
}
"""STRICT tables take a value of another storage class only when it loses nothing."""
