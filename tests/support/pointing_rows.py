"""Tables with foreign keys in all directions, as states: what they hold before and after a flush, and whether rows can
be written one by one from the one to the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from hypothesis import strategies as st

import fluxaorm as fx
from fluxaorm import Entity, Field, Reference, UInt32
from fluxaorm.engine import Engine

State: TypeAlias = "Mapping[tuple[str, int], tuple[Any, ...]]"
"""(table, id) -> label, parent and leaf of a node; node of a leaf."""
Step: TypeAlias = "tuple[str, int]"


class NodeEntity(Entity, table="node"):
    """Points to another node, and to a leaf."""

    id: UInt32
    label: str | None = Field(default=None, unique=True, length=10)
    parent: Reference[NodeEntity] | None = None
    leaf: Reference[LeafEntity] | None = None


class LeafEntity(Entity, table="leaf"):
    """Must point to a node."""

    id: UInt32
    node: Reference[NodeEntity]


FOREIGN_KEYS = (
    "ALTER TABLE node ADD CONSTRAINT node_parent FOREIGN KEY (parent) REFERENCES node (id)",
    "ALTER TABLE node ADD CONSTRAINT node_leaf FOREIGN KEY (leaf) REFERENCES leaf (id)",
    "ALTER TABLE leaf ADD CONSTRAINT leaf_node FOREIGN KEY (node) REFERENCES node (id)",
)
COLUMNS = {"node": ("label", "parent", "leaf"), "leaf": ("node",)}
TARGETS = {"node": (None, "node", "leaf"), "leaf": ("node",)}


@st.composite
def states(draw: st.DrawFn) -> dict[tuple[str, int], tuple[Any, ...]]:
    """Rows that may be in the tables together."""
    nodes = sorted(draw(st.sets(st.integers(1, 4), max_size=4)))
    leaves = sorted(draw(st.sets(st.integers(1, 2), max_size=2))) if nodes else []
    labels = draw(st.permutations(["a", "b", "c", "d", None, None]))
    any_node = st.sampled_from(nodes) if nodes else st.nothing()
    any_leaf = st.none() | st.sampled_from(leaves) if leaves else st.none()
    made: dict[tuple[str, int], tuple[Any, ...]] = {
        ("node", id): (label, draw(st.none() | any_node), draw(any_leaf))
        for id, label in zip(nodes, labels, strict=False)
    }
    return made | {("leaf", id): (draw(any_node),) for id in leaves}


@dataclass(frozen=True, slots=True)
class Transition:
    """From one state to another."""

    before: State
    after: State

    def changed(self) -> list[Step]:
        """The rows that differ."""
        rows = {**self.before, **self.after}
        return sorted(row for row in rows if self.before.get(row) != self.after.get(row))

    def is_possible(self, *, labels: bool) -> bool:
        """Whether the rows can be written one by one, every reference holding at each moment; with ``labels`` no label
        being there twice either.
        """
        rows = self.changed()

        def at(written: frozenset[Step]) -> dict[Step, tuple[Any, ...]]:
            state = {row: values for row, values in self.before.items() if row not in written}
            return state | {row: self.after[row] for row in written if row in self.after}

        if any(row not in self.after and _points_to_itself(row, values) for row, values in self.before.items()):
            # InnoDB inserts such a row, and never deletes it
            return False

        @cache
        def ends_well(written: frozenset[Step]) -> bool:
            if not _is_sound(at(written), labels):
                return False
            return len(written) == len(rows) or any(ends_well(written | {row}) for row in rows if row not in written)

        nothing: frozenset[Step] = frozenset()
        return ends_well(nothing)


def _points_to_itself(row: Step, values: tuple[Any, ...]) -> bool:
    table, id = row
    return any((target, value) == (table, id) for target, value in zip(TARGETS[table], values, strict=True))


def _is_sound(state: State, labels: bool) -> bool:
    shown = [values[0] for (table, _), values in state.items() if table == "node" and values[0] is not None]
    if labels and len(set(shown)) < len(shown):
        return False
    return all(
        target is None or value is None or (target, value) in state
        for (table, _), values in state.items()
        for target, value in zip(TARGETS[table], values, strict=True)
    )


def engine_of(url: str, *entities: Any) -> Engine:
    """An engine without Redis, its tables made."""
    registry = fx.Registry()
    registry.register_mysql(url)
    registry.register_entity(*entities)
    engine = registry.validate()
    with engine.new_context() as ctx:
        for alter in fx.get_alters(ctx):
            alter.exec(ctx)
    return engine
