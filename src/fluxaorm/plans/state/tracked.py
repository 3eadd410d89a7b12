"""The state an entity carries and how it changes: rows, lazy decoding, dirty tracking. No I/O.

States and what moves an entity between them (``is_dirty`` is derived: ``_old`` is not empty):

=========  ==========================  =======================================
state      meaning                     leaves by
=========  ==========================  =======================================
NEW        made by ``new``, no row     flush -> STORED, delete -> GONE
STORED     has a row                   delete -> DELETING
DELETING   its row goes at next flush  flush -> GONE, clear_flush -> STORED
GONE       has no row any more         nothing
SNAPSHOT   a row of an after-handler   nothing
DRAFT      values of a bulk write      nothing; nobody is given it
=========  ==========================  =======================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, NamedTuple, TypeVar

from fluxaorm.entity.schema import UNSET, ColumnSchema
from fluxaorm.entity.values.detached_json import detached
from fluxaorm.entity.values.guards import is_iterable
from fluxaorm.entity.values.json_codec import same_json
from fluxaorm.entity.values.json_value import JsonValue
from fluxaorm.entity.values.unfit_cell import UNFIT, UnfitCell
from fluxaorm.errors import (
    DetachedEntityError,
    EntityError,
    EntityGoneError,
    FieldValueError,
    ForeignEntityError,
    MissingValueError,
    QueryError,
    ReadOnlyEntityError,
    StoredValueError,
    described,
    named_with_article,
)

if TYPE_CHECKING:
    from fluxaorm.plans.state.unit_of_work import IdentityMap, UnitOfWork

NEW: Final = 0
STORED: Final = 1
DELETING: Final = 2
GONE: Final = 3
SNAPSHOT: Final = 4
DRAFT: Final = 5

T = TypeVar("T")


class Change(NamedTuple, Generic[T]):
    """A field's value before and after."""

    old: T
    """What was loaded; None of a new entity."""
    new: T
    """What is set now, or was written."""


class TrackedEntity:
    """Base of every entity: a row of raw or decoded values, and what the flush must know."""

    __slots__ = ("__weakref__", "_identity_map", "_old", "_read_at", "_row", "_state")

    _entity_name: ClassVar[str] = ""

    _row: list[Any]
    _identity_map: IdentityMap
    _old: dict[int, Any] | None
    """Position -> value before the first change; None when there is none."""
    _state: int
    _read_at: float
    """Monotonic time of the last read, for the context cache's TTL."""

    def _decoded(self, position: int) -> Any:
        """Decode a column in place and return it.

        ``MissingValueError`` when nobody gave a value, ``StoredValueError`` when the store's does not fit.
        """
        value = self._row[position]
        if value is None or value is UNSET:
            return self._no_value(position, value)
        try:
            decoded = self._row[position] = self._identity_map.decoders[position](value)
            return decoded
        except UNFIT:
            # its text may show a secret: the error that follows has no context
            pass
        return self._no_value(position, self._current(position))

    def _no_value(self, position: int, cell: Any) -> None:
        """None for NULL where the field may be; else raises what a reader of the field gets for this cell."""
        column = self._identity_map.schema.columns[position]
        if cell is UNSET:
            raise self._missing(position)
        if cell is None and column.nullable:
            return
        raw, reason = (cell.raw, cell.reason) if type(cell) is UnfitCell else (None, "it is not nullable")
        raise StoredValueError(
            self._identity_map.schema.name, self._id_or_none(), column.attribute, raw, reason, secret=column.secret
        )

    def _missing(self, position: int) -> MissingValueError:
        column = self._identity_map.schema.columns[position]
        set_at_flush = column.auto in ("created_at", "updated_at")
        return MissingValueError(self._identity_map.schema.name, self._id_or_none(), [column.attribute], set_at_flush)

    def _id_or_none(self) -> int | None:
        value = self._row[0]
        return value if isinstance(value, int) else None

    def _json(self, position: int) -> Any:
        """The decoded value of a Json column; the flush will look whether it was changed in place.

        Once the context is closed no flush will, and the value refuses to be changed.
        """
        cell = self._current(position)
        if type(cell) is not JsonValue:
            return self._no_value(position, cell)
        unit_of_work = self._identity_map.unit_of_work
        if unit_of_work.closed:
            return detached(cell.value, self._refuse_detached)
        unit_of_work._json_read[self] = None
        cell.handed_out = True
        return cell.value

    def _note_json_changes(self) -> None:
        """Compare each Json value that was handed out with the text it came from."""
        if self._state not in (NEW, STORED):
            return
        for position in self._identity_map.binding.json_positions:
            cell = self._row[position]
            if type(cell) is JsonValue and cell.handed_out and cell.raw is not None:
                self._note_json_change(position, cell)

    def _note_json_change(self, position: int, cell: JsonValue) -> None:
        before = self._identity_map.decoders[position](cell.raw)
        old = self._old
        if not same_json(before, cell.value):
            if old is None or position not in old:
                self._refuse_detached()
            if old is None:
                old = self._old = {}
            old.setdefault(position, JsonValue(cell.raw, before))
            self._identity_map.unit_of_work._pending[self] = None
        elif old is not None and position in old:
            del old[position]
            self._forget_if_clean()

    def _assign(self, position: int, value: Any) -> None:
        """Check ``value``, compare it with what is there, and mark the column dirty or clean again.

        Raises FieldValueError when it does not fit, DetachedEntityError when the context is closed, EntityGoneError
        when the row is deleted, ReadOnlyEntityError for a snapshot.
        """
        self._refuse_detached()
        self._take(position, self._checked(self._identity_map.schema.columns[position], value))

    def _refuse_detached(self) -> None:
        if self._identity_map.unit_of_work.closed:
            raise DetachedEntityError(self._identity_map.schema.name, self._id_or_none())

    def _take(self, position: int, checked: Any) -> None:
        """Keep a value that was checked."""
        if self._state == NEW:
            self._row[position] = checked
            return
        current = self._current(position)
        if type(current) is JsonValue and self._state == STORED:
            current = self._unheld(position, current)
        self._replace(position, current, checked)

    def _unheld(self, position: int, cell: JsonValue) -> JsonValue:
        """The value that is about to be replaced, as it was loaded: whoever was handed it may change it any time."""
        if not cell.handed_out or cell.raw is None:
            return cell
        self._note_json_change(position, cell)
        return JsonValue(cell.raw, self._identity_map.decoders[position](cell.raw))

    def _checked(self, column: ColumnSchema, value: Any) -> Any:
        """The Python form of an assigned value, in the shape a row keeps it."""
        if value is None:
            if column.nullable:
                return None
            raise self._refused(column, value, "is not nullable")
        try:
            # what an error shows is the value as it was given
            refers = column.reference is not None or column.kind == "references"
            taken = self._with_ids(column, value) if refers else value
            return self._identity_map.binding.assigned_form(column, column.check(taken))
        except ValueError as error:
            raise self._refused(column, value, str(error)) from None

    def _with_ids(self, column: ColumnSchema, value: Any) -> Any:
        """An entity's id in its place; entities in a list of references stay, once it is known that they will do.

        ValueError for one that was deleted or is of another type, else as ``check_row_of``.
        """
        if column.kind == "references" and is_iterable(value):
            value = list(value)
            for item in value:
                if isinstance(item, TrackedEntity):
                    self._check_referable(item)
        elif column.reference is not None and isinstance(value, TrackedEntity):
            self._check_referable(value)
            return referred_id(column, value)
        return value

    def _check_referable(self, target: TrackedEntity) -> None:
        if target._state == GONE:
            raise ValueError("was deleted")
        check_row_of(self._identity_map.unit_of_work, target, must_exist=self._state == DRAFT)

    def _refused(self, column: ColumnSchema, value: object, reason: str) -> FieldValueError:
        return FieldValueError(self._identity_map.schema.name, column.attribute, value, reason, secret=column.secret)

    def _current(self, position: int) -> Any:
        """The value that is there, decoded, one that does not fit in a cell of its own; UNSET when there is none."""
        value = self._row[position] = self._identity_map.python_value(position, self._row[position])
        return value

    def _replace(self, position: int, current: Any, checked: Any) -> None:
        if self._state > DELETING:
            raise self._unwritable()
        old = self._old
        if old is not None and position in old:
            if same_value(old[position], checked):
                self._row[position] = old.pop(position)
                self._forget_if_clean()
            else:
                self._row[position] = checked
            return
        if same_value(current, checked):
            return
        if old is None:
            old = self._old = {}
        old[position] = current
        self._row[position] = checked
        self._identity_map.unit_of_work._pending[self] = None

    def _unwritable(self) -> EntityError:
        """Why no flush would write a change of it."""
        error = ReadOnlyEntityError if self._state == SNAPSHOT else EntityGoneError
        return error(self._identity_map.schema.name, self._id_or_none())

    def _forget_if_clean(self) -> None:
        """Forget an entity whose last change was taken back."""
        if not self._old:
            self._old = None
            if self._state == STORED:
                self._identity_map.unit_of_work._pending.pop(self, None)

    def _refresh(self, row: list[Any], read_at: float) -> None:
        """Take over a newer row; columns with unsaved changes keep them."""
        self._keep_handed_out(row)
        old = self._old
        if old:
            for position in old:
                old[position] = self._identity_map.python_value(position, row[position])
                row[position] = self._row[position]
        self._row = row
        self._read_at = read_at

    def _keep_handed_out(self, row: list[Any]) -> None:
        """Somebody may hold a Json value and change it later: it stays the entity's own while the row says the same."""
        for position in self._identity_map.binding.json_positions:
            cell, raw = self._row[position], row[position]
            if type(cell) is not JsonValue or not cell.handed_out or cell.raw is None:
                continue
            self._note_json_change(position, cell)
            newer = self._identity_map.python_value(position, raw)
            if type(newer) is JsonValue and same_json(self._identity_map.decoders[position](cell.raw), newer.value):
                row[position] = cell

    def _revert(self) -> None:
        """Take every unsaved change back."""
        if self._old:
            for position, value in self._old.items():
                self._row[position] = value
            self._old = None
        if self._state == DELETING:
            self._state = STORED


def check_entity(where: str, given: object) -> None:
    """QueryError, which names who asks, for what is no entity."""
    if not isinstance(given, TrackedEntity):
        several = "; give several one by one: *entities" if is_iterable(given) else ""
        raise QueryError(f"{where} takes entities, not {described(given)}{several}")


def referred_id(column: ColumnSchema, target: TrackedEntity) -> Any:
    """The id of an entity that is given for a reference. ValueError for one of another type."""
    name = target._identity_map.schema.name
    if name != column.reference:
        raise ValueError(f"is {named_with_article(name)}, not {named_with_article(column.reference or '')}")
    return target._row[0]


def check_row_of(unit_of_work: UnitOfWork, target: TrackedEntity, *, must_exist: bool) -> None:
    """Make sure that an entity has a row to refer to, or may have one by the next flush.

    An entity of another context will do once it has a row: only that context can give it one. ``must_exist``: what
    refers to it is sent now, not by a flush that writes both. ForeignEntityError, ValueError.
    """
    if target._state != NEW:
        return
    if target._identity_map.unit_of_work is not unit_of_work:
        name, id = target._identity_map.schema.name, target._id_or_none()
        raise ForeignEntityError(name, id, "is new in another context; flush it there first")
    if must_exist:
        raise ValueError("is new and has no row yet; flush it first")


def same_value(left: Any, right: Any) -> bool:
    """Whether two Python forms are the same value of the same type (True is not 1, 0.0 is not -0.0)."""
    if type(left) is JsonValue and type(right) is JsonValue:
        return same_json(left.value, right.value)
    if left is right:
        return True
    if left is UNSET or right is UNSET or left is None or right is None:
        return False
    if type(left) is float and type(right) is float:
        return left == right and str(left) == str(right)
    return bool(left == right)
