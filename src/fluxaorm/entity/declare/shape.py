"""Takes a hint apart: its type, whether it may be None, and what its ``Annotated`` layers say. Judges nothing."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, ForwardRef, Literal, Union, get_args, get_origin

from fluxaorm.entity.declare.field import FieldOptions
from fluxaorm.entity.declare.hints import DeclaredField
from fluxaorm.entity.schema import UNSET
from fluxaorm.entity.values.aliases import Float32Marker, IntegerType, JsonMarker, ReferenceMarker, ReferencesMarker

_MARKERS: Final = (IntegerType, Float32Marker, ReferenceMarker, ReferencesMarker, JsonMarker)
_WHOLE: Final = (ReferenceMarker, ReferencesMarker, JsonMarker)
"""Markers whose type is the argument of their alias."""


@dataclass(slots=True)
class Shape:
    """A hint in parts. ``marker``: of the alias it was written with; ``options``: of ``Field()`` in ``Annotated``."""

    type: Any
    nullable: bool = False
    marker: Any = None
    options: dict[str, Any] = field(default_factory=dict[str, Any])


def shape_of(hint: Any, evaluate: Callable[[Any], Any]) -> Shape:
    """The parts of a hint; text inside it goes through ``evaluate``."""
    shape = Shape(hint)
    while True:
        inner = _unwrapped(shape, evaluate)
        if inner is shape.type:
            return shape
        shape.type = inner


def _unwrapped(shape: Shape, evaluate: Callable[[Any], Any]) -> Any:
    hint = shape.type
    if isinstance(shape.marker, _WHOLE):
        return hint
    if isinstance(hint, str | ForwardRef):
        return evaluate(hint)
    origin = get_origin(hint)
    if origin is Annotated:
        return _note_metadata(shape, get_args(hint))
    if origin is Union or origin is types.UnionType:
        return _without_none(shape, hint)
    if origin is Literal and None in get_args(hint):
        shape.nullable = True
        return (
            Literal[tuple(value for value in get_args(hint) if value is not None)] if len(get_args(hint)) > 1 else None
        )
    if type(hint).__name__ == "TypeAliasType":
        return hint.__value__
    return hint


def _note_metadata(shape: Shape, arguments: tuple[Any, ...]) -> Any:
    """What stands further out in ``Annotated`` counts for more."""
    inner, *metadata = arguments
    for item in reversed(metadata):
        if isinstance(item, FieldOptions):
            shape.options = {**item.given, **shape.options}
        elif isinstance(item, _MARKERS) and shape.marker is None:
            shape.marker = item
    return inner


def _without_none(shape: Shape, hint: Any) -> Any:
    members = [member for member in get_args(hint) if member is not type(None)]
    if len(members) == len(get_args(hint)):
        return hint
    shape.nullable = True
    return members[0] if len(members) == 1 else Union[tuple(members)]  # noqa: UP007 - made of a list


def own_options(declared: DeclaredField) -> dict[str, Any]:
    """What the class body says of a field besides its hint; a plain value is its default."""
    default = declared.default
    if isinstance(default, FieldOptions):
        return default.given
    return {} if default is UNSET else {"default": default}
