"""Which rows have given unique values, many at a time, compared as the database compares them. Decides; no I/O.

Values that are the same in Python are matched at once; where a collation finds more (``A`` for ``a``) the database is
asked again, value by value.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, Generic, TypeVar

from fluxaorm.entity.schema import UNSET, IndexSchema
from fluxaorm.plans.effects import FetchRows, Plan, Session, Target
from fluxaorm.plans.state.tracked import TrackedEntity
from fluxaorm.plans.state.unit_of_work import IdentityMap
from fluxaorm.plans.writes.row_statements import encoded

K = TypeVar("K")

KEYS_A_QUERY: Final = 1_000
KEYS_A_UNION: Final = 100
"""SQLite takes 500 parts."""


class Keys(Generic[K]):
    """Values of one unique index, by whom they belong to."""

    def __init__(self, index: IndexSchema) -> None:
        self.index = index
        self.values: dict[K, tuple[Any, ...]] = {}
        """Python forms."""
        self.ids: dict[K, int] = {}
        """Of the rows they are expected in."""

    def add(self, of: K, entity: TrackedEntity) -> None:
        """Take an entity's values, unless one of them is NULL: those are equal to nothing."""
        values = tuple(entity._current(position) for position in self.index.positions)
        if not any(value is None or value is UNSET for value in values):
            self.values[of] = values
            self.ids[of] = entity._row[0]

    def without(self, others: Collection[K]) -> Keys[K]:
        """Those of everybody else."""
        rest: Keys[K] = Keys(self.index)
        rest.values = {of: values for of, values in self.values.items() if of not in others}
        rest.ids = {of: self.ids[of] for of in rest.values}
        return rest


def ids_of_keys_plan(
    identity_map: IdentityMap, target: Target, keys: Keys[K], *, lock: bool, expected: bool = False
) -> Plan[dict[K, int]]:
    """The ids of living rows that have these values.

    ``lock``: as they are now, until the transaction ends; ``expected``: all should be found, so what is not is asked
    for again. Without it, a value that only the collation finds may be missed beside one that is found as it is.
    """
    found: dict[K, int] = {}
    owners = list(keys.values)
    for start in range(0, len(owners), KEYS_A_QUERY):
        part = owners[start : start + KEYS_A_QUERY]
        by_values = yield from _ids_by_values_plan(identity_map, target, keys, part, lock=lock)
        unclaimed = set(by_values.values())
        for owner in part:
            id = by_values.get(keys.values[owner])
            if id is not None:
                found[owner] = id
                unclaimed.discard(id)
        rest = [owner for owner in part if owner not in found]
        if rest and (unclaimed or expected):
            found.update((yield from _one_by_one_plan(identity_map, target, keys, rest, lock=lock)))
    return found


def _ids_by_values_plan(
    identity_map: IdentityMap, target: Target, keys: Keys[K], owners: Sequence[K], *, lock: bool
) -> Plan[dict[tuple[Any, ...], int]]:
    columns = [identity_map.schema.columns[position] for position in keys.index.positions]
    dialect = identity_map.binding.dialect
    select = ", ".join([identity_map.binding.quoted_id, *map(dialect.column_expression, columns)])
    condition = dialect.rows_in([column.name for column in columns], len(owners))
    table, condition = identity_map.binding.quoted_table, condition + _alive(identity_map) + _lock(identity_map, lock)
    sql = f"SELECT {select} FROM {table} WHERE {condition}"
    args = [param for owner in owners for param in _params(identity_map, keys, owner)]
    rows = yield from FetchRows(target, sql, args)
    positions = keys.index.positions
    return {
        tuple(identity_map.python_value(at, raw) for at, raw in zip(positions, row[1:], strict=True)): int(row[0])
        for row in rows
    }


def _one_by_one_plan(
    identity_map: IdentityMap, target: Target, keys: Keys[K], owners: Sequence[K], *, lock: bool
) -> Plan[dict[K, int]]:
    found: dict[K, int] = {}
    binding, dialect = identity_map.binding, identity_map.binding.dialect
    names = [dialect.quote(identity_map.schema.columns[position].name) for position in keys.index.positions]
    condition = " AND ".join(f"{name} = ?" for name in names) + _alive(identity_map)
    locking = _lock(identity_map, lock)
    one = f"SELECT ?, {binding.quoted_id} FROM {binding.quoted_table} WHERE {condition}{locking}"
    if locking:
        one = f"({one})"
    for start in range(0, len(owners), KEYS_A_UNION):
        part = owners[start : start + KEYS_A_UNION]
        args = [arg for number, owner in enumerate(part) for arg in (number, *_params(identity_map, keys, owner))]
        for row in (yield from FetchRows(target, " UNION ALL ".join([one] * len(part)), args)):
            found[part[int(row[0])]] = int(row[1])
    return found


def landed_plan(identity_map: IdentityMap, session: Session, keys: Keys[K], *, lock: bool) -> Plan[dict[K, int]]:
    """The ids of the rows that were written with these values and nobody else's.

    Nearly all are where they are expected, and found there by id, which costs less than to look for their values.
    """
    found: dict[K, int] = {}
    owners = list(keys.values)
    for start in range(0, len(owners), KEYS_A_QUERY):
        part = owners[start : start + KEYS_A_QUERY]
        now = yield from _values_of_ids_plan(
            identity_map, session, keys.index, [keys.ids[owner] for owner in part], lock=lock
        )
        for owner in part:
            id = keys.ids[owner]
            if now.get(id) == keys.values[owner]:
                found[owner] = id
    rest = keys.without(found)
    if rest.values:
        found.update((yield from ids_of_keys_plan(identity_map, session, rest, lock=lock, expected=True)))
    return found


def still_there_plan(identity_map: IdentityMap, session: Session, keys: Keys[K]) -> Plan[bool]:
    """Lock the rows these values were found in, and say whether they still have them."""
    owners = list(keys.values)
    for start in range(0, len(owners), KEYS_A_QUERY):
        part = owners[start : start + KEYS_A_QUERY]
        ids = sorted({keys.ids[owner] for owner in part})
        now = yield from _values_of_ids_plan(identity_map, session, keys.index, ids, lock=True)
        doubtful = [owner for owner in part if now.get(keys.ids[owner]) != keys.values[owner]]
        if doubtful:
            found = yield from _one_by_one_plan(identity_map, session, keys, doubtful, lock=True)
            if any(found.get(owner) != keys.ids[owner] for owner in doubtful):
                return False
    return True


def _values_of_ids_plan(
    identity_map: IdentityMap, session: Session, index: IndexSchema, ids: Sequence[int], *, lock: bool
) -> Plan[dict[int, tuple[Any, ...]]]:
    dialect, columns = identity_map.binding.dialect, identity_map.schema.columns
    select = ", ".join(dialect.column_expression(columns[position]) for position in (0, *index.positions))
    condition = dialect.rows_in([columns[0].name], len(ids))
    table, condition = identity_map.binding.quoted_table, condition + _alive(identity_map) + _lock(identity_map, lock)
    sql = f"SELECT {select} FROM {table} WHERE {condition}"
    rows = yield from FetchRows(session, sql, ids)
    return {
        int(row[0]): tuple(identity_map.python_value(at, raw) for at, raw in zip(index.positions, row[1:], strict=True))
        for row in rows
    }


def _params(identity_map: IdentityMap, keys: Keys[K], owner: K) -> list[Any]:
    columns = identity_map.schema.columns
    values = zip(keys.index.positions, keys.values[owner], strict=True)
    return [encoded(columns[position], value) for position, value in values]


def _alive(identity_map: IdentityMap) -> str:
    position = identity_map.schema.soft_delete_position
    return (
        ""
        if position is None
        else f" AND {identity_map.binding.dialect.quote(identity_map.schema.columns[position].name)} = 0"
    )


def _lock(identity_map: IdentityMap, lock: bool) -> str:
    clause = identity_map.binding.dialect.for_update_clause() if lock else ""
    return f" {clause}" if clause else ""
