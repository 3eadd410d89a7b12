"""The demo as a user runs it: the command in an empty directory. What it counts is held against the servers' counts."""

from __future__ import annotations

import json
import os
import pickle
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devstack.cache import locked
from devstack.state import REPOSITORY, RedisAddress, SqlAddress, StackState
from devstack.wire import redis_command
from tests.support.private_servers import StartServer
from tests.support.session_stack import session_directory
from tests.support.sql_servers import SqlServer

pytestmark = pytest.mark.slow

ROWS = {"airlines": 16, "airports": 1_458, "planes": 3_322, "weather": 26_115, "flights": 336_776}
TOP_LEVEL = {"MGET", "FCALL", "FUNCTION|LOAD"}
"""Commands that the library's functions do not call themselves, so that the server's count is of what was sent."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the command."""

    directory: Path
    result: dict[str, Any]
    traced: dict[str, int]
    """What SQLite executed: verb and table -> times."""
    cpu_seconds: float


def _environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "FLUXA_DEVSTACK"}
    return {**kept, "PYTHONPATH": str(REPOSITORY), **changes}


def _command(
    *arguments: str, cwd: Path, module: str = "fluxaorm.cli", **changes: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=cwd,
        env=_environment(**changes),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _traced_run(directory: Path) -> Run:
    trace = directory / "trace.json"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = _command(str(trace), "demo", "--json", cwd=directory, module="tests.support.traced_sqlite")
    assert (0, "") == (ended.returncode, ended.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(directory / "fluxaorm-demo", json.loads(ended.stdout), json.loads(trace.read_text()), seconds)


@pytest.fixture(scope="module")
def first_run(pytestconfig: pytest.Config) -> Run:
    """The demo in an empty directory, once for all workers of a session; nothing is run there afterwards."""
    directory = session_directory(pytestconfig) / "demo"
    directory.mkdir(parents=True, exist_ok=True)
    record = directory / "run.pickle"
    with locked(directory / "lock"):
        if not record.exists():
            record.write_bytes(pickle.dumps(_traced_run(directory)))
        run: Run = pickle.loads(record.read_bytes())
    return run


@pytest.fixture(scope="module")
def directory_after_a_run(first_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo ran, as it left it, for tests that run something there."""
    directory = tmp_path_factory.mktemp("after")
    shutil.copytree(first_run.directory, directory / first_run.directory.name)
    return directory


@pytest.fixture(scope="module")
def second_run(directory_after_a_run: Path) -> Run:
    """The demo once more where it ran before."""
    return _traced_run(directory_after_a_run)


def test_every_row_of_the_data_is_in_the_database(first_run: Run) -> None:
    """Asked of SQLite itself, past the library."""
    path = next((first_run.directory / "data").glob("*.db"))
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        rows = {table: connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in ROWS}

    assert (ROWS, ROWS) == (rows, first_run.result["rows"])


@pytest.mark.parametrize(("run", "asked"), [("first_run", 1), ("second_run", 2)])
def test_the_statements_counted_are_those_sqlite_executed(run: str, asked: int, request: pytest.FixtureRequest) -> None:
    """The query log must neither lose nor invent a statement; SQLite does not execute what it refuses.

    ``asked``: how often validate() asked which database it is, before there was a context with a log; the first time
    there is no table to ask.
    """
    found: Run = request.getfixturevalue(run)
    mysql = found.result["counters"]["mysql"]

    executed = Counter(mysql["statements"]) - Counter(mysql["errors"])

    executed["SELECT"] += asked
    verbs = ("SELECT", "UPDATE", "DELETE")
    assert {verb: _traced(found, verb) for verb in verbs} == {verb: executed[verb] for verb in verbs}


def test_each_row_was_inserted_once(first_run: Run) -> None:
    """Asked of SQLite, which executes an INSERT for each row; one more flight came and went."""
    inserted = {key.split()[1]: times for key, times in first_run.traced.items() if key.startswith("INSERT")}

    assert {**ROWS, "flights": ROWS["flights"] + 1} == {table: inserted[table] for table in ROWS}


def _traced(run: Run, verb: str) -> int:
    return sum(times for key, times in run.traced.items() if key.split()[0] == verb)


@pytest.mark.parametrize("run", ["first_run", "second_run"])
def test_the_redis_commands_counted_are_those_valkey_ran(run: str, request: pytest.FixtureRequest) -> None:
    """Valkey counts each command it runs; those that functions call are counted, too, so only the others compare."""
    result = request.getfixturevalue(run).result
    counted, served = result["counters"]["redis"]["commands"], result["servers"]["redis"]

    assert {name: counted.get(name.split("|")[0], 0) for name in TOP_LEVEL} == {
        name: served.get(name, 0) for name in TOP_LEVEL
    }


def _step(run: Run, name: str) -> dict[str, Any]:
    return next(step for step in run.result["steps"] if step["name"] == name)


def _traffic(step: dict[str, Any]) -> tuple[int, int, int, int]:
    mysql, redis = step["mysql"], step["redis"]
    return mysql["round_trips"], redis["round_trips"], redis["hits"], redis["misses"]


def test_what_was_read_once_comes_from_redis_and_then_from_the_context(first_run: Run) -> None:
    """The point of the caches, in round trips: SQL once, then one MGET, then nothing."""
    cold = _traffic(_step(first_run, "1,000 planes, nothing cached"))
    warm = _traffic(_step(first_run, "1,000 planes, from Redis"))
    known = _traffic(_step(first_run, "1,000 planes, from the context"))

    assert (1, 1000) == (cold[0], cold[3] - 1000)
    assert [(0, 1, 1000, 0), (0, 0, 0, 0)] == [warm, known]


def test_airports_come_from_the_local_cache_without_a_round_trip(first_run: Run) -> None:
    """A table that everybody reads costs the servers nothing once it is known."""
    assert (0, 0, 0, 0) == _traffic(_step(first_run, "1,458 airports, from the local cache"))


def test_it_costs_less_than_a_minute(first_run: Run) -> None:
    """The README promises about a minute. Processor time is asserted, since the machine may have other things to do."""
    assert first_run.cpu_seconds < 60


def test_it_leaves_a_program_that_runs(directory_after_a_run: Path) -> None:
    """The user goes on from there: on the data as it was loaded."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "main.py"],
        cwd=directory_after_a_run / "fluxaorm-demo",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (0, "") == (ended.returncode, ended.stderr)
    assert "Hawaiian Airlines Inc. left New York 342 times.\n" in ended.stdout


def test_what_it_leaves_passes_the_type_checker(directory_after_a_run: Path) -> None:
    """Types are what the generated package is for."""
    ended = _command(
        "--strict", "main.py", "app.py", "entities", cwd=directory_after_a_run / "fluxaorm-demo", module="mypy"
    )

    assert (0, "") == (ended.returncode, ended.stdout if ended.returncode else "")


def test_what_it_leaves_is_an_application_for_the_other_commands(directory_after_a_run: Path) -> None:
    """Generated code and tables are what the definitions say, so nothing is out of date."""
    outcomes = [
        _command(*words, cwd=directory_after_a_run / "fluxaorm-demo").returncode
        for words in (("check",), ("generate", "entities", "--check"), ("alters", "--check"))
    ]

    assert [0, 0, 0] == outcomes


def test_a_second_run_finds_the_rows_of_the_first(second_run: Run) -> None:
    """Nothing is loaded twice, and what the first run changed it took back."""
    loads = [step["name"] for step in second_run.result["steps"] if step["name"].startswith("load ")]

    assert ([], ROWS) == (loads, second_run.result["rows"])


def test_for_people_it_prints_tables(directory_after_a_run: Path) -> None:
    """The run without --json is the one that everybody looks at."""
    ended = _command("demo", cwd=directory_after_a_run, COLUMNS="200")

    titles = ("Reading, searching, writing", "The latest of", "Query log: 500 planes", "Counted")
    assert (0, "") == (ended.returncode, ended.stderr)
    assert [] == [title for title in titles if title not in ended.stdout]


def test_a_load_that_was_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Loading takes a while and people press keys; no row may be lost or doubled by that."""
    command = [sys.executable, "-m", "fluxaorm.cli", "demo", "--json", "--flights", "30000"]
    with subprocess.Popen(command, cwd=tmp_path, env=_environment(), stdout=subprocess.DEVNULL) as killed:
        _await_flights(tmp_path, killed)
        killed.kill()

    ended = _command("demo", "--json", "--flights", "30000", cwd=tmp_path)

    assert (0, "") == (ended.returncode, ended.stderr)
    result = json.loads(ended.stdout)
    written = next(step["rows"] for step in result["steps"] if step["name"] == "load flights")
    assert 0 < written < 30_000
    assert {**ROWS, "flights": 30_000} == result["rows"]


def _await_flights(directory: Path, process: subprocess.Popen[bytes]) -> None:
    """Until the first unit of work of flights is in the database."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up and process.poll() is None:
        for path in (directory / "fluxaorm-demo" / "data").glob("*.db"):
            with closing(sqlite3.connect(path)) as connection, suppress(sqlite3.OperationalError):
                if connection.execute("SELECT COUNT(*) FROM flights").fetchone() != (0,):
                    return
    pytest.fail(f"no flight was loaded; the demo's exit code is {process.poll()}")


@dataclass(frozen=True, slots=True)
class OwnStack:
    """A devstack of this test alone, so that nobody else is counted."""

    sql: SqlServer
    redis: RedisAddress
    path: Path

    def statements(self) -> Counter[str]:
        rows = self.sql.execute("SHOW GLOBAL STATUS LIKE 'Com\\_%'")
        return Counter({str(name).removeprefix("Com_").upper(): int(count) for name, count in rows})

    def commands(self) -> Counter[str]:
        text = str(redis_command(self.redis.host, self.redis.port, "INFO", "commandstats"))
        lines = [line.partition(":") for line in text.splitlines() if line.startswith("cmdstat_")]
        return Counter(
            {name.removeprefix("cmdstat_").upper(): int(rest.split(",")[0].split("=")[1]) for name, _, rest in lines}
        )


@pytest.fixture(params=["mysql", "mariadb"])
def own_stack(request: pytest.FixtureRequest, private_server: StartServer, tmp_path: Path) -> OwnStack:
    """A private MySQL or MariaDB and a private Valkey, described as the devstack describes its servers."""
    sql, valkey = private_server(request.param), private_server("valkey")
    address = SqlAddress(request.param, sql.host, sql.port, "")
    redis = RedisAddress(valkey.host, valkey.port, "")
    state = StackState(str(tmp_path), **{request.param: address, "valkey": redis})  # type: ignore[arg-type]  # by kind
    state.save(tmp_path / "devstack.json")
    return OwnStack(SqlServer.at(address), redis, tmp_path / "devstack.json")


def test_on_a_stack_it_counts_what_the_servers_counted(own_stack: OwnStack, tmp_path: Path) -> None:
    """Both servers are asked from outside, before and after; every statement on rows must be in the query log."""
    statements, commands = own_stack.statements(), own_stack.commands()

    ended = _command(
        "demo", "--stack", "--json", "--flights", "20000", cwd=tmp_path, FLUXA_DEVSTACK=str(own_stack.path)
    )

    assert (0, "") == (ended.returncode, ended.stderr)
    result = json.loads(ended.stdout)
    verbs = ("INSERT", "UPDATE", "DELETE", "BEGIN", "COMMIT")
    counted, served = result["counters"]["mysql"]["statements"], own_stack.statements() - statements
    assert {verb: counted[verb] for verb in verbs} == {verb: served[verb] for verb in verbs}
    calls = own_stack.commands() - commands
    assert {name: result["counters"]["redis"]["commands"][name] for name in ("FCALL", "MGET")} == {
        name: calls[name] for name in ("FCALL", "MGET")
    }
    assert ({**ROWS, "flights": 20_000}, []) == (result["rows"], _demo_databases(own_stack))


def test_without_a_stack_it_starts_one_of_its_own(tmp_path: Path) -> None:
    """`--stack` is one command in a checkout where nothing runs; the servers end with it."""
    ended = _command("demo", "--stack", "--json", "--flights", "10000", cwd=tmp_path)

    assert (0, "") == (ended.returncode, ended.stderr)
    assert {**ROWS, "flights": 10_000} == json.loads(ended.stdout)["rows"]


def _demo_databases(own_stack: OwnStack) -> list[str]:
    return [name for (name,) in own_stack.sql.execute("SHOW DATABASES LIKE 'fluxa\\_demo\\_%'")]
