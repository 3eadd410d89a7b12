"""`fluxaorm alters` on MySQL and MariaDB: migration files that clients run, and runs that stop half-way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pymysql
from pymysql.constants import CLIENT

from tests.support.command_line import Command
from tests.support.sql_servers import Database

MakeModule = Callable[[str], str]

APPLICATION = """
import fluxaorm as fx
from typing import Literal
from fluxaorm import Entity, Field, UInt32

class BookEntity(Entity):
    id: UInt32
    title: str = Field(default="it's a \\\\ \\"book\\"; -- no more 😀", length=200)
    state: Literal["it's; new", "back\\\\slash", "/* old */"] = "it's; new"
    {more}

registry = fx.Registry()
registry.register_mysql({url!r}, options=fx.MySQLOptions(unknown_tables="drop"))
registry.register_entity(BookEntity)
"""


def _application(database: Database, more: str = "pages: UInt32 = 0") -> str:
    return APPLICATION.format(url=database.url, more=more)


def _feed(database: Database, text: str) -> None:
    """Run a file as the server's own client does, which sends it statement by statement."""
    server = database.server
    connection = pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        database=database.name,
        charset="latin1",
        client_flag=CLIENT.MULTI_STATEMENTS,
    )
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(text.encode("utf-8"))  # type: ignore[call-overload]  # the stubs know of no bytes
        while cursor.nextset():
            pass


def test_a_migration_file_does_what_applying_does(
    command: Command, make_module: MakeModule, mysql_database: Database, workplace: Path
) -> None:
    """A reviewed file must lead to the tables that the entities declare, also through a client that speaks latin1."""
    name = f"{make_module(_application(mysql_database))}:registry"
    mysql_database.execute("CREATE TABLE `for``gotten` (`id` int)")

    command("alters", name, "--sql", "001.sql")
    text = (workplace / "001.sql").read_text("utf-8")
    _feed(mysql_database, text)
    left = json.loads(command("alters", name, "--json").out)["pending"]

    assert mysql_database.server.password == "" or mysql_database.server.password not in text
    assert re.search(r"^SET NAMES utf8mb4 .*COLLATE utf8mb4_\w+", text, re.MULTILINE)
    assert "\n-- DROP TABLE `for``gotten`;\n" in text
    assert [("for`gotten", "drop_table")] == [(alter["table"], alter["kind"]) for alter in left]


def test_a_changed_table_too_is_brought_in_line_by_a_file(
    command: Command, make_module: MakeModule, mysql_database: Database, workplace: Path
) -> None:
    """Files of a second release hold ALTERs, safe ones and, when that is allowed, the rest."""
    command("alters", f"{make_module(_application(mysql_database))}:registry", "--apply")
    changed = _application(mysql_database, "cover: str = Field(default='paper', index=True)")
    name = f"{make_module(changed)}:registry"

    command("alters", name, "--sql", "002.sql")
    _feed(mysql_database, (workplace / "002.sql").read_text("utf-8"))
    halfway = json.loads(command("alters", name, "--json").out)["pending"]
    command("alters", name, "--sql", "003.sql", "--allow-destructive")
    _feed(mysql_database, (workplace / "003.sql").read_text("utf-8"))

    assert [["drop_column"]] == [alter["kinds"] for alter in halfway]
    assert 0 == command("alters", name, "--check").code


def test_a_run_that_fails_says_where(command: Command, make_module: MakeModule, mysql_database: Database) -> None:
    """What was done stays done, since these servers commit each statement; the report must not hide it."""
    command("alters", f"{make_module(_application(mysql_database))}:registry", "--apply")
    mysql_database.execute("INSERT INTO `BookEntity` (`id`, `title`) VALUES (1, 'Emma'), (2, 'emma')")
    changed = _application(mysql_database, "cover: str = 'paper'").replace("length=200", "length=200, unique=True")
    name = f"{make_module(changed)}:registry"

    outcome = command("alters", name, "--apply", "--allow-destructive", "--json")
    content = json.loads(outcome.out)

    assert 1 == outcome.code
    assert [["add_column"]] == [alter["kinds"] for alter in content["applied"]]
    (failed,) = content["failed"]
    assert "Emma" in failed["error"]
    assert [True] == [finding["blocking"] for finding in failed["findings"] if finding["blocking"]]
    assert {"add_unique_index", "drop_column"} == {kind for alter in content["pending"] for kind in alter["kinds"]}
