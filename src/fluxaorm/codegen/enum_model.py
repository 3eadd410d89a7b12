"""The StrEnums of Literals, as the template of ``enums.py`` prints them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fluxaorm.codegen.layout import quoted
from fluxaorm.codegen.naming import enum_member_names
from fluxaorm.entity.schema import EntitySchema


@dataclass(frozen=True, slots=True)
class EnumModel:
    """One generated StrEnum, and the Literal of its values that setters take beside its members."""

    name: str
    members: tuple[tuple[str, str], ...]
    """Name and value."""
    where: str
    """The fields it belongs to."""

    @property
    def text(self) -> str:
        """The name of the Literal."""
        return f"{self.name}Text"

    @property
    def values(self) -> str:
        """The arguments of the Literal."""
        return ", ".join(quoted(value) for _, value in self.members)


def enum_models(schemas: Iterable[EntitySchema]) -> list[EnumModel]:
    """The enums that Literals of these entities need, by name."""
    members: dict[str, tuple[str, ...]] = {}
    users: dict[str, list[str]] = {}
    for schema in schemas:
        for column in schema.columns:
            if column.enum is not None and column.enum.python_class is None:
                members[column.enum.name] = column.enum.members
                users.setdefault(column.enum.name, []).append(f"{schema.name}.{column.field}")
    return [_model(name, members[name], sorted(users[name])) for name in sorted(members)]


def _model(name: str, values: tuple[str, ...], users: list[str]) -> EnumModel:
    *others, last = users
    where = f"{', '.join(others)} and {last}" if others else last
    return EnumModel(name, tuple(zip(enum_member_names(values), values, strict=True)), where)
