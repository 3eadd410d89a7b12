"""Types as source text, with the imports the text needs. The same text for the same type in every Python."""

from __future__ import annotations

import json
import types
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, ForwardRef, Literal, TypeVar, Union, get_args, get_origin

from fluxaorm.entity.values.guards import is_sequence

Imports = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Source:
    """The ``text`` of a type and its ``imports``, pairs of module and name.

    The name of a class made in a function is its qualified name, with ``<locals>`` in it: nobody can import it.
    """

    text: str
    imports: Imports = ()


def source_of(hint: Any) -> Source:
    """The text of a type or of any hint inside one."""
    origin = get_origin(hint)
    if origin is Annotated:
        return source_of(get_args(hint)[0])
    if origin is Union or origin is types.UnionType:
        return _joined(" | ", "", "", get_args(hint))
    if origin is Literal:
        return Source(f"Literal[{', '.join(map(_literal, get_args(hint)))}]", (("typing", "Literal"),))
    if origin is not None:
        return _generic(origin, get_args(hint))
    return _simple(hint)


def class_source(cls: type[Any]) -> Source:
    """The name a class goes by, imported from its module."""
    qualified = cls.__qualname__
    if cls.__module__ == "builtins":
        return Source("None" if cls is type(None) else qualified)
    if "<locals>" in qualified:
        return Source(cls.__name__, ((cls.__module__, qualified),))
    return Source(qualified, ((cls.__module__, qualified.partition(".")[0]),))


def _simple(hint: Any) -> Source:
    if hint is None:
        return Source("None")
    if hint is Any:
        return Source("Any", (("typing", "Any"),))
    if hint is Ellipsis:
        return Source("...")
    if isinstance(hint, type):
        return class_source(hint)
    if is_sequence(hint):
        return _joined(", ", "[", "]", tuple(hint))
    if isinstance(hint, ForwardRef):
        return Source(hint.__forward_arg__)
    if isinstance(hint, str):
        return Source(hint)
    if hasattr(hint, "__value__"):
        return source_of(hint.__value__)
    if isinstance(hint, TypeVar):
        return _simple(Any)
    name = getattr(hint, "__name__", None) or getattr(hint, "_name", None)
    return Source(str(name), ((hint.__module__, str(name)),)) if name else Source(repr(hint))


def _generic(origin: Any, arguments: tuple[Any, ...]) -> Source:
    head = source_of(origin)
    if not arguments:
        return Source(f"{head.text}[()]" if origin is tuple else head.text, head.imports)
    inside = _joined(", ", f"{head.text}[", "]", arguments)
    return Source(inside.text, _unique((*head.imports, *inside.imports)))


def _joined(separator: str, start: str, end: str, hints: tuple[Any, ...]) -> Source:
    parts = [source_of(hint) for hint in hints]
    text = separator.join(part.text for part in parts)
    return Source(f"{start}{text}{end}", _unique(tuple(pair for part in parts for pair in part.imports)))


def _unique(imports: Imports) -> Imports:
    return tuple(dict.fromkeys(imports))


def _literal(value: Any) -> str:
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
