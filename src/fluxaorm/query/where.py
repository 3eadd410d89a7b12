"""``Where``: an SQL text with ``?`` placeholders and the values that belong to them. Builds text, checks no syntax."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Self, cast

from fluxaorm.errors import QueryError
from fluxaorm.query.own_sql.params import is_entity, no_row_error, to_param
from fluxaorm.query.own_sql.placeholders import split_placeholders

_EMPTY_LIST: Final = "(SELECT e.n FROM (SELECT 1 AS n) AS e WHERE 1 = 0)"
"""What IN and NOT IN both take for a list without members; ``(NULL)`` would make NOT IN match nothing."""


class Where:
    """A condition, or a whole statement, in SQL.

    ``Where("name LIKE ? AND id IN ?", "A%", [1, 2])`` reads ``name LIKE ? AND id IN (?, ?)``: a list, tuple or set
    stands for a list in parentheses, which may be in the text already. An empty one matches nothing.
    ``str(where)`` is the text, ``where.parameters`` are the values in order.
    """

    __slots__ = ("_new", "_parameters", "_sql")

    def __init__(self, sql: str, *params: Any) -> None:
        """``params``: one for each ``?`` that is outside quotes and comments.

        Raises QueryError when their number differs, or for a value that cannot be a parameter.
        """
        self._sql, self._parameters = _expand(sql, params)
        self._new = _new_ones(params)

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The values of the placeholders, lists expanded."""
        return self._parameters

    def append(self, sql: str, *params: Any) -> Self:
        """Add text, after a blank, with its own values; returns this Where. Raises QueryError as the constructor."""
        added, values = _expand(sql, params)
        blank = "" if not self._sql or self._sql[-1].isspace() or added[:1].isspace() else " "
        joined = f"{self._sql}{blank}{added}"
        if len(split_placeholders(joined)) - 1 != len(self._parameters) + len(values):
            raise QueryError(f"a quote or comment left open swallows placeholders: {joined}")
        self._sql, self._parameters = joined, self._parameters + values
        self._new += _new_ones(params)
        return self

    def _check_rows(self, caller: str) -> None:
        """QueryError when a value is a new entity. A statement may well write its id; a search finds nothing by it."""
        for entity in self._new:
            if entity.is_new:
                raise no_row_error(caller, entity)

    def __str__(self) -> str:
        return self._sql

    def __repr__(self) -> str:
        """Shows no value: it may be a secret."""
        return f"<Where {self._sql!r} with {len(self._parameters)} parameters>"


def _expand(sql: object, params: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    if not isinstance(sql, str):
        raise QueryError(f"an SQL text is a str, not {type(sql).__name__}")
    pieces = split_placeholders(sql)
    if len(pieces) - 1 != len(params):
        raise QueryError(f"{len(pieces) - 1} placeholders, but {len(params)} parameters: {sql}")
    text = [pieces[0]]
    values: list[Any] = []
    for position, value in enumerate(params):
        if isinstance(value, (list, tuple, set, frozenset)):
            members = list(map(to_param, cast("Iterable[Any]", value)))
            enclosed = pieces[position].rstrip().endswith("(") and pieces[position + 1].lstrip().startswith(")")
            text.append(_list_text(len(members), enclosed))
            values += members
        else:
            text.append("?")
            values.append(to_param(value))
        text.append(pieces[position + 1])
    return "".join(text), tuple(values)


def _new_ones(params: tuple[Any, ...]) -> tuple[Any, ...]:
    """The entities among the values that are new. Of long lists it is their few types that are asked."""
    found: list[Any] = []
    for value in params:
        if isinstance(value, (list, tuple, set, frozenset)):
            members = list(cast("Iterable[Any]", value))
            if any(map(is_entity, set(map(type, members)))):
                found += [member for member in members if is_entity(member) and member.is_new]
        elif is_entity(value) and value.is_new:
            found.append(value)
    return tuple(found)


def _list_text(count: int, enclosed: bool) -> str:
    if not count:
        return _EMPTY_LIST[1:-1] if enclosed else _EMPTY_LIST
    marks = ", ".join("?" * count)
    return marks if enclosed else f"({marks})"
