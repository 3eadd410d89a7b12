"""Reads the tables of a database by its address: one connection, two queries, nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxaorm.addresses import SQLiteAddress
from fluxaorm.cli.exits import UsageError
from fluxaorm.dialects.port import OWN_PREFIX, Dialect
from fluxaorm.dialects.tables import TableDefinition
from fluxaorm.errors import MySQLError, PoolConnectError
from fluxaorm.plans.effects import FetchRows, Plan
from fluxaorm.registry import DEFAULT_POOL_CODE, Registry

_NOT_YOURS = frozenset({1044, 1045, 1049})
"""The server answered, but not for this user or database."""


@dataclass(frozen=True, slots=True)
class Database:
    """What was read."""

    name: str
    dialect: Dialect
    collation: str
    """Of tables that the library creates there."""
    tables: Mapping[str, TableDefinition]
    others: Mapping[str, str]
    """Views and the like: what each is, by name."""


def read_database(dsn: str) -> Database:
    """The tables of a database, without the library's own.

    Raises ConfigError for a malformed address, UsageError for a database that is not there or not this user's,
    PoolConnectError when the server does not answer.
    """
    registry = Registry()
    registry.register_mysql(dsn)
    (registered,) = registry.registered.mysql
    address = registered.address
    if isinstance(address, SQLiteAddress) and not (address.path and Path(address.path).is_file()):
        raise UsageError(f"{address}: there is no such file")
    try:
        engine = registry.validate()
    except PoolConnectError as error:
        if isinstance(error.__cause__, MySQLError) and error.__cause__.errno in _NOT_YOURS:
            raise UsageError(f"{address}: {error.cause}") from None
        raise
    with engine, engine.new_context() as ctx:
        pool = engine.mysql_pool()
        tables, others = ctx._run(_read_plan(pool.dialect))
    own = {name: table for name, table in tables.items() if not name.startswith(OWN_PREFIX)}
    return Database(address.database, pool.dialect, pool.collation, own, others)


def _read_plan(dialect: Dialect) -> Plan[tuple[dict[str, TableDefinition], dict[str, str]]]:
    rows = yield from FetchRows(DEFAULT_POOL_CODE, dialect.introspection_sql())
    others = yield from FetchRows(DEFAULT_POOL_CODE, dialect.other_tables_sql())
    named = ((_text(name), _text(what).lower()) for name, what in others)
    return dialect.parse_introspection(rows), dict(sorted(named))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
