"""Every example is run as it stands, in an empty directory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
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


@pytest.fixture
def run_orders(
    tmp_path: Path, mariadb_database: Database, valkey: RedisServer, kafka: Kafka
) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Runs commands of the orders, in a copy of them, on servers of the tests."""
    orders = copytree(EXAMPLES / "orders", tmp_path / "orders")
    servers = {
        "ORDERS_MYSQL": mariadb_database.url,
        "ORDERS_REDIS": valkey.host_port,
        "ORDERS_KAFKA": kafka.bootstrap,
        "ORDERS_NAMESPACE": valkey.namespace,
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=orders,
            env={**os.environ, **servers, "PYTHONWARNINGS": "error"},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    yield run

    replace(kafka, namespace=valkey.namespace).clean()


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


FAILURES = """
import json, sys, threading, urllib.error, urllib.request
import api
import fluxaorm as fx

failures = {
    "stored": fx.PostCommitError("Redis could not be told", done="the flush is published"),
    "no broker": fx.KafkaUnavailableError("no broker answers"),
    "refused": fx.KafkaError("no", code="TOPIC_AUTHORIZATION_FAILED"),
    "unknown": fx.AsyncFlushUnknownError("the broker died"),
    "pending": fx.PendingAsyncWriteError("OrderEntity", 1),
    "a mistake of the customer's": None,
}


def ask(url, body):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode()), timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def fail(ctx, immediate):
    raise failure


fx.Context.flush_async = fail
with api.registry.validate() as engine, api.Server(("127.0.0.1", 0), api.Handler) as server:
    api.Handler.engine = engine
    threading.Thread(target=server.serve_forever).start()
    for name, failure in failures.items():
        body = {"item": "tea", "quantity": 2} if failure is None else {"customer": "Ada", "item": "tea", "quantity": 2}
        status, answer = ask(f"http://127.0.0.1:{server.server_port}/orders", body)
        print(name, status, answer.get("item"), answer.get("repeat"))
    server.shutdown()
"""


def test_a_failure_of_the_orders_says_what_may_be_repeated(
    tmp_path: Path, run_orders: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """An order that is sent again although it was stored is delivered twice; one that is not sent again is lost."""
    (tmp_path / "orders" / "failures.py").write_text(FAILURES)

    run_orders("-m", "fluxaorm.cli", "alters", "models:registry", "--apply")
    ended = run_orders("failures.py")

    assert (0, "") == (ended.returncode, ended.stderr)
    assert [
        "stored 202 tea None",
        "no broker 503 None True",
        "refused 503 None True",
        "unknown 503 None False",
        "pending 503 None True",
        "a mistake of the customer's 400 None False",
    ] == ended.stdout.splitlines()


def test_orders_are_taken_at_once_and_written_by_another_process(
    run_orders: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """An API process and a consumer process are how asynchronous flushes are meant to be used."""
    ended = run_orders("tour.py")

    assert (0, "") == (ended.returncode, ended.stderr)
    assert [
        "nobody consumes: MySQL has 0 of 3 orders",
        "the first one is shipped for whoever asks for it",
        "consumed: MySQL has 3 of 3 orders, the first one shipped",
    ] == ended.stdout.splitlines()
