"""Foreign keys by which a server deletes or changes rows that a cache may hold.

They are told in the log, since nobody tells the caches. One query a MySQL pool that has cached entities.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fluxaorm.entity.schema import EntitySchema
from fluxaorm.errors import MySQLError
from fluxaorm.pools.base.sql_ports import SQLPool

_CASCADES: Final = {"CASCADE": "deletes", "SET NULL": "changes", "SET DEFAULT": "changes"}


def cascades_onto_caches(schemas: Iterable[EntitySchema], pools: Mapping[str, SQLPool]) -> Iterator[str]:
    """A sentence for each such key. The pools are connected."""
    cached: dict[str, dict[str, EntitySchema]] = {}
    for schema in schemas:
        if schema.cache.redis != "off" or schema.cache.local_limit is not None:
            cached.setdefault(schema.mysql_pool, {})[schema.table.lower()] = schema
    for code, by_table in cached.items():
        yield from _of_pool(pools[code], by_table)


def _of_pool(pool: SQLPool, by_table: Mapping[str, EntitySchema]) -> Iterator[str]:
    for table, name, target, on_delete in dict.fromkeys(_keys(pool)):
        schema, verb = by_table.get(table.lower()), _CASCADES.get(on_delete.upper())
        if schema is not None and verb is not None:
            yield (
                f"{schema.name}: by the foreign key {name!r} the server {verb} rows of {table!r} when rows of "
                f"{target!r} are deleted (ON DELETE {on_delete}), and no cache is told: such rows are served from it "
                "up to their TTL; delete them through the library before what they refer to, or drop the foreign key"
            )


def _keys(pool: SQLPool) -> Iterator[tuple[str, str, str, str]]:
    """Table, name, table pointed to and ON DELETE of each foreign key; one that cannot be asked for is none."""
    sql = pool.dialect.foreign_keys_sql()
    if not sql:
        return
    connection = pool.sync.acquire()
    try:
        rows = connection.fetch(sql)
    except MySQLError:
        rows = []
    finally:
        pool.sync.release(connection)
    for table, name, _, target, _, on_delete, _ in rows:
        yield _text(table), _text(name), _text(target), _text(on_delete)


def _text(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
