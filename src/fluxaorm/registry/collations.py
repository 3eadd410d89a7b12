"""Asks servers which members of an enum or set their collation cannot tell apart; a table of it could not be made.

Definitions are held to what every collation that ignores case does with plain letters (``entity.members``). What one
collation makes of other characters (two emoji are the same to utf8mb4_general_ci) only its server knows. One round trip
a pool and 500 members, and none where no definition has such members.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from fluxaorm.entity.schema import ColumnSchema, EntitySchema
from fluxaorm.pools.base.sql_ports import SQLPool

TEXTS_A_QUERY: Final = 500


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
    members = [column.enum.members for _, column in asked if column.enum is not None]
    weights = _weights(pool, list(dict.fromkeys(text for texts in members for text in texts)))
    for (schema, column), texts in zip(asked, members, strict=True):
        alike = _first_alike(texts, weights)
        if alike is not None:
            first, second = alike
            yield (
                f"{schema.name}.{column.field}: members {first!r} and {second!r} are the same to {pool.collation}, the "
                f"collation of MySQL pool '{pool.code}'; rename one, or choose another collation with default_collate="
            )


def _weights(pool: SQLPool, texts: Sequence[str]) -> dict[str, Any]:
    """What each text compares by; nothing where that is the text itself."""
    weights: dict[str, Any] = {}
    for start in range(0, len(texts), TEXTS_A_QUERY):
        part = texts[start : start + TEXTS_A_QUERY]
        sql = pool.dialect.weights_sql(pool.collation, len(part))
        if not sql:
            return {}
        connection = pool.sync.acquire()
        try:
            (row,) = connection.fetch(sql, part)
        finally:
            pool.sync.release(connection)
        weights.update(zip(part, row, strict=True))
    return weights


def _first_alike(texts: Iterable[str], weights: Mapping[str, Any]) -> tuple[str, str] | None:
    seen: dict[Any, str] = {}
    for text in texts:
        other = seen.setdefault(weights.get(text, text), text)
        if other is not text:
            return other, text
    return None
