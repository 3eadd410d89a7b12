"""The resolved, immutable metadata of an entity: what every other layer reads.

Built by ``entity.resolve`` from a definition class, never by hand; holds no connection and does no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

Param: TypeAlias = "int | float | str | bytes | Decimal | None"
AutoValue: TypeAlias = Literal["", "created_at", "updated_at", "version", "fake_delete"]


class Unset:
    """The type of ``UNSET``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNSET"

    def __reduce__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()
"""Stands in a row for a value that nobody gave."""


@dataclass(frozen=True, slots=True)
class EnumSchema:
    """The members of an enum or set column."""

    name: str
    """The StrEnum's class name: the user's, or the generated one of a ``Literal``."""
    members: tuple[str, ...]
    """The stored strings, in order."""
    python_class: type[Any] | None
    """The user's StrEnum, or None when it came from a ``Literal`` (then ``enums.py`` gets one)."""


@dataclass(frozen=True, slots=True)
class ColumnSchema:
    """One column: names, types and the functions that carry a value from one form to another.

    A value has three forms. *Python*: what the user sees. *Stored*: what ``encode`` gives and a driver is handed (a
    ``Param``). *Raw*: what a driver or cache gives back: text as ``bytes`` (MySQL's text protocol), ``str`` (Redis,
    SQLite) or the driver's own Python value; ``decode`` takes all of these and its own results.
    """

    index: int
    """Position in the row; ``id`` is 0."""
    name: str
    """Column name in the table."""
    field: str
    """Name in definitions, queries and indexes: ``category``, ``home_country``, ``aliases_1``."""
    attribute: str
    """Name on the generated entity: as ``field``, but ``category_id`` for a reference."""
    kind: str
    """Name of the entry in ``entity.kinds.KINDS``: "uint", "str", "decimal", "enum", "reference", ..."""
    annotation: str
    """Source text of the getter's type without None: ``int``, ``ProductStatus``, ``frozenset[ProductTags]``."""
    imports: tuple[tuple[str, str], ...]
    """(module, name) pairs that ``annotation`` needs: ``(("decimal", "Decimal"),)``.

    An enum without ``python_class`` is
    not among them; a name with ``<locals>`` in it is that of a class made in a function, which nobody can import."""
    nullable: bool
    mysql_type: str
    """As MySQL 8+ prints it in ``information_schema.COLUMN_TYPE``: ``decimal(10,2)``, ``int unsigned``,
    ``enum('a','b')``.
    """
    check: Callable[[Any], Any]
    """Assigned value -> Python form (a set's iterable becomes a frozenset, a naive datetime aware, ...).
    Raises ValueError with the reason only (``must be 0 to 255``); None is never passed."""
    encode: Callable[[Any], Any]
    """Python form (not None) -> Param."""
    decode: Callable[[Any], Any]
    """Raw form (not None) or Python form -> Python form. Raises ValueError when it is not one."""
    default: Any = UNSET
    """Python form, None, or UNSET when the user must give a value."""
    default_factory: Callable[[], Any] | None = None
    length: int | None = None
    """Characters of a varchar; None for other types."""
    minimum: int | None = None
    maximum: int | None = None
    """Range of an integer, id or reference; None for other types."""
    reference: str | None = None
    """Name of the entity this column refers to."""
    enum: EnumSchema | None = None
    json_type: Any = None
    """T of ``Json[T]``."""
    auto: AutoValue = ""
    secret: bool = False
    searchable: bool | str = False
    sortable: bool = False
    renamed_from: str | None = None
    description: str = ""
    """Type, unit or range in words, for docstrings: ``0 to 255``, ``up to 100 characters``."""

    @property
    def has_default(self) -> bool:
        """Whether a new entity may leave the value out."""
        return self.default is not UNSET or self.default_factory is not None


@dataclass(frozen=True, slots=True)
class GroupSchema:
    """An ``Embedded`` field or a ``list[T]`` field: one name over several columns."""

    name: str
    python_class: type[Any] | None
    """The Embedded class, or None for a list (its value is a tuple)."""
    members: tuple[tuple[str, int | GroupSchema], ...]
    """(name inside the group, column position or inner group); the names of a list's members are "1".."N"."""
    annotation: str = ""
    imports: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class IndexSchema:
    """An index as it is in the table."""

    name: str
    fields: tuple[str, ...]
    """Field names as declared."""
    columns: tuple[str, ...]
    """Column names, in order; ``fake_delete`` comes last in a unique index of a soft-delete entity."""
    positions: tuple[int, ...]
    """Positions of ``fields`` in the row."""
    unique: bool = False
    cached: bool = False
    implicit: bool = False
    """Made for a reference field or for ``fake_delete``, not declared by the user."""


@dataclass(frozen=True, slots=True)
class ReferenceSchema:
    """A reference field. ``position`` is its column's, or of the JSON column when ``many``."""

    field: str
    target: str
    position: int
    many: bool = False
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class CacheSchema:
    """The cache options of an entity, resolved."""

    redis: Literal["off", "intents", "on"] = "off"
    redis_pool: str = "default"
    ttl_ms: int = 3_600_000
    local_limit: int | None = None
    """None: no local cache; 0: unlimited."""
    local_ttl_ms: int = 60_000
    cache_all: Literal["off", "intents", "on"] = "off"
    """Whether the list of all living ids is kept."""
    publishes: bool = False
    """Whether processes are told of changes: some may keep rows of it."""


@dataclass(frozen=True, slots=True, eq=False)
class EntitySchema:
    """Everything there is to know about one entity."""

    name: str
    """Class name of definition and generated entity."""
    table: str
    """The table's name."""
    mysql_pool: str
    """Code of the MySQL pool."""
    columns: tuple[ColumnSchema, ...]
    """In the order of the row, the id first."""
    indexes: tuple[IndexSchema, ...]
    """Besides the primary key."""
    references: tuple[ReferenceSchema, ...]
    """Fields that refer to other entities."""
    groups: tuple[GroupSchema, ...]
    """Embedded and list fields."""
    cache: CacheSchema
    """The cache options as declared."""
    fingerprint: str
    """16 hex digits: a hash of everything that generated code and cached rows depend on."""
    definition: type[Any]
    """The class that declares it, as it was registered."""
    id_maximum: int
    """The greatest id that the type of ``id`` holds."""
    soft_delete: bool = False
    """Whether a deleted row stays, marked."""
    soft_delete_position: int | None = None
    """Position of ``fake_delete`` in the row; like the next three None where there is no such column."""
    version_position: int | None = None
    """Position of the field that is ``Field(version=True)``."""
    created_at_position: int | None = None
    """Position of ``created_at``."""
    updated_at_position: int | None = None
    """Position of ``updated_at``."""
    id_pool: str | None = None
    """Redis pool that shares id blocks out, "mysql" for blocks straight from MySQL; None: the cache's pool,
    else "default" when registered, else MySQL."""
    id_block: int = 0
    """Ids a block; 0: the default, the smaller of 10,000 and a thousandth of the type's range."""
    redis_search_pool: str | None = None
    debezium_pool: str | None = None
    events_pool: str | None = None
    shard_key: str | None = None
    renamed_from: str | None = None
    doc: str = ""
    by_field: Mapping[str, ColumnSchema] = field(default_factory=dict[str, ColumnSchema])
    """Columns by field name."""
    by_attribute: Mapping[str, ColumnSchema] = field(default_factory=dict[str, ColumnSchema])
    """Columns by attribute name."""

    @property
    def table_name(self) -> str:
        """The table's name."""
        return self.table

    @property
    def id_minimum(self) -> int:
        """The least id that a row may have: 0, of a signed type its minimum. Generated ids start at 1."""
        return min(0, self.columns[0].minimum or 0)

    @property
    def unique_indexes(self) -> tuple[IndexSchema, ...]:
        """The unique indexes besides the primary key."""
        return tuple(index for index in self.indexes if index.unique)

    def __repr__(self) -> str:
        return f"<EntitySchema {self.name} table={self.table!r} columns={len(self.columns)}>"
