"""What a new entity's field starts from: nothing, a constant, or what a factory makes. Checked against the column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fluxaorm.entity.schema import UNSET


@dataclass(frozen=True, slots=True)
class Initial:
    """At most one of the two is given. ``constant`` None is NULL."""

    constant: Any = UNSET
    factory: Callable[[], Any] | None = None

    @property
    def given(self) -> bool:
        """Whether there is one."""
        return self.constant is not UNSET or self.factory is not None

    def part(self, take: Callable[[Any], Any]) -> Initial:
        """The start of one column of a group, given how to take its value from the group's."""
        factory = self.factory
        if factory is not None:
            return Initial(factory=lambda: take(factory()))
        return Initial(take(self.constant)) if self.given else self


class InitialError(ValueError):
    """A default does not fit; the message is the rest of a sentence that begins with the field."""


def initial_of(options: Mapping[str, Any], secret: bool) -> Initial:
    """What the options say. ``secret``: show no value in errors."""
    constant, factory = options.get("default", UNSET), options.get("default_factory")
    if factory is None:
        _refuse_mutable(constant, secret)
        return Initial(constant)
    if constant is not UNSET:
        raise InitialError("has both a default and a default_factory; keep one")
    if not callable(factory):
        raise InitialError(f"default_factory={_shown(factory, secret)} cannot be called; a constant goes in default=")
    return Initial(factory=factory)


def _refuse_mutable(constant: Any, secret: bool) -> None:
    try:
        hash(constant)
    except TypeError:
        shown = _shown(constant, secret)
        told = f"all entities would share the default {shown}, which can be changed; use {_instead_of(constant, shown)}"
        raise InitialError(told) from None


def _instead_of(constant: Any, shown: str) -> str:
    if isinstance(constant, set):
        return f"frozenset({shown if constant else ''})"
    name = type(constant).__name__
    return f"Field(default_factory={name if not constant and name in ('list', 'dict') else f'lambda: {shown}'})"


def checked_initial(initial: Initial, check: Callable[[Any], Any], nullable: bool, secret: bool) -> Initial:
    """The same as Python forms of a column; its factory, too, makes checked ones. InitialError when it does not fit."""
    factory = initial.factory
    if factory is None:
        constant = initial.constant
        return initial if constant is UNSET else _checked_constant(constant, check, nullable, secret)
    try:
        made = factory()
    except Exception as error:  # noqa: BLE001 - a factory is the user's code
        raise InitialError(f"its default_factory raised {type(error).__name__}: {error}") from None
    _checked(made, check, nullable, f"its default_factory gave {_shown(made, secret)}")

    def make() -> Any:
        value = factory()
        return None if value is None and nullable else check(value)

    return Initial(factory=make)


def _checked_constant(constant: Any, check: Callable[[Any], Any], nullable: bool, secret: bool) -> Initial:
    value = _checked(constant, check, nullable, f"the default {_shown(constant, secret)}")
    try:
        hash(value)
    except TypeError:
        return Initial(factory=lambda: check(constant))
    return Initial(value)


def _checked(value: Any, check: Callable[[Any], Any], nullable: bool, what: str) -> Any:
    if value is None:
        if nullable:
            return None
        raise InitialError(f"{what}, but it is never None; annotate it as '... | None'")
    try:
        return check(value)
    except ValueError as error:
        raise InitialError(f"{what}: {error}") from None


def _shown(value: object, secret: bool) -> str:
    text = "(secret)" if secret else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
