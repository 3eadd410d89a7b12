"""Small definitions for tests: one column, or one entity, with the schema it resolves to."""

from __future__ import annotations

from typing import Any

from fluxaorm.entity import Entity, Field, UInt64
from fluxaorm.entity.resolve.definitions import resolve_entities
from fluxaorm.entity.schema import ColumnSchema, EntitySchema
from fluxaorm.entity.values import aliases


def schema_of(*classes: type[Any]) -> EntitySchema:
    """The schema of the first class; the others are registered with it."""
    schemas, problems = resolve_entities(classes)
    assert [] == problems, problems
    return schemas[classes[0].__name__]


def entity(name: str = "ThingEntity", fields: dict[str, Any] | None = None, **options: Any) -> type[Any]:
    """A definition with an id and these fields, a hint each or a (hint, default) pair."""
    body: dict[str, Any] = {"__module__": __name__}
    hints: dict[str, Any] = {"id": UInt64}
    for field, hint in (fields or {}).items():
        if isinstance(hint, tuple):
            hints[field], body[field] = hint
        else:
            hints[field] = hint
    return type(name, (Entity,), {**body, "__annotations__": hints}, **options)


def reference_to(cls: Any) -> Any:
    """``Reference[cls]``, of a class that is made at run time."""
    alias: Any = vars(aliases)["Reference"]
    return alias[cls]


def column_of(hint: Any, *others: type[Any], **options: Any) -> ColumnSchema:
    """The column of a field ``value`` with this hint and these options of ``Field()``."""
    return schema_of(entity(fields={"value": (hint, Field(**options))}), *others).by_field["value"]
