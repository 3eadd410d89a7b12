"""Annotations of definitions: which names are fields, and what their hints mean. Evaluates text, judges nothing.

A hint may be text (``from __future__ import annotations``, forward references). Its names are looked up in the class,
in the function the class was defined in, in its module, in builtins, and last among the registered classes, so that
entities in modules that import each other may refer to each other.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FrameType, SimpleNamespace
from typing import Any, ClassVar, Final, ForwardRef, get_origin, get_type_hints

from fluxaorm.entity.schema import UNSET

_LOCALS: Final = "__fluxa_locals__"
_CLASS_VAR: Final = re.compile(r"\s*(\w+\.)*ClassVar\b")
_FUNCTION: Final = 0x1  # inspect.CO_OPTIMIZED
_PLUMBING: Final = frozenset({"__init_subclass__", "__new__"})


@dataclass(frozen=True, slots=True)
class DeclaredField:
    """An annotated name of a definition. ``owner``: the class in the MRO whose body has the annotation."""

    name: str
    hint: Any
    owner: type[Any]
    default: Any


def declared_fields(cls: type[Any]) -> dict[str, DeclaredField]:
    """Fields by name: the class's own in order, then those of its mixins."""
    fields: dict[str, DeclaredField] = {}
    hidden: set[str] = set()
    for owner in cls.__mro__[:-1]:
        for name, hint in own_annotations(owner).items():
            if _is_class_var(hint):
                hidden.add(name)
            elif name not in fields and name not in hidden:
                fields[name] = DeclaredField(name, hint, owner, default_of(cls, name))
    return fields


def default_of(cls: type[Any], name: str) -> Any:
    """What the class body, or a base's, assigns to the name; UNSET when nothing does."""
    for base in cls.__mro__[:-1]:
        if name in base.__dict__:
            return base.__dict__[name]
    return UNSET


def own_annotations(cls: type[Any]) -> dict[str, Any]:
    """The annotations of the class's own body, unevaluated where Python allows."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(cls)


def _is_class_var(hint: Any) -> bool:
    if isinstance(hint, str):
        return _CLASS_VAR.match(hint) is not None
    return hint is ClassVar or get_origin(hint) is ClassVar


def remember_local_names(cls: type[Any]) -> None:
    """Keep the names of a function that the hints of a class defined in it use. Call it from ``__init_subclass__``."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_name in _PLUMBING:
        frame = frame.f_back
    known = _names_in(frame)
    if not known:
        return
    hints = [hint for base in cls.__mro__[:-1] for hint in own_annotations(base).values()]
    used = {word for hint in hints for word in re.findall(r"\w+", hint if isinstance(hint, str) else repr(hint))}
    setattr(cls, _LOCALS, {name: known[name] for name in used if name in known})


def _names_in(frame: FrameType | None) -> dict[str, Any]:
    """Names of the frame and, from a class body, of the bodies and the function around it; none at module level."""
    names: dict[str, Any] = {}
    while frame is not None and frame.f_locals is not frame.f_globals:
        names = {**frame.f_locals, **names}
        if frame.f_code.co_flags & _FUNCTION:
            break
        frame = frame.f_back
    return names


class HintError(Exception):
    """A hint cannot be evaluated; the message says why. ``missing``: the name that nobody knows."""

    def __init__(self, text: str, reason: str, missing: str = "") -> None:
        self.text, self.missing = text, missing
        super().__init__(reason)


class Namespace:
    """Where the hints of one class body, as part of a definition, are looked up."""

    def __init__(self, owner: type[Any], definition: type[Any], registered: Mapping[str, type[Any]]) -> None:
        module = sys.modules.get(owner.__module__)
        self._globals: dict[str, Any] = vars(module) if module is not None else {}
        fields = own_annotations(owner)
        inside = {name: value for name, value in vars(owner).items() if name not in fields}
        self._locals = {**getattr(definition, _LOCALS, {}), **getattr(owner, _LOCALS, {}), **inside}
        self._registered = registered

    def evaluate(self, hint: Any) -> Any:
        """The type that a hint means; HintError when it means none."""
        text = hint.__forward_arg__ if isinstance(hint, ForwardRef) else hint
        if not isinstance(text, str):
            return hint
        try:
            return self._evaluate(text)
        except NameError as error:
            raise HintError(text, str(error), getattr(error, "name", "") or "") from None
        except Exception as error:  # noqa: BLE001 - evaluating a hint runs code of the user's
            raise HintError(text, f"{type(error).__name__}: {error}") from None

    def _evaluate(self, text: str) -> Any:
        code = _compiled(text)
        try:
            return eval(code, self._globals, self._locals)
        except NameError:
            return eval(code, self._globals, {**self._registered, **self._locals})

    def evaluate_deep(self, hint: Any) -> Any:
        """The same, for forward references anywhere inside."""
        holder = SimpleNamespace(__annotations__={"hint": hint})
        try:
            return get_type_hints(holder, self._globals, self._locals, include_extras=True)["hint"]
        except NameError as error:
            raise HintError(str(hint), str(error), getattr(error, "name", "") or "") from None
        except Exception as error:  # noqa: BLE001 - evaluating a hint runs code of the user's
            raise HintError(str(hint), f"{type(error).__name__}: {error}") from None


@lru_cache(4096)
def _compiled(text: str) -> CodeType:
    return compile(text.strip(), "<annotation>", "eval")
