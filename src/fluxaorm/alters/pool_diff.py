"""The alters of one SQL pool: a pure function of what its entities want and what its database has.

Order: new tables, safe changes, renamed tables, the other changes, dropped tables. One alter a table and safety class.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final, Literal

from fluxaorm.alters.alter import Alter, AlterPlans, Kind
from fluxaorm.alters.checks import Check
from fluxaorm.alters.dependencies import judged_together, with_moves
from fluxaorm.alters.row_checks import RowChecks, dropped_rows
from fluxaorm.alters.safety import DESTRUCTIVE, SAFE, Judgement
from fluxaorm.alters.table_diff import diff_table
from fluxaorm.alters.wanted import WantedTable
from fluxaorm.dialects.changes import applied
from fluxaorm.dialects.port import OWN_PREFIX, Dialect
from fluxaorm.dialects.tables import TableDefinition


@dataclass(frozen=True, slots=True)
class PoolDiff:
    """How alters of one pool are made."""

    pool: str
    dialect: Dialect
    plans: AlterPlans | None = None
    reorder: bool = False
    """Whether columns are moved into the declared order."""

    def alters(
        self, wanted: Sequence[WantedTable], actual: Mapping[str, TableDefinition], ignored: Collection[str] = ()
    ) -> list[Alter]:
        """What brings ``actual`` in line with ``wanted``; none when it is. ``ignored``: tables to leave alone."""
        targets = {key.target for table in actual.values() for key in table.foreign_keys}
        found = [alter for table in wanted for alter in self._table_alters(table, actual, targets)]
        found += self._drops(wanted, actual, ignored)
        return sorted(found, key=_rank)

    def _table_alters(
        self, wanted: WantedTable, actual: Mapping[str, TableDefinition], targets: AbstractSet[str]
    ) -> Iterator[Alter]:
        there = actual.get(wanted.table.name)
        old_name = wanted.renamed_from
        if there is not None:
            yield from self._changes(wanted, there, there, targets)
        elif old_name is not None and old_name in actual:
            yield self._rename(wanted, actual[old_name])
            moved = replace(actual[old_name], name=wanted.table.name)
            yield from self._changes(wanted, moved, actual[old_name], targets)
        else:
            description = f"create table `{wanted.table.name}`"
            reason = f"{wanted.entity} has no table yet"
            judgement = Judgement("create_table", SAFE, description, reason)
            yield self._alter(wanted, [judgement], self.dialect.create_table(wanted.table))

    def _rename(self, wanted: WantedTable, old: TableDefinition) -> Alter:
        reason = (
            f"{wanted.entity} is declared as renamed from `{old.name}`; the version that runs now knows the old name "
            "only; in two releases: create the new table, copy, then drop the old one"
        )
        description = f"rename table `{old.name}` to `{wanted.table.name}`"
        judgement = Judgement("rename_table", DESTRUCTIVE, description, reason)
        return self._alter(wanted, [judgement], self.dialect.rename_table(old, wanted.table.name))

    def _changes(
        self, wanted: WantedTable, actual: TableDefinition, found: TableDefinition, targets: AbstractSet[str]
    ) -> Iterator[Alter]:
        renamed = actual.name != found.name
        judged = judged_together(wanted, actual, diff_table(wanted, actual), targets)
        if self.reorder:
            judged = with_moves(wanted, actual, judged)
        for safety in (SAFE, DESTRUCTIVE):
            # after a rename nothing is there under the new name until that, too, was allowed
            chosen = [pair for pair in judged if (DESTRUCTIVE if renamed else pair[1].safety) == safety]
            for group in self.dialect.changes_together([change for change, _ in chosen]):
                judgements = [replace(said, safety=safety) for change, said in chosen if change in group]
                checks = RowChecks(self.dialect, wanted, actual, found).of(group)
                algorithm = self.dialect.algorithm(actual, group)
                yield self._alter(wanted, judgements, self.dialect.alter_table(actual, group), algorithm, checks)
                actual = applied(actual, group)

    def _drops(
        self, wanted: Sequence[WantedTable], actual: Mapping[str, TableDefinition], ignored: Collection[str]
    ) -> Iterator[Alter]:
        kept = {table.table.name for table in wanted}
        kept |= {table.renamed_from or "" for table in wanted if table.table.name not in actual}
        left = [
            table
            for name, table in sorted(actual.items())
            if name not in kept and name not in ignored and not name.startswith(OWN_PREFIX)
        ]
        for table in _referring_first(left):
            yield Alter(
                f"drop table `{table.name}`",
                "no entity has this table; keep it with ignored_tables",
                self.pool,
                None,
                table.name,
                "drop_table",
                DESTRUCTIVE,
                self.dialect.drop_table(table.name),
                ("drop_table",),
                checks=dropped_rows(self.dialect, table),
                plans=self.plans,
            )

    def _alter(
        self,
        wanted: WantedTable,
        judgements: Sequence[Judgement],
        statements: tuple[str, ...],
        algorithm: Literal["", "instant", "inplace", "copy"] = "",
        checks: tuple[Check, ...] = (),
    ) -> Alter:
        kinds: tuple[Kind, ...] = tuple(dict.fromkeys(judgement.kind for judgement in judgements))
        reasons = [judgement.reason for judgement in judgements]
        if algorithm == "copy":
            reasons.append("the table is copied for it, and writes wait meanwhile")
        return Alter(
            "; ".join(judgement.description for judgement in judgements),
            "; ".join(dict.fromkeys(reasons)),
            self.pool,
            wanted.entity,
            wanted.table.name,
            max(kinds, key=_WEIGHT.index),
            judgements[0].safety,
            statements,
            kinds,
            algorithm,
            checks,
            wanted.table.primary_key[0],
            self.plans,
        )


_WEIGHT: Final[tuple[Kind, ...]] = (
    "add_index",
    "set_default",
    "rebuild_index",
    "reorder_columns",
    "add_column",
    "convert_table",
    "change_column",
    "add_unique_index",
    "drop_index",
    "drop_foreign_key",
    "change_primary_key",
    "drop_column",
    "rename_column",
    "create_table",
    "rename_table",
    "drop_table",
)


def _rank(alter: Alter) -> int:
    """New tables, safe changes, renamed tables, changes that take foreign keys away, other changes, dropped tables."""
    if alter.kind in ("create_table", "rename_table", "drop_table"):
        return {"create_table": 0, "rename_table": 2, "drop_table": 5}[alter.kind]
    if alter.safety == SAFE:
        return 1
    return 3 if "drop_foreign_key" in alter.kinds else 4


def _referring_first(tables: Sequence[TableDefinition]) -> list[TableDefinition]:
    """Tables in an order in which each can be dropped: before those it points at. A circle stays as it is."""
    left = list(tables)
    ordered: list[TableDefinition] = []
    while left:
        pointed = {key.target for table in left for key in table.foreign_keys if key.target != table.name}
        free = [table for table in left if table.name not in pointed] or left
        ordered += free
        left = [table for table in left if table not in free]
    return ordered
