"""The alters of one SQL pool: a pure function of what its entities want and what its database has.

Order: new tables, safe changes, foreign keys in the way, renamed tables, the other changes, dropped tables. One alter a
table and safety class, and one for the foreign keys that a table has to give up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from fluxaorm.alters.alter import Alter, AlterPlans, Kind
from fluxaorm.alters.sql.checks import Check
from fluxaorm.alters.sql.dependencies import judged_together, keys_in_the_way, with_moves
from fluxaorm.alters.sql.dependents import broken_by_changes, broken_without
from fluxaorm.alters.sql.foreign_keys import End
from fluxaorm.alters.sql.known_tables import KnownTables, Owned
from fluxaorm.alters.sql.row_checks import RowChecks, dropped_rows
from fluxaorm.alters.sql.safety import DESTRUCTIVE, MANUAL, SAFE, Judgement, judge
from fluxaorm.alters.sql.table_diff import diff_table
from fluxaorm.alters.sql.wanted import WantedTable
from fluxaorm.dialects.changes import Change, DropForeignKey, applied
from fluxaorm.dialects.port import Dialect
from fluxaorm.dialects.tables import ForeignKeyDefinition, TableDefinition


@dataclass(frozen=True, slots=True)
class PoolDiff:
    """How alters of one pool are made."""

    pool: str
    dialect: Dialect
    plans: AlterPlans | None = None
    reorder: bool = False
    """Whether columns are moved into the declared order."""
    drop_unknown: bool = False
    """Whether tables that no entity has are dropped; else they are left alone."""

    def alters(
        self,
        wanted: Sequence[WantedTable],
        actual: Mapping[str, TableDefinition],
        ignored: Collection[str] = (),
        others: Mapping[str, str] | None = None,
    ) -> list[Alter]:
        """What brings ``actual`` in line with ``wanted``; none when it is.

        ``ignored``: tables never to drop; ``others``: what has a table's name and is none, by name.
        """
        known = KnownTables(self.dialect, wanted, actual)
        nobodys = known.nobodys(ignored) if self.drop_unknown else []
        ordered, held = known.in_order_to_drop(nobodys)
        away = _Away(self.dialect)
        for end in held:
            away.add(end, f"drop table `{end.key.target}`")
        for owned in known.owned:
            away.add_all(owned)
        taken = {self.dialect.table_key(name): what for name, what in (others or {}).items()}
        found = [
            self._create(table, taken.get(self.dialect.table_key(table.table.name), "")) for table in known.missing
        ]
        for owned in known.owned:
            found += self._owned_alters(owned, away, known.neighbours(owned.found.name))
        found += self._foreign_keys(away, known)
        found += [self._drop(table, known.neighbours(table.name)) for table in ordered]
        return sorted(found, key=_rank)

    def _create(self, wanted: WantedTable, other: str) -> Alter:
        """``other``: what has the name already."""
        description = f"create table `{wanted.table.name}`"
        if other:
            reason = (
                f"`{wanted.table.name}` is there, as a {other}, which the library does not alter; rename one of them"
            )
            return self._alter(wanted, [Judgement("create_table", MANUAL, description, reason)])
        judgement = Judgement("create_table", SAFE, description, f"{wanted.entity} has no table yet")
        return self._alter(wanted, [judgement], self.dialect.create_table(wanted.table))

    def _owned_alters(self, owned: Owned, away: _Away, neighbours: tuple[str, ...]) -> Iterator[Alter]:
        if owned.renamed:
            yield replace(self._rename(owned.wanted, owned.found), _neighbours=neighbours)
        for alter in self._changes(owned, away):
            yield replace(alter, _neighbours=neighbours)

    def _rename(self, wanted: WantedTable, old: TableDefinition) -> Alter:
        reason = (
            f"{wanted.entity} is declared as renamed from `{old.name}`; the version that runs now knows the old name "
            "only; in two releases: create the new table, copy, then drop the old one"
        )
        description = f"rename table `{old.name}` to `{wanted.table.name}`"
        judgement = Judgement("rename_table", DESTRUCTIVE, description, reason)
        alter = self._alter(wanted, [judgement], self.dialect.rename_table(old, wanted.table.name))
        texts_follow = self.dialect.renames_in_texts
        return alter if texts_follow else replace(alter, broken=broken_without(old, f"becomes `{wanted.table.name}`"))

    def _changes(self, owned: Owned, away: _Away) -> Iterator[Alter]:
        wanted, actual, found = owned.wanted, owned.actual, owned.found
        staying = away.staying(owned.ends)
        changes = diff_table(wanted, actual, staying)
        judged = judged_together(wanted, actual, changes, owned.ends, [end for end in owned.ends if end not in staying])
        if self.reorder:
            judged = with_moves(wanted, actual, judged)
        for safety in (SAFE, DESTRUCTIVE):
            # after a rename nothing is there under the new name until that, too, was allowed
            chosen = [pair for pair in judged if (DESTRUCTIVE if owned.renamed else pair[1].safety) == safety]
            for together in self.dialect.changes_together([change for change, _ in chosen]):
                group, held = self._without_obstacles(actual, together, owned.renamed)
                for change, why in held:
                    yield self._alter(wanted, [replace(judge(change, wanted), safety=MANUAL)], reason=why)
                if not group:
                    continue
                judgements = [replace(said, safety=safety) for change, said in chosen if change in group]
                checks = RowChecks(self.dialect, wanted, actual, found).of(group)
                algorithm = self.dialect.algorithm(actual, group)
                alter = self._alter(wanted, judgements, self.dialect.alter_table(actual, group), algorithm, checks)
                yield replace(alter, broken=broken_by_changes(found, group))
                actual = applied(actual, group)

    def _without_obstacles(
        self, actual: TableDefinition, changes: list[Change], renamed: bool
    ) -> tuple[list[Change], list[tuple[Change, str]]]:
        """The changes that can be made, and those that cannot, with why; all of them when it is for all together."""
        if not (obstacle := self.dialect.obstacle(actual, changes, renamed)):
            return changes, []
        held = [(change, why) for change in changes if (why := self.dialect.obstacle(actual, [change], renamed))]
        left = [change for change in changes if all(change is not other for other, _ in held)]
        if not held or self.dialect.obstacle(actual, left, renamed):
            return [], [(change, obstacle) for change in changes]
        return left, held

    def _foreign_keys(self, away: _Away, known: KnownTables) -> Iterator[Alter]:
        """Those of a table in one alter, which comes before all that they are in the way of."""
        for table, keys in away.by_table():
            found = known.found(table)
            assert found is not None, "a foreign key is one of a table that is there"
            changes = [DropForeignKey(key) for key, _ in keys]
            whys = dict.fromkeys(why for _, reasons in keys for why in reasons)
            yield Alter(
                "; ".join(f"drop foreign key `{key.name}` to `{key.target}`" for key, _ in keys),
                f"it is in the way: the server does not {', nor '.join(whys)} as long as it is there",
                self.pool,
                known.entity_of(table),
                table,
                "drop_foreign_key",
                DESTRUCTIVE,
                self.dialect.alter_table(found, changes),
                ("drop_foreign_key",),
                self.dialect.algorithm(found, changes),
                known.neighbours(table),
                _plans=self.plans,
            )

    def _drop(self, table: TableDefinition, neighbours: tuple[str, ...]) -> Alter:
        return Alter(
            f"drop table `{table.name}`",
            "no entity has this table; keep it with ignored_tables",
            self.pool,
            None,
            table.name,
            "drop_table",
            DESTRUCTIVE,
            self.dialect.drop_table(table.name),
            ("drop_table",),
            _neighbours=neighbours,
            _checks=dropped_rows(self.dialect, table),
            broken=broken_without(table, "goes"),
            _plans=self.plans,
        )

    def _alter(
        self,
        wanted: WantedTable,
        judgements: Sequence[Judgement],
        statements: tuple[str, ...] = (),
        algorithm: Literal["", "instant", "inplace", "copy"] = "",
        checks: tuple[Check, ...] = (),
        reason: str = "",
    ) -> Alter:
        """``reason``: why it cannot be made by itself."""
        kinds: tuple[Kind, ...] = tuple(dict.fromkeys(judgement.kind for judgement in judgements))
        reasons = [*([reason] if reason else ()), *(judgement.reason for judgement in judgements)]
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
            _checks=checks,
            _key=wanted.table.primary_key[0],
            _plans=self.plans,
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
    "drop_check",
    "drop_foreign_key",
    "change_primary_key",
    "drop_column",
    "rename_column",
    "create_table",
    "rename_table",
    "drop_table",
)


def _rank(alter: Alter) -> int:
    """New tables, safe changes, foreign keys in the way, renamed tables, other changes, dropped tables."""
    if alter.kind in _RANKS:
        return _RANKS[alter.kind]
    return 1 if alter.safety == SAFE else 4


_RANKS: Final[dict[Kind, int]] = {"create_table": 0, "drop_foreign_key": 2, "rename_table": 3, "drop_table": 5}


class _Away:
    """The foreign keys that have to go, and for what."""

    def __init__(self, dialect: Dialect) -> None:
        self._key = dialect.table_key
        self._found: dict[tuple[str, str], tuple[End, list[str]]] = {}

    def add(self, end: End, why: str) -> None:
        """``why``: what the server does not do as long as it is there."""
        _, whys = self._found.setdefault(self._of(end), (end, []))
        whys.append(why)

    def add_all(self, owned: Owned) -> None:
        """All that are in the way of what a table needs."""
        for change, end in keys_in_the_way(
            owned.actual, diff_table(owned.wanted, owned.actual, owned.ends), owned.ends
        ):
            self.add(end, judge(change, owned.wanted).description + f" of `{owned.found.name}`")

    def staying(self, ends: Iterable[End]) -> list[End]:
        """The ends of those that stay."""
        return [end for end in ends if self._of(end) not in self._found]

    def by_table(self) -> list[tuple[str, list[tuple[ForeignKeyDefinition, list[str]]]]]:
        """The keys of each table that has some, with why they go."""
        tables: dict[str, list[tuple[ForeignKeyDefinition, list[str]]]] = {}
        for _, (end, whys) in sorted(self._found.items()):
            tables.setdefault(end.owner, []).append((end.key, whys))
        return list(tables.items())

    def _of(self, end: End) -> tuple[str, str]:
        return self._key(end.owner), end.key.name
