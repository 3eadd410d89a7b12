"""`fluxaorm inspect`: what it writes where, and how it answers what makes no sense. On SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.command_line import Command
from tests.unit.cli.applications import SQLITE

MakeModule = Callable[[str], str]

FOREIGN = """
CREATE TABLE "users" (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, weight REAL, photo BLOB);
CREATE TABLE tags (name TEXT PRIMARY KEY);
CREATE VIEW heavy AS SELECT id FROM users WHERE weight > 100;
"""


@pytest.fixture
def shop(command: Command, make_module: MakeModule, workplace: Path) -> str:
    """The address of a database that the library made."""
    command("alters", f"{make_module(SQLITE)}:registry", "--apply")
    return "sqlite://shop.db"


def _make(directory: Path, script: str) -> str:
    with closing(sqlite3.connect(directory / "other.db")) as connection:
        connection.executescript(script)
    return "sqlite://other.db"


def test_the_module_goes_to_stdout_and_the_rest_to_stderr(command: Command, shop: str) -> None:
    """`fluxaorm inspect ... > entities.py` must give a module and nothing else."""
    outcome = command("inspect", shop)

    assert 0 == outcome.code
    compile(outcome.out, "entities.py", "exec")
    assert "class ColourEntity(Entity):\n" in outcome.out
    assert "    name: str = Field(unique=True, length=40)\n" in outcome.out
    assert "1 entity; 0 not\n`ColourEntity` is ColourEntity\nno alter would follow\n" == outcome.err


def test_the_module_goes_to_a_new_file(command: Command, shop: str, workplace: Path) -> None:
    """A file that is there may have been worked on since."""
    first = command("inspect", shop, "--output", "entities.py")
    text = (workplace / "entities.py").read_text()

    second = command("inspect", shop, "--output", "entities.py")

    assert (0, "") == (first.code, first.out)
    assert "class ColourEntity(Entity):\n" in text
    assert 2 == second.code
    assert "entities.py is there already" in second.err
    assert text == (workplace / "entities.py").read_text()


def test_as_json_everything_is_in_one_object(command: Command, shop: str) -> None:
    """Programs that migrate many databases read it."""
    content = json.loads(command("inspect", shop, "--json").out)

    assert ["ColourEntity"] == [entity["table"] for entity in content["entities"]]
    assert [] == content["entities"][0]["alters"] + content["refused"]
    assert "class ColourEntity(Entity):\n" in content["module"]


def test_tables_of_another_program_become_the_nearest_that_can_be(command: Command, workplace: Path) -> None:
    """SQLite's own types are fewer than MySQL's; what does not fit is named."""
    outcome = command("inspect", _make(workplace, FOREIGN), "--json")
    content = json.loads(outcome.out)

    assert ["users"] == [entity["table"] for entity in content["entities"]]
    assert {"heavy": "it is a view", "tags": "its key `name` is text; an entity has a single integer key"} == {
        refused["name"]: refused["reason"] for refused in content["refused"]
    }
    assert 'class UsersEntity(Entity, table="users"):\n' in content["module"]
    assert "    weight: float | None = None\n" in content["module"]
    assert "change_column" in [alter["kind"] for alter in content["entities"][0]["alters"]]


def test_only_tables_that_match_a_pattern(command: Command, workplace: Path) -> None:
    """A large database is moved table by table."""
    outcome = command("inspect", _make(workplace, FOREIGN), "--table", "u*", "--table", "heavy", "--json")
    content = json.loads(outcome.out)

    assert (["users"], ["heavy"]) == (
        [entity["table"] for entity in content["entities"]],
        [refused["name"] for refused in content["refused"]],
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("sqlite://missing.db",), "sqlite://missing.db: there is no such file"),
        (("sqlite://:memory:",), "there is no such file"),
        (("mysql://root:secret@localhost",), "the database's name is missing"),
        (("postgres://localhost/db",), "accepted"),
        (("sqlite://empty.db",), "the database 'empty' has no tables"),
        (
            ("sqlite://shop.db", "--table", "ColorEntity"),
            "no table is called 'ColorEntity'; did you mean 'ColourEntity'?",
        ),
    ],
    ids=["file", "memory", "database", "scheme", "empty", "pattern"],
)
def test_what_is_not_there_is_told(
    command: Command, shop: str, workplace: Path, arguments: tuple[str, ...], told: str
) -> None:
    """Nothing may be written, and no password shown."""
    sqlite3.connect(workplace / "empty.db").close()

    outcome = command("inspect", *arguments)

    assert 2 == outcome.code
    assert told in outcome.err
    assert "secret" not in outcome.err
    assert "" == outcome.out
    assert not (workplace / "missing.db").exists()


HOSTILE = """
CREATE TABLE "None" (id INTEGER PRIMARY KEY, "c\x1b[2J" TEXT, weight REAL DEFAULT 'inf', __class__ TEXT);
CREATE TABLE "x\x1b]0;PWNED\x07" (id INTEGER PRIMARY KEY);
CREATE TABLE "y\"\"\"\"\"\"(): pass\nraise SystemExit\n" (id INTEGER PRIMARY KEY);
CREATE INDEX "i\n`; drop\x1b[31m" ON "None" (__class__);
"""


def test_names_that_mean_harm_are_told_and_do_none(command: Command, workplace: Path) -> None:
    """The database may be a stranger's: its names reach neither the terminal nor the module as they are."""
    outcome = command("inspect", _make(workplace, HOSTILE))

    assert 0 == outcome.code
    assert 'class NoneEntity(Entity, table="None"):\n' in outcome.out
    compile(outcome.out, "entities.py", "exec")
    assert (outcome.out + outcome.err).replace("\n", "").isprintable()
    assert "`c\\x1b[2J`" in outcome.err


def test_a_pattern_that_matches_no_hostile_name_does_not_print_them(command: Command, workplace: Path) -> None:
    """The list of what there is goes to the terminal, too."""
    outcome = command("inspect", _make(workplace, HOSTILE), "--table", "nothing")

    assert 2 == outcome.code
    assert outcome.err.replace("\n", "").isprintable()


def test_a_server_that_does_not_answer_exits_with_3(command: Command) -> None:
    """A script tries again instead of giving up."""
    outcome = command("inspect", "mysql://root:secret@127.0.0.1:1/shop")

    assert 3 == outcome.code
    assert "secret" not in outcome.err
