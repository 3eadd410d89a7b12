"""What SQL of the user's own may do to its connection: told from the text, and never taken for less than it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxaorm.query.own_sql.placeholders import has_several_statements, is_closed
from fluxaorm.query.own_sql.raw_statements import Reach, definition, keeps_session, reach_of, transaction_control


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "(select id from t) union (select 1)",
        "WITH n AS (SELECT 1) SELECT * FROM n FOR UPDATE",
        "SELECT 'a@b.example', \"x @y\" /* @z */ -- SET @a = 1\n FROM t # @b",
        "SELECT /*+ MAX_EXECUTION_TIME(100) */ `into`, `set` FROM t",
        "INSERT INTO t VALUES ('GET_LOCK(1)')",
        "UPDATE t SET a = 'into'",
        "DELETE FROM t;",
        "SHOW TABLES",
        "EXPLAIN INSERT INTO t VALUES (1)",
    ],
)
def test_plain_statements_leave_a_connection_as_it_was(sql: str) -> None:
    """Closing a connection after each would cost a login for nothing."""
    assert keeps_session(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SET time_zone = '+01:00'",
        "USE other",
        "CALL p()",
        "DO GET_LOCK('a', 1)",
        "CREATE TEMPORARY TABLE t (a INT)",
        "LOCK TABLES t READ",
        "PREPARE s FROM 'COMMIT'",
        "EXECUTE s",
        "HANDLER t OPEN",
        "SELECT @a := 1",
        "SELECT @@version",
        "SELECT @`a`",
        "SELECT `GET_LOCK`('a', 1)",
        "select get_lock ('a', 1)",
        "SELECT 1 INTO OUTFILE 'x'",
        "WITH n AS (SELECT 1) SELECT * FROM n INTO @a",
        "SELECT 1 /*!50000 , GET_LOCK('a', 1) */",
        "/*! SET autocommit = 0 */",
        "/*M!100000 SET autocommit = 0 */",
        "SELECT /*+ QB_NAME(`*/ ' `) */ @a := 1 -- '",
        "\u00a0SELECT 1",
        "",
    ],
)
def test_what_may_change_a_session_is_not_plain(sql: str) -> None:
    """Also what nobody here knows, in whatever way it is written."""
    assert not keeps_session(sql)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
INERT = st.one_of(
    TEXTS.map(lambda text: "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"),
    TEXTS.map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'),
    TEXTS.map(lambda text: "`n" + text.replace("`", "``") + "`"),
    TEXTS.map(lambda text: "/* " + text.replace("*", " ") + " */"),
    TEXTS.map(lambda text: "-- " + text.replace("\n", " ") + "\n"),
    TEXTS.map(lambda text: "# " + text.replace("\n", " ") + "\n"),
    st.sampled_from(["a", ",", "1", "/*+ NO_MERGE() */", "(b)", "5--3", "x'00'"]),
)
"""What a statement may be made of without any harm."""
HARMFUL = ["@a", "@@sql_mode", "GET_LOCK('a', 1)", "`get_lock`('a', 1)", "/*!50000 1 */", "INTO OUTFILE 'x'"]


@given(st.lists(INERT, max_size=6), st.sampled_from(HARMFUL), st.lists(INERT, max_size=6))
def test_harm_shows_wherever_it_stands(before: list[str], harm: str, after: list[str]) -> None:
    """Quotes and comments around it hide nothing from the server, so they must hide nothing here."""
    assert not keeps_session(" ".join(["SELECT", *before, harm, *after]))


@given(st.lists(INERT, max_size=6), st.lists(INERT, max_size=6))
def test_a_second_statement_shows_wherever_it_begins(before: list[str], after: list[str]) -> None:
    """The server runs whatever stands in a packet."""
    assert has_several_statements(" ".join(["SELECT 1", *before, "; DROP TABLE t", *after]))


PLAIN_VERBS = (
    "SELECT", "WITH", "TABLE", "VALUES", "INSERT", "UPDATE", "DELETE", "REPLACE", "SHOW", "EXPLAIN", "DESC",
)  # fmt: skip


@given(TEXTS)
def test_any_text_is_judged(text: str) -> None:
    """Nothing that comes in raises, and what does not begin with a plain verb is never plain."""
    verdict = keeps_session(text), transaction_control(text), definition(text)

    assert verdict[0] is False or text.lstrip(" \t\r\n\f\v(").upper().startswith((*PLAIN_VERBS, "#", "-", "/"))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 /*!99999 ' */; DROP TABLE victim -- '",
        "SELECT (SELECT 1 --\u00a0 FROM (SELECT 1 AS `\u00a0`) q); DROP TABLE victim",
        "SELECT /*+ QB_NAME(`*/ ' `) */ 1; DROP TABLE victim -- '",
        "SELECT $$ ' $$; DROP TABLE victim -- '",
        "SELECT 1;\u00a0DROP TABLE victim",
    ],
)
def test_a_statement_that_only_some_servers_see_counts(sql: str) -> None:
    """A comment for other versions, a blank that is none, a quoted hint: each hid the end of the first statement."""
    assert has_several_statements(sql)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("commit", "COMMIT"),
        ("/* x */ start  transaction", "START TRANSACTION"),
        ("/*!50000 COMMIT */", "COMMIT"),
        ("SET @a = 1, autocommit = 0", "SET AUTOCOMMIT"),
        ("SET sql_notes = 1, SESSION `autocommit` = OFF", "SET AUTOCOMMIT"),
        ("SET @@session . autocommit = 0", "SET AUTOCOMMIT"),
        ("SET SESSION TRANSACTION READ ONLY", "SET SESSION TRANSACTION"),
        ("LOCK TABLES t READ", "LOCK TABLES"),
        ("UPDATE t SET autocommit = 1", None),
        ("SET time_zone = 'autocommit'", None),
    ],
)
def test_transaction_control_is_told_in_any_spelling(sql: str, words: str | None) -> None:
    """The transaction is the library's: what it announced to the caches depends on when it ends."""
    assert words == transaction_control(sql)


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("create table t (a int)", "CREATE"),
        ("CREATE TEMPORARY TABLE t (a INT)", None),
        ("TRUNCATE t", "TRUNCATE"),
        ("/*!50000 DROP TABLE t */", "DROP"),
        ("ANALYZE TABLE t", "ANALYZE"),
        ("ANALYZE SELECT 1", None),
        ("FLUSH TABLES", "FLUSH"),
        ("SELECT 'DROP TABLE t'", None),
    ],
)
def test_what_commits_by_itself_is_told(sql: str, word: str | None) -> None:
    """MySQL and MariaDB end an open transaction for it, without a word."""
    assert word == definition(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "a = 1",
        "",
        "((a = ?) OR (b = ?))",
        "a = ')' AND b = \"(\" AND `(` = 1",
        "a = 1 -- :-)",
        "/* ( */ a = 1 # )",
        "a = 'it''s' AND b = 'it\\'s'",
        "a LIKE '50\\%'",
        "a$b$c = 1",
    ],
)
def test_text_that_stays_within_its_parentheses(sql: str) -> None:
    """Parentheses in quotes and comments are none, and a comment to the end of a line ends with it."""
    assert is_closed(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "a = 1) OR (1 = 1",
        "a = 1)",
        "(a = 1",
        ")(",
        "a = 1) -- (",
        "a = 1) /*",
        "a = 1 /*",
        "a = 1 /*/",
        "a = 'b",
        "a = 'b\\'",
        "a = 'b''",
        'a = "b',
        "a = `b",
        "a = $$ ' $$) OR (1 = 1 -- '",
        "a = 1 /*! ' */) OR (1 = 1 -- '",
    ],
)
def test_text_that_would_leave_its_parentheses(sql: str) -> None:
    """What surrounds it, the filter of soft-deleted rows for one, would hold no more."""
    assert not is_closed(sql)


@pytest.mark.parametrize(
    ("sql", "mysql", "sqlite"),
    [
        (r"a LIKE '50\%' ESCAPE '\'", False, True),
        (r"a LIKE '50\%' ESCAPE '\\'", True, True),
        (r"a = 'it\'s'", True, False),
        (r"a = '\' OR 1 = 1) OR (1 = 1 -- '", True, False),
        ("a = 1 --(", False, True),
        ("[a(] = 1", False, True),
        ("a = 1) --(", False, False),
        ("a = 1 /* (", False, False),
        ("a = [b", True, False),
    ],
)
def test_text_is_read_as_its_server_reads_it(sql: str, mysql: bool, sqlite: bool) -> None:
    """What is right on one is refused by nobody for the sake of another, and gets nowhere past its parentheses."""
    assert (mysql, sqlite) == (is_closed(sql), is_closed(sql, escapes=False))


@pytest.mark.parametrize("kind", ["short", "long"])
def test_long_text_is_judged_as_short_one(kind: str) -> None:
    """Only what was found out about short texts is kept."""
    filler = " OR a = 1" * (1 if kind == "short" else 100_000)

    assert (is_closed(f"(a = 1{filler})"), is_closed(f"(a = 1{filler}")) == (True, False)


@given(st.text("()[]'\"`\\-#/* \na"), st.booleans())
def test_closed_text_can_be_put_side_by_side(text: str, escapes: bool) -> None:
    """Else one condition of a query could be ended by the next."""
    assert not is_closed(text, escapes=escapes) or is_closed(f"({text}\n) AND ({text}\n)", escapes=escapes)


@pytest.mark.parametrize(
    ("sql", "reach"),
    [
        ("SELECT 1", Reach.READ),
        ("SHOW TABLES", Reach.READ),
        ("WITH n AS (SELECT REPLACE(a, 'x', INSERT (b, 1, 1, '')) FROM `update`) SELECT updated FROM n", Reach.READ),
        ("EXPLAIN ANALYZE SELECT 1 -- no DELETE", Reach.READ),
        ("WITH n AS (SELECT @a) SELECT * FROM n", Reach.TRACE),
        ("DESC t", Reach.READ),
        ("WITH n AS (SELECT 1)\nDELETE FROM t", Reach.WRITE),
        ("SELECT @a := 1", Reach.TRACE),
        ("DO SLEEP(1)", Reach.TRACE),
        ("SET @a = 1", Reach.TRACE),
        ("set @`a`:=(SELECT MAX(id) FROM t)", Reach.SESSION),
        ("SET @a := (SELECT COUNT(*) FROM t) -- , autocommit = 0", Reach.TRACE),
        ("SET @a = 'x, sql_mode = '", Reach.TRACE),
        ("SET @a = 1, sql_mode = ''", Reach.SESSION),
        ("SET @@sql_mode = ''", Reach.SESSION),
        ("WITH n AS (SELECT 1) UPDATE t SET a = 1", Reach.WRITE),
        ("EXPLAIN ANALYZE DELETE FROM t", Reach.WRITE),
        ("INSERT INTO t VALUES (@a)", Reach.SESSION),
        ("SET sql_mode = ''", Reach.SESSION),
        ("SET @@SESSION.time_zone = '+01:00', @a = 1", Reach.SESSION),
        ("SET NAMES gbk", Reach.SESSION),
        ("SET PASSWORD = 'x'", Reach.TRANSACTION),
        ("SET @a = 1, PASSWORD = 'x'", Reach.TRANSACTION),
        ("SET STATEMENT max_statement_time = 1 FOR CALL p()", Reach.TRANSACTION),
        ("SET ROLE admin", Reach.TRANSACTION),
        ("SET @a = 1, autocommit = 1", Reach.TRANSACTION),
        ("CALL p()", Reach.TRANSACTION),
        ("EXECUTE s", Reach.TRANSACTION),
        ("SELECT /*!50000 1 */", Reach.TRANSACTION),
        ("CREATE TEMPORARY TABLE t (a INT)", Reach.TRANSACTION),
        ("whatever", Reach.TRANSACTION),
    ],
)
def test_what_may_end_a_transaction_is_told_from_what_may_not(sql: str, reach: Reach) -> None:
    """What may is looked after, which costs round trips; what is not known may."""
    assert reach is reach_of(sql)


@pytest.mark.parametrize(
    "sql", ["SET PASSWORD = 'x'", "SET DEFAULT ROLE ALL TO u", "STOP REPLICA", "CHANGE MASTER TO a"]
)
def test_administration_that_commits_is_a_definition(sql: str) -> None:
    """The servers commit for it, silently."""
    assert definition(sql) is not None


@pytest.mark.parametrize("sql", ["CREATE OR REPLACE TEMPORARY TABLE t (a INT)", "DROP TEMPORARY TABLE t"])
def test_temporary_tables_commit_nothing(sql: str) -> None:
    """They are the session's own."""
    assert definition(sql) is None
