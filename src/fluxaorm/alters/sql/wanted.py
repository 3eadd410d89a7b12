"""What an entity wants its table to be, with what only the definition knows: former names, values for old rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fluxaorm.dialects.declared import filler_text
from fluxaorm.dialects.tables import TableDefinition

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect
    from fluxaorm.entity.schema import EntitySchema


@dataclass(frozen=True, slots=True)
class WantedTable:
    """A declared table."""

    table: TableDefinition
    entity: str
    renamed_from: str | None = None
    """The table's name before."""
    renamed_columns: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names that columns had before, by the names they have now."""
    fillers: Mapping[str, str] = field(default_factory=dict[str, str])
    """What rows that exist get in a column without a default, by column."""
    soft_delete_column: str | None = None
    secret_columns: frozenset[str] = frozenset()
    """Columns whose values are never shown."""


def wanted_table(schema: EntitySchema, dialect: Dialect, collation: str) -> WantedTable:
    """What one entity wants. ``collation``: of its pool."""
    fillers = {column.name: text for column in schema.columns if (text := filler_text(column)) is not None}
    position = schema.soft_delete_position
    return WantedTable(
        dialect.define_table(schema, collation),
        schema.name,
        schema.renamed_from,
        {column.name: column.renamed_from for column in schema.columns if column.renamed_from},
        fillers,
        None if position is None else schema.columns[position].name,
        frozenset(column.name for column in schema.columns if column.secret),
    )
