"""An address that leads to another server than before: nothing is believed of that one, and nothing killed there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from devstack.state import StackState
from tests.support.fragile import Fragile
from tests.support.held_flush import HeldFlush
from tests.support.insides import core
from tests.support.redis_servers import RedisServer
from tests.support.sql_servers import Database, SqlServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.fault


@pytest.fixture
def other(stack: StackState, mysql_database: Database) -> Iterator[tuple[str, int]]:
    """Where a server of the other product has an empty database of the same name."""
    address = stack.mariadb if mysql_database.server.kind == "mysql" else stack.mysql
    if address is None:
        pytest.skip(f"the other server is missing: {stack.missing}")
    server = SqlServer.at(address)
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {mysql_database.name}")
        yield server.address
        cursor.execute(f"DROP DATABASE {mysql_database.name}")


def test_a_statement_in_doubt_is_settled_by_its_own_server_alone(
    fragile: Fragile, valkey: RedisServer, other: tuple[str, int]
) -> None:
    """The other one knows no such thread, and yet the statement still waits for its lock."""
    waiting = HeldFlush(fragile)
    steps: list[object] = []
    run = core(fragile.engine).resources.background._run

    def counted(plan: Any) -> Any:
        steps.append(plan)
        return run(plan)

    core(fragile.engine).resources.background._run = counted

    waiting.begin()
    own = fragile.mysql.target
    fragile.mysql.target = other
    fragile.mysql.cut()
    waiting.end()
    wait_until(lambda: len(steps) > 3, "the other server to be asked again and again")
    held, running = valkey.text(waiting.key), waiting.threads()
    fragile.mysql.target = own
    fragile.mysql.cut()
    wait_until(lambda: core(fragile.engine).resources.background.unfinished == 0, "its own server to settle it")
    gone = waiting.threads()
    waiting.let_go()

    assert 1 == len(waiting.errors)
    assert (held or "").startswith("W")
    assert (1, []) == (len(running), gone)
    assert valkey.text(waiting.key) is None
    assert 0 == fragile.do(fragile.users.get_by_id(fragile.context(), waiting.user.id)).age
    waiting.ctx.clear_flush()
