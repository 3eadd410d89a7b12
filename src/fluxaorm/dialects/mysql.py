"""MySQL 8.0 and later, and what speaks like it: Vitess and TiDB, told apart by their capabilities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fluxaorm.dialects.mysql_family import MySQLFamily
from fluxaorm.dialects.mysql_introspection import MYSQL_SQL, tables_from
from fluxaorm.dialects.tables import TableDefinition


class MySQL(MySQLFamily):
    """MySQL."""

    name = "mysql"
    default_collations = ("0900_ai_ci", "general_ci")

    def introspection_sql(self) -> str:
        """See ``mysql_introspection``."""
        return MYSQL_SQL

    def parse_introspection(self, rows: Iterable[Sequence[Any]]) -> dict[str, TableDefinition]:
        """See ``mysql_introspection``."""
        return tables_from(rows, mariadb=False)
