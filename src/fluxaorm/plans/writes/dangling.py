"""References that a flush would leave without a row: to what it deletes, and to new entities that nobody writes.

Decides; no I/O. The library makes no foreign keys, so no server refuses them. Only what the unit of work knows itself
is looked at; a statement is sent for nothing but to be sure before a flush is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from fluxaorm.entity.schema import ReferenceSchema
from fluxaorm.entity.values.json_value import JsonValue
from fluxaorm.errors import DanglingReferenceError
from fluxaorm.plans.cache.selects import select_row_plan
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.state.tracked import TrackedEntity
from fluxaorm.plans.state.unit_of_work import UnitOfWork
from fluxaorm.plans.writes.entity_write import EntityWrite

_DELETED: Final = "which the same flush deletes"
_NEVER_WRITTEN: Final = (
    "which never got a row: it was deleted while it was new, or cleared or rolled back (ctx.track() of it lets the "
    "flush write it then)"
)


class Pointer(NamedTuple):
    """A reference that a flush writes, and an id in it."""

    write: EntityWrite
    reference: ReferenceSchema
    id: int

    def error(self, reason: str) -> DanglingReferenceError:
        """What to raise for it."""
        schema = self.write.binding.schema
        reference = self.reference
        return DanglingReferenceError(
            schema.name, self.write.entity._id_or_none(), reference.field, reference.target, self.id, reason
        )


def check_references_plan(unit_of_work: UnitOfWork, writes: Sequence[EntityWrite]) -> Plan[None]:
    """DanglingReferenceError when something that is written would refer to nothing afterwards."""
    deleted = _ids(writes, "delete")
    dropped = unit_of_work._dropped or {}
    if not deleted and not dropped:
        return
    made = _ids(writes, "insert")
    for pointer in _pointers(writes):
        target, id = pointer.reference.target, pointer.id
        if id in made.get(target, ()):
            continue
        if id in deleted.get(target, ()):
            raise pointer.error(_DELETED)
        if id in dropped.get(target, ()):
            # somebody else may have made a row with this id, chosen by the caller
            binding = unit_of_work._engine.binding_of(target)
            if (yield from select_row_plan(unit_of_work._target(binding.mysql_pool), binding, id)) is None:
                raise pointer.error(_NEVER_WRITTEN)
            dropped[target].discard(id)


def referred_ids(entity: TrackedEntity, reference: ReferenceSchema) -> Sequence[int]:
    """The ids that a reference of an entity holds now."""
    value = entity._current(reference.position)
    if reference.many:
        return value.value or () if type(value) is JsonValue else ()
    return (value,) if type(value) is int else ()


def _ids(writes: Sequence[EntityWrite], verb: str) -> Mapping[str, set[int]]:
    found: dict[str, set[int]] = {}
    for write in writes:
        if write.verb == verb:
            found.setdefault(write.binding.schema.name, set()).add(write.entity._row[0])
    return found


def _pointers(writes: Sequence[EntityWrite]) -> Iterator[Pointer]:
    for write in writes:
        if write.verb == "delete":
            continue
        for reference in write.binding.schema.references:
            if write.verb == "insert" or reference.position in write.values:
                for id in referred_ids(write.entity, reference):
                    yield Pointer(write, reference, id)
