"""Where the demo's rows live, and what those servers counted themselves.

``EmbeddedServers`` needs nothing: SQLite and a Valkey of this process. ``Stack`` is a checkout's devstack: a fresh
database on its MySQL (MariaDB where that is missing), dropped at the end unless it is to be kept, and its Valkey.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import uuid
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import pymysql

from fluxaorm.engine import Engine
from fluxaorm.errors import FluxaError

_CHECKOUT: Final = Path(__file__).resolve().parents[4]
_VERBS: Final = ("select", "insert", "update", "delete", "begin", "commit", "rollback")


class StackError(FluxaError):
    """There is no devstack here."""


class Servers(Protocol):
    """Where the rows live."""

    name: str
    lasting: bool
    """Whether the rows stay in the project's directory."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def statements(self) -> Counter[str] | None:
        """SQL verb -> how many the server has run since it started, for whomever; None where no server counts."""
        ...


class EmbeddedServers:
    """SQLite and a Valkey server of this process, which keep their data in the project's directory."""

    name = "embedded"
    lasting = True

    def __enter__(self) -> Self:
        for name in ("FLIGHTS_MYSQL", "FLIGHTS_REDIS"):
            os.environ.pop(name, None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def statements(self) -> Counter[str] | None:
        """None: SQLite is a library and counts nothing."""
        return None


class Stack:
    """The servers of the devstack that runs."""

    name = "stack"
    lasting = False

    def __init__(self, *, keep: bool) -> None:
        state = _running_stack()
        if state is None:
            raise StackError("no devstack runs")
        self._sql: Any = state.mysql or state.mariadb
        self._redis: Any = state.valkey or state.redis
        if self._sql is None or self._redis is None:
            raise StackError("the devstack has no MySQL or no Valkey: run `python -m devstack status`")
        self._keep = keep
        self.database = f"fluxa_demo_{uuid.uuid4().hex[:8]}"

    @property
    def mysql_url(self) -> str:
        """The address of the fresh database."""
        password = f":{self._sql.password}" if self._sql.password else ""
        return f"mysql://{self._sql.user}{password}@{self._sql.host}:{self._sql.port}/{self.database}"

    @property
    def redis_address(self) -> str:
        """``host:port`` of Valkey."""
        return f"{self._redis.host}:{self._redis.port}"

    def __enter__(self) -> Self:
        self._sql_rows(f"CREATE DATABASE `{self.database}` CHARACTER SET utf8mb4")
        os.environ["FLIGHTS_MYSQL"] = self.mysql_url
        os.environ["FLIGHTS_REDIS"] = self.redis_address
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._keep:
            self._sql_rows(f"DROP DATABASE IF EXISTS `{self.database}`")

    def statements(self) -> Counter[str] | None:
        """From ``SHOW GLOBAL STATUS``."""
        counted = {
            name.removeprefix("Com_"): int(value) for name, value in self._sql_rows("SHOW GLOBAL STATUS LIKE 'Com\\_%'")
        }
        return Counter({verb.upper(): counted[verb] for verb in _VERBS})

    def _sql_rows(self, sql: str) -> list[tuple[str, str]]:
        address = self._sql
        with (
            closing(
                pymysql.connect(host=address.host, port=address.port, user=address.user, password=address.password)
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)
            return [(str(row[0]), str(row[1])) for row in cursor.fetchall()]


def redis_commands(engine: Engine) -> Counter[str]:
    """Redis command -> how many the server has run since it started, those inside functions too."""
    client: Any = engine._core.redis_pools["default"].client
    counted: dict[str, Any] = client.info("commandstats")
    return Counter({name.removeprefix("cmdstat_").upper(): entry["calls"] for name, entry in counted.items()})


def _running_stack() -> Any:
    """The devstack that ``FLUXA_DEVSTACK`` names, if it runs, else None. StackError outside a checkout."""
    if not (_CHECKOUT / "devstack" / "__main__.py").exists():
        raise StackError("--stack needs a checkout of the project: its devstack starts the servers")
    if str(_CHECKOUT) not in sys.path:
        sys.path.insert(0, str(_CHECKOUT))
    state: Any = importlib.import_module("devstack.state")
    stack: Any = importlib.import_module("devstack.stack")
    named = os.environ.get(state.ENVIRONMENT)
    found = state.load(Path(named)) if named else None
    return found if found is not None and stack.running(found) else None


def run_with_private_stack(arguments: list[str]) -> int | None:
    """Run this command again with a devstack of its own, and its exit code; None when one runs already. StackError."""
    if _running_stack() is not None:
        return None
    command = [sys.executable, "-m", "devstack", "run", "--only", "mysql,mariadb,valkey", "--"]
    command += [sys.executable, "-m", "fluxaorm.cli", *arguments]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(_CHECKOUT), os.environ.get("PYTHONPATH")))),
    }
    with subprocess.Popen(command, env=environment) as child:
        while True:
            # Ctrl-C reaches the child, too: it takes its servers down, and is waited for
            with suppress(KeyboardInterrupt):
                return child.wait()
