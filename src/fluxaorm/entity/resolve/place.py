"""Where a field of a definition stands while it is resolved, and what is known of it so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from fluxaorm.entity.declare.hints import DeclaredField
from fluxaorm.entity.declare.shape import Shape
from fluxaorm.entity.resolve.initial import Initial
from fluxaorm.entity.resolve.problems import Problems
from fluxaorm.entity.schema import ColumnSchema, GroupSchema


class RefusedError(Exception):
    """The field has a problem, which was noted; it becomes nothing."""


@dataclass(frozen=True, slots=True)
class Place:
    """The entity itself, or a group inside it."""

    path: str
    """``UserEntity.home``, for problems."""
    prefix: str = ""
    """Of field and column names."""
    renamed_prefix: str = ""
    """Of the names that columns had before; "": they are not renamed."""
    secret: bool = False
    initial: Initial = field(default_factory=Initial)
    """What the group starts from, the part of the field that is looked at."""
    inside: tuple[type[Any], ...] = ()
    """Embedded classes around."""


@dataclass(frozen=True, slots=True)
class FieldRequest:
    """A field on its way to columns."""

    declared: DeclaredField
    where: str
    """``UserEntity.home.country``, for problems."""
    name: str
    """Its name on the entity: ``home_country``, ``aliases_1``."""
    shape: Shape
    options: Mapping[str, Any]
    place: Place

    @property
    def secret(self) -> bool:
        """Whether its values are never shown."""
        return self.place.secret or self.options.get("secret") is True

    @property
    def renamed_from(self) -> str | None:
        """The column's name before."""
        own = self.options.get("renamed_from")
        if isinstance(own, str):
            return self.place.prefix + own
        return f"{self.place.renamed_prefix}{self.declared.name}" if self.place.renamed_prefix else None


class Collector(Protocol):
    """Where the columns of fields are collected: a ``ColumnCollector``."""

    problems: Problems

    @property
    def columns(self) -> Sequence[ColumnSchema]:
        """Those collected so far."""
        ...

    def add(self, declared: DeclaredField, place: Place) -> int | GroupSchema | None:
        """A field at this place: the position of its column, or its group; None when it is ignored or wrong."""
        ...

    def add_column(self, request: FieldRequest) -> int:
        """The column of a field that is one column."""
        ...

    def fields_of(self, cls: type[Any]) -> Mapping[str, DeclaredField]:
        """The fields of an Embedded."""
        ...

    def own_initial(self, request: FieldRequest) -> Initial:
        """What a field starts from."""
        ...

    def evaluator(self, declared: DeclaredField, where: str) -> Callable[[Any], Any]:
        """What turns text in the field's hint into types."""
        ...

    def refuse(self, where: str, what: str) -> RefusedError:
        """Note a problem; raise the result to give the field up."""
        ...

    def note(self, where: str, sentences: Iterable[str]) -> None:
        """Note problems that do not keep the field from being looked at further."""
        ...
