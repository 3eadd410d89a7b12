"""In which order a flush writes its rows. Pure.

Deletions of both sorts, UPDATEs, INSERTs, so that a unique value freed by one is there for another; deletions children
first, UPDATEs by table, INSERTs parents first; each by id, so that writers of the same rows lock them in the same
order and rarely deadlock.

Rows that depend on each other otherwise are moved to a later level, and levels are written one after the other:

- where a foreign key is known: a row is inserted before what comes to point to it, and what points away is written
  before the row is deleted. A cycle of such rows cannot be written at all.
- a row that gives a unique value up is written before the one that takes it. Where that cannot be (two rows that swap
  their values), the server says so.
"""

from __future__ import annotations

import heapq
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from fluxaorm.entity.schema import UNSET
from fluxaorm.errors import ReferenceCycleError

if TYPE_CHECKING:
    from fluxaorm.entity.schema import EntitySchema
    from fluxaorm.plans.state.bound_entity import BoundEntity
    from fluxaorm.plans.writes.entity_write import EntityWrite
    from fluxaorm.plans.writes.order.foreign_keys import ForeignKey, KnownForeignKeys

DELETE: Final = 0
MARK: Final = 1
"""A soft delete."""
UPDATE: Final = 2
INSERT: Final = 3

Place: TypeAlias = "tuple[int, int, str, int]"
"""Phase, rank, table and kind: where the statements of one kind and table go within a level."""
Key: TypeAlias = "tuple[Any, ...]"


class Edge(NamedTuple):
    """A write that must come before another one, by their numbers."""

    before: int
    after: int
    key: ForeignKey | None
    """Whose refusal it prevents; None: it is only better so."""


def arranged(
    writes: Sequence[EntityWrite], known: KnownForeignKeys
) -> list[tuple[BoundEntity, int, list[EntityWrite]]]:
    """The writes in groups: of one entity and kind each, whose order within does not matter but for INSERTs.

    ReferenceCycleError when foreign keys leave no order.
    """
    if len(writes) == 1 and writes[0].verb == "insert":
        # a new row waits for none, itself included
        return [(writes[0].binding, INSERT, list(writes))]
    groups: dict[tuple[BoundEntity, int], list[EntityWrite]] = {}
    for write in writes:
        groups.setdefault((write.binding, _kind(write)), []).append(write)
    places = {group: _place(*group, known) for group in groups}
    edges = list(_edges(groups, writes, known))
    if not edges:
        return [(*group, groups[group]) for group in sorted(groups, key=places.__getitem__)]
    levelled: dict[tuple[int, Place], list[EntityWrite]] = {}
    own = [places[write.binding, _kind(write)] for write in writes]
    for number, level in _levels(writes, own, edges):
        levelled.setdefault((level, own[number]), []).append(writes[number])
    return [(levelled[at][0].binding, at[1][3], levelled[at]) for at in sorted(levelled)]


def _kind(write: EntityWrite) -> int:
    if write.verb == "insert":
        return INSERT
    if write.verb == "delete":
        return DELETE
    position = write.binding.schema.soft_delete_position
    return MARK if position is not None and write.values.get(position) else UPDATE


def _place(binding: BoundEntity, kind: int, known: KnownForeignKeys) -> Place:
    table, rank = binding.schema.table, known.rank(binding.schema.name)
    if kind == INSERT:
        return (2, rank, table, kind)
    return (1, 0, table, kind) if kind == UPDATE else (0, -rank, table, kind)


# what depends on what


def _edges(
    groups: Mapping[tuple[BoundEntity, int], Sequence[EntityWrite]],
    writes: Sequence[EntityWrite],
    known: KnownForeignKeys,
) -> Iterator[Edge]:
    bindings = {binding.schema.name: binding for binding, _ in groups}
    numbers: dict[str, list[int]] | None = None
    held = False
    for pool in {binding.mysql_pool for binding in bindings.values()}:
        for key in known.of(pool):
            if key.child in bindings and key.parent in bindings:
                numbers = numbers or _by_entity(writes)
                for edge in _edges_of_key(key, writes, numbers):
                    held = True
                    yield edge
    for binding in bindings.values():
        # else the phases see to it
        if held or _changes_unique_values(binding, groups.get((binding, UPDATE), ())):
            numbers = numbers or _by_entity(writes)
            yield from _edges_of_unique_values(binding.schema, writes, numbers[binding.schema.name])


def _by_entity(writes: Sequence[EntityWrite]) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = {}
    for number, write in enumerate(writes):
        numbers.setdefault(write.binding.schema.name, []).append(number)
    return numbers


def _edges_of_key(
    key: ForeignKey, writes: Sequence[EntityWrite], numbers: Mapping[str, Sequence[int]]
) -> Iterator[Edge]:
    parents = list(_changes(writes, numbers[key.parent], key.target_positions))
    if not parents:
        return
    made = {after: number for number, _, after in parents if after is not None}
    ended = {before: number for number, before, _ in parents if before is not None}
    for number, before, after in _changes(writes, numbers[key.child], key.positions):
        maker = None if after is None else made.get(after)
        if maker is not None and maker != number:
            yield Edge(maker, number, key)
        remover = None if before is None else ended.get(before)
        if remover is not None:
            holds = key.holds_deleted if writes[remover].verb == "delete" else key.holds_changed
            # a row that points to itself can be inserted, but never be deleted
            if holds or remover != number:
                yield Edge(number, remover, key if holds else None)


def _changes(
    writes: Sequence[EntityWrite], numbers: Iterable[int], positions: Sequence[int]
) -> Iterator[tuple[int, Key | None, Key | None]]:
    """Of the writes that change the values at these positions: the number, the values before and after."""
    for number in numbers:
        before, after = _change(writes[number], positions)
        if before != after:
            yield number, before, after


def _changes_unique_values(binding: BoundEntity, updates: Sequence[EntityWrite]) -> bool:
    """Whether one row may take what another one of the same sort of statement has."""
    if len(updates) < 2:
        return False
    positions = {at for index in binding.schema.unique_indexes for at in index.positions}
    if positions and binding.schema.soft_delete_position is not None:
        positions.add(binding.schema.soft_delete_position)
    return sum(not positions.isdisjoint(write.values) for write in updates) > 1


def _edges_of_unique_values(
    schema: EntitySchema, writes: Sequence[EntityWrite], numbers: Sequence[int]
) -> Iterator[Edge]:
    mark = schema.soft_delete_position
    uniques = [(*index.positions, *([] if mark is None else [mark])) for index in schema.unique_indexes]
    for positions in [(0,), *uniques]:
        changed = list(_changes(writes, numbers, positions))
        freed = {before: number for number, before, _ in changed if before is not None}
        for number, _, after in changed:
            # several may take what only some collation takes for the same
            giver = None if after is None else freed.get(after)
            if giver is not None and giver != number:
                yield Edge(giver, number, None)


def _change(write: EntityWrite, positions: Sequence[int]) -> tuple[Key | None, Key | None]:
    """The values at these positions in the row that is there, and in the one that will be.

    None where there are none, or a NULL among them, which neither points to anything nor is like another.
    """
    entity, values = write.entity, write.values
    row, old, identity_map = entity._row, entity._old or {}, entity._identity_map
    before = after = None
    if write.verb != "insert":
        before = _key([identity_map.python_value(at, old.get(at, row[at])) for at in positions])
        if write.verb == "update" and values.keys().isdisjoint(positions):
            return before, before
    if write.verb != "delete":
        after = _key([identity_map.python_value(at, values.get(at, row[at])) for at in positions])
    return before, after


def _key(values: Sequence[Any]) -> Key | None:
    if any(value is None or value is UNSET for value in values):
        return None
    return tuple([comparable(value) if isinstance(value, str) else value for value in values])


def comparable(text: str) -> str:
    """The same for texts that some collation takes for equal: one dependency too many does no harm."""
    if not text.isascii():
        text = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return text.casefold().rstrip()


# levels


def _levels(writes: Sequence[EntityWrite], places: Sequence[Place], edges: Sequence[Edge]) -> list[tuple[int, int]]:
    """Number and level of each write, in an order that keeps every edge which can be kept.

    What depends on another goes a level further, unless its statements come later by themselves; rows of one INSERT
    are written as they stand.
    """
    waiting = _Waiting(len(writes), edges)
    levels = [0] * len(writes)
    order: list[tuple[int, int]] = []
    while len(order) < len(writes):
        number = waiting.take()
        if number is None:
            raise _cycle_error(writes, edges, waiting.left())
        order.append((number, levels[number]))
        for after in waiting.done(number):
            levels[after] = max(levels[after], levels[number] + _step(places[number], places[after]))
    return order


class _Waiting:
    """Which writes wait for others: for those that they must, and for those that they better would (Kahn, 1962)."""

    def __init__(self, count: int, edges: Sequence[Edge]) -> None:
        self._following: dict[int, list[Edge]] = {}
        self._must, self._better = [0] * count, [0] * count
        for edge in set(edges):
            self._following.setdefault(edge.before, []).append(edge)
            self._kind(edge)[edge.after] += 1
        self._is_done = [False] * count
        self._ready = [number for number in range(count) if not self._waits(number)]
        self._first_left = 0

    def _kind(self, edge: Edge) -> list[int]:
        return self._better if edge.key is None else self._must

    def _waits(self, number: int) -> bool:
        return bool(self._must[number] or self._better[number])

    def take(self) -> int | None:
        """The first that waits for nothing, else the first that waits for nothing it must; None: all must."""
        if self._ready:
            number = heapq.heappop(self._ready)
        else:
            chosen = next((number for number in self._remaining() if not self._must[number]), None)
            if chosen is None:
                return None
            number = chosen
        self._is_done[number] = True
        return number

    def done(self, number: int) -> Iterator[int]:
        """Those that have waited for this one, and are still to be taken."""
        for edge in self._following.get(number, ()):
            after = edge.after
            self._kind(edge)[after] -= 1
            if self._is_done[after]:
                continue
            if not self._waits(after):
                heapq.heappush(self._ready, after)
            yield after

    def left(self) -> set[int]:
        """Those that were not taken."""
        return set(self._remaining())

    def _remaining(self) -> Iterator[int]:
        while self._is_done[self._first_left]:
            self._first_left += 1
        return (number for number in range(self._first_left, len(self._is_done)) if not self._is_done[number])


def _step(before: Place, after: Place) -> int:
    return 0 if before < after or (before == after and before[3] == INSERT) else 1


def _cycle_error(writes: Sequence[EntityWrite], edges: Sequence[Edge], left: set[int]) -> ReferenceCycleError:
    """Walk back from any write that waits for ever, until one is met again."""
    waits_for = {edge.after: edge for edge in edges if edge.key is not None and edge.before in left}
    path: list[int] = []
    number = min(waits_for)
    while number not in path:
        path.append(number)
        number = waits_for[number].before
    cycle = path[path.index(number) :]
    rows = [(writes[at].binding.schema.name, writes[at].entity._row[0]) for at in cycle]
    keys = [key.name for at in cycle if (key := waits_for[at].key) is not None]
    return ReferenceCycleError(rows, keys)
