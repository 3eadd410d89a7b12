"""MariaDB 10.11, from Debian 12's packages, or an installed `mariadbd` where those cannot be had.

What it decides: its options (small, quick, not durable against a crash of the machine, durable against `kill -9`; row
binlog with full metadata), and that root has no password and may come from 127.0.0.1.
What it never does: read the system's configuration or data.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from devstack import mysql, sql_data
from devstack.apt import BOOKWORM, AptError, Root, unpacked
from devstack.errors import UnobtainableError
from devstack.server import Server

NAME = "mariadb"
_TEMPLATE = f"{BOOKWORM.entry}-mariadb-data-1"
_PROGRAM = "usr/sbin/mariadbd"
_SYSTEM_TABLES = ("system_tables", "performance_tables", "system_tables_data")
_OPTIONS = (
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",
    "--max-connections=200",
    "--innodb-flush-log-at-trx-commit=2",
    "--sync-binlog=0",
    "--innodb-doublewrite=0",
    "--log-bin=binlog",
    "--binlog-format=ROW",
    "--binlog-row-image=FULL",
    "--binlog-row-metadata=FULL",
    # paths relative to the data directory: a socket's full path may not pass 107 characters
    "--socket=mysql.sock",
    "--pid-file=mariadbd.pid",
)


def fetch() -> Root:
    """Its program: unpacked from the cache, fetched now, or the installed one; raises UnobtainableError."""
    try:
        return unpacked(BOOKWORM)
    except AptError as error:
        if shutil.which("mariadbd") == f"/{_PROGRAM}":
            return Root(Path("/"))
        raise UnobtainableError(NAME, str(error)) from error


def server(directory: Path, port: int, name: str = NAME, options: Sequence[str] = ()) -> Server:
    """A MariaDB server with its own data directory, ready to start; `options` are further mariadbd options."""
    root, directory = fetch(), directory.absolute()
    data = directory / "data" / name
    base = _base_command(root, data)
    sql_data.prepare(data, _TEMPLATE, lambda target: _initialise(root, target))
    plugins = root.path / "usr/lib/mysql/plugin"
    command = [*base, f"--port={port}", f"--server-id={port}", f"--plugin-dir={plugins}", *_OPTIONS, *options]
    return Server(name, command, directory, port, mysql.answer)


def _base_command(root: Root, data: Path) -> list[str]:
    share = root.path / "usr/share/mysql"
    return [
        *root.command(_PROGRAM),
        "--no-defaults",
        *(["--user=root"] if os.geteuid() == 0 else []),
        f"--datadir={data}",
        # servers that start remove the temporary tables of all others there, too
        f"--tmpdir={data}",
        f"--basedir={root.path / 'usr'}",
        f"--lc-messages-dir={share}",
        f"--character-sets-dir={share / 'charsets'}",
        "--innodb-log-file-size=16M",
        "--innodb-buffer-pool-size=64M",
    ]


def _initialise(root: Root, data: Path) -> None:
    """What `mariadb-install-db` does, without its look-up of plugins."""
    data.mkdir()
    head = ["create database mysql", "use mysql", "set @auth_root_socket=NULL", "set @skip_auth_anonymous=1"]
    sql = "".join(f"{line};\n" for line in head).encode()
    for part in _SYSTEM_TABLES:
        sql += (root.path / f"usr/share/mysql/mysql_{part}.sql").read_bytes()
    command = [*_base_command(root, data), "--bootstrap", "--log-warnings=0", "--enforce-storage-engine="]
    sql_data.run(NAME, command, data.with_name("init.log"), sql)
