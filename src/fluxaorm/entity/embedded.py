"""``Embedded``: a value of several columns. Frozen, compared by its fields, made with keywords."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform

from fluxaorm.entity.field import Field
from fluxaorm.entity.hints import declared_fields, remember_local_names

_MISSING = object()


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
class Embedded:
    """Base of values that live in columns of their entity: ``class Address(Embedded): country: str = ""``."""

    __fluxa_fields__: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        """Note the names of the fields."""
        super().__init_subclass__()
        remember_local_names(cls)
        cls.__fluxa_fields__ = tuple(declared_fields(cls))

    if not TYPE_CHECKING:

        def __init__(self, **values: Any) -> None:
            cls = type(self)
            for name in cls.__fluxa_fields__:
                value = values.pop(name, _MISSING)
                self.__dict__[name] = _initial(cls, name) if value is _MISSING else _frozen(value)
            if values:
                unknown = ", ".join(sorted(values))
                raise TypeError(f"{cls.__name__}() has no field {unknown}; it has {', '.join(cls.__fluxa_fields__)}")

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"{type(self).__name__} is frozen: assign a new one instead of changing {name}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"{type(self).__name__} is frozen: {name} cannot be deleted")

    def __replace__(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return type(self)(**{**self.__dict__, **changes})

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"


def _frozen(value: Any) -> Any:
    """A list field's value is a tuple, as an entity gives it."""
    return tuple(value) if type(value) is list else value
