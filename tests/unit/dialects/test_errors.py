"""Error numbers become the library's errors, with advice, and duplicate keys tell which."""

from __future__ import annotations

import pytest

from fluxaorm.dialects import SQLITE, Duplicate, dialect_for
from fluxaorm.errors import DeadlockError, MySQLConnectionError, MySQLError
from tests.support.insides import told_by_number

MYSQL = dialect_for("9.7.4")
MARIADB = dialect_for("10.11.6-MariaDB")


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        ((1213, 1205, 3101, 9007), DeadlockError),
        ((1040, 1053, 1927, 2003, 2006, 2013, 2055, 4031), MySQLConnectionError),
        ((1062, 1064, 1142, 1146, 1290, 1317, 1364, 1836, 3024), MySQLError),
    ],
)
def test_numbers_say_whether_to_retry_or_to_reconnect(numbers: tuple[int, ...], kind: type[MySQLError]) -> None:
    """Flushes repeat deadlocks and lost connections, and nothing else."""
    errors = [MYSQL.map_error(number, "message", pool="p", statement="s") for number in numbers]

    assert [kind] * len(numbers) == [type(error) for error in errors]
    assert list(numbers) == [error.errno for error in errors]


@pytest.mark.parametrize(
    ("attribute", "numbers"),
    [
        ("was_killed", (1317, 1969, 3024)),
        ("hung_up", (1053, 1927, 2006, 2013, 2055, 3169, 4031)),
        ("refused_login", (1044, 1045, 1049)),
        ("transaction_goes_on", (3572,)),
    ],
)
def test_an_error_says_what_only_its_number_tells(attribute: str, numbers: tuple[int, ...]) -> None:
    """Runners and transactions go by it, and know no server's numbers."""
    others = {1040, 1062, 1205, 1213, 1290, 2003, 3572, 1317, 2013, 1045} - set(numbers)

    said = {number for number in (*numbers, *others) if attribute in told_by_number(MYSQL.map_error(number, "message"))}

    assert set(numbers) == said


def test_an_error_says_where_what_and_what_to_do() -> None:
    """The server's own words alone leave the reader guessing."""
    error = MYSQL.map_error(1290, "The MySQL server is running with the --read-only option", pool="sales")

    expected = (
        "pool 'sales': The MySQL server is running with the --read-only option; "
        "the server is read-only: is this address a replica? (1290)"
    )
    assert expected == str(error)


def test_statements_with_values_do_not_come_back_from_vitess() -> None:
    """Vitess repeats the statement with its values in its message, passwords included."""
    message = 'target: shop.0: failed (errno 1317): Sql: "insert into users values (:v1)", BindVars: {v1: "secret"}'

    error = MYSQL.map_error(1317, message)

    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Duplicate entry 'a@b.c' for key 'user.email'", Duplicate(index="email", value="a@b.c", table="user")),
        ("Duplicate entry 'a@b.c' for key 'email'", Duplicate(index="email", value="a@b.c")),
        ("Duplicate entry '5' for key 'user.PRIMARY'", Duplicate(index="PRIMARY", value="5", table="user")),
        ("Duplicate entry 'it's-for key 'x'' for key 'i'", Duplicate(index="i", value="it's-for key 'x'")),
        ("Duplicate entry 'two\nlines' for key 't.i'", Duplicate(index="i", value="two\nlines", table="t")),
        ("Cannot add or update a child row", None),
    ],
)
def test_a_duplicate_key_names_its_index(message: str, expected: Duplicate | None) -> None:
    """MySQL names table and index, MariaDB only the index; values may hold quotes."""
    assert expected == MYSQL.parse_duplicate(message)
    assert expected == MARIADB.parse_duplicate(message)


def test_a_duplicate_key_is_still_told_when_advice_follows() -> None:
    """Plans read it from the error's reason."""
    error = MYSQL.map_error(1062, "Duplicate entry '5' for key 't.i'")

    duplicate = MYSQL.parse_duplicate(error.reason)

    assert Duplicate(index="i", value="5", table="t") == duplicate


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("UNIQUE constraint failed: user.email", Duplicate(columns=("email",), table="user")),
        ("UNIQUE constraint failed: p.name, p.category", Duplicate(columns=("name", "category"), table="p")),
        ("CHECK constraint failed: age", None),
    ],
)
def test_sqlite_names_the_columns_of_a_duplicate(message: str, expected: Duplicate | None) -> None:
    """The flush plan finds the index by its columns."""
    assert expected == SQLITE.parse_duplicate(message)


@pytest.mark.parametrize(
    ("code", "kind"),
    [(5, DeadlockError), (517, DeadlockError), (6, DeadlockError), (14, MySQLConnectionError), (2067, MySQLError)],
)
def test_extended_result_codes_of_sqlite_count_as_their_kind(code: int, kind: type[MySQLError]) -> None:
    """SQLITE_BUSY_SNAPSHOT is SQLITE_BUSY: to be tried again."""
    assert kind is type(SQLITE.map_error(code, "message"))


def test_a_missing_table_is_known_on_every_server() -> None:
    """Ids make their table when it is missing."""
    mysql = MYSQL.map_error(1146, "Table 'app._fluxa_ids' doesn't exist")
    sqlite = SQLITE.map_error(1, "no such table: _fluxa_ids")

    assert (True, True) == (MYSQL.is_missing_table(mysql), SQLITE.is_missing_table(sqlite))
    assert not MYSQL.is_missing_table(MYSQL.map_error(1054, "Unknown column"))
    assert not SQLITE.is_missing_table(SQLITE.map_error(1, "no such column: x"))
