"""An entity as one engine sees it: schema, pools, SQL texts, stamps and process-wide caches.

Built once an engine; no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from fluxaorm.entity.schema import UNSET, ColumnSchema, EntitySchema, IndexSchema
from fluxaorm.entity.values.encoders import as_is
from fluxaorm.entity.values.json_codec import refuse_deep
from fluxaorm.entity.values.json_value import JsonValue
from fluxaorm.plans.effects import RowReaderPort
from fluxaorm.plans.state.cache_counts import CacheCounts
from fluxaorm.plans.state.given_names import SET_BY_LIBRARY, rivals
from fluxaorm.plans.state.handlers import Handlers
from fluxaorm.plans.state.id_supply import IdSupply
from fluxaorm.plans.state.keys import channel_of, key_prefix, look_up_name, row_start, stamp_for
from fluxaorm.plans.state.local_rows import LocalRows, Trust
from fluxaorm.query.kept import Kept
from fluxaorm.query.sql.select import QueryCompiler

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect


SPARE_SECONDS: Final = 10.0
_KEPT_BYTES: Final = 1 << 20
"""Of UPDATE texts, of which there is one for each set of changed fields."""
"""What a statement takes besides its waits."""


class ProviderPort(Protocol):
    """What a binding needs of a provider."""

    entity_name: ClassVar[str]
    _fingerprint: ClassVar[str]
    """Of the definition the code was generated from."""
    _entity_class: ClassVar[type[Any]]
    """The generated class, a ``TrackedEntity``."""
    _enum_classes: ClassVar[Mapping[int, type[Any]]]
    """Position -> generated StrEnum, for columns whose enum came from a Literal."""


@dataclass(frozen=True, slots=True)
class DisabledCaches:
    """Caches of an entity that are neither read nor filled; their keys are told of changes all the same."""

    local: bool = False
    redis: bool = False


class _Members(dict[Any, Any]):
    """Members of an enum by the raw forms that they usually have; ``decode`` makes the text of another one."""

    def __init__(self, by_text: Mapping[str, Any], decode: Callable[[Any], Any]) -> None:
        super().__init__(by_text)
        self.update((text.encode(), member) for text, member in by_text.items())
        self._by_text = by_text
        self._decode = decode

    def __missing__(self, raw: Any) -> Any:
        return self._by_text[self._decode(raw)]


class BoundEntity:
    """One entity in one engine. Shared by its contexts and threads; only caches in it change."""

    def __init__(
        self,
        *,
        schema: EntitySchema,
        provider: ProviderPort,
        dialect: Dialect,
        redis_pool: str | None,
        id_redis_pool: str | None,
        namespace: str,
        monotonic: Callable[[], float],
        schemas: Mapping[str, EntitySchema],
        trust: Trust | None = None,
    ) -> None:
        """Everything resolved, nothing shared.

        ``redis_pool``: of the row cache, None when the entity has none; ``id_redis_pool``: that shares id blocks out,
        None when they come straight from MySQL; ``namespace``: part of every key; ``schemas``: of all entities by name;
        ``trust``: whether the process hears of others' changes, None: there are no others.
        """
        self.schema = schema
        self.provider = provider
        self.dialect = dialect
        self.mysql_pool = schema.mysql_pool
        self.recorded_table = dialect.recorded_name(schema.table)
        """What cache keys and ``_fluxa_ids`` call the table."""
        self.redis_pool = redis_pool
        self.fills_redis = schema.cache.redis == "on"
        self.reads_redis = True
        self.id_redis_pool = id_redis_pool
        self.schemas = schemas
        self.queries = QueryCompiler(schema, dialect, schemas)
        self.key_prefix = key_prefix(namespace, self.recorded_table)
        self.mark_prefix = key_prefix(namespace, "_fluxa_async")
        """What begins the key by which a namespace knows that one of its servers has missed no asynchronous flush."""
        self.id_key = f"{self.key_prefix}id"
        self.all_ids_key = f"{self.key_prefix}all"
        self.intends_all_ids = redis_pool is not None and schema.cache.cache_all != "off"
        self.cached_indexes = _cached_indexes(schema) if redis_pool is not None and self.fills_redis else {}
        """Unique indexes whose look-ups are kept in Redis, by name."""
        self.channel = channel_of(self.key_prefix) if redis_pool is not None and schema.cache.publishes else None
        """Where changes are published; None: nobody keeps rows in the process."""
        self.lone_intent_ms = int(1_000 * (_lock_waits(schema, schemas) * dialect.lock_seconds + SPARE_SECONDS))
        """How long the intents of a statement on one row last: longer than it can, also when nobody renews them."""
        self.width = len(schema.columns)
        self.entity_class = provider._entity_class
        call: Any = type.__call__
        self.make_entity: Callable[[], Any] = call.__get__(provider._entity_class)
        """An entity without anything, to be filled at once: as calling its class would, which is not for users."""
        self.local = self._make_local(monotonic, trust)
        self.counts = CacheCounts()
        self.reader: RowReaderPort | None = None
        """Reads rows for several contexts at once; None where look-ups are not merged."""
        self.ids = IdSupply()
        self.handlers = Handlers()
        self.reserved_seen = 0
        """A number that ``_fluxa_ids`` was seen to have reached."""
        self.decoders = tuple(self._decoder(column) for column in schema.columns)
        self.quoted_table = dialect.quote(schema.table)
        self.select_list = ", ".join(dialect.column_expression(column) for column in schema.columns)
        self.select_sql = f"SELECT {self.select_list} FROM {self.quoted_table}"
        self.quoted_id = dialect.quote(schema.columns[0].name)
        self.select_by_id_sql = f"{self.select_sql} WHERE {self.quoted_id} = ?"
        self.json_positions = tuple(column.index for column in schema.columns if column.json_type is not None)
        unique = [position for index in schema.indexes if index.unique for position in index.positions]
        self.key_positions = tuple(dict.fromkeys(unique))
        """Columns of unique indexes."""
        self.shaped = frozenset((*self.json_positions, *provider._enum_classes))
        """Columns whose rows keep another shape than ``check`` gives."""
        self.encoders = tuple(None if column.encode is as_is else column.encode for column in schema.columns)
        """Position -> Python form to Param; None where they are the same."""
        self.by_name = {**schema.by_field, **schema.by_attribute}
        """Columns by what ``new`` and ``set`` may call them."""
        self.takers = {
            name: self._taker(column)
            for name, column in self.by_name.items()
            if column.index and column.kind != "references" and column.auto not in SET_BY_LIBRARY
        }
        """The same names -> position, and what turns a value (not None) into what a row keeps, or raises ValueError.

        Without lists of references: the entities in one are looked at."""
        self.rivals = rivals(schema)
        self._initial = [self._constant(column) for column in schema.columns]
        self._makers = [maker for column in schema.columns if (maker := self._maker(column)) is not None]
        column_names = ", ".join(dialect.quote(column.name) for column in schema.columns)
        self.insert_sql = f"INSERT INTO {self.quoted_table} ({column_names}) VALUES "
        self._update_sql: Kept[tuple[int, ...], str] = Kept(_KEPT_BYTES)
        self._stamps: dict[bytes, bytes] = {}
        self._row_starts: dict[bytes, bytes] = {}

    def disable(self, disabled: DisabledCaches) -> None:
        """Neither read nor fill these caches any more."""
        if disabled.redis:
            self.fills_redis = self.reads_redis = False
        if disabled.local:
            self.local = None

    @property
    def fills_all_ids(self) -> bool:
        """Whether ``get_all`` reads the list of ids from Redis."""
        return self.redis_pool is not None and self.fills_redis and self.schema.cache.cache_all == "on"

    def _make_local(self, monotonic: Callable[[], float], trust: Trust | None) -> LocalRows | None:
        cache = self.schema.cache
        if cache.local_limit is None:
            return None
        return LocalRows(cache.local_limit, cache.local_ttl_ms / 1000, monotonic, trust)

    def _decoder(self, column: ColumnSchema) -> Callable[[Any], Any]:
        enum_class = self.provider._enum_classes.get(column.index)
        if enum_class is None or column.enum is None:
            return column.decode
        members = {text: enum_class(text) for text in column.enum.members}
        if column.kind == "set":
            return lambda raw: frozenset([members[text] for text in column.decode(raw)])
        return _Members(members, column.decode).__getitem__

    def assigned_form(self, column: ColumnSchema, checked: Any) -> Any:
        """A checked value in the shape a row keeps it: members of the generated enum, JSON in its cell.

        ValueError for a document that is too deep for the server.
        """
        if column.index not in self.shaped:
            return checked
        if column.json_type is not None:
            refuse_deep(checked, self.dialect.capabilities.json_levels)
            return JsonValue(None, checked)
        return self.decoders[column.index](checked)

    def _taker(self, column: ColumnSchema) -> tuple[int, Callable[[Any], Any]]:
        check, position = column.check, column.index
        if position not in self.shaped:
            return position, check
        if column.kind == "enum":
            return position, self._member_taker(column)
        return position, lambda value: self.assigned_form(column, check(value))

    def _member_taker(self, column: ColumnSchema) -> Callable[[Any], Any]:
        check, decode = column.check, self.decoders[column.index]
        assert column.enum is not None, column
        members: dict[Any, Any] = {text: decode(text) for text in column.enum.members}

        def take_member(value: Any) -> Any:
            member = members.get(value) if type(value) is str else None
            return decode(check(value)) if member is None else member

        return take_member

    def initial_cells(self, id: Any) -> list[Any]:
        """The row of a new entity: its id, defaults, and UNSET."""
        cells = self._initial.copy()
        cells[0] = id
        for position, make in self._makers:
            cells[position] = make()
        return cells

    def _constant(self, column: ColumnSchema) -> Any:
        value = column.default
        if value is None or value is UNSET or self._is_made(column):
            return None if value is None else UNSET
        return self.assigned_form(column, value)

    def _maker(self, column: ColumnSchema) -> tuple[int, Callable[[], Any]] | None:
        if not self._is_made(column):
            return None
        factory, default = column.default_factory, column.default

        def make() -> Any:
            value = default if factory is None else factory()
            return None if value is None else self.assigned_form(column, value)

        return column.index, make

    def _is_made(self, column: ColumnSchema) -> bool:
        """Whether each entity has a start of its own: from a factory, and documents, which may change in place."""
        if column.default_factory is not None:
            return True
        return column.json_type is not None and column.default is not UNSET and column.default is not None

    def stamp(self, server: bytes) -> bytes:
        """What cached values must start with on the Redis primary ``server``."""
        stamp = self._stamps.get(server)
        if stamp is None:
            stamp = self._stamps[server] = stamp_for(self.schema.fingerprint, server)
        return stamp

    def row_start(self, server: bytes) -> bytes:
        """What the cached value of a whole row begins with there."""
        start = self._row_starts.get(server)
        if start is None:
            start = self._row_starts[server] = row_start(self.stamp(server), self.width)
        return start

    def update_sql(self, positions: tuple[int, ...]) -> str:
        """The UPDATE of these columns of one row; the version too is a condition where there is one."""
        sql = self._update_sql.get(positions)
        if sql is None:
            sql = self._render_update(positions)
            self._update_sql.keep(positions, sql, 2 * len(sql) + 8 * len(positions) + 200)
        return sql

    def _render_update(self, positions: tuple[int, ...]) -> str:
        quote, columns = self.dialect.quote, self.schema.columns
        changes = ", ".join(f"{quote(columns[position].name)} = ?" for position in positions)
        sql = f"UPDATE {self.quoted_table} SET {changes} WHERE {self.quoted_id} = ?"
        version = self.schema.version_position
        return sql if version is None else f"{sql} AND {quote(columns[version].name)} = ?"

    def row_key(self, id: int) -> str:
        """The cache key of a row."""
        return f"{self.key_prefix}{id}"

    def look_up_key(self, index: IndexSchema, params: Sequence[Any]) -> str:
        """The cache key of a look-up by a unique index."""
        return f"{self.key_prefix}{look_up_name(index.name, params)}"

    def count_local_misses(self, number: int) -> None:
        """Note look-ups that the local cache did not answer."""
        assert self.local is not None
        if self.local.is_open:
            self.counts.local_miss += number
        else:
            self.counts.local_bypass += number

    def reset_after_fork(self) -> None:
        """Forget what a forked child must not share with its parent."""
        self.ids.reset()
        if self.local is not None:
            self.local.reset_after_fork()


def _lock_waits(schema: EntitySchema, schemas: Mapping[str, EntitySchema]) -> int:
    """At how many locks a statement on one row may wait.

    Its table's and its own, those of unique values, and those of rows that it refers to or that refer to it, wherever
    there may be a foreign key.
    """
    unique = sum(index.unique for index in schema.indexes)
    references = [reference for each in schemas.values() for reference in each.references if not reference.many]
    return 2 + unique + len(schema.references) + sum(reference.target == schema.name for reference in references)


def _cached_indexes(schema: EntitySchema) -> dict[str, IndexSchema]:
    return {index.name: index for index in schema.indexes if index.unique and index.cached}
