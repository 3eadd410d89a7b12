"""What a generated provider says of itself; declared once for every part of ``Provider`` that asks the engine by it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar

from fluxaorm.errors import NotSupportedError
from fluxaorm.plans.state.tracked import TrackedEntity

E = TypeVar("E", bound=TrackedEntity)
"""The class of its entities."""


class ProviderIdentity(Generic[E]):
    """Which entity it is about, and the definition its code was generated from; see ``ProviderPort``."""

    entity_name: ClassVar[str]
    """Class name of definition and generated entity."""
    table_name: ClassVar[str]
    """The table's name."""
    _fingerprint: ClassVar[str]
    _entity_class: ClassVar[type[TrackedEntity]]
    _enum_classes: ClassVar[Mapping[int, type[Any]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "_entity_class" in cls.__dict__:
            cls.entity_name = cls._entity_class.__name__

    def __copy__(self) -> Self:
        """Itself: a context would take another one for that of another entity."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Itself, too."""
        return self

    def __reduce__(self) -> str:
        """The name that its module has for it. NotSupportedError for one that was made in memory."""
        module = sys.modules.get(type(self).__module__)
        for name, value in vars(module).items() if module is not None else ():
            if value is self:
                return name
        raise NotSupportedError(
            f"the provider of {self.entity_name} was made in memory, where another process finds no module of it; "
            "pass on the definition, or generate the package"
        )
