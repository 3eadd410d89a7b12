"""The unit of work: what one context knows. Identity maps, pending changes, deadlines; no I/O of its own.

``UnitOfWork`` is the base of ``Context`` and ``AsyncContext``; an ``IdentityMap`` is its part for one entity.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol, TypeVar
from weakref import WeakSet
from weakref import ref as weak_reference

from fluxaorm.entity.schema import UNSET, EntitySchema
from fluxaorm.entity.values.json_value import JsonValue
from fluxaorm.entity.values.unfit_cell import UNFIT, UnfitCell
from fluxaorm.errors import ContextClosedError, StoredValueError
from fluxaorm.plans.effects import Plan, RowReaderPort, Session, Stream, Target
from fluxaorm.plans.state.given_names import refuse_twice
from fluxaorm.plans.state.tracked import DELETING, DRAFT, NEW, STORED, TrackedEntity

if TYPE_CHECKING:
    from fluxaorm.plans.state.bound_entity import BoundEntity, ProviderPort
    from fluxaorm.plans.state.engine_port import EnginePort

T = TypeVar("T")

NO_SESSIONS: Final[Mapping[str, Session]] = MappingProxyType({})


class UnitOfWork:
    """What one context knows. ``pending`` keeps new, changed and deleted entities alive until they are written."""

    _merges_look_ups: ClassVar[bool] = False
    """Whether the shell merges look-ups of many contexts."""

    _maker: ClassVar[str] = "new_context"
    """The engine's method that makes another."""

    # a context is made for each request, and most never set these
    _json_held: WeakSet[TrackedEntity] | None = None
    """Entities whose Json values were handed out before the last flush: whoever still holds such a value may change it
    yet. None: nobody."""
    _held: dict[TrackedEntity, None] | None = None
    """Entities that the context keeps alive although nobody else may hold them. None: none."""
    _open_transaction: object | None = None
    """The explicit transaction that is open; see ``transaction_of``."""
    _pipelines: object | None = None
    """Statements, commands and keys of the user's own that wait for the next flush; see ``pipelines_of``."""
    _dropped: dict[str, set[int]] | None = None
    """Ids, by entity, of new entities that wait for no flush any more: what refers to one of them has no row to refer
    to. None: none."""
    _streams: set[Stream] | None = None
    """Those with a connection of their own that may not have been read to their end."""
    _meta: Mapping[str, str] = MappingProxyType({})
    """What the user attached; query logs and records of asynchronous flushes carry it."""
    _flushing = False
    _calling_back: Literal["", "before", "after"] = ""
    """Which handlers of the flush under way are being called."""
    _identity_enabled = True
    _identity_ttl: float | None = None

    def __init__(self, engine: EnginePort) -> None:
        self._engine = engine
        # what every look-up asks for: an object's own attribute is found sooner than its class's
        self._plain_identity = True
        """Whether an entity found in the identity map may be handed out without a further look."""
        self.closed = False
        """Whether it was closed; nothing can be read or written through it any more."""
        self._in_use_by: Any = None
        """The thread whose plan runs, or the task whose flush does; None: nobody."""
        self._identity_maps: dict[Any, IdentityMap] = {}
        self._pending: dict[TrackedEntity, None] = {}
        self._json_read: dict[TrackedEntity, None] = {}
        """Entities whose Json values were handed out since the last flush."""
        self._chosen_ids: dict[TrackedEntity, None] = {}
        """New entities whose id the caller chose: the flush lifts the reserved ids past them."""
        self._sessions = NO_SESSIONS
        """Of the open transaction: one for each pool, begun by the first statement that needs it."""

    @property
    def in_transaction(self) -> bool:
        """Whether a block of ``transaction()`` is open."""
        return self._open_transaction is not None

    def _identity_map_of(self, provider: ProviderPort) -> IdentityMap:
        """The context's part for one entity; ContextClosedError when the context is closed."""
        if self.closed:
            raise self._closed_error()
        identity_map = self._identity_maps.get(provider)
        if identity_map is None:
            identity_map = self._identity_maps[provider] = IdentityMap(self, self._engine.binding(provider))
        return identity_map

    def _closed_error(self) -> ContextClosedError:
        """What is raised by whatever a closed context is asked for."""
        return ContextClosedError(f"the context is closed; make another with engine.{self._maker}()")

    def _target(self, pool: str) -> Target:
        """Where to read: the open transaction of this pool, or any of its connections."""
        return self._sessions.get(pool, pool)

    def _forget_all(self) -> None:
        """Empty the identity maps; entities that wait for a flush stay."""
        self._note_json_changes()
        self._held = None
        for identity_map in self._identity_maps.values():
            identity_map.forget_clean()

    def _make_stale(self) -> None:
        """Let the next look-up of each entity that has a row read it again, in place; unsaved changes stay."""
        for identity_map in self._identity_maps.values():
            identity_map.make_stale()

    def _note_json_changes(self) -> None:
        """Mark Json columns dirty whose decoded value was changed in place."""
        for entity in {**self._json_read, **dict.fromkeys(self._json_held or ())}:
            entity._note_json_changes()
        if self._json_read:
            self._json_held = WeakSet() if self._json_held is None else self._json_held
            self._json_held.update(self._json_read)
            self._json_read.clear()


class Batches(Protocol):
    """Something read in several steps, while ``done`` is not True."""

    done: bool

    def batch_plan(self) -> Plan[list[Any]]:
        """The next ones."""
        ...


class SyncUnitOfWork(UnitOfWork):
    """Of one thread: its plans are run when they are given. The base of ``Context``, and all that lower layers know."""

    def _run(self, plan: Plan[T], *, inside: bool = True) -> T:
        """What the plan returns. ``inside``: in the open transaction, if there is one."""
        raise NotImplementedError

    def _iterate(self, iteration: Batches) -> Iterator[Any]:
        """What the batches hold."""
        raise NotImplementedError

    def _check_alone(self) -> None:
        """ContextClosedError, ContextMisuseError where a transaction may not begin."""
        raise NotImplementedError


class AsyncUnitOfWork(UnitOfWork):
    """Of one event loop: what its plans give is awaited. The base of ``AsyncContext``."""

    _maker = "new_async_context"

    def _run(self, plan: Plan[T]) -> Coroutine[Any, Any, T]:
        """What to await for what the plan returns."""
        raise NotImplementedError

    async def _drive(self, plan: Plan[T], *, alone: bool = False, inside: bool = True) -> T:
        """The same, never merged with others'. ``alone``: ContextMisuseError beside anything else on this context."""
        raise NotImplementedError

    def _iterate(self, iteration: Batches) -> AsyncIterator[Any]:
        """What the batches hold."""
        raise NotImplementedError

    def _check_turn(self, *, alone: bool = False) -> None:
        """ContextMisuseError where a plan may not be run; ``alone``: one that flushes or ends a transaction."""
        raise NotImplementedError

    def _check_alone(self) -> None:
        """ContextClosedError, ContextMisuseError where a transaction may not begin."""
        raise NotImplementedError


FIRST_SWEEP: Final = 512
IDS_REMEMBERED: Final = 1_000
"""How many changed rows an identity map knows one by one: past them all count as changed."""
NO_VALUES: Final[Mapping[str, Any]] = {}
_INT: Final = {int}


class IdentityMap:
    """One entity in one context: its identity map and how rows become entities."""

    __slots__ = (
        "_all_changed",
        "_changed",
        "_sweep_at",
        "binding",
        "current",
        "decoders",
        "make_entity",
        "mark",
        "schema",
        "stale",
        "unit_of_work",
        "writes_seen",
    )

    def __init__(self, unit_of_work: UnitOfWork, binding: BoundEntity) -> None:
        self.unit_of_work = unit_of_work
        self.binding = binding
        self.schema: EntitySchema = binding.schema
        self.decoders = binding.decoders
        self.make_entity = binding.make_entity
        self.mark = binding.schema.soft_delete_position
        """The column that says whether a row is deleted; None: rows only go."""
        self.current: dict[int, weak_reference[TrackedEntity]] = {}
        self.stale: dict[int, weak_reference[TrackedEntity]] = {}
        """Entities whose row must be read again before a look-up gives them out, those with unsaved changes included:
        nothing that ends the wait for a flush can make them pass for current."""
        self.writes_seen = 0
        """Counts what made entities stale. Whoever reads rows takes it before the first statement and hands it in with
        them: of tasks that share a context, one may write in bulk while another's rows are on their way."""
        self._all_changed = 0
        self._changed: dict[int, int] = {}
        """Which of these writes was the last that changed a row: of all, or of one id."""
        self._sweep_at = FIRST_SWEEP

    @property
    def target(self) -> Target:
        """Where to read this entity's rows."""
        pool = self.binding.mysql_pool
        return self.unit_of_work._sessions.get(pool, pool)

    @property
    def merging_reader(self) -> RowReaderPort | None:
        """What reads this entity's rows for several contexts at once; None: this one reads by itself."""
        unit_of_work, binding = self.unit_of_work, self.binding
        return (
            binding.reader
            if unit_of_work._merges_look_ups and binding.mysql_pool not in unit_of_work._sessions
            else None
        )

    @property
    def in_transaction(self) -> bool:
        """Whether an explicit transaction is open on the entity's pool: shared caches are bypassed."""
        return self.binding.mysql_pool in self.unit_of_work._sessions

    def python_value(self, position: int, raw: Any) -> Any:
        """The Python form of a raw value; None and UNSET as they are.

        JSON is in its cell, what does not fit in one of its own.
        """
        if raw is None or raw is UNSET or type(raw) is JsonValue or type(raw) is UnfitCell:
            return raw
        try:
            decoded = self.decoders[position](raw)
        except UNFIT as error:
            return UnfitCell(raw, str(error))
        if self.schema.columns[position].json_type is not None:
            return JsonValue(raw, decoded)
        return decoded

    def known(self, id: int) -> TrackedEntity | None:
        """The entity of this id in the identity map, whatever its age."""
        ref = self.current.get(id) or self.stale.get(id)
        return None if ref is None else ref()

    def fresh(self, id: int) -> TrackedEntity | None:
        """The same when it may be handed out without reading again."""
        ref = self.current.get(id)
        entity = None if ref is None else ref()
        if entity is None or self.unit_of_work._plain_identity or entity in self.unit_of_work._pending:
            return entity
        if not self.unit_of_work._identity_enabled:
            return None
        ttl = self.unit_of_work._identity_ttl
        if ttl is not None and entity._read_at + ttl < self.unit_of_work._engine.monotonic():
            return None
        return entity

    def is_hidden(self, entity: TrackedEntity) -> bool:
        """Whether look-ups leave an entity out that do not ask for deleted ones: it is deleted, or to be by a flush."""
        if entity._state == DELETING:
            return True
        mark = self.mark
        return mark is not None and entity._state != NEW and bool(entity._decoded(mark))

    def shown(self, entities: list[Any], include_deleted: bool) -> list[Any]:
        """What a look-up gives of these entities, of which only those with unsaved changes may not be as their rows."""
        if include_deleted or not (self.mark is not None or self.unit_of_work._pending):
            return entities
        mark, is_hidden = self.mark, self.is_hidden
        return [
            entity
            for entity in entities
            if (entity._state == STORED and (mark is None or not entity._row[mark])) or not is_hidden(entity)
        ]

    def entities_from_rows(self, rows: Collection[Sequence[Any]], since: int, *, own: bool = False) -> list[Any]:
        """Entities of rows in raw form; one already known is the same object.

        It is refreshed unless it is being deleted. ``since``: ``writes_seen`` before they were read; ``own``: the rows
        that are lists belong to nobody else.
        """
        read_at = 0.0 if self.unit_of_work._identity_ttl is None else self.unit_of_work._engine.monotonic()
        ids = [row[0] for row in rows]
        distinct = set(ids)
        if (
            len(distinct) < len(ids)
            or self.stale
            or since != self.writes_seen
            or not self.current.keys().isdisjoint(distinct)
            or set(map(type, ids)) != _INT
        ):
            return [self.entity_from_row(row, since, read_at) for row in rows]
        # as entity_from_row, without two calls for each
        make_entity = self.make_entity
        entities: list[Any] = []
        for row in rows:
            entity = make_entity()
            entity._row = row if own and type(row) is list else list(row)
            entity._identity_map = self
            entity._old = None
            entity._state = STORED
            entity._read_at = read_at
            entities.append(entity)
        self.current.update(zip(ids, map(weak_reference, entities), strict=True))
        if len(self.current) > self._sweep_at:
            self._sweep()
        return entities

    def entity_from_row(self, row: Sequence[Any], since: int, read_at: float = 0.0) -> Any:
        """The entity of one row in raw form; ``since``: ``writes_seen`` before it was read."""
        cells = list(row)
        id = cells[0]
        if type(id) is not int:
            id = cells[0] = self._stored_id(id)
        ref = self.current.get(id)
        if ref is None and self.stale:
            ref = self.stale.get(id)
        overtaken = since != self.writes_seen and self.is_overtaken(id, since)
        entity = None if ref is None else ref()
        if entity is None:
            entity = self.adopt(id, cells, STORED, read_at)
        elif overtaken and id not in self.stale:
            # it has what was read after the write
            return entity
        else:
            self._take_newer(entity, id, cells, read_at)
        if overtaken:
            self._make_one_stale(id)
        return entity

    def is_overtaken(self, id: int, since: int) -> bool:
        """Whether a row may have changed since it was read, or before it was read to its end."""
        return since < self._all_changed or since < self._changed.get(id, 0)

    def _stored_id(self, raw: Any) -> int:
        id = self.python_value(0, raw)
        if type(id) is int:
            return id
        reason = id.reason if type(id) is UnfitCell else "a row has an id"
        raise StoredValueError(self.schema.name, None, "id", raw, reason)

    def _take_newer(self, entity: TrackedEntity, id: int, cells: list[Any], read_at: float) -> None:
        """Refresh an entity, or note that it is to be read again.

        That is once it is no longer about to be deleted, or changed on the ground of another version.
        """
        if entity._state == STORED and not self._is_of_another_version(entity, cells):
            self.refresh(entity, id, cells, read_at)
        else:
            self._make_one_stale(id)

    def _is_of_another_version(self, entity: TrackedEntity, cells: list[Any]) -> bool:
        version = self.schema.version_position
        if version is None:
            return False
        entity._note_json_changes()
        return bool(entity._old) and self.python_value(version, cells[version]) != entity._decoded(version)

    def refresh(self, entity: TrackedEntity, id: int, cells: list[Any], read_at: float) -> None:
        """Give an entity its row as it was read just now; it is current then."""
        entity._refresh(cells, read_at)
        if self.stale and (ref := self.stale.pop(id, None)) is not None:
            self.current[id] = ref

    def make_stale(self, ids: Iterable[int] | None = None) -> None:
        """Let the next look-up of each entity that has a row, or of those of ``ids``, read it again, in place.

        Unsaved changes stay; they too are then told against the newer row. Rows that others are reading right now are
        stale when they come.
        """
        self.writes_seen += 1
        if ids is not None:
            for id in ids:
                self._changed[id] = self.writes_seen
                self._make_one_stale(id)
            if len(self._changed) > IDS_REMEMBERED:
                self._all_changed = self.writes_seen
                self._changed.clear()
            return
        self._all_changed = self.writes_seen
        self._changed.clear()
        current: dict[int, weak_reference[TrackedEntity]] = {}
        for id, ref in self.current.items():
            entity = ref()
            if entity is not None:
                (current if entity._state == NEW else self.stale)[id] = ref
        self.current = current

    def _make_one_stale(self, id: int) -> None:
        ref = self.current.get(id)
        entity = None if ref is None else ref()
        if entity is not None and entity._state != NEW:
            self.stale[id] = self.current.pop(id)

    def adopt(self, id: int, cells: list[Any], state: int, read_at: float) -> Any:
        """A fresh entity of a row that becomes its own; the identity map has no living one of this id."""
        entity = self.make_entity()
        entity._row = cells
        entity._identity_map = self
        entity._old = None
        entity._state = state
        entity._read_at = read_at
        self.know(id, entity)
        return entity

    def know(self, id: int, entity: TrackedEntity) -> None:
        """Let look-ups of this id find the entity."""
        identity = self.current
        identity[id] = weak_reference(entity)
        if len(identity) > self._sweep_at:
            self._sweep()

    def _sweep(self) -> None:
        """Drop ids whose entity nobody holds.

        Half as often as they double, so an id costs the same however many there are.
        """
        self.current = {id: ref for id, ref in self.current.items() if ref() is not None}
        self.stale = {id: ref for id, ref in self.stale.items() if ref() is not None}
        self._sweep_at = max(FIRST_SWEEP, 2 * len(self.current))

    def new_entity(self, id: int, values: Mapping[str, Any] = NO_VALUES) -> Any:
        """A tracked new entity with its defaults and ``values``. FieldValueError; nothing is tracked then."""
        cells = self.binding.initial_cells(id)
        entity = self.loose_entity(cells)
        entity._state = NEW
        if values:
            if self.binding.rivals:
                refuse_twice(self.schema, self.binding.rivals, values)
            entity._fill(values)
        self.know(id, entity)
        self.unit_of_work._pending[entity] = None
        return entity

    def loose_entity(self, cells: list[Any]) -> Any:
        """The values of a bulk write: neither the identity map nor any flush knows them."""
        entity = self.make_entity()
        entity._row, entity._identity_map, entity._old, entity._state, entity._read_at = cells, self, None, DRAFT, 0.0
        return entity

    def forget_clean(self) -> None:
        """Take every entity out of the identity map that does not wait for a flush."""
        pending, held = self.unit_of_work._pending, self.unit_of_work._held
        self.current = {id: ref for id, ref in self.current.items() if ref() in pending}
        self.stale = {id: ref for id, ref in self.stale.items() if ref() in pending}
        if held is None:
            return
        for entity in [entity for entity in held if entity._identity_map is self and entity not in pending]:
            del held[entity]

    def forget(self, id: int) -> None:
        """Take an id out of the identity map."""
        _ = self.current.pop(id, None)
        _ = self.stale.pop(id, None)

    def drop_new(self, id: int) -> None:
        """The same of an entity that never got a row."""
        self.forget(id)
        if self.unit_of_work._dropped is None:
            self.unit_of_work._dropped = {}
        self.unit_of_work._dropped.setdefault(self.schema.name, set()).add(id)
