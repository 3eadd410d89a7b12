"""What inspection makes of a database, as values: drafts of entities, and what is left out with the reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from fluxaorm.introspect.code import Code

What: TypeAlias = Literal["column", "index", "foreign key", "check", "trigger", "partitions", "comment", "cascade"]


@dataclass(frozen=True, slots=True)
class Omission:
    """A part of a table that its entity does not have."""

    what: What
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class FieldDraft:
    """One field. ``options``: of ``Field()``, as source; ``note``: what a reader should check, "" for nothing."""

    name: str
    column: str
    annotation: Code
    nullable: bool = False
    default: Code | None = None
    options: tuple[tuple[str, str], ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class EnumDraft:
    """A StrEnum, for members that are too many for a ``Literal``. ``place``: ``table.column``."""

    name: str
    members: tuple[str, ...]
    place: str


@dataclass(frozen=True, slots=True)
class EntityDraft:
    """One entity."""

    name: str
    table: str
    fields: tuple[FieldDraft, ...]
    indexes: tuple[Code, ...] = ()
    enums: tuple[EnumDraft, ...] = ()
    soft_delete: bool = False
    omissions: tuple[Omission, ...] = ()


@dataclass(slots=True)
class Exclusions:
    """What cannot be declared, with the reason: by table, by (table, column), by (table, index)."""

    tables: dict[str, str] = field(default_factory=dict[str, str])
    columns: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    indexes: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    long_texts: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """(table, column) of texts that would make a row too wide if each character took 4 bytes."""
