"""The dialect port: all that differs between MySQL, MariaDB and SQLite. Nothing else may ask which database this is.

A dialect is a value without state or I/O: it renders SQL (``?`` stands for values), reads what introspection returned,
and says what an error number means.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from fluxaorm.dialects.tables import CheckDefinition, ColumnDefinition, IndexDefinition, TableDefinition

if TYPE_CHECKING:
    from fluxaorm.dialects.capabilities import Capabilities
    from fluxaorm.dialects.changes import Change
    from fluxaorm.dialects.computed import ComputedSQL
    from fluxaorm.dialects.misfits import Misfit
    from fluxaorm.entity.schema import ColumnSchema, EntitySchema
    from fluxaorm.errors import DeadlockError, FluxaError, MySQLError

IDS_TABLE: Final = "_fluxa_ids"
META_TABLE: Final = "_fluxa_meta"
ASYNC_OFFSETS_TABLE: Final = "_fluxa_async_offsets"
"""Tables of the library's own; no alter touches them."""

ISOLATIONS: Final = frozenset({"read uncommitted", "read committed", "repeatable read", "serializable"})
"""How far transactions may be kept apart, in the words of the SQL standard."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """What a server says about a duplicate key.

    ``index`` (``PRIMARY`` for the primary key) and the shown ``value`` come from MySQL and MariaDB,
    ``table`` from MySQL and SQLite, ``columns`` from SQLite.
    """

    index: str | None = None
    columns: tuple[str, ...] = ()
    value: str | None = None
    table: str | None = None


class Dialect(ABC):
    """One database's way of saying things."""

    name: ClassVar[str]
    """``mysql``, ``mariadb`` or ``sqlite``."""
    transactional_ddl: ClassVar[bool] = False
    """Whether DDL is part of a transaction and can be rolled back."""
    backslash_escapes: ClassVar[bool] = True
    """Whether a backslash in a quoted text escapes what follows it."""
    renames_in_texts: ClassVar[bool] = False
    """Whether triggers and views follow a table that is renamed."""
    computed: ClassVar[ComputedSQL]
    """How it spells what is computed of texts and moments."""

    def __init__(self, capabilities: Capabilities) -> None:
        self.capabilities = capabilities

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.capabilities.version_text}>"

    @property
    @abstractmethod
    def lock_seconds(self) -> float:
        """The longest that a statement waits at one lock in a session of ours."""

    # queries

    def quote(self, identifier: str) -> str:
        """An identifier in backquotes. SQLite knows them too; its double quotes would make a misspelt column a text."""
        return "`" + identifier.replace("`", "``") + "`"

    def name_key(self, name: str) -> str:
        """What names of columns and indexes are compared by."""
        return "".join("i" if letter == "\u0130" else letter.lower() for letter in name)

    def table_key(self, name: str) -> str:
        """What names of tables are compared by."""
        return self.recorded_name(name)

    def recorded_name(self, table: str) -> str:
        """How cache keys and ``_fluxa_ids`` name a table: in lower case where the server takes both cases for one."""
        return self.name_key(table) if self.capabilities.lower_case_tables else table

    def column_expression(self, column: ColumnSchema, table: str = "") -> str:
        """What to SELECT for a column so that nothing of the value is lost. ``table``: the alias it is read from."""
        return self.qualified(column.name, table)

    def aggregate(self, function: str, column_sql: str, column: ColumnSchema) -> str:
        """``sum``, ``avg``, ``min``, ``max`` or ``count`` of a column, exact where its type is."""
        return f"{function.upper()}({column_sql})"

    def qualified(self, column: str, table: str = "") -> str:
        """A quoted column name, behind its quoted table or alias when there is one."""
        return f"{self.quote(table)}.{self.quote(column)}" if table else self.quote(column)

    def sort_expression(self, column: ColumnSchema, column_sql: str) -> str:
        """What to ORDER BY so that values come in MySQL's order. ``column_sql``: the quoted column."""
        return column_sql

    @abstractmethod
    def set_contains(self, column_sql: str) -> str:
        """A condition with one ``?``: the set column holds this member."""

    @abstractmethod
    def like(self, column_sql: str) -> str:
        r"""A condition with one ``?``: the column matches the pattern; ``\`` escapes ``%``, ``_`` and itself."""

    @abstractmethod
    def for_update_clause(self, *, nowait: bool = False, skip_locked: bool = False) -> str:
        """The clause that locks the rows read, or "" where there is none.

        Raises NotSupportedError when the server knows FOR UPDATE but not the option.
        """

    @abstractmethod
    def limit_clause(self, limit: int | None, offset: int = 0) -> str:
        """``LIMIT 20 OFFSET 40``; "" when nothing is limited."""

    @abstractmethod
    def use_index_clause(self, index: str) -> str:
        """What follows the table's name to read through this index; "" where the server takes no such advice."""

    def computes(self, column: ColumnSchema) -> bool:
        """Whether the server can do arithmetic with a number column without loss."""
        return True

    @abstractmethod
    def rows_in(self, columns: Sequence[str], count: int) -> str:
        """A condition with a ``?`` for each column of each of ``count`` rows: these columns are one of the rows."""

    @abstractmethod
    def upsert_clause(
        self, columns: Sequence[str], counted: str | None = None, *, id_column: str = "id", ids_made: bool = False
    ) -> str:
        """What follows VALUES: a row whose key exists is updated in these columns; no columns: left as it is.

        ``counted``: a column that is raised by one then; ``ids_made``: nobody chose the rows' ids, so the statement
        fails (``is_refused_id``) where a row has one of them.
        """

    # connections

    @abstractmethod
    def session_statements(self) -> tuple[str, ...]:
        """Run once on a fresh connection: strict mode, UTC."""

    def charset_statements(self) -> tuple[str, ...]:
        """What a client of the user's says first so that it and the server speak UTF-8."""
        return ()

    def restored_statements(self, database: str) -> tuple[str, ...]:
        """Give the session back what our SQL rests on, inside a transaction, which goes on."""
        return ()

    def rollbacks_sql(self) -> str:
        """One row: a name, and how many statements ROLLBACK ran on this connection, in procedures too."""
        return "SHOW SESSION STATUS LIKE 'Com_rollback'"

    def in_transaction_sql(self, error: MySQLError) -> str:
        """One row with a number, 0 when this error may have ended the transaction and has; "": it has not."""
        return ""

    def rolled_back_error(self, error: MySQLError) -> DeadlockError:
        """The same error of a transaction of which ``in_transaction_sql`` has told that it is over."""
        raise AssertionError("no error of this server leaves it open")

    @abstractmethod
    def begin_statements(self, isolation: str | None = None, read_only: bool = False) -> tuple[str, ...]:
        """Open a transaction. ``isolation``: ``serializable``, ...; ValueError for another word."""

    @abstractmethod
    def collations_sql(self) -> str:
        """Lists the collations of a character set (one ``?``), a name a row."""

    @abstractmethod
    def choose_collation(self, available: Iterable[str], charset: str, wanted: str | None = None) -> str | None:
        """The collation of new tables; None when the server has no such one.

        ``wanted``: a full name (``utf8mb4_bin``), one without its charset (``0900_ai_ci``), or None for the default.
        """

    @abstractmethod
    def server_sql(self) -> str:
        """One row with a text: which server it is, the same whatever address led to it. Empty: nothing tells."""

    @abstractmethod
    def strangers_sql(self, thread: int) -> str:
        """One row with a number: of threads of this number that are another user's. Not everybody may ask.

        NotSupportedError where a connection has no thread.
        """

    @abstractmethod
    def kill_sql(self, thread: int) -> str:
        """Ends a thread of the server with its connection and statement. NotSupportedError as before."""

    @abstractmethod
    def is_missing_thread(self, error: MySQLError) -> bool:
        """Whether ``kill_sql`` was refused since there is no such thread of this user."""

    @abstractmethod
    def uptime_sql(self) -> str:
        """One row: a name, and for how many seconds the server has been up. NotSupportedError as before."""

    @abstractmethod
    def weights_sql(self, collation: str, count: int) -> str:
        """One row with a weight for each of ``count`` texts: the same for those that the collation cannot tell apart.

        "" where members of enums compare byte by byte.
        """

    # errors

    @abstractmethod
    def map_error(self, errno: int, message: str, *, pool: str = "", statement: str = "") -> MySQLError:
        """The library's error for a driver's: DeadlockError, MySQLConnectionError or MySQLError, with advice if any.

        ``errno``: the server's number (SQLite: the extended result code). Its ``reason`` starts with ``message``.
        A duplicate key stays a plain MySQLError: see ``parse_duplicate``.
        """

    @abstractmethod
    def parse_duplicate(self, message: str) -> Duplicate | None:
        """Which key a duplicate-key message is about; None when it is another message."""

    @abstractmethod
    def is_missing_table(self, error: MySQLError) -> bool:
        """Whether the statement failed because a table does not exist."""

    @abstractmethod
    def is_missing_column(self, error: MySQLError) -> bool:
        """Whether the statement failed because a column does not exist."""

    @abstractmethod
    def is_lock_timeout(self, error: MySQLError) -> bool:
        """Whether the statement failed because somebody else held a lock."""

    @abstractmethod
    def is_out_of_range(self, error: MySQLError) -> bool:
        """Whether a number that the server computed has no place in its type."""

    @abstractmethod
    def is_refused_null(self, error: MySQLError) -> bool:
        """Whether a column that is NOT NULL was to become NULL."""

    @abstractmethod
    def is_refused_id(self, error: MySQLError, id_column: str) -> bool:
        """Whether ``upsert_clause(ids_made=True)`` refused a row whose id is taken."""

    def breaks_foreign_key(self, error: FluxaError) -> bool:
        """Whether a row was refused because of what it points to, or because something points to it."""
        return False

    def foreign_keys_sql(self) -> str:
        """The foreign keys within the database, one column a row; "" where the server holds to none.

        Table, key, column, table and column pointed to, what happens on delete and on update.
        """
        return ""

    @abstractmethod
    def untold_sql(self) -> str:
        """What tables have and no definition says; see ``untold``."""

    def is_refused_value(self, error: MySQLError) -> bool:
        """Whether an ALTER failed because of a value that a column does not take in its new type."""
        return False

    @abstractmethod
    def is_transient(self, error: MySQLError) -> bool:
        """Whether a statement failed for the state that the server is in, and not for what it says.

        Locks and connections aside: no room, read-only, rights that are missing, a statement that was killed.
        """

    def is_missing_savepoint(self, error: MySQLError) -> bool:
        """Whether a savepoint of the connection is gone, as it is when its transaction is over."""
        return False

    def is_missing_right(self, error: MySQLError) -> bool:
        """Whether the statement failed because the user may not do it."""
        return False

    def is_refused_algorithm(self, error: MySQLError) -> bool:
        """Whether the server does not make this change as ``ddl_spellings`` asked."""
        return False

    def row_in_message(self, message: str) -> int | None:
        """Which row a failed ALTER had come to, counted from 1 in the order of keys; None when it is not said."""
        return None

    # ids

    @abstractmethod
    def ids_table_ddl(self) -> str:
        """Make ``_fluxa_ids(entity, reserved)`` unless it exists."""

    @abstractmethod
    def ids_first_row(self) -> str:
        """Start a table's row of ``_fluxa_ids`` from its largest id, unless there is one. Args: (table, id).

        The id is read before, by a statement that locks nothing: one that did both would wait for whoever has locked
        the last rows, which may be the very transaction that asks for an id.
        """

    @abstractmethod
    def ids_reserve(self) -> str:
        """Raise ``reserved``; the new value is the statement's ``last_insert_id``. Args: (count, table)."""

    def ids_lift(self) -> str:
        """Raise ``reserved`` to an id that was given by hand. Args: (id, table, id)."""
        ids, reserved, entity = self.quote(IDS_TABLE), self.quote("reserved"), self.quote("entity")
        return f"UPDATE {ids} SET {reserved} = ? WHERE {entity} = ? AND {reserved} < ?"

    def ids_reserved(self) -> str:
        """How far a table's ids are reserved. Args: (table,)."""
        return f"SELECT {self.quote('reserved')} FROM {self.quote(IDS_TABLE)} WHERE {self.quote('entity')} = ?"

    def taken_ids(self, table: str, id_column: str) -> str:
        """The ids of a table's rows within two ends, in order. Args: (first, last)."""
        name = self.quote(id_column)
        return f"SELECT {name} FROM {self.quote(table)} WHERE {name} BETWEEN ? AND ? ORDER BY {name}"

    def largest_id(self, table: str, id_column: str) -> str:
        """The largest id of a table's rows; NULL without any."""
        return f"SELECT MAX({self.quote(id_column)}) FROM {self.quote(table)}"

    # which database this is

    @abstractmethod
    def meta_table_ddl(self) -> str:
        """Make ``_fluxa_meta(name, value)`` unless it exists."""

    @abstractmethod
    def meta_first_row(self) -> str:
        """Give the database a random identity unless it has one."""

    def meta_identity(self) -> str:
        """The identity; no row without one."""
        value, name = self.quote("value"), self.quote("name")
        return f"SELECT {value} FROM {self.quote(META_TABLE)} WHERE {name} = 'identity'"

    # how far records of async flushes are applied; the rest of it is in ``async_offsets``

    @abstractmethod
    def async_offsets_table_ddl(self) -> str:
        """Make ``_fluxa_async_offsets(topic, topic_id, partition_no, applied, failed)`` unless it exists."""

    @abstractmethod
    def async_offsets_first_row(self) -> str:
        """Start a partition at 0 unless it has a row. Args: (topic, topic id, partition)."""

    # tables

    @abstractmethod
    def define_table(self, schema: EntitySchema, collation: str) -> TableDefinition:
        """The table an entity needs. ``collation``: of the pool, see ``choose_collation``."""

    @abstractmethod
    def introspection_sql(self) -> str:
        """All that ``parse_introspection`` wants to know of the database, in one query without parameters."""

    @abstractmethod
    def parse_introspection(self, rows: Iterable[Sequence[Any]]) -> dict[str, TableDefinition]:
        """The tables that are there, by name."""

    @abstractmethod
    def parse_others(self, rows: Iterable[Sequence[Any]]) -> dict[str, str]:
        """What introspection found under a name of a table and is none: what it is, by name."""

    @abstractmethod
    def other_tables_sql(self) -> str:
        """What introspection leaves out though it has a table's name, (name, what) a row: views and the like."""

    @abstractmethod
    def column_ddl(self, column: ColumnDefinition) -> str:
        """A column as CREATE TABLE and ALTER TABLE want it."""

    @abstractmethod
    def index_ddl(self, table: str, index: IndexDefinition) -> str:
        """An index as ALTER TABLE ... ADD wants it (SQLite: a CREATE INDEX statement)."""

    @abstractmethod
    def create_table(self, table: TableDefinition) -> tuple[str, ...]:
        """The statements that make a table with its indexes."""

    @abstractmethod
    def alter_table(self, actual: TableDefinition, changes: Sequence[Change]) -> tuple[str, ...]:
        """The statements that apply these changes to a table, one ALTER where the server can."""

    @abstractmethod
    def algorithm(self, actual: TableDefinition, changes: Sequence[Change]) -> Literal["instant", "inplace", "copy"]:
        """How the server makes these changes; ``copy`` where it is not known. See ``Alter.algorithm``."""

    def obstacle(self, actual: TableDefinition, changes: Sequence[Change], renamed: bool) -> str:
        """Why these changes cannot be made together without losing what nobody asked to be lost; "" when they can.

        ``renamed``: whether the table gets its name only before them.
        """
        return ""

    @abstractmethod
    def drop_table(self, table: str) -> tuple[str, ...]:
        """The statements that drop a table."""

    @abstractmethod
    def truncate_table(self, table: str) -> tuple[str, ...]:
        """The statements that remove every row of a table."""

    @abstractmethod
    def rename_table(self, actual: TableDefinition, name: str) -> tuple[str, ...]:
        """The statements that give a table another name."""

    def lock_timeout_statements(self, seconds: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Limit how long this session's DDL waits for a table, and take the limit away."""
        return (), ()

    def lock_holders_sql(self) -> tuple[str, ...]:
        """Who holds a table: (connection, user, host, seconds, whether it is certain) each. Each ``?`` is its name.

        Several to be tried in turn until one tells something; none where the server never does.
        """
        return ()

    def replaced_checks(self, actual: TableDefinition, changes: Sequence[Change]) -> tuple[CheckDefinition, ...]:
        """The table's CHECKs that these changes make anew, as they will be, where the server does not by itself."""
        return ()

    def ddl_spellings(self, sql: str) -> tuple[str, ...]:
        """A statement as it was made, and with less and less asked about how the server is to do it."""
        return (sql,)

    @abstractmethod
    def misfits(self, old: ColumnDefinition, new: ColumnDefinition, value: str) -> list[Misfit]:
        """Which values of the old column the new one does not hold as they are. ``value``: SQL that reads one."""

    @abstractmethod
    def text_literal(self, text: str) -> str:
        """A text as SQL."""

    @abstractmethod
    def moved_value(self, old: ColumnDefinition, new: ColumnDefinition, value: str) -> str:
        """A value of the old column as it will be, and compare, in the new one. ``value``: SQL that reads it."""

    def changes_together(self, changes: Sequence[Change]) -> list[list[Change]]:
        """Changes of one table, in the groups that the server takes in one ALTER each, in order."""
        return [list(changes)] if changes else []
