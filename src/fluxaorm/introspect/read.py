"""Reads the tables of a database by its address: one connection, two queries, nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from fluxaorm.addresses import SQLiteAddress
from fluxaorm.cli.exits import UsageError
from fluxaorm.dialects.port import Dialect
from fluxaorm.dialects.tables import TableDefinition
from fluxaorm.entity.resolve.names import OURS
from fluxaorm.errors import MySQLError, PoolConnectError
from fluxaorm.introspect.drafts import Omission, What
from fluxaorm.plans.effects import FetchRows, Plan
from fluxaorm.registry import DEFAULT_POOL_CODE, Registry

_REASONS: Final[Mapping[What, str]] = {
    "check": "{}; the server goes on checking it",
    "trigger": "{}; what it changes is not seen by entities and caches",
    "partitions": "{}; they stay as they are",
    "comment": "'{}'; it stays as it is",
    "cascade": "{}; caches are not told of rows that the server deletes or changes by it",
}


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
    untold: Mapping[str, Sequence[Omission]] = field(default_factory=dict[str, Sequence[Omission]])
    """By table: what it has that no definition can say."""


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
        if isinstance(error.__cause__, MySQLError) and error.__cause__._refused_login:
            raise UsageError(f"{address}: {error.cause}") from None
        raise
    with engine, engine.new_context() as ctx:
        pool = engine._core.mysql_pool()
        tables, others, untold = ctx._run(_read_plan(pool.dialect))
    own = {name: table for name, table in tables.items() if not name.startswith(OURS)}
    return Database(address.database, pool.dialect, pool.collation, own, others, untold)


def _read_plan(
    dialect: Dialect,
) -> Plan[tuple[dict[str, TableDefinition], dict[str, str], dict[str, list[Omission]]]]:
    rows = yield from FetchRows(DEFAULT_POOL_CODE, dialect.introspection_sql())
    others = yield from FetchRows(DEFAULT_POOL_CODE, dialect.other_tables_sql())
    named = ((_text(name), _text(what).lower()) for name, what in others)
    untold = yield from _untold_plan(dialect)
    return dialect.parse_introspection(rows), dict(sorted(named)), untold


def _untold_plan(dialect: Dialect) -> Plan[dict[str, list[Omission]]]:
    found: dict[str, list[Omission]] = {}
    rows = yield from FetchRows(DEFAULT_POOL_CODE, dialect.untold_sql())
    for what, table, name, text in sorted(tuple(map(_text, row)) for row in rows):
        kind = cast("What", what)
        found.setdefault(table, []).append(Omission(kind, name, _REASONS[kind].format(text)))
    for table, omission in (yield from _cascades_plan(dialect)):
        found.setdefault(table, []).append(omission)
    return found


def _cascades_plan(dialect: Dialect) -> Plan[list[tuple[str, Omission]]]:
    sql = dialect.foreign_keys_sql()
    rows = (yield from FetchRows(DEFAULT_POOL_CODE, sql)) if sql else []
    found: dict[tuple[str, str], Omission] = {}
    for table, name, _, target, _, on_delete, on_update in (tuple(map(_text, row)) for row in rows):
        acts = [f"ON {event} {rule}" for event, rule in (("DELETE", on_delete), ("UPDATE", on_update))]
        acts = [act for act in acts if not act.endswith(("RESTRICT", "NO ACTION"))]
        if acts:
            reason = _REASONS["cascade"].format(f"{' '.join(acts)} of `{target}`")
            found[table, name] = Omission("cascade", name, reason)
    return [(table, omission) for (table, _), omission in found.items()]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
