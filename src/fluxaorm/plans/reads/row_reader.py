"""Reading rows for many contexts at once: what look-ups of one entity that are merged ask for. No I/O.

A context with an open transaction on the entity's pool reads by itself. What the local cache has nobody asks for here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fluxaorm.plans.cache.many_rows import BATCH, local_rows, read_rows_past_local_plan
from fluxaorm.plans.cache.one_row import read_row_past_local_plan
from fluxaorm.plans.effects import LookUpRows, Plan, Row, Session, Target

if TYPE_CHECKING:
    from fluxaorm.plans.state.bound_entity import BoundEntity
    from fluxaorm.plans.state.engine_port import EnginePort
    from fluxaorm.plans.state.unit_of_work import IdentityMap


class RowReader:
    """Reads rows of one entity for whoever asks, outside any transaction. One an entity and engine."""

    __slots__ = ("_binding", "_engine", "most")

    def __init__(self, engine: EnginePort, binding: BoundEntity) -> None:
        self._engine = engine
        self._binding = binding
        self.most = BATCH
        """Ids that may be read together."""

    def plan(self, ids: Sequence[int]) -> Plan[Mapping[int, Row]]:
        """The rows of distinct ids; an id without a row is left out."""
        target = self._binding.mysql_pool
        if len(ids) > 1:
            return (yield from read_rows_past_local_plan(self._engine, target, self._binding, ids))
        row = yield from read_row_past_local_plan(self._engine, target, self._binding, ids[0])
        return {} if row is None else {ids[0]: row}


def find_row_plan(identity_map: IdentityMap, id: int) -> Plan[Row | None]:
    """The row of an id that is not at hand, or None; read together with others' where look-ups are merged."""
    reader = identity_map.merging_reader
    # an id that no row can have must not spoil the statement of all
    if reader is not None and id <= identity_map.schema.id_maximum:
        rows: Mapping[int, Row] | None = yield LookUpRows(reader, (id,))
        if rows is not None:
            return rows.get(id)
    engine, target = identity_map.unit_of_work._engine, identity_map.target
    return (yield from read_row_past_local_plan(engine, target, identity_map.binding, id))


def find_rows_plan(identity_map: IdentityMap, ids: Sequence[int]) -> Plan[dict[int, Row]]:
    """The rows of distinct ids below the context cache likewise; an id without a row is left out."""
    target, binding = identity_map.target, identity_map.binding
    if binding.local is None or isinstance(target, Session):
        return (yield from _find_far_rows_plan(identity_map, target, ids))
    rows, missing = local_rows(binding, binding.local, ids)
    if missing:
        rows.update((yield from _find_far_rows_plan(identity_map, target, missing)))
    return rows


def _find_far_rows_plan(identity_map: IdentityMap, target: Target, ids: Sequence[int]) -> Plan[dict[int, Row]]:
    reader = identity_map.merging_reader
    if reader is not None and len(ids) < reader.most and max(ids) <= identity_map.schema.id_maximum:
        found = yield from LookUpRows(reader, ids)
        if found is not None:
            return {id: found[id] for id in ids if id in found}
    return (yield from read_rows_past_local_plan(identity_map.unit_of_work._engine, target, identity_map.binding, ids))
