"""Entity schemas made by hand: a column is its name, its MySQL type and what is special about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fluxaorm.entity.schema import UNSET, CacheSchema, ColumnSchema, EntitySchema, EnumSchema, IndexSchema


def make_column(name: str, mysql_type: str, **special: Any) -> ColumnSchema:
    """A column whose Python form is its Param; ``special``: other attributes of ColumnSchema."""
    attributes: dict[str, Any] = {
        "index": -1,
        "field": name,
        "attribute": name,
        "kind": mysql_type.partition("(")[0],
        "annotation": "Any",
        "imports": (),
        "nullable": False,
        "check": _unchanged,
        "encode": _unchanged,
        "decode": _unchanged,
        "default": UNSET,
    }
    return ColumnSchema(name=name, mysql_type=mysql_type, **(attributes | special))


def _unchanged(value: Any) -> Any:
    return value


def make_members(*members: str) -> EnumSchema:
    """An enum or set with these members."""
    return EnumSchema("Members", members, None)


def make_index(*columns: str, name: str = "", unique: bool = False) -> IndexSchema:
    """An index over columns; its name defaults to theirs."""
    return IndexSchema(name or "_".join(columns), columns, columns, (), unique)


def make_schema(
    name: str,
    columns: Sequence[ColumnSchema],
    indexes: Sequence[IndexSchema] = (),
    *,
    id_type: str = "bigint unsigned",
    table: str = "",
    soft_delete: bool = False,
    renamed_from: str | None = None,
) -> EntitySchema:
    """An entity with an id and these columns; soft delete adds its column."""
    extra = [make_column("fake_delete", id_type, default=0, auto="fake_delete")] if soft_delete else []
    numbered = [
        replace(column, index=position)
        for position, column in enumerate([make_column("id", id_type), *columns, *extra])
    ]
    return EntitySchema(
        name=name,
        table=table or name,
        mysql_pool="default",
        columns=tuple(numbered),
        indexes=tuple(indexes),
        references=(),
        groups=(),
        cache=CacheSchema(),
        fingerprint="",
        definition=object,
        id_maximum=0,
        soft_delete=soft_delete,
        soft_delete_position=len(numbered) - 1 if soft_delete else None,
        renamed_from=renamed_from,
    )
