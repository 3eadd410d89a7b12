"""The base class of generated entities: what is the same for all of them. Reads and sets values in memory only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from reprlib import Repr
from typing import Any, Final, NoReturn, Self, TypeVar

from fluxaorm.entity.schema import UNSET, GroupSchema
from fluxaorm.entity.values.json_value import JsonValue
from fluxaorm.entity.values.not_copied import NotCopied
from fluxaorm.entity.values.unfit_cell import UnfitCell
from fluxaorm.errors import (
    DetachedEntityError,
    EntityNotFoundError,
    FieldValueError,
    ReadOnlyEntityError,
    UnsettableFieldError,
    named_with_article,
)
from fluxaorm.plans.reads.by_id import FURTHER, entity_at_hand, get_by_id_plan, get_by_ids_plan, missing_plan
from fluxaorm.plans.state.given_names import SET_BY_LIBRARY, refuse_twice, settable_names
from fluxaorm.plans.state.tracked import DELETING, GONE, NEW, SNAPSHOT, STORED, Change, TrackedEntity
from fluxaorm.plans.writes.soft_delete import zero_id_error
from fluxaorm.runtime.provider_identity import ProviderIdentity
from fluxaorm.runtime.sync_or_async import identity_map_of, ready, run_plan

_BRIEF: Final = Repr()
"""How values are shown in the repr of an entity."""
_BRIEF.maxstring = _BRIEF.maxother = 60
R = TypeVar("R", bound="EntityBase")


class _EntityClass(type):
    """The class of classes of entities, which make none when they are called; see ``BoundEntity.make_entity``."""

    def __call__(cls, *args: object, **values: object) -> NoReturn:
        """Refused, and what to do instead: TypeError, as of definition classes."""
        raise TypeError(
            f"{cls.__name__}() would be of no context; make entities with {cls.__name__}Provider.new(ctx, ...)"
        )


class EntityBase(NotCopied, TrackedEntity, metaclass=_EntityClass):
    """An entity of a context: properties come from the generated subclass, the row and its changes from here."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._entity_name = cls.__name__

    @property
    def id(self) -> int:
        """The primary key."""
        value: int = self._row[0]
        return value

    @property
    def is_new(self) -> bool:
        """Whether it has no row yet."""
        return self._state == NEW

    @property
    def is_dirty(self) -> bool:
        """Whether a flush would write something."""
        self._note_json_changes()
        return self in self._identity_map.unit_of_work._pending

    @property
    def is_deleted(self) -> bool:
        """Whether it was deleted, or will be by the next flush."""
        if self._state in (DELETING, GONE):
            return True
        position = self._identity_map.schema.soft_delete_position
        return position is not None and bool(self._decoded(position))

    def changes(self) -> dict[str, Change[Any]]:
        """Changed fields with their values before and after; of a new entity, all that are set, ``old`` being None.

        Raises StoredValueError when a value that was read does not fit its field.
        """
        self._note_json_changes()
        columns = self._identity_map.schema.columns
        if self._state == NEW:
            return {
                column.attribute: Change(None, self._given(column.index))
                for column in columns[1:]
                if self._has(column.index)
            }
        return {
            columns[position].attribute: Change(self._shown(position, old), self._given(position))
            for position, old in sorted((self._old or {}).items())
        }

    def _shown(self, position: int, old: Any) -> Any:
        """An old value; what did not fit as it was stored.

        Of JSON a copy where there is its text, since it may change in place.
        """
        if type(old) is UnfitCell:
            return old.raw
        if type(old) is not JsonValue:
            return old
        return old.value if old.raw is None else self._identity_map.decoders[position](old.raw)

    def to_dict(self) -> dict[str, Any]:
        """Attribute name -> value, all that have one. Raises StoredValueError when one does not fit its field."""
        columns = self._identity_map.schema.columns
        return {column.attribute: self._given(column.index) for column in columns if self._has(column.index)}

    def delete(self) -> None:
        """Delete the row at the next flush, or mark it deleted where the entity has soft delete.

        A new entity is forgotten. Raises DetachedEntityError when the context is closed, NotSupportedError for soft
        delete of the id 0, which would mean that the row is alive.
        """
        position = self._identity_map.schema.soft_delete_position
        if position is None or self._state in (NEW, GONE):
            self._force_delete()
        elif not self._row[0]:
            raise zero_id_error(self._identity_map.schema.name)
        else:
            self._assign(position, self._row[0])

    def _force_delete(self) -> None:
        unit_of_work = self._identity_map.unit_of_work
        if unit_of_work.closed:
            raise DetachedEntityError(self._identity_map.schema.name, self._id_or_none())
        if self._state == NEW:
            self._state = GONE
            unit_of_work._pending.pop(self, None)
            self._identity_map.drop_new(self._row[0])
        elif self._state == STORED:
            self._state = DELETING
            unit_of_work._pending[self] = None
        elif self._state == SNAPSHOT:
            raise ReadOnlyEntityError(self._identity_map.schema.name, self._id_or_none())

    def _restore(self) -> None:
        position = self._identity_map.schema.soft_delete_position
        if self._state == DELETING:
            self._state = STORED
            if not self._old:
                self._identity_map.unit_of_work._pending.pop(self, None)
        if position is not None:
            self._assign(position, 0)

    def _set(self, values: Mapping[str, Any]) -> Self:
        """All of the values or, when one is refused, none."""
        self._refuse_detached()
        refuse_twice(self._identity_map.schema, self._identity_map.binding.rivals, values)
        self._take_all([pair for name, value in values.items() for pair in self._checked_named(name, value)])
        return self

    def _fill(self, values: Mapping[str, Any]) -> None:
        """Give values to an entity that nobody has yet: when one is refused, those before it stay."""
        row, takers = self._row, self._identity_map.binding.takers
        for name, value in values.items():
            taker = takers.get(name)
            if taker is not None and value is not None:
                try:
                    row[taker[0]] = taker[1](value)
                    continue
                except ValueError:
                    # an entity in the place of an id, or a refusal that is yet to be put in words
                    pass
            for position, checked in self._checked_named(name, value):
                row[position] = checked

    def _checked_named(self, name: str, value: Any) -> Sequence[tuple[int, Any]]:
        """Position and checked value of the columns that a name stands for."""
        column = self._identity_map.binding.by_name.get(name)
        if column is None or column.index == 0 or column.auto in SET_BY_LIBRARY:
            return self._checked_members(self._group_named(name), value)
        return ((column.index, self._checked(column, value)),)

    def _take_all(self, checked: Iterable[tuple[int, Any]]) -> None:
        for position, value in checked:
            self._take(position, value)

    def _group_named(self, name: str) -> GroupSchema:
        """An Embedded or list field; UnsettableFieldError lists what there is."""
        schema = self._identity_map.schema
        for group in schema.groups:
            if group.name == name:
                return group
        known = ", ".join(settable_names(schema))
        raise UnsettableFieldError(schema.name, name, f"is not a field that can be set; there are {known}")

    def _group(self, position: int) -> Any:
        """The value of an Embedded or list field: an instance of the class, or a tuple."""
        return self._group_value(self._identity_map.schema.groups[position])

    def _group_value(self, group: GroupSchema) -> Any:
        members = {
            name: self._group_value(member) if isinstance(member, GroupSchema) else self._plain(member)
            for name, member in group.members
        }
        return tuple(members.values()) if group.python_class is None else group.python_class(**members)

    def _plain(self, position: int) -> Any:
        if not self._has(position):
            raise self._missing(position)
        return self._given(position)

    def _has(self, position: int) -> bool:
        return self._row[position] is not UNSET

    def _given(self, position: int) -> Any:
        """A value that there is, as a property gives it."""
        value = self._current(position)
        if type(value) is JsonValue:
            return self._json(position)
        return self._no_value(position, value) if value is None or type(value) is UnfitCell else value

    def _assign_group(self, position: int, value: Any) -> None:
        self._refuse_detached()
        self._take_all(self._checked_members(self._identity_map.schema.groups[position], value))

    def _checked_members(self, group: GroupSchema, value: Any) -> list[tuple[int, Any]]:
        """Position and checked value of every column of a group: all are looked at before any is changed."""
        checked: list[tuple[int, Any]] = []
        for (_, member), part in zip(group.members, self._parts(group, value), strict=True):
            if isinstance(member, GroupSchema):
                checked += self._checked_members(member, part)
            else:
                checked.append((member, self._checked(self._identity_map.schema.columns[member], part)))
        return checked

    def _parts(self, group: GroupSchema, value: Any) -> Sequence[Any]:
        """A group's value cut into its members' values; a shorter list is filled up with None."""
        name, size = self._identity_map.schema.name, len(group.members)
        if group.python_class is not None:
            if not isinstance(value, group.python_class):
                raise FieldValueError(
                    name, group.name, value, f"must be {named_with_article(group.python_class.__name__)}"
                )
            return [getattr(value, member) for member, _ in group.members]
        given: object = value
        if isinstance(given, str | bytes) or not isinstance(given, Sequence):
            raise FieldValueError(name, group.name, value, "must be a list")
        items: list[Any] = list(value)
        if len(items) > size:
            raise FieldValueError(name, group.name, items, f"has {len(items)} items, at most {size} fit")
        return items + [None] * (size - len(items))

    def _reference(self, ctx: Any, provider: ProviderIdentity[R], position: int) -> R | None:
        id = self._decoded(position)
        if id is None:
            try:
                return ready(ctx, None)
            except AttributeError:
                _ = identity_map_of(ctx, provider)
                raise
        try:
            identity_map = ctx._identity_maps.get(provider) or ctx._identity_map_of(provider)
        except AttributeError:
            identity_map = identity_map_of(ctx, provider)
        # an old order still shows its customer
        entity = entity_at_hand(identity_map, id, True)
        if entity is FURTHER:
            return run_plan(ctx, get_by_id_plan(identity_map, id, include_deleted=True))
        return ready(ctx, entity)

    def _must_reference(self, ctx: Any, provider: ProviderIdentity[R], position: int) -> R:
        id = self._decoded(position)
        if id is None:
            column = self._identity_map.schema.columns[position]
            raise EntityNotFoundError(column.reference or "", None, {column.attribute: None})
        identity_map = identity_map_of(ctx, provider)
        entity = entity_at_hand(identity_map, id, True)
        if entity is FURTHER:
            return run_plan(ctx, get_by_id_plan(identity_map, id, must=True, include_deleted=True))
        return run_plan(ctx, missing_plan(identity_map, id)) if entity is None else ready(ctx, entity)

    def _references(self, ctx: Any, provider: ProviderIdentity[R], position: int) -> list[R]:
        return run_plan(
            ctx, get_by_ids_plan(identity_map_of(ctx, provider), self._json(position) or (), include_deleted=True)
        )

    def __repr__(self) -> str:
        """Table, id, the values of unique indexes but secret ones, and how it stands; no I/O, and it raises nothing."""
        try:
            return f"<{' '.join(self._told())}>"
        except Exception:  # noqa: BLE001 - what a debugger or a log shows must not fail
            return f"<{type(self).__name__} that cannot be shown>"

    def _told(self) -> list[str]:
        identity_map = self._identity_map
        shown = [f"{identity_map.schema.name} {identity_map.schema.table}:{self._row[0]}", *self._key_values()]
        if self._state == NEW:
            shown.append("new")
        elif self in identity_map.unit_of_work._pending:
            shown.append("dirty")
        if self._is_seen_deleted():
            shown.append("deleted")
        return shown

    def _key_values(self) -> Iterator[str]:
        columns = self._identity_map.schema.columns
        for position in self._identity_map.binding.key_positions:
            value = self._current(position)
            if value is not UNSET and not columns[position].secret:
                yield f"{columns[position].attribute}={_BRIEF.repr(self._shown(position, value))}"

    def _is_seen_deleted(self) -> bool:
        position = self._identity_map.schema.soft_delete_position
        if self._state in (DELETING, GONE) or position is None:
            return self._state in (DELETING, GONE)
        mark = self._current(position)
        return mark is not UNSET and bool(mark)

    def _instead(self) -> str:
        which = f"{self._identity_map.schema.name} {self._row[0]}"
        return f"{which} belongs to its context, and is neither copied nor pickled; pass on its id, or its to_dict()"
