"""Which options of ``Field()`` a field may have, and whether their values make sense."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fluxaorm.entity.declare.field import OPTION_NAMES
from fluxaorm.entity.resolve.names import identifier_problem
from fluxaorm.entity.resolve.problems import did_you_mean
from fluxaorm.entity.values.kinds import KINDS, ColumnType, Kind

_FLAGS: Final = ("unique", "index", "cached", "ignore", "secret", "sortable", "version", "unsigned")
_OF_COLUMNS: Final = frozenset(
    {
        *("default", "default_factory", "unique", "index", "cached", "column", "ignore"),
        *("secret", "searchable", "sortable", "renamed_from"),
    }
)
OF_EMBEDDED: Final = frozenset({"default", "default_factory", "prefix", "ignore", "secret", "renamed_from"})
NOT_OF_LISTS: Final = frozenset({"unique", "index", "cached", "version", "prefix"})
_PLACES: Final = {
    **{option: name for name, kind in KINDS.items() for option in kind.options},
    "length": "str",
    "size_class": "bytes",
    "precision": "Decimal",
    "scale": "Decimal",
    "unsigned": "float and Float32; integers are unsigned by type, as UInt32",
    "fsp": "datetime, time and timedelta",
    "enum_name": "Literal[...]",
    "version": "unsigned integers",
    "size": "list[...]",
    "prefix": "Embedded fields",
}


def option_problems(options: Mapping[str, Any]) -> Iterable[str]:
    """Sentences on options nobody knows and flags that are neither True nor False."""
    for name, value in options.items():
        if name == "*":
            yield "Field() takes its options by name, as in Field(length=100)"
        elif name not in OPTION_NAMES:
            yield f"unknown option Field({name}=){did_you_mean(name, OPTION_NAMES)}"
        elif name in _FLAGS and type(value) is not bool:
            yield f"Field({name}={value!r}): must be True or False"


def misplaced(options: Mapping[str, Any], allowed: frozenset[str], what: str) -> Iterable[str]:
    """Sentences on options that this field has no use for."""
    for name, value in options.items():
        if name in OPTION_NAMES and name not in allowed and value is not False:
            of = f"; it is for {_PLACES[name]}" if name in _PLACES else ""
            yield f"Field({name}=) makes no sense for {what}{of}"


_ALLOWED: Final = {name: _OF_COLUMNS | kind.options for name, kind in KINDS.items()}


def allowed_for(kind: Kind) -> frozenset[str]:
    """Options of a column of this kind."""
    return _ALLOWED[kind.name]


def column_problems(options: Mapping[str, Any], kind: Kind, column_type: ColumnType) -> Iterable[str]:
    """Sentences on options of a column that contradict each other or its type."""
    if options.get("cached") and not options.get("unique"):
        yield "Field(cached=True) needs unique=True: only look-ups that find one row are cached"
    if options.get("unique") and options.get("index"):
        yield "Field(unique=True, index=True) would make two indexes; keep unique=True"
    for name in ("column", "renamed_from"):
        if name in options and (problem := identifier_problem(options[name])):
            yield f"Field({name}={options[name]!r}): {problem}"
    yield from _search_problems(options, kind, column_type)


def _search_problems(options: Mapping[str, Any], kind: Kind, column_type: ColumnType) -> Iterable[str]:
    searchable, sortable = options.get("searchable", False), options.get("sortable", False)
    if searchable not in (True, False, "tag") or (searchable in (1, 0) and type(searchable) is not bool):
        yield f'Field(searchable={searchable!r}): must be True, False or "tag"'
        return
    if sortable and not searchable:
        yield "Field(sortable=True) needs searchable=True"
    if not searchable:
        return
    if not kind.search:
        yield f"Field(searchable=) makes no sense for {kind.annotation or kind.name.capitalize()}"
    elif searchable == "tag" and kind.search != "text":
        yield 'Field(searchable="tag") is for str; here searchable=True does it'
    elif column_type.unsearchable:
        yield f"Field(searchable=): the column {column_type.unsearchable}"
    elif sortable and not kind.sortable:
        yield "Field(sortable=True) makes no sense for a set"
