"""MariaDB 10.6 and later."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from fluxaorm.dialects.changes import ChangeColumn, Reorder, SetDefault
from fluxaorm.dialects.mysql.errors import LOCK_NOT_FREE, LOCK_WAIT_TIMEOUT, error_of, rolled_back_error
from fluxaorm.dialects.mysql.family import MySQLFamily
from fluxaorm.dialects.mysql.introspection import MARIADB_SQL, tables_from
from fluxaorm.dialects.tables import TableDefinition
from fluxaorm.dialects.untold import MARIADB_UNTOLD_SQL

if TYPE_CHECKING:
    from fluxaorm.dialects.changes import Change
    from fluxaorm.errors import DeadlockError, MySQLError

_QUOTED: Final = re.compile(r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`""", re.DOTALL)
_NOWAIT: Final = re.compile(r"\b(?:NOWAIT|WAIT\s+0)\b", re.IGNORECASE)
_UID_SQL: Final = "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_VARIABLES WHERE VARIABLE_NAME = 'SERVER_UID'"


class MariaDB(MySQLFamily):
    """MariaDB. Its JSON is a checked longtext, its integers print with display widths; both are read as MySQL's."""

    name = "mariadb"
    default_collations = ("general_ci", "unicode_ci")
    isolation_variable = "tx_isolation"
    # its own hash is of host and port, and newer than the oldest servers
    server_identity = f"CONCAT_WS('|', ({_UID_SQL}), @@hostname, @@port, @@datadir)"
    threads_table = "information_schema.PROCESSLIST"
    thread_columns = "ID", "USER"

    def map_error(self, errno: int, message: str, *, pool: str = "", statement: str = "") -> MySQLError:
        """A lock that NOWAIT found taken is MySQL's error for it: the statement did nothing, the transaction goes on.

        MariaDB gives the number of a wait that was in vain.
        """
        if errno == LOCK_WAIT_TIMEOUT and _NOWAIT.search(_QUOTED.sub("''", statement)):
            return error_of(LOCK_NOT_FREE, "the rows are locked and NOWAIT is set", pool, statement)
        return super().map_error(errno, message, pool=pool, statement=statement)

    def in_transaction_sql(self, error: MySQLError) -> str:
        """With innodb_rollback_on_timeout a lock that NOWAIT finds taken ends the transaction, as a wait in vain."""
        return "SELECT @@in_transaction" if error._transaction_goes_on else ""

    def rolled_back_error(self, error: MySQLError) -> DeadlockError:
        """A wait in vain."""
        return rolled_back_error(error)

    def unclear_check(self, actual: TableDefinition, changes: Sequence[Change]) -> str | None:
        """Conditions that stand with a column are repeated with it; characters past U+FFFF are shown as question marks.

        A new default alone is said without the column, but for some types, and where the column is renamed along.
        """
        made = [change.new for change in changes if isinstance(change, ChangeColumn | SetDefault)]
        made += [column for change in changes if isinstance(change, Reorder) for column, _ in change.moves]
        return next((check for column in made for check in column.attributes.checks if "?" in check), None)

    def introspection_sql(self) -> str:
        """See ``introspection``."""
        return MARIADB_SQL

    def untold_sql(self) -> str:
        """See ``untold``."""
        return MARIADB_UNTOLD_SQL

    def parse_introspection(self, rows: Iterable[Sequence[Any]]) -> dict[str, TableDefinition]:
        """See ``introspection``."""
        return tables_from(rows, mariadb=True)
