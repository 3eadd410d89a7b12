"""A database that the library did not make, for tests of inspection; its golden output lies beside its schema.

What it decides: that the schema's statements are run past the code under test, and how golden files are renewed:
``FLUXA_UPDATE_GOLDEN=1``.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.sql_servers import Database

DIRECTORY = Path(__file__).parent.parent / "integration" / "schema" / "legacy"


def fill(database: Database) -> None:
    """Make the legacy tables."""
    text = (DIRECTORY / "schema.sql").read_text("utf-8")
    for statement in text.split(";\n"):
        if statement.strip():
            database.execute(statement)


def golden(name: str, made: str) -> str:
    """What a golden file says; with the variable set it is written first."""
    path = DIRECTORY / name
    if os.environ.get("FLUXA_UPDATE_GOLDEN"):
        path.write_text(made, "utf-8")
    return path.read_text("utf-8")
