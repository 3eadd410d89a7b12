"""The pieces of queries that differ from dialect to dialect."""

from __future__ import annotations

import pytest

from fluxaorm.dialects import SQLITE, Dialect, dialect_for
from fluxaorm.errors import NotSupportedError
from tests.support.schemas import make_column

MYSQL = dialect_for("9.7.4")
MARIADB = dialect_for("10.11.6-MariaDB")
EVERY = pytest.mark.parametrize("dialect", [MYSQL, MARIADB, SQLITE], ids=lambda dialect: dialect.name)


@EVERY
def test_identifiers_are_quoted_so_that_no_name_ends_them(dialect: Dialect) -> None:
    """A name is metadata, but quoting must not depend on that."""
    assert "`a``b`" == dialect.quote("a`b")


def test_a_binary32_column_is_read_without_a_loss() -> None:
    """The text protocol prints FLOAT with six digits."""
    column = make_column("weight", "float unsigned")

    texts = [dialect.column_expression(column, "t") for dialect in (MYSQL, MARIADB, SQLITE)]

    assert ["(`t`.`weight` + 0E0)", "(`t`.`weight` + 0E0)", "`t`.`weight`"] == texts


@EVERY
def test_other_columns_are_read_as_they_are(dialect: Dialect) -> None:
    """An expression would cost the server and hide the column from an index."""
    assert "`price`" == dialect.column_expression(make_column("price", "decimal(10,2)"))


def test_an_offset_without_a_limit_gets_the_largest() -> None:
    """Neither server takes OFFSET alone."""
    mysql = [MYSQL.limit_clause(20), MYSQL.limit_clause(20, 40), MYSQL.limit_clause(None)]

    assert ["LIMIT 20", "LIMIT 20 OFFSET 40", ""] == mysql
    assert "LIMIT 18446744073709551615 OFFSET 3" == MYSQL.limit_clause(None, 3)
    assert "LIMIT -1 OFFSET 3" == SQLITE.limit_clause(None, 3)


def test_row_locks_are_asked_for_where_there_are_any() -> None:
    """SQLite has none: the plan then says so."""
    assert "FOR UPDATE SKIP LOCKED" == MYSQL.for_update_clause(skip_locked=True)
    assert "FOR UPDATE NOWAIT" == MARIADB.for_update_clause(nowait=True)
    assert "" == SQLITE.for_update_clause()


def test_a_lock_option_the_server_would_ignore_is_refused() -> None:
    """TiDB takes SKIP LOCKED and waits all the same."""
    tidb = dialect_for("8.0.11-TiDB-v8.5.0")

    with pytest.raises(NotSupportedError, match="does not skip locked rows"):
        tidb.for_update_clause(skip_locked=True)


@EVERY
def test_an_unknown_isolation_is_refused_before_it_is_sent(dialect: Dialect) -> None:
    """It would otherwise be pasted into SQL."""
    with pytest.raises(ValueError, match="isolation 'chaos'"):
        dialect.begin_statements("chaos")


def test_transactions_open_as_asked() -> None:
    """SQLite takes the write lock at once, so that no transaction fails halfway for it, or refuses to write."""
    assert ("START TRANSACTION",) == MYSQL.begin_statements()
    assert ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "START TRANSACTION READ ONLY") == MYSQL.begin_statements(
        "serializable", read_only=True
    )
    assert ("BEGIN IMMEDIATE",) == SQLITE.begin_statements()
    assert ("PRAGMA query_only = 1", "BEGIN") == SQLITE.begin_statements(read_only=True)


def test_upserts_update_or_leave() -> None:
    """Every database has its own words for it."""
    assert "ON DUPLICATE KEY UPDATE `a` = VALUES(`a`), `b` = VALUES(`b`)" == MYSQL.upsert_clause(["a", "b"])
    assert "ON DUPLICATE KEY UPDATE `id` = `id`" == MARIADB.upsert_clause([])
    assert "ON CONFLICT DO UPDATE SET `a` = excluded.`a`" == SQLITE.upsert_clause(["a"])
    assert "ON CONFLICT DO NOTHING" == SQLITE.upsert_clause([])


@pytest.mark.parametrize(
    ("dialect", "wanted", "expected"),
    [
        (MYSQL, None, "utf8mb4_0900_ai_ci"),
        (MYSQL, "unicode_ci", "utf8mb4_unicode_ci"),
        (MYSQL, "utf8mb4_bin", "utf8mb4_bin"),
        (MYSQL, "klingon_ci", None),
        (MARIADB, None, "utf8mb4_general_ci"),
        (SQLITE, "0900_ai_ci", "NOCASE"),
    ],
)
def test_a_collation_is_chosen_from_those_the_server_has(
    dialect: Dialect, wanted: str | None, expected: str | None
) -> None:
    """Nothing is guessed: a collation that is not there is None, which validate() reports."""
    available = ["utf8mb4_general_ci", "utf8mb4_0900_ai_ci", "utf8mb4_unicode_ci", "utf8mb4_bin"]

    assert expected == dialect.choose_collation(available, "utf8mb4", wanted)
