"""``Query``: which rows, in which order, how many. An immutable value without entity, schema or I/O."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Self, TypeAlias, cast

from fluxaorm.errors import QueryError, shown_value
from fluxaorm.query.conditions import Condition, FieldKey, RawCondition, Shape, check_conditions, open_condition
from fluxaorm.query.fields import QueryField, key_of
from fluxaorm.query.own_sql.placeholders import has_several_statements, is_closed
from fluxaorm.query.own_sql.raw_statements import keeps_session
from fluxaorm.query.pager import Pager, check_count
from fluxaorm.query.where import Where

Lock: TypeAlias = Literal["", "wait", "nowait", "skip_locked"]


class Sort(NamedTuple):
    """One field of the order."""

    field: FieldKey
    descending: bool


class Query:
    """Which rows of an entity, in which order, how many. Methods return a new Query: share and extend it freely."""

    __slots__ = (
        "_conditions",
        "_index",
        "_kept_shape",
        "_kept_values",
        "_limit_value",
        "_lock",
        "_offset_value",
        "_sorts",
        "_with_deleted",
    )

    _kept_shape: Shape | None
    _kept_values: tuple[Any, ...] | None

    def __init__(self) -> None:
        self._conditions: tuple[Condition, ...] = ()
        """All of which a row fulfils."""
        self._sorts: tuple[Sort, ...] = ()
        self._limit_value: int | None = None
        self._offset_value = 0
        self._lock: Lock = ""
        self._with_deleted = False
        self._index: str | None = None
        self._kept_shape = None
        self._kept_values = None

    def _copy(self) -> Self:
        made = object.__new__(type(self))
        made._conditions = self._conditions
        made._sorts = self._sorts
        made._limit_value = self._limit_value
        made._offset_value = self._offset_value
        made._lock = self._lock
        made._with_deleted = self._with_deleted
        made._index = self._index
        made._kept_shape = made._kept_values = None
        return made

    def filter(self, *conditions: Condition) -> Self:
        """Only rows that fulfil all of these, too. Raises QueryError for what is no condition."""
        made = self._copy()
        made._conditions = (*self._conditions, *check_conditions("filter()", conditions))
        return made

    def filter_where(self, where: Where) -> Self:
        """Only rows that fulfil this SQL, too.

        Where the query uses fields of references, columns in it need their table: the entity's own by its name, others
        by the names of the references that lead there (``category``, ``order_user``).

        Raises QueryError when it is no Where, or more than a condition.
        """
        raw = _raw_condition(where)
        made = self._copy()
        made._conditions = (*self._conditions, raw)
        return made

    def sort_by_asc(self, *fields: QueryField[Any, Any]) -> Self:
        """Then by these fields, smallest first (NULL before all). Raises QueryError for what is no field."""
        return self._sorted(fields, descending=False)

    def sort_by_desc(self, *fields: QueryField[Any, Any]) -> Self:
        """Then by these fields, greatest first (NULL after all). Raises QueryError for what is no field."""
        return self._sorted(fields, descending=True)

    def _sorted(self, fields: tuple[QueryField[Any, Any], ...], *, descending: bool) -> Self:
        made = self._copy()
        made._sorts = (*self._sorts, *(Sort(key_of(field), descending) for field in fields))
        return made

    def pager(self, page: int | Pager, size: int | None = None) -> Self:
        """Page ``page`` (from 1) of pages of ``size`` rows, or a Pager; instead of an earlier limit and offset.

        Raises QueryError when they are not positive ints, or too great for a server.
        """
        chosen = _pager(page, size)
        made = self._copy()
        made._limit_value = chosen.page_size
        made._offset_value = check_count("offset", chosen.offset, 0)
        return made

    def limit(self, count: int) -> Self:
        """At most ``count`` rows. Raises QueryError when it is less than 1, or no int."""
        made = self._copy()
        made._limit_value = check_count("limit", count, 1)
        return made

    def offset(self, count: int) -> Self:
        """Leave ``count`` rows out before the first. The server reads what it skips: ``iterate`` reads everything.

        Raises QueryError when it is negative, or no int.
        """
        made = self._copy()
        made._offset_value = check_count("offset", count, 0)
        return made

    def for_update(self, *, nowait: bool = False, skip_locked: bool = False) -> Self:
        """Lock the rows until the transaction ends; a search outside one is a QueryError.

        Entities that the context has of them are refreshed; one with unsaved changes is an UnsavedChangesError.
        ``nowait``: DeadlockError instead of waiting for a lock; ``skip_locked``: leave locked rows out; QueryError for
        both. The search raises NotSupportedError where the server has no row locks.
        """
        if nowait and skip_locked:
            raise QueryError("for_update: nowait and skip_locked exclude each other")
        made = self._copy()
        made._lock = "nowait" if nowait else "skip_locked" if skip_locked else "wait"
        return made

    def include_deleted(self) -> Self:
        """Also rows that are soft-deleted."""
        made = self._copy()
        made._with_deleted = True
        return made

    def use_index(self, name: str) -> Self:
        """Read through this index of the entity, where the server takes such advice.

        Raises QueryError for what is no name; what takes the query raises it when the entity has no such index.
        """
        given = cast("object", name)
        if not isinstance(given, str) or not given:
            raise QueryError(f"use_index() takes the name of an index, not {shown_value(given)}")
        made = self._copy()
        made._index = name
        return made

    def group_by(self, *fields: QueryField[Any, Any]) -> GroupedQuery:
        """For ``aggregate``: one result for each combination of these fields' values.

        Raises QueryError without a field, or for what is none.
        """
        if not fields:
            raise QueryError("group_by() needs a field")
        return GroupedQuery(self, tuple(map(key_of, fields)))

    @property
    def _shape(self) -> Shape:
        """All but the values, the limit and the offset; hashable."""
        shape = self._kept_shape
        if shape is None:
            shape = self._kept_shape = (
                *[condition._shape for condition in self._conditions],
                self._sorts,
                self._lock,
                self._with_deleted,
                self._index,
            )
        return shape

    @property
    def _values(self) -> tuple[Any, ...]:
        """The values of the conditions in the order of the shape."""
        values = self._kept_values
        if values is None:
            collected: list[Any] = []
            for condition in self._conditions:
                condition._collect(collected)
            values = self._kept_values = tuple(collected)
        return values

    def __repr__(self) -> str:
        """Shows no value of a condition: it may be a secret."""
        shown = [repr(condition) for condition in self._conditions]
        shown += [f"{'desc' if sort.descending else 'asc'} {sort.field}" for sort in self._sorts]
        if self._limit_value is not None:
            shown.append(f"limit {self._limit_value}")
        if self._offset_value:
            shown.append(f"offset {self._offset_value}")
        return f"<Query {', '.join(shown)}>"


class GroupedQuery:
    """A query whose rows are put together by fields; only ``aggregate`` takes it."""

    __slots__ = ("_groups", "_query")

    def __init__(self, query: Query, groups: tuple[FieldKey, ...]) -> None:
        self._query, self._groups = query, groups

    def __repr__(self) -> str:
        return f"<GroupedQuery {self._query!r} by {', '.join(map(str, self._groups))}>"


def _pager(page: object, size: int | None) -> Pager:
    if isinstance(page, Pager):
        if size is not None:
            raise QueryError("pager() takes a Pager, or a page and a size")
        return page
    if size is None:
        raise QueryError("pager() needs the size of a page")
    return Pager(check_count("page", page, 1), size)


def _raw_condition(where: object) -> RawCondition:
    if not isinstance(where, Where):
        raise QueryError(f"filter_where() takes a Where, not {type(where).__name__}: filter_where(Where(sql, *params))")
    where._check_rows("filter_where()")
    if not str(where).strip():
        raise QueryError("filter_where() got an empty Where")
    if has_several_statements(str(where)):
        raise QueryError(f"filter_where() takes one condition, not several statements: {where}")
    if not is_closed(str(where)) and not is_closed(str(where), escapes=False):
        # so it is for every server; as the one reads it that is asked, it is looked at again
        raise open_condition(where)
    if not keeps_session(f"SELECT {where}"):
        # the connection goes back to others
        raise QueryError(f"filter_where() takes no variables, locks, INTO or executable comments: {where}")
    return RawCondition(where)
