"""The foreign keys that an engine's databases have, and which of two entities comes first. Decides; does no I/O itself.

The library makes no foreign keys, and most databases have none: nobody asks for them before a server refused a
statement because of one. From then on flushes of that pool write row by row as they want it (see ``rows``).
Until then tables go by the references that are declared, which is the right order of nearly all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fluxaorm.plans.effects import FetchRows, Plan, Target

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect
    from fluxaorm.entity.schema import EntitySchema
    from fluxaorm.plans.state.engine_port import EnginePort


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Rows of ``child`` point with the values at ``positions`` to those at ``target_positions`` of ``parent``."""

    name: str
    child: str
    """The entity's name."""
    positions: tuple[int, ...]
    parent: str
    target_positions: tuple[int, ...]
    holds_deleted: bool = True
    """Whether the server refuses to delete what is pointed to, rather than delete or change what points to it."""
    holds_changed: bool = True
    """The same of a change of the values that are pointed to."""


def known_foreign_keys(engine: EnginePort) -> KnownForeignKeys:
    """Those of an engine."""
    known = engine.foreign_keys
    assert isinstance(known, KnownForeignKeys)
    return known


class KnownForeignKeys:
    """What one engine knows; shared by its contexts and threads."""

    def __init__(self, schemas: Mapping[str, EntitySchema]) -> None:
        self._schemas = schemas
        self._ranks = _ranks(schemas)
        self.tables = {schema.name: schema.table for schema in schemas.values()}
        """Entity -> its table."""
        self._by_pool: dict[str, tuple[ForeignKey, ...]] = {}
        self.news = 0
        """How often something else was learnt than was known: what depends on it need not be worked out each time."""

    def rank(self, entity: str) -> int:
        """Lower than that of entities which refer to this one, unless they all refer to each other."""
        return self._ranks[entity]

    def of(self, pool: str) -> tuple[ForeignKey, ...]:
        """Those of a MySQL pool; empty when it has none, or has not been asked."""
        return self._by_pool.get(pool, ())

    def learn_plan(self, target: Target, pool: str, dialect: Dialect) -> Plan[bool]:
        """Ask the database; whether that is news."""
        sql = dialect.foreign_keys_sql()
        if not sql:
            return False
        rows = yield from FetchRows(target, sql)
        found = tuple(self._keys(pool, [[_text(value) for value in row] for row in rows]))
        is_news = found != self.of(pool)
        self._by_pool[pool] = found
        self.news += is_news
        return is_news

    def _keys(self, pool: str, rows: Sequence[Sequence[str]]) -> Iterable[ForeignKey]:
        """The keys between tables of entities; ``rows``: one a column, those of a key together."""
        by_table = {schema.table.lower(): schema for schema in self._schemas.values() if schema.mysql_pool == pool}
        parts: dict[tuple[str, str], list[Sequence[str]]] = {}
        for row in rows:
            parts.setdefault((row[0], row[1]), []).append(row)
        for (table, name), columns in parts.items():
            _, _, _, target, _, on_delete, on_update = columns[0]
            child, parent = by_table.get(table.lower()), by_table.get(target.lower())
            if child is None or parent is None:
                continue
            own = _positions(child, [column[2] for column in columns])
            others = _positions(parent, [column[4] for column in columns])
            if own is not None and others is not None:
                yield ForeignKey(name, child.name, own, parent.name, others, _holds(on_delete), _holds(on_update))


def _holds(rule: str) -> bool:
    return rule.upper() not in ("CASCADE", "SET NULL")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes | bytearray) else str(value)


def _positions(schema: EntitySchema, names: Sequence[str]) -> tuple[int, ...] | None:
    """Where the columns are in a row; None when the definition lacks one."""
    by_name = {column.name.lower(): column.index for column in schema.columns}
    positions = tuple(by_name[name.lower()] for name in names if name.lower() in by_name)
    return positions if len(positions) == len(names) else None


def _ranks(schemas: Mapping[str, EntitySchema]) -> dict[str, int]:
    """Entities numbered so that what one refers to comes before it, the same in every process."""
    ranks: dict[str, int] = {}
    seen: set[str] = set()
    for schema in sorted(schemas.values(), key=lambda schema: schema.table):
        # each with what is left of its references; a stack of our own, however long the way is
        waiting = [(schema.name, _targets(schema))] if schema.name not in seen else []
        seen.add(schema.name)
        while waiting:
            name, targets = waiting[-1]
            target = next((target for target in targets if target in schemas and target not in seen), None)
            if target is None:
                ranks[name] = len(ranks)
                _ = waiting.pop()
            else:
                seen.add(target)
                waiting.append((target, _targets(schemas[target])))
    return ranks


def _targets(schema: EntitySchema) -> list[str]:
    return sorted({reference.target for reference in schema.references if not reference.many})
