"""``Embedded``: a value of several columns. Frozen, compared by its fields, made with keywords."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform, get_args, get_origin

from fluxaorm.entity.declare.field import Field
from fluxaorm.entity.declare.hints import DeclaredField, HintError, Namespace, declared_fields, remember_local_names
from fluxaorm.entity.declare.shape import Shape, own_options, shape_of
from fluxaorm.entity.schema import UNSET
from fluxaorm.entity.values.guards import is_sequence


@dataclass(frozen=True, slots=True)
class _Member:
    """What making an Embedded needs to know of a field."""

    name: str
    default: Any
    factory: Any
    secret: bool
    size: int
    """Of a list, whose value is a tuple of so many items; 0 for anything else."""

    def initial(self, owner: type[Any]) -> Any:
        """The value when none is given; TypeError when one must be."""
        if self.factory is not None:
            return self.held(self.factory())
        if self.default is UNSET:
            raise TypeError(f"{owner.__name__}() needs {self.name}=")
        return self.held(self.default)

    def held(self, value: Any) -> Any:
        """A list as an entity gives it back: a tuple, filled up with None."""
        if not self.size or not is_sequence(value):
            return value
        return (*value, *[None] * (self.size - len(value)))


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
class Embedded:
    """Base of values that live in columns of their entity: ``class Address(Embedded): country: str = ""``.

    An instance takes its fields by keyword; those without a default must be given (TypeError otherwise, and for names
    that are no fields). Values are checked when they are assigned to an entity.
    """

    __fluxa_members__: ClassVar[tuple[_Member, ...] | None] = None

    def __init_subclass__(cls) -> None:
        """What the hints mean is found out when the first instance is made: they may refer to later classes."""
        super().__init_subclass__()
        cls.__fluxa_members__ = None
        remember_local_names(cls)

    if not TYPE_CHECKING:

        def __init__(self, /, **values: Any) -> None:
            cls = type(self)
            members = cls.__fluxa_members__ or _members_of(cls)
            held = self.__dict__
            for member in members:
                name = member.name
                held[name] = member.held(values.pop(name)) if name in values else member.initial(cls)
            if values:
                known = ", ".join(member.name for member in members)
                raise TypeError(f"{cls.__name__}() has no field {', '.join(values)}; it has {known}")

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"{type(self).__name__} is frozen: assign a new one instead of changing {name}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"{type(self).__name__} is frozen: {name} cannot be deleted")

    def __replace__(self, /, **changes: Any) -> Self:
        """A copy with some fields changed; TypeError for names that are no fields."""
        return type(self)(**{**self.__dict__, **changes})

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        members = type(self).__fluxa_members__ or ()
        shown = (f"{m.name}={'(secret)' if m.secret else repr(self.__dict__[m.name])}" for m in members)
        return f"{type(self).__name__}({', '.join(shown)})"


def _members_of(cls: type[Embedded]) -> tuple[_Member, ...]:
    members = tuple(_member(cls, declared) for declared in declared_fields(cls).values())
    cls.__fluxa_members__ = members
    return members


def _member(cls: type[Embedded], declared: DeclaredField) -> _Member:
    shape = _shape(cls, declared)
    options = {**shape.options, **own_options(declared)}
    constant, factory = options.get("default", UNSET), options.get("default_factory")
    size = options.get("size", 0) if get_origin(shape.type) is list and shape.marker is None else 0
    if constant is UNSET and factory is None:
        if size and type(None) in get_args(get_args(shape.type)[0]):
            constant = ()
        elif isinstance(shape.type, type) and issubclass(shape.type, Embedded):
            factory = shape.type
    return _Member(declared.name, constant, factory, options.get("secret") is True, size)


def _shape(cls: type[Embedded], declared: DeclaredField) -> Shape:
    """Hints that cannot be evaluated are reported when the entity is resolved."""
    try:
        return shape_of(declared.hint, Namespace(declared.owner, cls, {}).evaluate)
    except HintError:
        return Shape(declared.hint)
