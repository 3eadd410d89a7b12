"""``save_many``: rows inserted, or where their primary or a unique key exists updated or left alone; all in one step.

Decides; no I/O. Which rows exist is asked first, so that ids are spent on new ones only; rows that exist are locked by
id and looked at again before they are written. What somebody else inserts meanwhile, the INSERT meets by itself
(``ON DUPLICATE KEY``), and the ids are read back before the COMMIT. So each row's id is known, and announced, whatever
others do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, Literal, TypeAlias, cast

from fluxaorm.entity.schema import UNSET, IndexSchema, Unset
from fluxaorm.entity.values.guards import is_iterable
from fluxaorm.errors import FluxaError, QueryError, described, with_article
from fluxaorm.plans.effects import Plan, Session, Statement
from fluxaorm.plans.flush.bulk import Outcome, written_plan
from fluxaorm.plans.ids.new_ids import keep_ids_above_plan, take_ids_plan
from fluxaorm.plans.state.unit_of_work import IdentityMap
from fluxaorm.plans.writes.auto_values import AutoValues
from fluxaorm.plans.writes.creation import check_chosen_id, draft
from fluxaorm.plans.writes.entity_write import StatementTag
from fluxaorm.plans.writes.key_lookups import Keys, ids_of_keys_plan, landed_plan, still_there_plan
from fluxaorm.plans.writes.order.saves import in_lock_order, key_of
from fluxaorm.plans.writes.row_params import Params, parts_of
from fluxaorm.plans.writes.row_statements import missing_values
from fluxaorm.plans.writes.statements import statements_plan

OnConflict: TypeAlias = Literal["update", "ignore"]
_WORDS: Final = ("update", "ignore")


class _RacedError(Exception):
    """A row that existed has changed or gone since: all are asked for again, locked."""


class SavedRow:
    """One row to be saved: its values as an entity that nobody else knows, with an id as soon as one is known."""

    __slots__ = ("draft", "given", "has_own_id")

    def __init__(self, draft: Any, given: frozenset[int], has_own_id: bool) -> None:
        self.draft = draft
        self.given = given
        """Positions of what the caller set."""
        self.has_own_id = has_own_id


Existing: TypeAlias = "Mapping[SavedRow, IndexSchema]"
"""Rows whose key some row has, by the unique index that it was found by; their id is that row's."""


def save_many_plan(
    identity_map: IdentityMap, rows: Iterable[Mapping[str, Any]], on_conflict: OnConflict
) -> Plan[list[int]]:
    """The ids of the rows, in their order. QueryError, FieldValueError, MissingValueError before anything is sent."""
    if on_conflict not in _WORDS:
        raise QueryError(f'on_conflict is "update" or "ignore", not {on_conflict!r}')
    if not is_iterable(rows):
        raise QueryError(f"{identity_map.schema.name}: save_many() takes a list of rows, not {described(rows)}")
    checker = _Checker(identity_map)
    saved = [checker.checked(row, number) for number, row in enumerate(rows)]
    if not saved:
        return []
    own_ids = [row.draft._row[0] for row in saved if row.has_own_id]
    if own_ids:
        yield from keep_ids_above_plan(identity_map.binding, max(own_ids))
    batch = _Batch(identity_map, saved, on_conflict)
    if identity_map.unit_of_work._open_transaction is not None:
        return (yield from written_plan(identity_map, batch.locked_plan))
    existing = yield from batch.look_plan()
    if not batch.to_write(existing):
        return batch.ids()
    try:
        return (yield from written_plan(identity_map, lambda session: batch.write_plan(session, existing)))
    except _RacedError:
        return (yield from written_plan(identity_map, batch.locked_plan))


class _Checker:
    """Turns the rows of one call into entities that nobody else knows, one reading of the clock for all."""

    def __init__(self, identity_map: IdentityMap) -> None:
        self._identity_map = identity_map
        self._automatic = AutoValues(identity_map.unit_of_work._engine.clock()).inserted(identity_map.binding)
        self._given: dict[tuple[str, ...], frozenset[int]] = {}
        """What is set by rows of these names."""

    def checked(self, row: object, number: int) -> SavedRow:
        """QueryError, FieldValueError, MissingValueError: each says the row's number."""
        name = self._identity_map.schema.name
        if not isinstance(row, Mapping):
            raise QueryError(f"{name}: save_many() takes rows as dicts; row {number} is {with_article(row)}")
        values = dict(cast("Mapping[str, Any]", row))
        id = values.pop("id", None)
        try:
            if id is not None:
                check_chosen_id(self._identity_map, id)
            given = self._given_by(values)
            made = self._identity_map.loose_entity(self._identity_map.binding.initial_cells(id))
            made._fill(values)
            self._complete(made._row)
        except Exception as error:
            _tell_row(error, number)
            raise
        return SavedRow(made, given, id is not None)

    def _given_by(self, values: dict[str, Any]) -> frozenset[int]:
        names = tuple(values)
        given = self._given.get(names)
        if given is None:
            cells = draft(self._identity_map, values, [UNSET] * self._identity_map.binding.width)._row
            given = self._given[names] = frozenset(at for at, value in enumerate(cells) if value is not UNSET)
        return given

    def _complete(self, row: list[Any]) -> None:
        """Set what the library sets; MissingValueError when something else is missing."""
        for position, value in self._automatic:
            if row[position] is UNSET:
                row[position] = value
        if Unset in set(map(type, row)):
            raise missing_values(self._identity_map.binding, row)


def _tell_row(error: Exception, number: int) -> None:
    """Say in an error which row it is about: in its text where it is one of ours, which logs show."""
    where = f"row {number} of save_many()"
    if isinstance(error, FluxaError):
        error.args = (f"{where}: {error}",)
    else:
        error.add_note(f"in {where}")


class _Batch:
    """The rows of one call. Each attempt begins with asking which exist."""

    def __init__(self, identity_map: IdentityMap, rows: list[SavedRow], on_conflict: OnConflict) -> None:
        self.identity_map, self.rows, self.on_conflict = identity_map, rows, on_conflict
        self.uniques = [index for index in identity_map.schema.indexes if index.unique]

    def ids(self) -> list[int]:
        """In the rows' order."""
        return [int(row.draft._row[0]) for row in self.rows]

    def to_write(self, existing: Existing) -> list[SavedRow]:
        """The rows that are not to be left alone."""
        return [row for row in self.rows if self.on_conflict == "update" or row not in existing]

    def look_plan(self, session: Session | None = None) -> Plan[Existing]:
        """Ask which rows exist, locking them in a session, and take ids for the others."""
        target = self.identity_map.binding.mysql_pool if session is None else session
        existing: dict[SavedRow, IndexSchema] = {}
        fresh = [row for row in self.rows if not row.has_own_id]
        for index in self.uniques:
            keys = self._keys(index, fresh)
            found = yield from ids_of_keys_plan(self.identity_map, target, keys, lock=session is not None)
            for row, id in found.items():
                row.draft._row[0], existing[row] = id, index
            fresh = [row for row in fresh if row not in existing]
        for row, id in zip(fresh, (yield from self._fresh_ids_plan(fresh)), strict=True):
            row.draft._row[0] = id
        return existing

    def _fresh_ids_plan(self, rows: list[SavedRow]) -> Plan[list[int]]:
        if not rows:
            return []
        return (yield from take_ids_plan(self.identity_map.unit_of_work, self.identity_map.binding, len(rows)))

    def _keys(self, index: IndexSchema, rows: Iterable[SavedRow]) -> Keys[SavedRow]:
        """The rows that have a value in every part of an index: the others exist under no key of it."""
        keys: Keys[SavedRow] = Keys(index)
        for row in rows:
            keys.add(row, row.draft)
        return keys

    def locked_plan(self, session: Session) -> Plan[Outcome[list[int]]]:
        """Everything inside one transaction."""
        existing = yield from self.look_plan(session)
        return (yield from self._save_plan(session, existing))

    def write_plan(self, session: Session, existing: Existing) -> Plan[Outcome[list[int]]]:
        """After ``look_plan`` without a session: make sure of what it found."""
        if self.on_conflict == "update":
            for index in self.uniques:
                keys = self._keys(index, [row for row, found_by in existing.items() if found_by is index])
                if not (yield from still_there_plan(self.identity_map, session, keys)):
                    raise _RacedError
        return (yield from self._save_plan(session, existing))

    def _save_plan(self, session: Session, existing: Existing) -> Plan[Outcome[list[int]]]:
        written = self.to_write(existing)
        if not written:
            return Outcome(self.ids(), ())
        yield from statements_plan(session, list(self._statements(self._in_lock_order(written), existing)))
        landed = yield from self._landed_plan(session, [row for row in written if row not in existing])
        ids = [landed.get(row, int(row.draft._row[0])) for row in self.rows]
        touched = set(written)
        return Outcome(ids, {id for row, id in zip(self.rows, ids, strict=True) if row in touched})

    def _landed_plan(self, session: Session, rows: list[SavedRow]) -> Plan[Mapping[SavedRow, int]]:
        """Where rows have come to be: somebody may have inserted one with the same key since it was looked for."""
        landed: dict[SavedRow, int] = {}
        lock = self.identity_map.unit_of_work._open_transaction is not None
        for index in self.uniques:
            keys = self._keys(index, [row for row in rows if row not in landed])
            landed.update((yield from landed_plan(self.identity_map, session, keys, lock=lock)))
        return landed

    def _in_lock_order(self, rows: list[SavedRow]) -> Sequence[SavedRow]:
        keys = [key_of(row.draft, row.has_own_id, self.uniques) for row in rows]
        return in_lock_order(rows, keys, [sorted(row.given) for row in rows])

    def _statements(self, rows: Sequence[SavedRow], existing: Existing) -> Iterable[Statement]:
        """One a run of rows that set the same columns, in their order: of two with one key the later wins."""

        def kind(row: SavedRow) -> tuple[frozenset[int], bool]:
            # where an id was made for the row, another one that has it is a stranger's
            return row.given, not row.has_own_id and row not in existing

        for (given, made), run in groupby(rows, key=kind):
            part = list(run)
            for saved, params in parts_of(self.identity_map.binding, part, [row.draft._row for row in part]):
                yield self._statement(saved, params, given, made)

    def _statement(
        self, rows: Sequence[SavedRow], params: Sequence[Params], given: frozenset[int], made: bool
    ) -> Statement:
        """``made``: whether the rows' ids were made for them."""
        binding = self.identity_map.binding
        sql = f"{binding.insert_sql}? {self._conflict_clause(given, made)}"
        return Statement(sql, (), StatementTag(binding, "insert", [row.draft for row in rows], made), params)

    def _conflict_clause(self, given: frozenset[int], made: bool) -> str:
        schema, dialect = self.identity_map.schema, self.identity_map.binding.dialect
        id_column = schema.columns[0].name
        if self.on_conflict == "ignore":
            return dialect.upsert_clause((), id_column=id_column, ids_made=made)
        positions = given if schema.updated_at_position is None else given | {schema.updated_at_position}
        version = schema.version_position
        counted = None if version is None else schema.columns[version].name
        return dialect.upsert_clause(
            [schema.columns[at].name for at in sorted(positions)], counted, id_column=id_column, ids_made=made
        )
