"""MySQL 9.7, from Debian's unstable suite, unpacked beside the system and started through its own dynamic linker.

What it decides: its options (small, quick, not durable against a crash of the machine, durable against `kill -9`), and
that root has no password and may come from anywhere on this machine.
What it never does: fall back to another server; it raises UnobtainableError and the stack says so.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from devstack import sql_data
from devstack.apt import SID, AptError, Root, unpacked
from devstack.errors import UnobtainableError
from devstack.server import Server
from devstack.wire import WireError, mysql_value

NAME = "mysql"
_TEMPLATE = f"{SID.entry}-mysql-data-1"
_ROOT_FROM_ANYWHERE = """
CREATE USER 'root'@'%' IDENTIFIED BY '';
GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;
GRANT PROXY ON ''@'' TO 'root'@'%' WITH GRANT OPTION;
"""
_OPTIONS = (
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--mysqlx=OFF",
    "--secure-file-priv=NULL",
    "--max-connections=200",
    "--performance-schema=OFF",
    "--innodb-buffer-pool-size=64M",
    "--innodb-flush-log-at-trx-commit=2",
    "--sync-binlog=0",
    "--innodb-doublewrite=0",
    "--binlog-row-metadata=FULL",
    "--gtid-mode=ON",
    "--enforce-gtid-consistency=ON",
    # paths relative to the data directory: a socket's full path may not pass 107 characters
    "--socket=mysql.sock",
    "--pid-file=mysqld.pid",
)


def fetch() -> Root:
    """Its program, from the cache or fetched now; raises UnobtainableError."""
    try:
        return unpacked(SID)
    except AptError as error:
        raise UnobtainableError(NAME, str(error)) from error


def server(directory: Path, port: int, name: str = NAME, options: Sequence[str] = ()) -> Server:
    """A MySQL server with its own data directory, ready to start; `options` are further mysqld options."""
    root, directory = fetch(), directory.absolute()
    data = directory / "data" / name
    base = _base_command(root, data)
    sql_data.prepare(data, _TEMPLATE, lambda target: _initialise(root, target))
    plugins = root.path / "usr/lib/mysql/plugin"
    command = [*base, f"--port={port}", f"--server-id={port}", f"--plugin-dir={plugins}", *_OPTIONS, *options]
    return Server(name, command, directory, port, answer)


def answer(server: Server) -> str:
    """Logs in and returns the version; WireError when the server at the port is not this one."""
    version, _, data = mysql_value(server.host, server.port, "SELECT CONCAT(VERSION(), ' ', @@datadir)").partition(" ")
    if not (server.directory / "data" / server.name).samefile(data):
        raise WireError(f"port {server.port} belongs to a server with its data in {data}")
    return version


def _base_command(root: Root, data: Path) -> list[str]:
    share = root.path / "usr/share/mysql"
    return [
        *root.command("usr/sbin/mysqld"),
        "--no-defaults",
        *(["--user=root"] if os.geteuid() == 0 else []),
        f"--datadir={data}",
        f"--basedir={root.path / 'usr'}",
        f"--lc-messages-dir={share}",
        f"--character-sets-dir={share / 'charsets'}",
        "--innodb-redo-log-capacity=32M",
    ]


def _initialise(root: Root, data: Path) -> None:
    start = data.with_name("init.sql")
    start.write_text("".join(line + "\n" for line in _ROOT_FROM_ANYWHERE.split("\n") if line))
    command = [*_base_command(root, data), "--initialize-insecure", f"--init-file={start}"]
    sql_data.run(NAME, command, data.with_name("init.log"))
    # every copy makes its own server UUID
    (data / "auto.cnf").unlink(missing_ok=True)
