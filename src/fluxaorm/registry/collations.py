"""Asks servers which members of an enum or set their collation cannot tell apart; a table of it could not be made.

Definitions are held to what every collation that ignores case does with plain letters (``entity.members``). What one
collation makes of other characters (two emoji are the same to utf8mb4_general_ci) only its server knows. One round trip
a pool, and only where a definition has such members.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fluxaorm.entity.schema import ColumnSchema, EntitySchema
from fluxaorm.pools.ports import SQLPool


def alike_members(schemas: Iterable[EntitySchema], pools: Mapping[str, SQLPool]) -> Iterator[str]:
    """A sentence for each column with two such members. The pools are connected."""
    columns: dict[str, list[tuple[EntitySchema, ColumnSchema]]] = {}
    for schema in schemas:
        for column in schema.columns:
            if column.enum is not None and not "".join(column.enum.members).isascii():
                columns.setdefault(schema.mysql_pool, []).append((schema, column))
    for code, asked in columns.items():
        yield from _of_pool(pools[code], asked)


def _of_pool(pool: SQLPool, asked: list[tuple[EntitySchema, ColumnSchema]]) -> Iterator[str]:
    lists = list(dict.fromkeys(column.enum.members for _, column in asked if column.enum is not None))
    alike = _alike(pool, lists)
    for schema, column in asked:
        members = column.enum.members if column.enum is not None else ()
        if members in alike:
            first, second = (members[place] for place in alike[members])
            yield (
                f"{schema.name}.{column.field}: members {first!r} and {second!r} are the same to {pool.collation}, the "
                f"collation of MySQL pool '{pool.code}'; rename one, or choose another collation with default_collate="
            )


def _alike(pool: SQLPool, lists: list[tuple[str, ...]]) -> dict[tuple[str, ...], tuple[int, int]]:
    """Two places that are the same, of each list that has such."""
    args = [
        value
        for number, members in enumerate(lists)
        for place, member in enumerate(members)
        for value in (number, place, member)
    ]
    sql = pool.dialect.alike_texts_sql(pool.collation, len(args) // 3)
    if not sql:
        return {}
    connection = pool.sync.acquire()
    try:
        rows = connection.fetch(sql, args)
    finally:
        pool.sync.release(connection)
    return {lists[int(number)]: (int(first), int(second)) for number, first, second in rows}
