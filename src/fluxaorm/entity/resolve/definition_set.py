"""What the definitions of one registry know of each other while they are resolved: classes, id types, enum names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fluxaorm.entity.declare.hints import DeclaredField, Namespace, declared_fields
from fluxaorm.entity.resolve.problems import Problems
from fluxaorm.entity.schema import EnumSchema
from fluxaorm.entity.values.aliases import UINT64, IntegerType
from fluxaorm.entity.values.kinds import Target


@dataclass(frozen=True, slots=True)
class _Generated:
    """An enum that code generation makes of a Literal."""

    enum: EnumSchema
    where: str
    named: bool
    """By ``enum_name``."""


class DefinitionSet:
    """``definitions``: registered classes by name."""

    def __init__(self, definitions: Mapping[str, type[Any]], problems: Problems) -> None:
        self.definitions = definitions
        self.problems = problems
        self.id_types: dict[str, IntegerType] = {}
        """Of each entity whose id is as it should be."""
        self._generated: dict[str, _Generated] = {}
        self._user_enums: dict[str, type[Any]] = {}
        self._fields: dict[type[Any], dict[str, DeclaredField]] = {}
        self._namespaces: dict[tuple[type[Any], type[Any]], Namespace] = {}

    def fields(self, cls: type[Any]) -> dict[str, DeclaredField]:
        """The annotated names of a definition or an Embedded."""
        found = self._fields.get(cls)
        if found is None:
            found = self._fields[cls] = declared_fields(cls)
        return found

    def namespace(self, owner: type[Any], definition: type[Any]) -> Namespace:
        """Where the hints in the body of ``owner`` are looked up."""
        key = (owner, definition)
        found = self._namespaces.get(key)
        if found is None:
            found = self._namespaces[key] = Namespace(owner, definition, self.definitions)
        return found

    def target(self, cls: type[Any]) -> Target | None:
        """The registered entity that a reference means; one whose id is wrong, which is told there, has UInt64."""
        name = cls.__name__
        if self.definitions.get(name) is not cls:
            return None
        return Target(name, self.id_types.get(name, UINT64))

    def user_enum(self, enum: EnumSchema) -> EnumSchema:
        """Note a StrEnum of the user's."""
        if enum.python_class is not None:
            self._user_enums[enum.name] = enum.python_class
        return enum

    def generated_enum(self, enum: EnumSchema, where: str, named: bool) -> EnumSchema:
        """Note a generated enum. Two may share a name that ``enum_name`` gave to both, given the same members."""
        known = self._generated.setdefault(enum.name, _Generated(enum, where, named))
        shared = named and known.named and known.enum.members == enum.members
        if known.where != where and not shared:
            self._clash(enum.name, where, f"that of {known.where}")
        return enum

    def refuse_clashes(self) -> None:
        """Generated enums must not be called as an entity or a StrEnum that an entity uses. Call once, at the end."""
        for name, generated in self._generated.items():
            if name in self.definitions:
                self._clash(name, generated.where, f"the entity {name}")
            elif name in self._user_enums:
                self._clash(name, generated.where, f"the StrEnum {self._user_enums[name].__module__}.{name}")

    def _clash(self, name: str, where: str, other: str) -> None:
        self.problems.add(where, f"its enum is called {name}, as is {other}; name it with Field(enum_name=)")
