"""Compiles queries of one entity to SQL with ``?`` and Params. Sends nothing; every identifier comes from the schema.

The text depends on the query's shape only, so it is made once and kept: asking again binds values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from fluxaorm.dialects.port import Dialect
from fluxaorm.entity.schema import ColumnSchema, EntitySchema
from fluxaorm.errors import QueryError, no_row_locks
from fluxaorm.query.conditions import FieldKey
from fluxaorm.query.kept import Kept
from fluxaorm.query.query import Lock, Query
from fluxaorm.query.sql.conditions import ConditionCompiler, Pick, SQLPart, field_keys
from fluxaorm.query.sql.joins import Tables

NO_LIMIT: Final = 2**63 - 1
_KEPT_BYTES: Final = 2 << 20
"""Of one entity's queries."""


class SQLExpression(NamedTuple):
    """One item of a SELECT list; ``function`` is "" for the field itself, ``field`` None for a count of rows."""

    function: str
    field: FieldKey | None


class Form(NamedTuple):
    """What a statement reads of the rows that match. ``groups``: the fields that put rows together."""

    reads: Literal["rows", "ids", "count", "exists", "expressions", "aggregates"]
    select: tuple[SQLExpression, ...] = ()
    groups: tuple[FieldKey, ...] = ()


ROWS: Final = Form("rows")
IDS: Final = Form("ids")
COUNT: Final = Form("count")
EXISTS: Final = Form("exists")

Cut: TypeAlias = Literal["", "page", "first", "after", "all"]
"""How a result is limited: not; a page of it; its first row; what follows an id, by id; not, but by id."""


class BoundSQL(NamedTuple):
    """A statement ready to be sent."""

    sql: str
    args: list[Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    """"" when nothing can match."""
    picks: tuple[Pick, ...] = ()
    limited: bool = False
    skips: bool = False


class QueryCompiler:
    """Compiles the queries of one entity for one dialect, and keeps what it compiled."""

    def __init__(self, schema: EntitySchema, dialect: Dialect, schemas: Mapping[str, EntitySchema]) -> None:
        """``schemas``: all entities by name, for joins."""
        self.schema, self.dialect, self.schemas = schema, dialect, schemas
        self._kept: Kept[Any, _Compiled] = Kept(_KEPT_BYTES)

    def bind(self, query: Query, form: Form) -> BoundSQL | None:
        """The statement for a query; None when nothing can match, so that nothing needs to be sent.

        Raises QueryError for a field of another entity, a value that its column cannot hold, an unknown index;
        NotSupportedError for a lock that the server does not know.
        """
        cut: Cut = "page" if query._limit_value is not None or query._offset_value else ""
        return self._bind(query, form, cut, query._limit_value, query._offset_value)

    def bind_first(self, query: Query) -> BoundSQL | None:
        """The statement for the first row of a query."""
        return self._bind(query, ROWS, "page" if query._offset_value else "first", 1, query._offset_value)

    def bind_after(self, query: Query, after: int | None, limit: int) -> BoundSQL | None:
        """The statement for the ``limit`` rows that follow the id ``after`` (None: from the beginning), by id."""
        return self._bind(query, ROWS, "after", limit, 0, after)

    def bind_all(self, query: Query) -> BoundSQL | None:
        """The statement for all rows of a query, by id."""
        return self._bind(query, ROWS, "all", None, 0)

    def bind_where(self, query: Query) -> BoundSQL | None:
        """Only the condition, for a statement that names no table; "" when all rows match, None when none can."""
        key = ("where", query._shape)
        compiled = self._kept.get(key)
        if compiled is None:
            part = _Statement(self, query, IDS, "", 0, None).where()
            text = "" if part.sql is True else f" WHERE {part.sql}"
            # of a statement "" says that nothing can match, so what may be empty stands behind a word
            compiled = self._keep(key, _Compiled("" if part.sql is False else f"x{text}", part.picks))
        if not compiled.sql:
            return None
        values = query._values
        return BoundSQL(compiled.sql[1:], [pick.bind(values[pick.position]) for pick in compiled.picks])

    def _bind(
        self, query: Query, form: Form, cut: Cut, limit: int | None, offset: int, after: int | None = None
    ) -> BoundSQL | None:
        key = (form, query._shape, cut, bool(offset), after is not None)
        compiled = self._kept.get(key)
        if compiled is None:
            compiled = self._keep(key, _Statement(self, query, form, cut, offset, after).compile())
        if not compiled.sql:
            return None
        values = query._values
        args = [pick.bind(values[pick.position]) for pick in compiled.picks]
        if after is not None:
            args.append(after)
        if compiled.limited:
            args.append(NO_LIMIT if limit is None else limit)
        if compiled.skips:
            args.append(offset)
        return BoundSQL(compiled.sql, args)

    def _keep(self, key: Any, compiled: _Compiled) -> _Compiled:
        self._kept.keep(key, compiled, 3 * len(compiled.sql) + 256 * len(compiled.picks) + 1000)
        return compiled

    def resolve(self, key: FieldKey) -> tuple[EntitySchema, ColumnSchema]:
        """The entity and column of a field. Raises QueryError when there is none."""
        found = Tables(self.schema, self.dialect, self.schemas, joins=bool(key.path)).find(key)
        return found.schema, found.column


class _Statement:
    """Compiles one statement."""

    def __init__(
        self, compiler: QueryCompiler, query: Query, form: Form, cut: Cut, offset: int, after: int | None
    ) -> None:
        self.schema, self.dialect = compiler.schema, compiler.dialect
        self.query, self.form, self.cut, self.offset, self.after = query, form, cut, offset, after
        joins = any(key.path for key in self._keys())
        self.tables = Tables(self.schema, self.dialect, compiler.schemas, joins=joins)
        self.id_sql = self._own(0)

    def compile(self) -> _Compiled:
        where = self.where()
        if where.sql is False:
            return _Compiled("")
        select, order = self._select(), self._order()
        groups = ", ".join(self.tables.find(key).sql for key in self.form.groups)
        limited = self.cut not in ("", "all") and self.form.reads not in ("count", "exists")
        skips = limited and bool(self.offset)
        clauses = (
            f"SELECT {select}",
            self.tables.from_clause(self._index_clause()),
            where.sql is not True and f"WHERE {where.sql}",
            groups and f"GROUP BY {groups}",
            order and f"ORDER BY {order}",
            limited and "LIMIT ?",
            skips and "OFFSET ?",
            self.form.reads == "exists" and "LIMIT 1",
            self._lock_clause(),
        )
        return _Compiled(" ".join(clause for clause in clauses if clause), where.picks, limited, skips)

    def _keys(self) -> Iterator[FieldKey]:
        """Every field that the statement needs."""
        for condition in self.query._conditions:
            yield from field_keys(condition)
        yield from self.form.groups
        yield from (item.field for item in self.form.select if item.field is not None)
        if self._is_sorted:
            yield from (sort.field for sort in self.query._sorts)

    @property
    def _is_sorted(self) -> bool:
        return self.form.reads not in ("count", "exists")

    def _own(self, position: int) -> str:
        return self.dialect.qualified(self.schema.columns[position].name, self.tables.own)

    def where(self) -> SQLPart:
        """All conditions."""
        conditions = ConditionCompiler(self.tables, self.dialect)
        parts = [conditions.compile(condition) for condition in self.query._conditions]
        if self.schema.soft_delete_position is not None and not self.query._with_deleted:
            parts.append(SQLPart(f"{self._own(self.schema.soft_delete_position)} = 0"))
        if self.after is not None:
            parts.append(SQLPart(f"{self.id_sql} > ?"))
        return conditions.combine("and", parts)

    def _select(self) -> str:
        match self.form.reads:
            case "rows":
                columns = self.schema.columns
                return ", ".join(self.dialect.column_expression(column, self.tables.own) for column in columns)
            case "ids":
                return self.id_sql
            case "count":
                return "COUNT(*)"
            case "exists":
                return "1"
            case _:
                groups = [SQLExpression("", key) for key in self.form.groups]
                return ", ".join(map(self._expression, [*groups, *self.form.select]))

    def _expression(self, item: SQLExpression) -> str:
        if item.field is None:
            return "COUNT(*)"
        found = self.tables.find(item.field)
        read = self.dialect.column_expression(found.column, found.table)
        return self.dialect.aggregate(item.function, read, found.column) if item.function else read

    def _order(self) -> str:
        if not self._is_sorted:
            return ""
        if self.cut in ("after", "all"):
            return self.id_sql
        terms = [self._sort_term(sort.field, descending=sort.descending) for sort in self.query._sorts]
        if self._needs_id():
            descending = bool(self.query._sorts) and self.query._sorts[-1].descending
            terms.append(f"{self.id_sql}{' DESC' if descending else ''}")
        return ", ".join(terms)

    def _needs_id(self) -> bool:
        """Whether rows that are equal in the order could come on two pages, or on none."""
        if self.form.reads == "aggregates" or not self.cut or (self.cut == "first" and not self.query._sorts):
            return False
        return not any(sort.field == self._id_key for sort in self.query._sorts)

    @property
    def _id_key(self) -> FieldKey:
        return FieldKey(self.schema.name, (), self.schema.columns[0].field)

    def _sort_term(self, key: FieldKey, *, descending: bool) -> str:
        if self.form.reads == "aggregates" and key not in self.form.groups:
            raise QueryError(f"{key}: an aggregate can be sorted only by what it is grouped by")
        found = self.tables.find(key)
        return f"{self.dialect.sort_expression(found.column, found.sql)}{' DESC' if descending else ''}"

    def _index_clause(self) -> str:
        name = self.query._index
        if name is None:
            return ""
        known = [index.name for index in self.schema.indexes]
        if name not in known:
            raise QueryError(f"{self.schema.name} has no index {name!r}; it has: {', '.join(known) or 'none'}")
        return self.dialect.use_index_clause(name)

    def _lock_clause(self) -> str:
        lock: Lock = self.query._lock
        if not lock or self.form.reads not in ("rows", "ids", "expressions"):
            return ""
        clause = self.dialect.for_update_clause(nowait=lock == "nowait", skip_locked=lock == "skip_locked")
        if not clause:
            raise no_row_locks(self.schema.name, self.dialect.name)
        return clause


def expressions_form(keys: Sequence[FieldKey]) -> Form:
    """Reads these fields of each row."""
    return Form("expressions", tuple(SQLExpression("", key) for key in keys))
