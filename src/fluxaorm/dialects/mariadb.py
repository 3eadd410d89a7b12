"""MariaDB 10.6 and later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from fluxaorm.dialects.mysql_family import MySQLFamily
from fluxaorm.dialects.mysql_introspection import MARIADB_SQL, tables_from
from fluxaorm.dialects.tables import TableDefinition

HOLDERS_SQL: Final = """
SELECT p.ID, p.USER, p.HOST, p.TIME, 0
FROM information_schema.INNODB_TRX AS t JOIN information_schema.PROCESSLIST AS p ON p.ID = t.trx_mysql_thread_id
WHERE p.DB = DATABASE() AND p.ID <> CONNECTION_ID()
ORDER BY t.trx_started LIMIT 5""".lstrip()


class MariaDB(MySQLFamily):
    """MariaDB. Its JSON is a checked longtext, its integers print with display widths; both are read as MySQL's."""

    name = "mariadb"
    default_collations = ("general_ci", "unicode_ci")

    def lock_holders_sql(self) -> str:
        """Without a plugin it does not say who locks a table, but which transactions are open. Needs PROCESS."""
        return HOLDERS_SQL

    def introspection_sql(self) -> str:
        """See ``mysql_introspection``."""
        return MARIADB_SQL

    def parse_introspection(self, rows: Iterable[Sequence[Any]]) -> dict[str, TableDefinition]:
        """See ``mysql_introspection``."""
        return tables_from(rows, mariadb=True)
