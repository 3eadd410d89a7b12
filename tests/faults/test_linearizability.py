"""Cached rows behave as registers, whatever is killed: histories of real processes, judged by a checker."""

from __future__ import annotations

from pathlib import Path

import pytest

import fluxaorm as fx
from tests.support.killed_workers import ROWS, histories, open_registers, run_killed
from tests.support.measured import Measured
from tests.support.redis_servers import RedisServer
from tests.support.register_history import is_linearizable
from tests.support.sql_servers import Database

pytestmark = pytest.mark.fault
SEED = 20_261_127
KILLS, OPERATIONS = 110, 11_000
"""On each of two servers."""


def test_rows_are_linearizable_while_readers_and_writers_are_killed(
    mysql_database: Database, valkey: RedisServer, tmp_path: Path, measured: Measured
) -> None:
    """No read is older than a flush that had returned, and none goes backwards, whoever dies at whatever moment."""
    with open_registers(mysql_database.url, valkey.host_port, valkey.namespace) as engine, engine.new_context() as ctx:
        for alter in fx.get_alters(ctx):
            alter.exec(ctx)
    for start in range(1, ROWS, 1_000):
        rows = ", ".join(f"({id}, 0)" for id in range(start, start + 1_000))
        mysql_database.execute(f"INSERT INTO RegisterEntity (id, value) VALUES {rows}")

    killed = run_killed(mysql_database.url, valkey.host_port, valkey.namespace, tmp_path, KILLS, OPERATIONS, seed=SEED)
    found = histories(tmp_path)
    wrong = {row: history for row, history in found.items() if not is_linearizable(history)}

    operations = sum(map(len, found.values()))
    measured("linearizability", f"{killed} kills, {operations} operations, {len(found)} histories")
    assert {} == wrong
    assert KILLS <= killed
    assert OPERATIONS <= operations
