"""What differs between databases: DDL, types, errors, introspection. Behind one port; no driver, no I/O."""

from __future__ import annotations

from dataclasses import replace

from fluxaorm.dialects.capabilities import VERSION_SQL, Capabilities, capabilities_from, is_supported
from fluxaorm.dialects.mysql.mariadb import MariaDB
from fluxaorm.dialects.mysql.mysql import MySQL
from fluxaorm.dialects.port import ASYNC_OFFSETS_TABLE, IDS_TABLE, META_TABLE, Dialect, Duplicate
from fluxaorm.dialects.sqlite.sqlite import SQLITE, SQLite
from fluxaorm.dialects.tables import (
    CheckDefinition,
    ColumnAttributes,
    ColumnDefinition,
    DependentDefinition,
    ForeignKeyDefinition,
    IndexDefinition,
    TableDefinition,
)


def dialect_for(version_text: str, version_comment: str = "", lower_case_table_names: int | str = 0) -> Dialect:
    """The dialect of a server, from the row that ``VERSION_SQL`` gives.

    >>> dialect_for("10.11.6-MariaDB").name
    'mariadb'
    """
    capabilities = capabilities_from(version_text, version_comment, lower_case_table_names)
    return (MariaDB if capabilities.product == "mariadb" else MySQL)(capabilities)


def guessed_dialect(version_text: str) -> Dialect:
    """The dialect of a server that was not asked yet, as if it had said this."""
    return MySQL(replace(capabilities_from(version_text), guessed=True))


__all__ = [
    "ASYNC_OFFSETS_TABLE",
    "IDS_TABLE",
    "META_TABLE",
    "SQLITE",
    "VERSION_SQL",
    "Capabilities",
    "CheckDefinition",
    "ColumnAttributes",
    "ColumnDefinition",
    "DependentDefinition",
    "Dialect",
    "Duplicate",
    "ForeignKeyDefinition",
    "IndexDefinition",
    "MariaDB",
    "MySQL",
    "SQLite",
    "TableDefinition",
    "capabilities_from",
    "dialect_for",
    "guessed_dialect",
    "is_supported",
]
