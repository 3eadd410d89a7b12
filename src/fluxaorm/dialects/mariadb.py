"""MariaDB 10.6 and later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fluxaorm.dialects.mysql_family import MySQLFamily
from fluxaorm.dialects.mysql_introspection import MARIADB_SQL, tables_from
from fluxaorm.dialects.tables import TableDefinition


class MariaDB(MySQLFamily):
    """MariaDB. Its JSON is a checked longtext, its integers print with display widths; both are read as MySQL's."""

    name = "mariadb"
    default_collations = ("general_ci", "unicode_ci")
    isolation_variable = "tx_isolation"

    def introspection_sql(self) -> str:
        """See ``mysql_introspection``."""
        return MARIADB_SQL

    def parse_introspection(self, rows: Iterable[Sequence[Any]]) -> dict[str, TableDefinition]:
        """See ``mysql_introspection``."""
        return tables_from(rows, mariadb=True)
