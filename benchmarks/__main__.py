"""``python -m benchmarks``: fills the table, runs every subject, writes ``benchmarks/results/``."""

from __future__ import annotations

import argparse
import importlib
import sys
import uuid
from pathlib import Path
from typing import Any

import MySQLdb

from benchmarks.flights import fill
from benchmarks.measure import Measurement, check_agreement, check_writes, measure
from benchmarks.report import write
from benchmarks.sizes import sizes
from benchmarks.subject import Servers, Subject
from benchmarks.table import CATEGORY_DDL, COLUMNS, DDL, ROWS, make_categories, make_rows
from benchmarks.works import STREAM_WORKS, WORKS
from devstack.state import StackState, default_path, load

SUBJECTS = {
    "raw": "benchmarks.subjects.raw:Raw",
    "raw_prepared": "benchmarks.subjects.raw_prepared:RawPrepared",
    "fluxaorm": "benchmarks.subjects.fluxa:Fluxa",
    "sqlalchemy": "benchmarks.subjects.sqlalchemy_orm:SQLAlchemyORM",
    "sqlalchemy_core": "benchmarks.subjects.sqlalchemy_orm:SQLAlchemyCore",
    "sqlalchemy_async": "benchmarks.subjects.sqlalchemy_asyncio:SQLAlchemyAsync",
    "django": "benchmarks.subjects.django_orm:DjangoORM",
    "cacheops": "benchmarks.subjects.cacheops_orm:Cacheops",
    "peewee": "benchmarks.subjects.peewee_orm:Peewee",
    "tortoise": "benchmarks.subjects.tortoise_orm:TortoiseORM",
    "redis_py": "benchmarks.subjects.redis_py:RedisPy",
}


def main() -> int:
    """Run it; 0 when what can be had was measured. Peers that cannot be imported are named and left out."""
    arguments = _arguments()
    stack = load(default_path())
    if stack is None:
        print(
            "no running devstack; use `make bench` or `python -m devstack run -- python -m benchmarks`", file=sys.stderr
        )
        return 3
    servers, connection = _prepare(stack, arguments.server)
    # the floor is what all are compared with, also when it is not measured
    names = ["raw", *(name for name in arguments.subjects if name != "raw")]
    subjects = [subject for name in names if (subject := _load(name)) is not None]
    opened: list[Subject] = []
    try:
        for subject in subjects:
            subject.open(servers)
            opened.append(subject)
        check_agreement(subjects[0], subjects)
        check_writes(subjects, lambda sql: _fetch(connection, sql))
        works = [work for work in WORKS if not arguments.works or work.name in arguments.works]
        measurements = measure(subjects, works, arguments.rounds)
        measurements += _streams(servers, connection, arguments)
        weights = {} if arguments.works else sizes(subjects)
    finally:
        for subject in opened:
            subject.close()
        connection.query(f"DROP DATABASE `{servers.database}`")
        connection.close()
    versions = {arguments.server: _version(stack, arguments.server)}
    if stack.kafka is not None:
        versions["kafka"] = stack.kafka.version
    print(write(Path(__file__).parent / "results", measurements, weights, versions))
    return 0


def _streams(servers: Servers, connection: Any, arguments: argparse.Namespace) -> list[Measurement]:
    """What is measured of Kafka; nothing, and why is told, where there is none."""
    works = [work for work in STREAM_WORKS if not arguments.works or work.name in arguments.works]
    if not works or "fluxaorm" not in arguments.subjects:
        return []
    try:
        streams = importlib.import_module("benchmarks.streams")
    except ImportError as error:
        print(f"not measured: asynchronous flushes: {error}", file=sys.stderr)
        return []
    if not servers.kafka:
        print("not measured: asynchronous flushes: the devstack has no kafka", file=sys.stderr)
        return []
    measured: list[Measurement] = streams.measure_streams(servers, connection, works, arguments.rounds)
    return measured


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--server", choices=["mysql", "mariadb"], default="mysql")
    parser.add_argument("--subjects", nargs="+", choices=list(SUBJECTS), default=list(SUBJECTS))
    parser.add_argument("--works", nargs="+", choices=[work.name for work in (*WORKS, *STREAM_WORKS)])
    return parser.parse_args()


def _fetch(connection: Any, sql: str) -> Any:
    cursor = connection.cursor()
    cursor.execute(sql)
    (value,) = cursor.fetchone()
    cursor.close()
    return value


def _load(name: str) -> Subject | None:
    """The subject, or None when a peer is not installed; without our own there is nothing to measure."""
    module, _, attribute = SUBJECTS[name].partition(":")
    try:
        subject: Subject = getattr(importlib.import_module(module), attribute)()
    except ImportError as error:
        if name in ("raw", "fluxaorm"):
            raise
        print(f"not measured: {name}: {error}", file=sys.stderr)
        return None
    return subject


def _version(stack: StackState, server: str) -> str:
    address = stack.mysql if server == "mysql" else stack.mariadb
    return address.version if address else "-"


def _prepare(stack: StackState, server: str) -> tuple[Servers, Any]:
    """A fresh database with the filled table, and a connection to drop it with."""
    address = stack.mysql if server == "mysql" else stack.mariadb
    if address is None or stack.valkey is None:
        raise SystemExit(f"the devstack has no {server}: {stack.missing}")
    connection = MySQLdb.connect(
        host=address.host, port=address.port, user=address.user, password=address.password, autocommit=True
    )
    database = f"bench_{uuid.uuid4().hex[:8]}"
    cursor = connection.cursor()
    cursor.execute(f"CREATE DATABASE `{database}` CHARACTER SET utf8mb4")
    cursor.execute(f"USE `{database}`")
    cursor.execute(DDL)
    cursor.execute(CATEGORY_DDL)
    cursor.executemany("INSERT INTO category (id, name) VALUES (%s, %s)", make_categories())
    insert = f"INSERT INTO product ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"
    for first in range(1, ROWS + 1, 1_000):
        cursor.executemany(insert, make_rows(first, 1_000))
    cursor.execute("ANALYZE TABLE product, category")
    fill(cursor)
    cursor.close()
    servers = Servers(
        address.host, address.port, address.user, address.password, database, stack.valkey.host, stack.valkey.port,
        f"{stack.kafka.host}:{stack.kafka.port}" if stack.kafka else "",
    )  # fmt: skip
    return servers, connection


if __name__ == "__main__":
    sys.exit(main())
