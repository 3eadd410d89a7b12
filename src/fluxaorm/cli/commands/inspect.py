"""``fluxaorm inspect``: the tables of a database become a module of definitions. Reads; changes nothing there."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from fluxaorm.cli.exits import DONE, UsageError
from fluxaorm.cli.files import refuse_existing, write_new
from fluxaorm.entity.resolve.problems import did_you_mean
from fluxaorm.introspect.read import Database, read_database
from fluxaorm.introspect.report import as_json, as_text, inspect_database


def run(dsn: str, *, output: Path | None, json: bool, tables: Sequence[str]) -> None:
    """Write the module to ``output`` or stdout, and on stderr what it leaves out and which alters would follow.

    ``tables``: patterns of which a table's name must match one, all tables when there is none. With ``json`` everything
    goes to stdout as one object. Raises ConfigError, UsageError, PoolConnectError, MySQLError.
    """
    if output is not None:
        refuse_existing(output)
    database = read_database(dsn)
    found = inspect_database(database, _chosen(database, tables))
    if output is not None:
        write_new(output, found.source)
    if json:
        print(json_module.dumps(as_json(found), indent=2))
    else:
        if output is None:
            print(found.source, end="")
        print("\n".join(as_text(found)), file=sys.stderr)
    sys.exit(DONE)


def _chosen(database: Database, patterns: Sequence[str]) -> list[str]:
    names = sorted({*database.tables, *database.others})
    if not names:
        raise UsageError(f"the database '{database.name}' has no tables")
    return list(_matching(names, patterns)) if patterns else names


def _matching(names: Sequence[str], patterns: Sequence[str]) -> Iterator[str]:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            hint = did_you_mean(pattern, names) or f"; there are {', '.join(names[:10])}"
            raise UsageError(f"no table is called '{pattern}'{hint}")
    yield from (name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns))
