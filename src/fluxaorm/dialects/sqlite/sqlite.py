"""SQLite in the place of MySQL: for the embedded default, users' unit tests and small tools.

Decimals and UInt64 numbers that are no ids are text in the collation FX_DECIMAL, times in FX_TIME: see
``collations``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from fluxaorm.dialects.capabilities import Capabilities
from fluxaorm.dialects.computed import SQLiteComputed
from fluxaorm.dialects.declared import declared_column, declared_indexes
from fluxaorm.dialects.port import ASYNC_OFFSETS_TABLE, IDS_TABLE, ISOLATIONS, META_TABLE, Dialect, Duplicate
from fluxaorm.dialects.sqlite import ddl
from fluxaorm.dialects.sqlite.aggregates import AVERAGE, SUM
from fluxaorm.dialects.sqlite.collations import DECIMAL, TIME
from fluxaorm.dialects.sqlite.errors import (
    TRANSIENT,
    duplicate_of,
    error_of,
    is_lock_timeout,
    is_missing_column,
    is_missing_table,
    is_out_of_range,
    is_refused_id,
    is_refused_null,
)
from fluxaorm.dialects.sqlite.introspection import INTROSPECTION_SQL, tables_from, views_from
from fluxaorm.dialects.sqlite.misfits import misfits
from fluxaorm.dialects.tables import ColumnDefinition, IndexDefinition, TableDefinition
from fluxaorm.dialects.untold import SQLITE_UNTOLD_SQL
from fluxaorm.errors import NotSupportedError

if TYPE_CHECKING:
    from fluxaorm.dialects.changes import Change
    from fluxaorm.dialects.misfits import Misfit
    from fluxaorm.entity.schema import ColumnSchema, EntitySchema
    from fluxaorm.errors import MySQLError

NOCASE: Final = "NOCASE"


_EXACT_KINDS: Final = frozenset({"int", "uint", "decimal"})
"""Kinds of fields whose sums are exact."""


class SQLite(Dialect):
    """SQLite 3.37 or later."""

    name = "sqlite"
    transactional_ddl: ClassVar[bool] = True
    backslash_escapes: ClassVar[bool] = False
    renames_in_texts: ClassVar[bool] = True
    computed = SQLiteComputed()

    def name_key(self, name: str) -> str:
        """Letters of ASCII alone have no case."""
        return "".join(letter.lower() if letter.isascii() else letter for letter in name)

    def table_key(self, name: str) -> str:
        """As other names."""
        return self.name_key(name)

    def sort_expression(self, column: ColumnSchema, column_sql: str) -> str:
        """MySQL orders an enum by the position of its members."""
        if column.kind != "enum" or column.enum is None:
            return column_sql
        literals = ["'" + member.replace("'", "''") + "'" for member in column.enum.members]
        members = " ".join(f"WHEN {literal} THEN {at}" for at, literal in enumerate(literals))
        return f"CASE {column_sql} {members} END"

    def set_contains(self, column_sql: str) -> str:
        """Between commas."""
        return f"instr(',' || {column_sql} || ',', ',' || ? || ',') > 0"

    def like(self, column_sql: str) -> str:
        """The escape character has to be named."""
        return rf"{column_sql} LIKE ? ESCAPE '\'"

    def for_update_clause(self, *, nowait: bool = False, skip_locked: bool = False) -> str:
        """SQLite locks the whole database."""
        return ""

    def limit_clause(self, limit: int | None, offset: int = 0) -> str:
        """An offset needs a limit."""
        if limit is None and not offset:
            return ""
        limited = f"LIMIT {-1 if limit is None else limit}"
        return f"{limited} OFFSET {offset}" if offset else limited

    def use_index_clause(self, index: str) -> str:
        """INDEXED BY would be an order, not advice."""
        return ""

    def computes(self, column: ColumnSchema) -> bool:
        """Decimals and wide unsigned integers are text."""
        return _stored(column, declared_column(column, NOCASE)).collation != DECIMAL

    def rows_in(self, columns: Sequence[str], count: int) -> str:
        """Rows have to be a VALUES."""
        names, places = ", ".join(map(self.quote, columns)), ", ".join("?" * len(columns))
        if len(columns) == 1:
            return f"{names} IN ({', '.join('?' * count)})"
        return f"({names}) IN (VALUES {', '.join([f'({places})'] * count)})"

    def upsert_clause(
        self, columns: Sequence[str], counted: str | None = None, *, id_column: str = "id", ids_made: bool = False
    ) -> str:
        """ON CONFLICT over any unique index."""
        id_name = self.quote(id_column)
        changes = [f"{id_name} = IIF({id_name} = excluded.{id_name}, NULL, {id_name})"] if ids_made else []
        changes += [f"{name} = excluded.{name}" for name in map(self.quote, columns)]
        if counted is not None:
            changes.append(f"{self.quote(counted)} = {self.quote(counted)} + 1")
        return f"ON CONFLICT DO UPDATE SET {', '.join(changes)}" if changes else "ON CONFLICT DO NOTHING"

    @property
    def lock_seconds(self) -> float:
        """As ``session_statements`` limits it."""
        return 5.0

    def session_statements(self) -> tuple[str, ...]:
        """WAL, so that readers do not wait for the writer.

        No foreign keys, whatever SQLite's default is: a table that is made anew would take the rows that point at it.
        """
        return ("PRAGMA journal_mode = WAL", "PRAGMA busy_timeout = 5000", "PRAGMA foreign_keys = 0")

    def aggregate(self, function: str, column_sql: str, column: ColumnSchema) -> str:
        """SQLite adds whatever is no small integer as floats."""
        if function in ("sum", "avg") and column.kind in _EXACT_KINDS:
            return f"{SUM if function == 'sum' else AVERAGE}({column_sql})"
        return super().aggregate(function, column_sql, column)

    def begin_statements(self, isolation: str | None = None, read_only: bool = False) -> tuple[str, ...]:
        """Every transaction is serializable; a writing one takes its lock at once, so that it cannot fail halfway."""
        if isolation is not None and isolation not in ISOLATIONS:
            raise ValueError(f"isolation {isolation!r} is none of {', '.join(sorted(ISOLATIONS))}")
        return ("PRAGMA query_only = 1", "BEGIN") if read_only else ("BEGIN IMMEDIATE",)

    def server_sql(self) -> str:
        """There is no server."""
        return ""

    def strangers_sql(self, thread: int) -> str:
        """There is no server."""
        raise NotSupportedError("SQLite has no server whose threads could be looked at")

    def is_missing_thread(self, error: MySQLError) -> bool:
        """There is no server."""
        return False

    def kill_sql(self, thread: int) -> str:
        """There is no server."""
        raise NotSupportedError("SQLite has no server whose threads could be killed")

    def uptime_sql(self) -> str:
        """There is no server."""
        raise NotSupportedError("SQLite has no server that could be asked")

    def collations_sql(self) -> str:
        """There is but one for text."""
        return f"SELECT '{NOCASE}' WHERE ? IS NOT NULL"

    def choose_collation(self, available: Iterable[str], charset: str, wanted: str | None = None) -> str | None:
        """NOCASE stands in for every collation."""
        return NOCASE

    def weights_sql(self, collation: str, count: int) -> str:
        """Enums have no collation here."""
        return ""

    def map_error(self, errno: int, message: str, *, pool: str = "", statement: str = "") -> MySQLError:
        """See ``errors``."""
        return error_of(errno, message, pool, statement)

    def parse_duplicate(self, message: str) -> Duplicate | None:
        """See ``errors``."""
        return duplicate_of(message)

    def is_missing_table(self, error: MySQLError) -> bool:
        """See ``errors``."""
        return is_missing_table(error)

    def is_missing_column(self, error: MySQLError) -> bool:
        """See ``errors``."""
        return is_missing_column(error)

    def is_lock_timeout(self, error: MySQLError) -> bool:
        """See ``errors``; how long it was waited for is the pool's."""
        return is_lock_timeout(error)

    def is_transient(self, error: MySQLError) -> bool:
        """See ``errors``."""
        return error.errno & 0xFF in TRANSIENT

    def is_out_of_range(self, error: MySQLError) -> bool:
        """See ``errors``."""
        return is_out_of_range(error)

    def is_refused_null(self, error: MySQLError) -> bool:
        """See ``errors``."""
        return is_refused_null(error)

    def is_refused_id(self, error: MySQLError, id_column: str) -> bool:
        """The primary key is the row's number."""
        return is_refused_id(error)

    def ids_table_ddl(self) -> str:
        """See the port."""
        columns = "`entity` TEXT NOT NULL PRIMARY KEY, `reserved` INTEGER NOT NULL"
        return f"CREATE TABLE IF NOT EXISTS {self.quote(IDS_TABLE)} ({columns}) STRICT"

    def meta_table_ddl(self) -> str:
        """See the port."""
        columns = "`name` TEXT NOT NULL PRIMARY KEY, `value` TEXT NOT NULL"
        return f"CREATE TABLE IF NOT EXISTS {self.quote(META_TABLE)} ({columns}) STRICT"

    def meta_first_row(self) -> str:
        """See the port."""
        made = "lower(hex(randomblob(16)))"
        return f"INSERT OR IGNORE INTO {self.quote(META_TABLE)} (`name`, `value`) VALUES ('identity', {made})"

    def async_offsets_table_ddl(self) -> str:
        """See the port."""
        names = "`topic` TEXT NOT NULL, `topic_id` TEXT NOT NULL, `partition_no` INTEGER NOT NULL"
        values = "`applied` INTEGER NOT NULL, `failed` TEXT NOT NULL"
        key = "PRIMARY KEY (`topic`, `topic_id`, `partition_no`)"
        return f"CREATE TABLE IF NOT EXISTS {self.quote(ASYNC_OFFSETS_TABLE)} ({names}, {values}, {key}) STRICT"

    def async_offsets_first_row(self) -> str:
        """See the port."""
        columns = "`topic`, `topic_id`, `partition_no`, `applied`, `failed`"
        table = self.quote(ASYNC_OFFSETS_TABLE)
        return f"INSERT INTO {table} ({columns}) VALUES (?, ?, ?, 0, '') ON CONFLICT DO NOTHING"

    def ids_first_row(self) -> str:
        """See the port."""
        names = f"({self.quote('entity')}, {self.quote('reserved')})"
        return f"INSERT INTO {self.quote(IDS_TABLE)} {names} VALUES (?, ?) ON CONFLICT DO NOTHING"

    def ids_reserve(self) -> str:
        """The adapter reports what RETURNING gives as ``last_insert_id``."""
        reserved, entity = self.quote("reserved"), self.quote("entity")
        changed = f"UPDATE {self.quote(IDS_TABLE)} SET {reserved} = {reserved} + ? WHERE {entity} = ?"
        return f"{changed} RETURNING {reserved}"

    def define_table(self, schema: EntitySchema, collation: str) -> TableDefinition:
        """Text is NOCASE, whatever the pool's collation."""
        columns = tuple(_stored(column, declared_column(column, NOCASE)) for column in schema.columns)
        return TableDefinition(schema.table, columns, declared_indexes(schema), (schema.columns[0].name,))

    def untold_sql(self) -> str:
        """See ``untold``."""
        return SQLITE_UNTOLD_SQL

    def introspection_sql(self) -> str:
        """See ``introspection``."""
        return INTROSPECTION_SQL

    def parse_introspection(self, rows: Iterable[Sequence[Any]]) -> dict[str, TableDefinition]:
        """See ``introspection``."""
        return tables_from(rows)

    def parse_others(self, rows: Iterable[Sequence[Any]]) -> dict[str, str]:
        """See ``introspection``."""
        return views_from(rows)

    def other_tables_sql(self) -> str:
        """Views."""
        return "SELECT name, type FROM sqlite_schema WHERE type = 'view'"

    def column_ddl(self, column: ColumnDefinition) -> str:
        """See ``ddl``."""
        return ddl.column_ddl(column)

    def index_ddl(self, table: str, index: IndexDefinition) -> str:
        """See ``ddl``."""
        return ddl.create_index(table, index)

    def create_table(self, table: TableDefinition) -> tuple[str, ...]:
        """The table, then each index."""
        return (ddl.create_table(table), *(self.index_ddl(table.name, index) for index in table.indexes))

    def alter_table(self, actual: TableDefinition, changes: Sequence[Change]) -> tuple[str, ...]:
        """In place where SQLite can, else by a rebuild."""
        return ddl.alter_table(actual, changes)

    def algorithm(self, actual: TableDefinition, changes: Sequence[Change]) -> Literal["instant", "inplace", "copy"]:
        """A rebuild copies, and an index is made while others wait."""
        return "instant" if ddl.is_in_place(changes) else "copy"

    def drop_table(self, table: str) -> tuple[str, ...]:
        """One statement."""
        return (f"DROP TABLE {self.quote(table)}",)

    def misfits(self, old: ColumnDefinition, new: ColumnDefinition, value: str) -> list[Misfit]:
        """See ``misfits``."""
        return misfits(old, new, value)

    def text_literal(self, text: str) -> str:
        """SQLite knows no backslashes."""
        return ddl.text_literal(text)

    def moved_value(self, old: ColumnDefinition, new: ColumnDefinition, value: str) -> str:
        """See ``ddl``."""
        return ddl.compared_value(old, new, value)

    def truncate_table(self, table: str) -> tuple[str, ...]:
        """SQLite does it at once when nothing is asked of the rows."""
        return (f"DELETE FROM {self.quote(table)}",)

    def rename_table(self, actual: TableDefinition, name: str) -> tuple[str, ...]:
        """Our indexes are made again under the new table's name; those of somebody else go along as they are."""
        indexes = [index for index in actual.indexes if not index.detail]
        return (
            f"ALTER TABLE {self.quote(actual.name)} RENAME TO {self.quote(name)}",
            *(ddl.drop_index(actual.name, index) for index in indexes),
            *(ddl.create_index(name, index) for index in indexes),
        )

    def obstacle(self, actual: TableDefinition, changes: Sequence[Change], renamed: bool) -> str:
        """See ``ddl``."""
        return ddl.obstacle(actual, changes, renamed)


def _stored(column: ColumnSchema, definition: ColumnDefinition) -> ColumnDefinition:
    """The column in the collation that makes its stored form compare as MySQL's type does."""
    name = definition.type.partition("(")[0]
    if name in ("enum", "set"):
        return replace(definition, collation=None)
    is_id = column.index == 0 or column.reference is not None or column.auto == "fake_delete"
    if name == "decimal" or (definition.type == "bigint unsigned" and not is_id):
        return replace(definition, collation=DECIMAL)
    return replace(definition, collation=TIME) if name == "time" else definition


SQLITE: Final = SQLite(
    Capabilities(
        "sqlite",
        (),
        "SQLite",
        row_locks=False,
        nowait=False,
        skip_locked=False,
        online_ddl=False,
        metadata_locks=False,
        waits_for_gtids=False,
    )
)
