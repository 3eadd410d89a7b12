"""`python -m tests.support.traced_sqlite FILE ARGUMENTS...`: runs `fluxaorm ARGUMENTS` and counts what SQLite executes.

What it decides: which statements count, namely those on tables, by verb and table. They are counted by SQLite itself,
below the library, and written to FILE as JSON at the end.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from fluxaorm.cli import main

_STATEMENT = re.compile(r"""\s*(SELECT|INSERT|UPDATE|DELETE)\b.*?\b(?:FROM|INTO|UPDATE)\s+["`]?(\w+)""", re.DOTALL)
_UPDATE = re.compile(r"""\s*(UPDATE)\s+["`]?(\w+)""")
_TRANSACTION = re.compile(r"\s*(BEGIN|COMMIT|ROLLBACK)\b")


class Counted:
    """How often each kind of statement ran."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def note(self, sql: str) -> None:
        """Called by SQLite with each statement it executes."""
        found = _UPDATE.match(sql) or _STATEMENT.match(sql)
        transaction = _TRANSACTION.match(sql)
        key = f"{found[1]} {found[2]}" if found else transaction[1] if transaction else None
        if key is not None:
            with self._lock:
                self.counts[key] += 1


def _trace(counted: Counted) -> None:
    connect: Any = sqlite3.connect

    def traced(*args: Any, **kwargs: Any) -> Any:
        connection = connect(*args, **kwargs)
        connection.set_trace_callback(counted.note)
        return connection

    setattr(sqlite3, "connect", traced)  # noqa: B010  # mypy refuses the plain assignment


if __name__ == "__main__":
    counted = Counted()
    _trace(counted)
    path = Path(sys.argv.pop(1))
    try:
        main()
    finally:
        path.write_text(json.dumps(counted.counts))
