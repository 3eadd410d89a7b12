"""Fields that are several columns: ``Embedded`` values, and lists with a column an item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, get_args, get_origin

from fluxaorm.entity.declare.embedded import Embedded
from fluxaorm.entity.declare.field import OPTION_NAMES
from fluxaorm.entity.declare.shape import Shape, shape_of
from fluxaorm.entity.resolve.field_options import NOT_OF_LISTS, OF_EMBEDDED, misplaced, option_problems
from fluxaorm.entity.resolve.initial import Initial
from fluxaorm.entity.resolve.names import identifier_problem
from fluxaorm.entity.resolve.place import Collector, FieldRequest, Place, RefusedError
from fluxaorm.entity.schema import UNSET, GroupSchema
from fluxaorm.entity.values.guards import is_sequence
from fluxaorm.entity.values.type_source import Source, class_source, source_of
from fluxaorm.errors import named_with_article

LONGEST_LIST: Final = 100
_OF_LISTS: Final = frozenset(OPTION_NAMES) - NOT_OF_LISTS
_OF_WHOLE_LISTS: Final = frozenset({"size", "default", "default_factory"})
_NUMBERED: Final = frozenset({"column", "renamed_from"})


def is_embedded(shape: Shape) -> bool:
    """Whether the field is an Embedded."""
    return shape.marker is None and isinstance(shape.type, type) and issubclass(shape.type, Embedded)


def is_list(shape: Shape) -> bool:
    """Whether the field is a list of columns."""
    return shape.marker is None and get_origin(shape.type) is list


def add_embedded(collector: Collector, request: FieldRequest) -> GroupSchema:
    """The columns of an Embedded field, and the group they make."""
    cls: type[Embedded] = request.shape.type
    if request.shape.nullable:
        raise collector.refuse(request.where, f"an Embedded is never None; make the fields of {cls.__name__} nullable")
    if cls in request.place.inside:
        raise collector.refuse(request.where, f"{cls.__name__} contains itself")
    fields = collector.fields_of(cls)
    if not fields:
        raise collector.refuse(request.where, f"{cls.__name__} has no fields")
    collector.note(request.where, misplaced(request.options, OF_EMBEDDED, "an Embedded"))
    inner = _place_inside(collector, cls, request)
    members: list[tuple[str, int | GroupSchema]] = []
    for name, declared in fields.items():
        added = collector.add(declared, replace(inner, initial=inner.initial.part(partial(_attribute, name))))
        if added is not None:
            members.append((name, added))
    source = class_source(cls)
    return GroupSchema(request.name, cls, tuple(members), source.text, source.imports)


def _attribute(name: str, value: Any) -> Any:
    return getattr(value, name, UNSET)


def _place_inside(collector: Collector, cls: type[Embedded], request: FieldRequest) -> Place:
    renamed = request.renamed_from
    return Place(
        request.where,
        _prefix(collector, request),
        f"{renamed}_" if renamed else "",
        request.secret,
        _embedded_initial(collector, cls, request),
        (*request.place.inside, cls),
    )


def _prefix(collector: Collector, request: FieldRequest) -> str:
    own = request.options.get("prefix")
    if own is None:
        return f"{request.name}_"
    if own != "" and (problem := identifier_problem(own)):
        raise collector.refuse(request.where, f"Field(prefix={own!r}): {problem}")
    return request.place.prefix + str(own)


def _embedded_initial(collector: Collector, cls: type[Embedded], request: FieldRequest) -> Initial:
    initial = collector.own_initial(request)
    if initial.factory is cls:
        return Initial()
    value = _sample(collector, initial, request)
    if value is not UNSET and not isinstance(value, cls):
        raise collector.refuse(request.where, f"the default {value!r} must be {named_with_article(cls.__name__)}")
    return initial


def _sample(collector: Collector, initial: Initial, request: FieldRequest) -> Any:
    if initial.factory is None:
        return initial.constant
    try:
        return initial.factory()
    except Exception as error:  # noqa: BLE001 - a factory is the user's code
        reason = f"its default_factory raised {type(error).__name__}: {error}"
        raise collector.refuse(request.where, reason) from None


def add_list(collector: Collector, request: FieldRequest) -> GroupSchema:
    """The columns of a list field, and the group they make."""
    size = _size(collector, request)
    if request.shape.nullable:
        raise collector.refuse(request.where, "a list is never None; make its items nullable, as list[str | None]")
    note = "a list; name its columns in indexes"
    collector.note(request.where, misplaced(request.options, _OF_LISTS, note))
    item = shape_of(get_args(request.shape.type)[0], collector.evaluator(request.declared, request.where))
    collector.note(request.where, option_problems(item.options))
    initial = _list_initial(collector, request, item, size)
    whole = {name: value for name, value in request.options.items() if name not in _OF_WHOLE_LISTS}
    inner = replace(request, shape=item, options={**item.options, **whole})
    members = tuple((str(at), _add_item(collector, inner, at, initial)) for at in range(1, size + 1))
    source = _item_source(collector, members[0][1])
    return GroupSchema(request.name, None, members, f"tuple[{source.text}, ...]", source.imports)


def _size(collector: Collector, request: FieldRequest) -> int:
    size = request.options.get("size")
    if size is None:
        text = source_of(request.shape.type).text
        advice = f"{text} needs Field(size=N), its number of columns; or use Json[{text}]"
        raise collector.refuse(request.where, advice)
    if type(size) is not int or not 1 <= size <= LONGEST_LIST:
        raise collector.refuse(request.where, f"Field(size={size!r}): must be 1 to {LONGEST_LIST}")
    return size


def _list_initial(collector: Collector, request: FieldRequest, item: Shape, size: int) -> Initial:
    """Items that may be None start as None; others start from the default, which must then have them all."""
    initial = collector.own_initial(request)
    value = _sample(collector, initial, request)
    if value is UNSET:
        value = ()
    if not is_sequence(value):
        raise collector.refuse(request.where, f"the default {value!r} must be a tuple")
    if not value:
        return Initial(()) if item.nullable else Initial()
    if len(value) > size or (len(value) < size and not item.nullable):
        raise collector.refuse(request.where, f"the default {value!r} is for {len(value)} of {size} columns")
    return initial


def _add_item(collector: Collector, request: FieldRequest, number: int, initial: Initial) -> int | GroupSchema:
    options = _numbered(request.options, number)
    taken = initial.part(partial(_item, number - 1))
    numbered = replace(
        request,
        name=f"{request.name}_{number}",
        options=options,
        place=replace(request.place, initial=taken, renamed_prefix=""),
    )
    if is_list(request.shape):
        raise collector.refuse(request.where, "a list of lists; use Json")
    before = len(collector.problems)
    added = add_embedded(collector, numbered) if is_embedded(request.shape) else collector.add_column(numbered)
    if len(collector.problems) > before:
        raise RefusedError
    return added


def _numbered(options: Mapping[str, Any], number: int) -> dict[str, Any]:
    return {
        name: f"{value}_{number}" if name in _NUMBERED and isinstance(value, str) else value
        for name, value in options.items()
    }


def _item(position: int, value: Any) -> Any:
    return value[position] if position < len(value) else None


def _item_source(collector: Collector, member: int | GroupSchema) -> Source:
    if isinstance(member, GroupSchema):
        return Source(member.annotation, member.imports)
    column = collector.columns[member]
    return Source(f"{column.annotation} | None" if column.nullable else column.annotation, column.imports)
