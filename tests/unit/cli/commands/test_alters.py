"""`fluxaorm alters`, on SQLite, which needs no server."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.command_line import Command
from tests.unit.cli.applications import DROPPING, SQLITE, UNREACHABLE

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
    assert "3 pending: 3 safe (run with --apply), 0 not\n" in outcome.out
    assert [] == _tables(workplace)


def test_names_that_mean_harm_do_not_reach_the_terminal(
    command: Command, make_module: MakeModule, workplace: Path
) -> None:
    """Who may create a column may not steer the terminal of who looks at it."""
    name = f"{make_module(SQLITE)}:registry"
    command("alters", name, "--apply")
    with closing(sqlite3.connect(workplace / "shop.db")) as connection:
        connection.execute('ALTER TABLE ColourEntity ADD COLUMN "c\x1b[2J\n; DROP TABLE x" TEXT')

    shown, refused = (
        command("alters", name),
        command("alters", name, "--apply", "--allow-destructive", "--pool", "\x1b"),
    )

    assert (shown.out + shown.err).replace("\n", "").isprintable()
    assert not any(line.startswith("; DROP") for line in shown.out.splitlines() if "`" not in line)
    assert 2 == refused.code
    assert refused.err.replace("\n", "").isprintable()


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
    command("alters", f"{make_module(DROPPING)}:registry", "--apply")
    with closing(sqlite3.connect(workplace / "shop.db")) as connection:
        connection.execute("CREATE TABLE forgotten (id INTEGER PRIMARY KEY)")
    wider = DROPPING.replace("id: UInt16", "id: UInt16\n    shade: str | None = None")

    outcome = command("alters", f"{make_module(wider)}:registry", "--apply", "--check", "--json")

    assert 1 == outcome.code
    content = json.loads(outcome.out)
    assert [("ColourEntity", "safe")] == [(alter["entity"], alter["safety"]) for alter in content["applied"]]
    assert [("forgotten", "destructive")] == [(alter["table"], alter["safety"]) for alter in content["pending"]]
    assert ["ColourEntity", "forgotten"] == _tables(workplace)


FORGOTTEN = "CREATE TABLE forgotten (id INTEGER PRIMARY KEY); INSERT INTO forgotten VALUES (7), (8)"


def _run(directory: Path, script: str) -> None:
    with closing(sqlite3.connect(directory / "shop.db")) as connection:
        connection.executescript(script)


def test_destructive_ones_say_what_they_would_lose(command: Command, make_module: MakeModule, workplace: Path) -> None:
    """Whoever allows one must have seen the price."""
    name = f"{make_module(DROPPING)}:registry"
    command("alters", name, "--apply")
    _run(workplace, FORGOTTEN)

    text = command("alters", name)
    content = json.loads(command("alters", name, "--json").out)

    assert "1 pending: 0 safe (run with --apply), 1 not\n" in text.out
    assert "--   loses: " in text.out
    assert [2] == [finding["rows"] for finding in content["pending"][0]["findings"]]
    assert [] == content["failed"]


def test_destructive_ones_run_when_they_are_allowed(command: Command, make_module: MakeModule, workplace: Path) -> None:
    """The last step of a rolling deploy is a command, too."""
    name = f"{make_module(DROPPING)}:registry"
    _run(workplace, FORGOTTEN)

    outcome = command("alters", name, "--apply", "--allow-destructive", "--check")

    assert 0 == outcome.code
    assert "4 applied\n" in outcome.out
    assert ["ColourEntity"] == _tables(workplace)


def test_what_fails_is_told_with_what_was_done_and_what_is_left(
    command: Command, make_module: MakeModule, workplace: Path
) -> None:
    """Somebody has to go on from there, at night; and other tables need not wait until then."""
    command("alters", f"{make_module(DROPPING)}:registry", "--apply")
    _run(
        workplace,
        f"INSERT INTO ColourEntity VALUES (1, 'red'); INSERT INTO ColourEntity VALUES (2, 'green'); {FORGOTTEN}",
    )
    changed = DROPPING.replace("id: UInt16", "id: UInt16\n    shade: str = Field(default='dark', unique=True)")
    name = f"{make_module(changed)}:registry"

    outcome = command("alters", name, "--apply", "--allow-destructive", "--json")
    content = json.loads(outcome.out)
    text = command("alters", name, "--apply", "--allow-destructive")

    assert 1 == outcome.code
    assert ["add_column", "drop_table"] == [kind for alter in content["applied"] for kind in alter["kinds"]]
    assert [["add_unique_index"]] == [alter["kinds"] for alter in content["failed"]]
    assert "1 of 3 alters failed: " in outcome.err
    assert ["add_unique_index"] == [alter["kind"] for alter in content["pending"]]
    assert "-- FAILED, pool default, ColourEntity: " in text.out
    assert "0 applied and kept, 1 failed, 1 pending now\n" in text.out
    assert ["ColourEntity"] == _tables(workplace)


def test_a_migration_file_holds_what_is_pending_and_runs(
    command: Command, make_module: MakeModule, workplace: Path
) -> None:
    """Where programs may not change tables, people do: from a file that they read first."""
    name = f"{make_module(DROPPING)}:registry"
    _run(workplace, FORGOTTEN)

    outcome = command("alters", name, "--sql", "001.sql", "--check")
    text = (workplace / "001.sql").read_text()
    _run(workplace, text)
    left = command("alters", name, "--check", "--json")

    assert (1, True) == (outcome.code, outcome.out.endswith("written to 001.sql\n"))
    assert text.startswith("-- Migration of the MySQL pool 'default' (sqlite://shop.db),\n")
    assert text.endswith("\n")
    assert "-- 4 of 4, destructive: drop table `forgotten`\n" in text
    assert "\n-- DROP TABLE `forgotten`;\n" in text
    assert ["drop_table"] == [alter["kind"] for alter in json.loads(left.out)["pending"]]


def test_a_migration_file_holds_destructive_ones_when_they_are_allowed(
    command: Command, make_module: MakeModule, workplace: Path
) -> None:
    """The same flag as for running them."""
    name = f"{make_module(DROPPING)}:registry"
    _run(workplace, FORGOTTEN)

    command("alters", name, "--sql", "001.sql", "--allow-destructive")
    _run(workplace, (workplace / "001.sql").read_text())

    assert 0 == command("alters", name, "--check").code
    assert ["ColourEntity"] == _tables(workplace)


def test_a_migration_file_is_never_replaced(command: Command, make_module: MakeModule, workplace: Path) -> None:
    """Somebody may have edited it."""
    (workplace / "001.sql").write_text("-- mine")

    outcome = command("alters", f"{make_module(SQLITE)}:registry", "--sql", "001.sql")

    assert (2, "-- mine") == (outcome.code, (workplace / "001.sql").read_text())
    assert "001.sql is there already" in outcome.err


def test_no_migration_file_is_written_for_nothing(command: Command, make_module: MakeModule, workplace: Path) -> None:
    """An empty migration would be applied, reviewed and kept for nothing."""
    name = f"{make_module(SQLITE)}:registry"
    command("alters", name, "--apply")

    outcome = command("alters", name, "--sql", "001.sql")

    assert (0, False) == (outcome.code, (workplace / "001.sql").exists())
    assert outcome.out.endswith("nothing to write\n")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--apply", "--sql", "001.sql"), "choose one"),
        (("--allow-destructive",), "add one of them"),
        (("--pool", "nonsense"), "no MySQL pool 'nonsense'; known: 'default'"),
        (("--sql", "missing/001.sql"), "cannot be written"),
    ],
    ids=["both", "alone", "pool", "directory"],
)
def test_options_that_make_no_sense_are_told(
    command: Command, make_module: MakeModule, workplace: Path, options: tuple[str, ...], told: str
) -> None:
    """Before anything was done."""
    outcome = command("alters", f"{make_module(SQLITE)}:registry", *options)

    assert 2 == outcome.code
    assert told in outcome.err
    assert [] == _tables(workplace)


def test_a_file_is_for_one_pool(command: Command, make_module: MakeModule, workplace: Path) -> None:
    """A client runs it on one database."""
    second = SQLITE.replace(
        "    return made",
        """    made.register_mysql("sqlite://logs.db", "logs")
    made.register_entity(LineEntity)
    return made""",
    )
    line = "class LineEntity(Entity, mysql='logs'):\n    id: UInt16\n"
    name = f"{make_module(second.replace('def registry', f'{line}{chr(10)}def registry'))}:registry"

    both = command("alters", name, "--sql", "001.sql")
    one = command("alters", name, "--sql", "001.sql", "--pool", "logs", "--json")

    assert 2 == both.code
    assert "alters are pending in default, logs; add --pool" in both.err
    assert [None, None, "LineEntity"] == [alter["entity"] for alter in json.loads(one.out)["pending"]]
    assert "001.sql" == json.loads(one.out)["file"]


def test_a_server_that_does_not_answer_exits_with_3(command: Command, make_module: MakeModule) -> None:
    """A deploy tries again instead of giving up."""
    outcome = command("alters", f"{make_module(UNREACHABLE)}:registry")

    assert 3 == outcome.code
