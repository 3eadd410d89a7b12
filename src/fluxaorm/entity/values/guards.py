"""Type guards: what ``isinstance`` tells, without the unknown item types it leaves to a strict type checker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard


def is_iterable(value: object) -> TypeGuard[Iterable[Any]]:
    """Anything to iterate over but text and bytes."""
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """A tuple or a list."""
    return isinstance(value, tuple | list)


def is_class(value: object) -> TypeGuard[type[Any]]:
    """A class, not a generic alias of one."""
    return isinstance(value, type)
