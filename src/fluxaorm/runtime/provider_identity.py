"""What a generated provider says of itself; declared once for every part of ``Provider`` that asks the engine by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

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
