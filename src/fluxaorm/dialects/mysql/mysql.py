"""MySQL 8.0 and later, and what speaks like it: Vitess and TiDB, told apart by their capabilities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from fluxaorm.dialects.changes import RenameColumn, applied
from fluxaorm.dialects.mysql.family import MySQLFamily
from fluxaorm.dialects.mysql.introspection import MYSQL_SQL, UNCHECKED_SQL, tables_from
from fluxaorm.dialects.sql_names import names_in
from fluxaorm.dialects.tables import CheckDefinition, TableDefinition

if TYPE_CHECKING:
    from fluxaorm.dialects.changes import Change

HOLDERS_SQL: Final = """
SELECT DISTINCT t.PROCESSLIST_ID, t.PROCESSLIST_USER, t.PROCESSLIST_HOST, t.PROCESSLIST_TIME, 1
FROM performance_schema.metadata_locks AS m JOIN performance_schema.threads AS t ON t.THREAD_ID = m.OWNER_THREAD_ID
WHERE m.OBJECT_SCHEMA = DATABASE() AND m.OBJECT_NAME = ? AND m.LOCK_STATUS = 'GRANTED'
  AND t.PROCESSLIST_ID IS NOT NULL AND t.PROCESSLIST_ID <> CONNECTION_ID()
ORDER BY t.PROCESSLIST_TIME DESC LIMIT 5""".lstrip()


def _not_for_mariadb(sql: str) -> str:
    """A server counts as MySQL until it was asked, and MariaDB passes over comments of these versions."""
    return f" /*!80000 {sql.strip()} */"


class MySQL(MySQLFamily):
    """MySQL."""

    name = "mysql"
    default_collations = ("0900_ai_ci", "general_ci")
    isolation_variable = "transaction_isolation"
    server_identity = "@@server_uuid"
    threads_table = "performance_schema.threads"
    thread_columns = "PROCESSLIST_ID", "PROCESSLIST_USER"

    def _isolation(self) -> str:
        return _not_for_mariadb(super()._isolation())

    def charset_statements(self) -> tuple[str, ...]:
        """See the family."""
        (names,) = super().charset_statements()
        charset, collate, collation = names.partition(" COLLATE ")
        return (f"{charset}{_not_for_mariadb(collate + collation)}" if collate else charset,)

    def lock_holders_sql(self) -> tuple[str, ...]:
        """Where performance_schema is on and the user may read it, it tells exactly."""
        return (HOLDERS_SQL, *super().lock_holders_sql())

    def introspection_sql(self) -> str:
        """See ``introspection``."""
        return MYSQL_SQL if self.capabilities.tells_checks else UNCHECKED_SQL

    def parse_introspection(self, rows: Iterable[Sequence[Any]]) -> dict[str, TableDefinition]:
        """See ``introspection``."""
        return tables_from(rows, mariadb=False)

    def replaced_checks(self, actual: TableDefinition, changes: Sequence[Change]) -> tuple[CheckDefinition, ...]:
        """MySQL renames no column that a CHECK names, so the CHECK goes and comes back in the same ALTER."""
        renames = {change.old for change in changes if isinstance(change, RenameColumn)}
        named = {check.name for check in actual.checks if not renames.isdisjoint(names_in(check.condition))}
        return tuple(check for check in applied(actual, changes).checks if check.name in named)
