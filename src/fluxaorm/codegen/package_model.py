"""What the modules of one generated package share: entities, enums, who is referred to, how everything is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fluxaorm.codegen.enum_model import EnumModel, enum_models
from fluxaorm.codegen.naming import module_name
from fluxaorm.entity.schema import EntitySchema
from fluxaorm.errors import CodegenError


@dataclass(frozen=True, slots=True)
class ClassNames:
    """The names of the classes in an entity's module, and of its provider."""

    entity: str

    @property
    def _stem(self) -> str:
        return self.entity.removesuffix("Entity") or self.entity

    @property
    def module(self) -> str:
        """The module, inside the package."""
        return module_name(self.entity)

    @property
    def provider(self) -> str:
        """The provider, an object."""
        return f"{self.entity}Provider"

    @property
    def provider_class(self) -> str:
        """Its class."""
        return f"_{self._stem}Provider"

    @property
    def values(self) -> str:
        """The keywords of ``new`` and ``set``."""
        return f"{self._stem}Values"

    @property
    def row(self) -> str:
        """A row of ``save_many``."""
        return f"{self._stem}Row"

    @property
    def changes(self) -> str:
        """The keywords of ``update_where``."""
        return f"{self._stem}Changes"

    @property
    def fields(self) -> str:
        """The field objects for queries."""
        return f"{self._stem}Fields"

    @property
    def reference(self) -> str:
        """The field object of a reference to it."""
        return f"{self._stem}Reference"

    @property
    def all(self) -> frozenset[str]:
        """Every name the module defines."""
        return frozenset(
            {
                self.entity,
                self.provider,
                self.provider_class,
                self.values,
                self.row,
                self.changes,
                self.fields,
                self.reference,
            }
        )


@dataclass(frozen=True, slots=True)
class PackageModel:
    """One package. Entities and enums by name."""

    schemas: Mapping[str, EntitySchema]
    enums: Mapping[str, EnumModel]
    referred_to: frozenset[str]
    """Entities that a reference field of some entity refers to."""


def package_model(schemas: Mapping[str, EntitySchema]) -> PackageModel:
    """The model of a package. CodegenError when two things in it would have one name."""
    references = (reference for schema in schemas.values() for reference in schema.references)
    referred_to = frozenset(reference.target for reference in references if not reference.many)
    package = PackageModel(schemas, {enum.name: enum for enum in enum_models(schemas.values())}, referred_to)
    _refuse_clashes(package)
    return package


def _refuse_clashes(package: PackageModel) -> None:
    modules: dict[str, str] = {}
    exported: dict[str, str] = {"ALL_PROVIDERS": "the package"}
    for name in sorted(package.schemas):
        names = ClassNames(name)
        _claim(modules, names.module, f"the module of {name}")
        _claim(exported, name, f"the entity {name}")
        _claim(exported, names.provider, f"the provider of {name}")
    for enum in package.enums.values():
        _claim(exported, enum.name, f"the enum of {enum.where}")


def _claim(owners: dict[str, str], name: str, owner: str) -> None:
    other = owners.setdefault(name, owner)
    if other != owner:
        raise CodegenError(f"{other} and {owner} would both be called {name}; rename one of them")
