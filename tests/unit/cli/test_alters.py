"""`fluxaorm alters`, on SQLite, which needs no server."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.unit.cli.applications import SQLITE, UNREACHABLE
from tests.unit.cli.conftest import Command

MakeModule = Callable[[str], str]


def _tables(directory: Path) -> list[str]:
    with closing(sqlite3.connect(directory / "shop.db")) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return [name for (name,) in rows if not name.startswith(("_", "sqlite_"))]


def test_pending_alters_are_shown_and_not_run(command: Command, make_module: MakeModule, workplace: Path) -> None:
    """Looking must be free of consequences."""
    outcome = command("alters", f"{make_module(SQLITE)}:registry")

    assert 0 == outcome.code
    assert "CREATE TABLE" in outcome.out
    assert "1 pending: 1 safe (run with --apply), 0 not\n" in outcome.out
    assert [] == _tables(workplace)


def test_check_exits_with_1_while_something_is_pending(command: Command, make_module: MakeModule) -> None:
    """A deploy stops when the tables are behind."""
    name = f"{make_module(SQLITE)}:registry"
    pending = command("alters", name, "--check")

    command("alters", name, "--apply")
    done = command("alters", name, "--check")

    assert (1, 0) == (pending.code, done.code)
    assert "the tables match the entities\n" == done.out


def test_apply_runs_the_safe_ones_and_leaves_the_rest(
    command: Command, make_module: MakeModule, workplace: Path
) -> None:
    """Nothing that may lose data is ever run by this command."""
    command("alters", f"{make_module(SQLITE)}:registry", "--apply")
    with closing(sqlite3.connect(workplace / "shop.db")) as connection:
        connection.execute("CREATE TABLE forgotten (id INTEGER PRIMARY KEY)")
    wider = SQLITE.replace("id: UInt16", "id: UInt16\n    shade: str | None = None")

    outcome = command("alters", f"{make_module(wider)}:registry", "--apply", "--check", "--json")

    assert 1 == outcome.code
    content = json.loads(outcome.out)
    assert [("ColourEntity", "safe")] == [(alter["entity"], alter["safety"]) for alter in content["applied"]]
    assert [("forgotten", "destructive")] == [(alter["table"], alter["safety"]) for alter in content["pending"]]
    assert ["ColourEntity", "forgotten"] == _tables(workplace)


def test_a_server_that_does_not_answer_exits_with_3(command: Command, make_module: MakeModule) -> None:
    """A deploy tries again instead of giving up."""
    outcome = command("alters", f"{make_module(UNREACHABLE)}:registry")

    assert 3 == outcome.code
