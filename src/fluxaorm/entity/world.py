"""What the definitions of one registry know of each other while they are resolved: classes, id types, enum names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fluxaorm.entity.aliases import UINT64, IntegerType
from fluxaorm.entity.hints import Namespace
from fluxaorm.entity.kinds import Target
from fluxaorm.entity.problems import Problems
from fluxaorm.entity.schema import EnumSchema


@dataclass(slots=True)
class World:
    """``definitions``: registered classes by name."""

    definitions: Mapping[str, type[Any]]
    problems: Problems
    id_types: dict[str, IntegerType] = field(default_factory=dict)
    """Of each entity whose id is as it should be."""
    enums: dict[str, tuple[EnumSchema, str, bool]] = field(default_factory=dict)
    """Generated enums by name, where they come from, and whether ``enum_name`` named them."""
    _namespaces: dict[tuple[type[Any], type[Any]], Namespace] = field(default_factory=dict)

    def namespace(self, owner: type[Any], definition: type[Any]) -> Namespace:
        """Where the hints in the body of ``owner`` are looked up."""
        key = (owner, definition)
        found = self._namespaces.get(key)
        if found is None:
            found = self._namespaces[key] = Namespace(owner, definition, self.definitions)
        return found

    def target(self, cls: type[Any]) -> Target | None:
        """The registered entity that a reference means. One whose id is wrong, which is reported there, counts as UInt64."""
        name = cls.__name__
        if self.definitions.get(name) is not cls:
            return None
        return Target(name, self.id_types.get(name, UINT64))

    def add_enum(self, enum: EnumSchema, where: str, named: bool) -> None:
        """Note a generated enum; two may share a name only when both were named so and have the same members."""
        known = self.enums.setdefault(enum.name, (enum, where, named))
        if known[1] != where and not (named and known[2] and known[0].members == enum.members):
            self.problems.add(
                where,
                f"its enum would be called {enum.name} as that of {known[1]} is; "
                "give one of them another name with Field(enum_name=)",
            )
        elif enum.name in self.definitions:
            self.problems.add(where, f"its enum would be called {enum.name} as an entity is; use Field(enum_name=)")
