"""Every example is run as it stands, in an empty directory."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from tests.support.kafka_brokers import Kafka
from tests.support.redis_servers import RedisServer
from tests.support.sql_servers import Database

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
LAST_LINES = {"bank_asyncio.py": "in all: 400.00"}


def test_every_example_is_tested() -> None:
    """One that nobody runs is wrong before long."""
    assert sorted(LAST_LINES) == sorted(path.name for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", LAST_LINES)
def test_the_example_runs(name: str, tmp_path: Path) -> None:
    """People copy examples; each ends with what it promises and without a warning."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (0, "") == (ended.returncode, ended.stderr)
    assert LAST_LINES[name] == ended.stdout.splitlines()[-1]


def test_the_entities_of_the_orders_are_what_their_definitions_say(tmp_path: Path) -> None:
    """People read the generated package beside the definitions it is made of."""
    orders = copytree(EXAMPLES / "orders", tmp_path / "orders")

    checked = subprocess.run(
        [sys.executable, "-m", "fluxaorm.cli", "generate", "models:registry", "entities", "--check"],
        cwd=orders,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (0, "") == (checked.returncode, checked.stderr)


def test_orders_are_taken_at_once_and_written_by_another_process(
    tmp_path: Path, mariadb_database: Database, valkey: RedisServer, kafka: Kafka
) -> None:
    """An API process and a consumer process are how asynchronous flushes are meant to be used."""
    orders = copytree(EXAMPLES / "orders", tmp_path / "orders")
    servers = {
        "ORDERS_MYSQL": mariadb_database.url,
        "ORDERS_REDIS": valkey.host_port,
        "ORDERS_KAFKA": kafka.bootstrap,
        "ORDERS_NAMESPACE": valkey.namespace,
    }

    try:
        ended = subprocess.run(
            [sys.executable, str(orders / "tour.py")],
            env={**os.environ, **servers, "PYTHONWARNINGS": "error"},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    finally:
        replace(kafka, namespace=valkey.namespace).clean()

    assert (0, "") == (ended.returncode, ended.stderr)
    assert [
        "nobody consumes: MySQL has 0 of 3 orders",
        "the first one is shipped for whoever asks for it",
        "consumed: MySQL has 3 of 3 orders, the first one shipped",
    ] == ended.stdout.splitlines()
