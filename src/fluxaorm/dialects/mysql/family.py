"""What MySQL and MariaDB have in common. ``mysql.py`` and ``mariadb.py`` add where they differ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fluxaorm.dialects.changes import ChangeColumn
from fluxaorm.dialects.column_types import quoted
from fluxaorm.dialects.computed import MySQLComputed
from fluxaorm.dialects.declared import declared_columns, declared_indexes
from fluxaorm.dialects.mysql import ddl
from fluxaorm.dialects.mysql.algorithms import HINTS, Algorithm, algorithm_of, spellings
from fluxaorm.dialects.mysql.errors import (
    FOREIGN_KEYS,
    LOCK_TIMEOUTS,
    MISSING_COLUMN,
    MISSING_RIGHTS,
    MISSING_SAVEPOINT,
    MISSING_TABLE,
    MISSING_THREADS,
    OUT_OF_RANGE,
    REFUSED_ALGORITHMS,
    REFUSED_NULL,
    REFUSED_VALUES,
    TRANSIENT,
    duplicate_of,
    error_of,
    row_in_message,
)
from fluxaorm.dialects.mysql.introspection import FOREIGN_KEYS_SQL, others_from
from fluxaorm.dialects.mysql.misfits import misfits, moved_value
from fluxaorm.dialects.port import ASYNC_OFFSETS_TABLE, IDS_TABLE, ISOLATIONS, META_TABLE, Dialect, Duplicate
from fluxaorm.dialects.tables import ColumnDefinition, IndexDefinition, TableDefinition
from fluxaorm.dialects.untold import MYSQL_UNTOLD_SQL
from fluxaorm.errors import FluxaError, MySQLError, NotSupportedError

if TYPE_CHECKING:
    from fluxaorm.dialects.changes import Change
    from fluxaorm.dialects.misfits import Misfit
    from fluxaorm.entity.schema import ColumnSchema, EntitySchema

SQL_MODE: Final = "STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
LOCK_SECONDS: Final = 20
"""The longest wait for a lock: the intents of a lone statement whose client died last as long as all its waits."""
UNLIMITED_LOCK_SECONDS: Final = 50
"""The same where it is not ours to set."""
NO_LIMIT: Final = 18_446_744_073_709_551_615
PINNED: Final = (
    ("completion_type", "'NO_CHAIN'"),  # else a COMMIT opens the next transaction
    ("sql_select_limit", str(NO_LIMIT)),
    ("sql_auto_is_null", "0"),  # else IS NULL finds the row inserted last
    ("sql_safe_updates", "0"),
)
"""Variables besides the mode, the zone and autocommit."""

_YEAR: Final = 31_536_000
TRANSACTIONS_SQL: Final = """
SELECT p.ID, p.USER, p.HOST, p.TIME, 0
FROM information_schema.INNODB_TRX AS t JOIN information_schema.PROCESSLIST AS p ON p.ID = t.trx_mysql_thread_id
WHERE p.DB = DATABASE() AND p.ID <> CONNECTION_ID()
ORDER BY t.trx_started LIMIT 5""".lstrip()


class MySQLFamily(Dialect):
    """Common to MySQL and MariaDB."""

    computed = MySQLComputed()
    default_collations: tuple[str, ...]
    """Without their charset, the best first."""
    isolation_variable: str
    server_identity: str
    threads_table: str
    thread_columns: tuple[str, str]
    """Of its number and its user."""

    def column_expression(self, column: ColumnSchema, table: str = "") -> str:
        """A FLOAT is read as a DOUBLE: as text the server gives six digits of it."""
        name = self.qualified(column.name, table)
        return f"({name} + 0E0)" if column.mysql_type.startswith("float") else name

    def set_contains(self, column_sql: str) -> str:
        """FIND_IN_SET."""
        return f"FIND_IN_SET(?, {column_sql}) > 0"

    def like(self, column_sql: str) -> str:
        """A backslash escapes by itself."""
        return f"{column_sql} LIKE ?"

    def for_update_clause(self, *, nowait: bool = False, skip_locked: bool = False) -> str:
        """See the port."""
        if nowait and not self.capabilities.nowait:
            raise NotSupportedError(f"{self._server()} knows no FOR UPDATE NOWAIT")
        if skip_locked and not self.capabilities.skip_locked:
            raise NotSupportedError(f"{self._server()} does not skip locked rows")
        return "FOR UPDATE" + (" NOWAIT" if nowait else " SKIP LOCKED" if skip_locked else "")

    def _server(self) -> str:
        return f"{self.capabilities.product} {self.capabilities.version_text}"

    def limit_clause(self, limit: int | None, offset: int = 0) -> str:
        """An offset needs a limit."""
        if limit is None and not offset:
            return ""
        limited = f"LIMIT {NO_LIMIT if limit is None else limit}"
        return f"{limited} OFFSET {offset}" if offset else limited

    def use_index_clause(self, index: str) -> str:
        """USE INDEX."""
        return f"USE INDEX ({self.quote(index)})"

    def rows_in(self, columns: Sequence[str], count: int) -> str:
        """Row constructors, of which both servers make ranges of an index."""
        names, places = ", ".join(map(self.quote, columns)), ", ".join("?" * len(columns))
        if len(columns) == 1:
            return f"{names} IN ({', '.join('?' * count)})"
        return f"({names}) IN ({', '.join([f'({places})'] * count)})"

    def upsert_clause(
        self, columns: Sequence[str], counted: str | None = None, *, id_column: str = "id", ids_made: bool = False
    ) -> str:
        """VALUES() instead of the newer row alias, which MariaDB, Vitess and TiDB do not know."""
        id_name = self.quote(id_column)
        changes = [f"{id_name} = IF({id_name} = VALUES({id_name}), NULL, {id_name})"] if ids_made else []
        changes += [f"{name} = VALUES({name})" for name in map(self.quote, columns)]
        if counted is not None:
            changes.append(f"{self.quote(counted)} = {self.quote(counted)} + 1")
        return f"ON DUPLICATE KEY UPDATE {', '.join(changes) or f'{id_name} = {id_name}'}"

    def session_statements(self) -> tuple[str, ...]:
        """One SET of all that our SQL rests on, whatever the server's defaults are.

        READ UNCOMMITTED is raised, since a row that is rolled back must not get into a cache; no lock is waited for
        longer than intents count on.
        """
        waits = "".join(
            f", {name} = CAST(LEAST(@@SESSION.{name}, {LOCK_SECONDS}) AS SIGNED)" for name in self._lock_waits()
        )
        isolation = self._isolation() if self._is_known() else ""
        return (f"SET SESSION {self._meaning()}, autocommit = 1{waits}{isolation}",)

    def _meaning(self) -> str:
        """What decides what a statement of ours means, whatever it waits for and however it is committed."""
        pinned = "".join(f", {name} = {value}" for name, value in PINNED if self._is_known())
        return f"sql_mode = '{SQL_MODE}', time_zone = '+00:00'{pinned}"

    def restored_statements(self, database: str) -> tuple[str, ...]:
        """Not autocommit: to turn it on would commit. How long is waited, and which keys are checked, the user says."""
        return (*self.charset_statements(), f"SET SESSION {self._meaning()}", f"USE {self.quote(database)}")

    def _is_known(self) -> bool:
        """Others speak like them, but lack some of their variables."""
        return self.capabilities.product in ("mysql", "mariadb")

    @property
    def lock_seconds(self) -> float:
        """As ``session_statements`` limits it."""
        return LOCK_SECONDS if self._lock_waits() else UNLIMITED_LOCK_SECONDS

    def _lock_waits(self) -> tuple[str, ...]:
        return ("innodb_lock_wait_timeout", "lock_wait_timeout") if self._is_known() else ()

    def _isolation(self) -> str:
        """What raises READ UNCOMMITTED, and leaves what is stricter."""
        name = self.isolation_variable
        raised = f"IF(@@SESSION.{name} = 'READ-UNCOMMITTED', 'READ-COMMITTED', @@SESSION.{name})"
        return f", {name} = {raised}"

    def charset_statements(self) -> tuple[str, ...]:
        """SET NAMES, with the collation in which texts without a column's compare."""
        collation = f" COLLATE utf8mb4_{self.default_collations[0]}" if self._is_known() else ""
        return (f"SET NAMES utf8mb4{collation}",)

    def begin_statements(self, isolation: str | None = None, read_only: bool = False) -> tuple[str, ...]:
        """See the port."""
        begin = "START TRANSACTION READ ONLY" if read_only else "START TRANSACTION"
        if isolation is None:
            return (begin,)
        if isolation not in ISOLATIONS:
            raise ValueError(f"isolation {isolation!r} is none of {', '.join(sorted(ISOLATIONS))}")
        return (f"SET TRANSACTION ISOLATION LEVEL {isolation.upper()}", begin)

    def server_sql(self) -> str:
        """Nothing is asked of a server of which nobody knows yet what it is, nor of what only speaks like them."""
        return f"SELECT {self.server_identity}" if self._is_known() and not self.capabilities.guessed else ""

    def strangers_sql(self, thread: int) -> str:
        """Without the statements of threads, which other sessions could spoil.

        What a server cannot convert there, or cuts within a character, is an error for whoever lists them.
        """
        number, user = self.thread_columns
        mine = "SUBSTRING_INDEX(USER(), '@', 1)"
        return f"SELECT COUNT(*) FROM {self.threads_table} WHERE {number} = {thread} AND {user} <> {mine}"

    def is_missing_thread(self, error: MySQLError) -> bool:
        """See the port."""
        return error.errno in MISSING_THREADS

    def kill_sql(self, thread: int) -> str:
        """KILL; a user may kill his own threads."""
        return f"KILL {thread}"

    def uptime_sql(self) -> str:
        """Status ``Uptime``."""
        return "SHOW GLOBAL STATUS LIKE 'Uptime'"

    def collations_sql(self) -> str:
        """From information_schema; MariaDB's newest ones have no charset there, so they are not offered."""
        return "SELECT COLLATION_NAME FROM information_schema.COLLATIONS WHERE CHARACTER_SET_NAME = ?"

    def choose_collation(self, available: Iterable[str], charset: str, wanted: str | None = None) -> str | None:
        """See the port."""
        names = set(available)
        suffixes = (wanted,) if wanted else self.default_collations
        for suffix in suffixes:
            for name in (suffix, f"{charset}_{suffix}"):
                if name in names:
                    return name
        return None

    def weights_sql(self, collation: str, count: int) -> str:
        """What the server sorts by."""
        text = f"CONVERT(? USING {collation.partition('_')[0]}) COLLATE {collation}"
        return f"SELECT {', '.join([f'HEX(WEIGHT_STRING({text}))'] * count)}"

    def map_error(self, errno: int, message: str, *, pool: str = "", statement: str = "") -> MySQLError:
        """See ``errors``."""
        return error_of(errno, message, pool, statement)

    def parse_duplicate(self, message: str) -> Duplicate | None:
        """See ``errors``."""
        return duplicate_of(message)

    def is_missing_table(self, error: MySQLError) -> bool:
        """Error 1146."""
        return error.errno == MISSING_TABLE

    def is_missing_column(self, error: MySQLError) -> bool:
        """Error 1054."""
        return error.errno == MISSING_COLUMN

    def is_lock_timeout(self, error: MySQLError) -> bool:
        """See ``errors``."""
        return error.errno in LOCK_TIMEOUTS

    def breaks_foreign_key(self, error: FluxaError) -> bool:
        """See ``errors``."""
        return isinstance(error, MySQLError) and error.errno in FOREIGN_KEYS

    def foreign_keys_sql(self) -> str:
        """See ``introspection``."""
        return FOREIGN_KEYS_SQL

    def untold_sql(self) -> str:
        """See ``untold``; MariaDB's differs."""
        return MYSQL_UNTOLD_SQL

    def is_refused_value(self, error: MySQLError) -> bool:
        """See ``errors``."""
        return error.errno in REFUSED_VALUES

    def is_transient(self, error: MySQLError) -> bool:
        """See ``errors``."""
        return error.errno in TRANSIENT

    def is_missing_savepoint(self, error: MySQLError) -> bool:
        """See ``errors``."""
        return error.errno == MISSING_SAVEPOINT

    def is_missing_right(self, error: MySQLError) -> bool:
        """See ``errors``."""
        return error.errno in MISSING_RIGHTS

    def is_refused_algorithm(self, error: MySQLError) -> bool:
        """See ``errors``."""
        return error.errno in REFUSED_ALGORITHMS

    def row_in_message(self, message: str) -> int | None:
        """See ``errors``."""
        return row_in_message(message)

    def is_out_of_range(self, error: MySQLError) -> bool:
        """See ``errors``."""
        return error.errno in OUT_OF_RANGE

    def is_refused_null(self, error: MySQLError) -> bool:
        """See ``errors``."""
        return error.errno == REFUSED_NULL

    def is_refused_id(self, error: MySQLError, id_column: str) -> bool:
        """See the port."""
        return error.errno == REFUSED_NULL and f"'{id_column}'" in error.reason

    def ids_table_ddl(self) -> str:
        """Names of tables compare byte by byte."""
        return (
            f"CREATE TABLE IF NOT EXISTS {self.quote(IDS_TABLE)} (\n"
            "  `entity` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,\n"
            "  `reserved` bigint unsigned NOT NULL\n"
            f") ENGINE={ddl.ENGINE}"
        )

    def meta_table_ddl(self) -> str:
        """See the port."""
        return (
            f"CREATE TABLE IF NOT EXISTS {self.quote(META_TABLE)} (\n"
            "  `name` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,\n"
            "  `value` varchar(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL\n"
            f") ENGINE={ddl.ENGINE}"
        )

    def meta_first_row(self) -> str:
        """The server makes it, so that a file of migrations gives each database its own."""
        return f"INSERT IGNORE INTO {self.quote(META_TABLE)} (`name`, `value`) VALUES ('identity', UUID())"

    def async_offsets_table_ddl(self) -> str:
        """Names and ids of topics compare byte by byte."""
        ascii_bin = "CHARACTER SET ascii COLLATE ascii_bin NOT NULL"
        return (
            f"CREATE TABLE IF NOT EXISTS {self.quote(ASYNC_OFFSETS_TABLE)} (\n"
            f"  `topic` varchar(249) {ascii_bin},\n"
            f"  `topic_id` varchar(32) {ascii_bin},\n"
            "  `partition_no` int NOT NULL,\n"
            "  `applied` bigint NOT NULL,\n"
            f"  `failed` mediumtext {ascii_bin},\n"
            "  PRIMARY KEY (`topic`, `topic_id`, `partition_no`)\n"
            f") ENGINE={ddl.ENGINE}"
        )

    def async_offsets_first_row(self) -> str:
        """An upsert that changes nothing: INSERT IGNORE would turn errors into warnings."""
        table = self.quote(ASYNC_OFFSETS_TABLE)
        columns = "`topic`, `topic_id`, `partition_no`, `applied`, `failed`"
        unchanged = f"ON DUPLICATE KEY UPDATE `applied` = {table}.`applied`"
        return f"INSERT INTO {table} ({columns}) VALUES (?, ?, ?, 0, '') {unchanged}"

    def ids_first_row(self) -> str:
        """See the port."""
        ids, reserved = self.quote(IDS_TABLE), self.quote("reserved")
        unchanged = f"ON DUPLICATE KEY UPDATE {reserved} = {ids}.{reserved}"
        return f"INSERT INTO {ids} ({self.quote('entity')}, {reserved}) VALUES (?, ?) {unchanged}"

    def ids_reserve(self) -> str:
        """LAST_INSERT_ID carries the new value back."""
        ids, reserved, entity = self.quote(IDS_TABLE), self.quote("reserved"), self.quote("entity")
        return f"UPDATE {ids} SET {reserved} = LAST_INSERT_ID({reserved} + ?) WHERE {entity} = ?"

    def define_table(self, schema: EntitySchema, collation: str) -> TableDefinition:
        """InnoDB, in the pool's collation."""
        return TableDefinition(
            schema.table,
            tuple(map(self._declarable, declared_columns(schema, collation))),
            declared_indexes(schema),
            (schema.columns[0].name,),
            engine=ddl.ENGINE,
            collation=collation,
            row_format=ddl.ROW_FORMAT,
        )

    def _declarable(self, column: ColumnDefinition) -> ColumnDefinition:
        """The column as this server takes and shows it."""
        literal = ddl.default_literal(column)
        if literal is not None and literal.startswith("(") and not self.capabilities.expression_defaults:
            column = replace(column, default=None)
        shown = ddl.shown(column.type)
        return column if shown == column.type else replace(column, type=shown, ddl_type=column.type)

    def parse_others(self, rows: Iterable[Sequence[Any]]) -> dict[str, str]:
        """See ``introspection``."""
        return others_from(rows)

    def obstacle(self, actual: TableDefinition, changes: Sequence[Change], renamed: bool) -> str:
        """Columns that the server computes as they are read become no others.

        What it shows of a CHECK is perhaps not what it says: see ``unclear_check``.
        """
        for change in changes:
            if isinstance(change, ChangeColumn) and change.old.extra.startswith("VIRTUAL") and not change.new.extra:
                return (
                    f"the server makes no plain column of `{change.new.name}`, which it computes: {change.old.extra}; "
                    "drop the column by hand, then ask get_alters() again"
                )
        check = self.unclear_check(actual, changes)
        if check is None:
            return ""
        return (
            f"it makes CHECK ({check}) anew, whose question marks are perhaps other characters, which the server does "
            "not show; change the column by hand, with the CHECK as SHOW CREATE TABLE has it"
        )

    def unclear_check(self, actual: TableDefinition, changes: Sequence[Change]) -> str | None:
        """A CHECK that the changes make anew, and that may be another one than the server shows."""
        return None

    def other_tables_sql(self) -> str:
        """Views, and MariaDB's sequences and versioned tables."""
        return (
            "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES "
            "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE <> 'BASE TABLE'"
        )

    def column_ddl(self, column: ColumnDefinition) -> str:
        """See ``ddl``."""
        return ddl.column_ddl(column)

    def index_ddl(self, table: str, index: IndexDefinition) -> str:
        """See ``ddl``."""
        return ddl.index_ddl(index)

    def create_table(self, table: TableDefinition) -> tuple[str, ...]:
        """One statement."""
        return (ddl.create_table(table),)

    def alter_table(self, actual: TableDefinition, changes: Sequence[Change]) -> tuple[str, ...]:
        """One ALTER, with a hint how to make it."""
        hint = HINTS[self.algorithm(actual, changes)] if self.capabilities.online_ddl else ""
        return ddl.alter_table(actual.name, changes, hint, self.replaced_checks(actual, changes))

    def algorithm(self, actual: TableDefinition, changes: Sequence[Change]) -> Algorithm:
        """See ``algorithms``."""
        if self.replaced_checks(actual, changes):
            return "copy"
        return algorithm_of(actual, changes, mariadb=self.name == "mariadb")

    def ddl_spellings(self, sql: str) -> tuple[str, ...]:
        """See ``algorithms``."""
        return spellings(sql)

    def drop_table(self, table: str) -> tuple[str, ...]:
        """One statement."""
        return (f"DROP TABLE {self.quote(table)}",)

    def truncate_table(self, table: str) -> tuple[str, ...]:
        """One statement."""
        return (f"TRUNCATE TABLE {self.quote(table)}",)

    def rename_table(self, actual: TableDefinition, name: str) -> tuple[str, ...]:
        """One statement."""
        return (f"RENAME TABLE {self.quote(actual.name)} TO {self.quote(name)}",)

    def lock_timeout_statements(self, seconds: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """In whole seconds, from one to a year."""
        if not self.capabilities.metadata_locks:
            return (), ()
        limit = max(1, math.ceil(min(seconds, _YEAR)))
        usual = f"CAST(LEAST(@@GLOBAL.lock_wait_timeout, {LOCK_SECONDS}) AS SIGNED)"
        return (f"SET SESSION lock_wait_timeout = {limit}",), (f"SET SESSION lock_wait_timeout = {usual}",)

    def lock_holders_sql(self) -> tuple[str, ...]:
        """Who has a transaction open in this database, one of whom it is. Needs the right PROCESS."""
        return (TRANSACTIONS_SQL,) if self.capabilities.metadata_locks else ()

    def misfits(self, old: ColumnDefinition, new: ColumnDefinition, value: str) -> list[Misfit]:
        """See ``misfits``."""
        return misfits(old, new, value)

    def text_literal(self, text: str) -> str:
        """See ``quoted``."""
        return quoted(text)

    def moved_value(self, old: ColumnDefinition, new: ColumnDefinition, value: str) -> str:
        """See ``misfits``."""
        return moved_value(old, new, value)

    def changes_together(self, changes: Sequence[Change]) -> list[list[Change]]:
        """All in one, but on Vitess each by itself, and on TiDB indexes after the columns."""
        if self.capabilities.one_change_an_alter:
            return [[change] for change in changes]
        if self.capabilities.index_with_new_column:
            return super().changes_together(changes)
        indexes = [change for change in changes if ddl.makes_index(change)]
        others = [change for change in changes if not ddl.makes_index(change)]
        return [group for group in (others, indexes) if group]
