"""In which order the MySQL pools of one flush or transaction commit. Pure.

There is no transaction over several pools: when a later COMMIT fails, the earlier ones stay. So a pool commits after
those whose new rows it refers to, and before those where rows are deleted that it referred to: what is written in part
refers to nothing that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from fluxaorm.plans.state.bound_entity import BoundEntity
    from fluxaorm.plans.writes.entity_write import EntityWrite

Precedence: TypeAlias = "tuple[str, str]"
"""A pool, and one that commits after it."""


def precedences(writes: Iterable[EntityWrite]) -> set[Precedence]:
    """Which pools must go before which; where rows are both made and deleted, the new ones decide."""
    verbs: dict[BoundEntity, set[str]] = {}
    for write in writes:
        verbs.setdefault(write.binding, set()).add(write.verb)
    by_name = {binding.schema.name: binding for binding in verbs}
    made: set[Precedence] = set()
    deleted: set[Precedence] = set()
    for binding, own in verbs.items():
        for reference in binding.schema.references:
            target = by_name.get(reference.target)
            if target is None or target.mysql_pool == binding.mysql_pool:
                continue
            if "insert" in verbs[target] and own & {"insert", "update"}:
                made.add((target.mysql_pool, binding.mysql_pool))
            if "delete" in verbs[target] and own & {"delete", "update"}:
                deleted.add((binding.mysql_pool, target.mysql_pool))
    return made | {(first, then) for first, then in deleted if (then, first) not in made}


def in_commit_order(pools: Sequence[str], known: Iterable[Precedence]) -> list[str]:
    """The pools, each after those that must go before it, else as they stand; where they wait for each other, too."""
    left, ordered = list(pools), list[str]()
    known = set(known)
    while left:
        free = (pool for pool in left if not any((other, pool) in known for other in left))
        ordered.append(next(free, left[0]))
        left.remove(ordered[-1])
    return ordered
