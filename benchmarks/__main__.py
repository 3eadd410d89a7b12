"""``python -m benchmarks``: fills the table, runs every subject, writes ``benchmarks/results/``."""

from __future__ import annotations

import argparse
import importlib
import sys
import uuid
from pathlib import Path
from typing import Any

import MySQLdb

from benchmarks.measure import WORKS, check_agreement, check_writes, measure
from benchmarks.report import write
from benchmarks.subject import Servers, Subject
from benchmarks.table import COLUMNS, DDL, ROWS, make_rows
from devstack.state import StackState, default_path, load

SUBJECTS = {
    "raw": "benchmarks.subjects.raw:Raw",
    "fluxaorm": "benchmarks.subjects.fluxa:Fluxa",
    "sqlalchemy": "benchmarks.subjects.sqlalchemy_orm:SQLAlchemyORM",
    "sqlalchemy_core": "benchmarks.subjects.sqlalchemy_orm:SQLAlchemyCore",
    "django": "benchmarks.subjects.django_orm:DjangoORM",
    "peewee": "benchmarks.subjects.peewee_orm:Peewee",
    "tortoise": "benchmarks.subjects.tortoise_orm:TortoiseORM",
}


def main() -> int:
    """Run it; 0 when every subject measured."""
    arguments = _arguments()
    stack = load(default_path())
    if stack is None:
        print(
            "no running devstack; use `make bench` or `python -m devstack run -- python -m benchmarks`", file=sys.stderr
        )
        return 3
    servers, connection = _prepare(stack, arguments.server)
    subjects = [_load(name) for name in arguments.subjects]
    try:
        for subject in subjects:
            subject.open(servers)
        check_agreement(subjects)
        check_writes(subjects, lambda sql: _fetch(connection, sql))
        works = [work for work in WORKS if not arguments.works or work.name in arguments.works]
        measurements = measure(subjects, works, arguments.rounds)
    finally:
        connection.query(f"DROP DATABASE `{servers.database}`")
        connection.close()
    for subject in subjects:
        subject.close()
    versions = {arguments.server: _version(stack, arguments.server)}
    print(write(Path(__file__).parent / "results", measurements, versions))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--server", choices=["mysql", "mariadb"], default="mysql")
    parser.add_argument("--subjects", nargs="+", choices=list(SUBJECTS), default=list(SUBJECTS))
    parser.add_argument("--works", nargs="+", choices=[work.name for work in WORKS])
    return parser.parse_args()


def _fetch(connection: Any, sql: str) -> Any:
    cursor = connection.cursor()
    cursor.execute(sql)
    (value,) = cursor.fetchone()
    cursor.close()
    return value


def _load(name: str) -> Subject:
    module, _, attribute = SUBJECTS[name].partition(":")
    subject: Subject = getattr(importlib.import_module(module), attribute)()
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
    insert = f"INSERT INTO product ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"
    for first in range(1, ROWS + 1, 1_000):
        cursor.executemany(insert, make_rows(first, 1_000))
    cursor.execute("ANALYZE TABLE product")
    cursor.close()
    servers = Servers(
        address.host, address.port, address.user, address.password, database, stack.valkey.host, stack.valkey.port
    )
    return servers, connection


if __name__ == "__main__":
    sys.exit(main())
