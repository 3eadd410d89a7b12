"""Finds the columns that field keys stand for, and the joins they need. Every name comes from the schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fluxaorm.dialects.port import Dialect
from fluxaorm.entity.schema import ColumnSchema, EntitySchema
from fluxaorm.errors import QueryError
from fluxaorm.query.conditions import FieldKey


@dataclass(frozen=True, slots=True)
class Found:
    """A column and where it is read from; ``table`` is "" where no table needs to be named."""

    schema: EntitySchema
    column: ColumnSchema
    table: str
    sql: str
    """The quoted column, behind its table where that is needed."""


class Tables:
    """The tables of one statement: the entity's own, and those that references lead to, each joined once.

    Outer joins, since a row whose reference leads nowhere is still a row.
    """

    def __init__(
        self, schema: EntitySchema, dialect: Dialect, schemas: Mapping[str, EntitySchema], *, joins: bool
    ) -> None:
        """``joins``: whether any field is behind a reference; only then tables are named."""
        self._schema, self._dialect, self._schemas = schema, dialect, schemas
        self.own = schema.table if joins else ""
        self._joined: dict[tuple[str, ...], tuple[EntitySchema, str]] = {(): (schema, self.own)}
        self._joins: list[str] = []

    def find(self, key: FieldKey) -> Found:
        """The column of a key; joins what leads to it. Raises QueryError when the key is of another entity."""
        if key.entity != self._schema.name:
            raise QueryError(f"{key} is not a field of {self._schema.name}; use {self._schema.name}Provider.fields")
        schema, table = self._reach(key, key.path)
        column = schema.by_field.get(key.field)
        if column is None:
            raise QueryError(f"{key}: {schema.name} has no field '{key.field}'")
        return Found(schema, column, table, self._dialect.qualified(column.name, table))

    def from_clause(self, index_clause: str) -> str:
        """``FROM`` with the joins that ``find`` needed so far."""
        own = f"FROM {self._dialect.quote(self._schema.table)}"
        return " ".join(filter(None, [own, index_clause, *self._joins]))

    def _reach(self, key: FieldKey, path: tuple[str, ...]) -> tuple[EntitySchema, str]:
        known = self._joined.get(path)
        if known is None:
            known = self._joined[path] = self._join(key, path)
        return known

    def _join(self, key: FieldKey, path: tuple[str, ...]) -> tuple[EntitySchema, str]:
        schema, table = self._reach(key, path[:-1])
        column = schema.by_field.get(path[-1])
        target = None if column is None or column.reference is None else self._schemas.get(column.reference)
        if column is None or target is None:
            raise QueryError(f"{key}: {schema.name} has no reference '{path[-1]}'")
        if target.mysql_pool != self._schema.mysql_pool:
            raise QueryError(
                f"{key}: {target.name} is in MySQL pool '{target.mysql_pool}', {self._schema.name} in "
                f"'{self._schema.mysql_pool}'; search its ids first, then use is_in()"
            )
        alias, quote = self._alias(path), self._dialect.quote
        id_sql = self._dialect.qualified(target.columns[0].name, alias)
        own_sql = self._dialect.qualified(column.name, table)
        self._joins.append(f"LEFT JOIN {quote(target.table)} AS {quote(alias)} ON {id_sql} = {own_sql}")
        return target, alias

    def _alias(self, path: tuple[str, ...]) -> str:
        taken = {table.lower() for _, table in self._joined.values()}
        alias = name = "_".join(path)
        number = 2
        while alias.lower() in taken:
            alias, number = f"{name}_{number}", number + 1
        return alias
