"""Which cache keys a write changes: the row's, the list of ids, look-ups by its values before and after. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from fluxaorm.entity.schema import IndexSchema
from fluxaorm.plans.reads.unique import params_of
from fluxaorm.plans.state.bound_entity import BoundEntity
from fluxaorm.plans.writes.entity_write import EntityWrite


class ChangedKeys(Protocol):
    """Who remembers them; as ``Intents`` does."""

    def add_row(self, binding: BoundEntity, id: int) -> None:
        """A row that is changed."""
        ...

    def add_all_ids(self, binding: BoundEntity) -> None:
        """Other rows live than before."""
        ...

    def add(self, pool: str, key: str) -> None:
        """A key of a Redis pool that is changed."""
        ...


def add_write(intents: ChangedKeys, write: EntityWrite) -> None:
    """Remember everything cached that a write changes; before the write is marked as written."""
    binding = write.binding
    intents.add_row(binding, write.entity._row[0])
    if binding.redis_pool is None:
        return
    if _changes_who_lives(write):
        intents.add_all_ids(binding)
    for index in binding.cached_indexes.values():
        for key in _look_up_keys(write, index):
            intents.add(binding.redis_pool, key)


def _changes_who_lives(write: EntityWrite) -> bool:
    return write.verb != "update" or write.binding.schema.soft_delete_position in write.values


def _look_up_keys(write: EntityWrite, index: IndexSchema) -> Iterator[str]:
    if not _changes_who_lives(write) and not any(position in write.values for position in index.positions):
        return
    entity, values = write.entity, write.values
    row, old = entity._row, entity._old or {}
    if write.verb != "insert":
        yield from _key_of(write, index, {at: old.get(at, row[at]) for at in index.positions})
    if write.verb != "delete":
        yield from _key_of(write, index, {at: values.get(at, row[at]) for at in index.positions})


def _key_of(write: EntityWrite, index: IndexSchema, version: Mapping[int, Any]) -> Iterator[str]:
    params = params_of(write.entity._identity_map, index, version)
    if params is not None:
        yield write.binding.look_up_key(index, params)
