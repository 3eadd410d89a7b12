"""Reading rows for many contexts at once: what look-ups of one entity that are merged ask for. No I/O.

A context with an open transaction on the entity's pool reads by itself, and so does one whose rows are all in the
local cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fluxaorm.plans.cache.many_rows import BATCH, read_rows_plan
from fluxaorm.plans.cache.one_row import read_row_plan
from fluxaorm.plans.effects import LookUpRows, Plan, Row

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
            return (yield from read_rows_plan(self._engine, target, self._binding, ids))
        row = yield from read_row_plan(self._engine, target, self._binding, ids[0])
        return {} if row is None else {ids[0]: row}


def find_row_plan(identity_map: IdentityMap, id: int) -> Plan[Row | None]:
    """The row of an id below the context cache, or None; read together with others' where look-ups are merged."""
    binding = identity_map.binding
    reader = identity_map.merging_reader
    # an id that no row can have must not spoil the statement of all
    if (
        reader is not None
        and id <= identity_map.schema.id_maximum
        and (binding.local is None or not _is_near(binding, id))
    ):
        rows: Mapping[int, Row] | None = yield LookUpRows(reader, (id,))
        if rows is not None:
            return rows.get(id)
    return (yield from read_row_plan(identity_map.unit_of_work.engine, identity_map.target, binding, id))


def find_rows_plan(identity_map: IdentityMap, ids: Sequence[int]) -> Plan[dict[int, Row]]:
    """The rows of distinct ids likewise; an id without a row is left out."""
    engine, target, binding, reader = (
        identity_map.unit_of_work.engine,
        identity_map.target,
        identity_map.binding,
        identity_map.merging_reader,
    )
    if reader is None or len(ids) >= reader.most or max(ids) > identity_map.schema.id_maximum:
        return (yield from read_rows_plan(engine, target, binding, ids))
    far = [id for id in ids if not _is_near(binding, id)]
    found = (yield from LookUpRows(reader, far)) if far else None
    if found is None:
        return (yield from read_rows_plan(engine, target, binding, ids))
    rows: dict[int, Row] = {}
    if len(far) < len(ids):
        taken = set(far)
        rows = yield from read_rows_plan(engine, target, binding, [id for id in ids if id not in taken])
    rows.update((id, found[id]) for id in far if id in found)
    return rows


def _is_near(binding: BoundEntity, id: int) -> bool:
    return binding.local is not None and binding.local.get(id) is not None
