"""Addresses of MySQL pools: the Go driver's DSN, URLs, and the SQLite stand-in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, Final

from fluxaorm.addresses.parts import (
    Address,
    HostPort,
    MalformedAddressError,
    decoded,
    malformed,
    parse_duration,
    parse_hosts,
    parse_parameters,
    split_credentials,
)
from fluxaorm.options import TLSOptions
from fluxaorm.options.masking import MASK, split_scheme
from fluxaorm.options.mysql import DRIVERS, REFUSED_DRIVERS
from fluxaorm.options.shapes import did_you_mean

MYSQL_PORT: Final = 3306
FORMS: Final = (
    "user:password@tcp(host:port)/db?params",
    "user:password@unix(/path.sock)/db",
    "mysql://user:password@host:port/db?charset=...",
    "sqlite:///path/app.db",
    "sqlite://:memory:",
)

_DSN = re.compile(
    r"(?P<network>[^()/?]*)(?:\((?P<target>[^()]*)\))?/(?P<database>[^?]*)(?:\?(?P<parameters>.*))?", re.DOTALL
)
_DSN_TAIL = re.compile(r"@[a-z0-9]*(?:\([^()]*\))/")
_URL = re.compile(r"(?P<hosts>[^/?]*)(?:/(?P<database>[^?]*))?(?:\?(?P<parameters>.*))?", re.DOTALL)
_IGNORED_PARAMETERS = frozenset(
    {"allowNativePasswords", "checkConnLiveness", "clientFoundRows", "columnsWithAlias", "interpolateParams"}
    | {"maxAllowedPacket", "multiStatements", "parseTime"}
)
"""Settings of the Go driver that have no meaning here: what they choose, the library chooses itself."""


class MySQLAddress(Address, frozen=True, kw_only=True):
    """Where a MySQL or MariaDB server is, and as whom to log in. Several hosts: a group, or a primary and replicas."""

    hosts: tuple[HostPort, ...] = ()
    """At least one, unless there is a socket; the first is the primary of ``topology="replicas"``."""
    socket: str = ""
    """Path of the Unix socket."""
    user: str = ""
    password: str = ""
    database: str
    tls: TLSOptions | None = None

    def __str__(self) -> str:
        user = f"{self.user}:{MASK}@" if self.password else f"{self.user}@" if self.user else ""
        if self.socket:
            return f"{user}unix({self.socket})/{self.database}"
        return f"mysql://{user}{','.join(map(str, self.hosts))}/{self.database}"


class SQLiteAddress(Address, frozen=True, kw_only=True):
    """A SQLite database that stands in for a MySQL pool."""

    path: str
    """Of the file, relative to the working directory unless it begins with ``/``; empty: in memory."""

    @property
    def database(self) -> str:
        """A name for the database, as a MySQL pool has one: the file's, without its ending."""
        return re.sub(r"[^A-Za-z0-9_]", "_", PurePath(self.path).stem) if self.path else "memory"

    def __str__(self) -> str:
        return f"sqlite://{self.path or ':memory:'}"


def parse_mysql(pool: str, text: str) -> tuple[MySQLAddress | SQLiteAddress, dict[str, Any]]:
    """The address, and the fields of MySQLOptions that its parameters set.

    Raises ConfigError, naming the pool and the accepted forms, for anything malformed.
    """
    try:
        return _parse(text)
    except MalformedAddressError as problem:
        raise malformed("MySQL", pool, text, problem, FORMS) from None


def _parse(text: str) -> tuple[MySQLAddress | SQLiteAddress, dict[str, Any]]:
    scheme, rest = split_scheme(text)
    if scheme.lower() in ("mysql", "mariadb"):
        return _parse_url(rest)
    if scheme.lower() == "sqlite":
        return _parse_sqlite(rest), {}
    if scheme and not _DSN_TAIL.search(rest):
        raise MalformedAddressError("the scheme before :// is not one of MySQL")
    return _parse_dsn(text)


def _parse_sqlite(rest: str) -> SQLiteAddress:
    if rest == ":memory:":
        return SQLiteAddress(path="")
    if not rest or rest.endswith("/") or "?" in rest or "\0" in rest:
        raise MalformedAddressError("the path of the database's file is missing or malformed")
    return SQLiteAddress(path=decoded(re.sub(r"^/+", "/", rest)))


def _parse_dsn(text: str) -> tuple[MySQLAddress, dict[str, Any]]:
    credentials, _, rest = text.rpartition("@")
    match = _DSN.fullmatch(rest)
    if match is None:
        raise MalformedAddressError(_form_problem(rest))
    hosts, socket = _parse_network(match["network"], match["target"])
    user, _, password = credentials.partition(":")
    tls, overrides = _read_parameters(match["parameters"])
    database = _checked_database(match["database"])
    return MySQLAddress(hosts=hosts, socket=socket, user=user, password=password, database=database, tls=tls), overrides


def _form_problem(rest: str) -> str:
    if rest.count("(") != rest.count(")"):
        return "the parenthesis around the host is not closed"
    if "/" not in rest:
        return "the '/' before the database's name is missing"
    return "it is of none of the accepted forms"


def _parse_network(network: str, target: str | None) -> tuple[tuple[HostPort, ...], str]:
    if network == "unix":
        if not target or not target.startswith("/") or "\0" in target:
            raise MalformedAddressError("unix(...) needs the absolute path of a socket")
        return (), target
    if network not in ("", "tcp", "tcp4", "tcp6"):
        raise MalformedAddressError("the network before the parenthesis is neither tcp nor unix")
    if target is None:
        return (HostPort("localhost", MYSQL_PORT),), ""
    return parse_hosts(target, MYSQL_PORT), ""


def _parse_url(rest: str) -> tuple[MySQLAddress, dict[str, Any]]:
    user, password, location = split_credentials(rest)
    match = _URL.fullmatch(location)
    if match is None:
        raise MalformedAddressError("it is of none of the accepted forms")
    hosts = parse_hosts(match["hosts"], MYSQL_PORT)
    tls, overrides = _read_parameters(match["parameters"])
    database = _checked_database(match["database"] or "")
    return MySQLAddress(hosts=hosts, user=user, password=password, database=database, tls=tls), overrides


def _checked_database(text: str) -> str:
    name = decoded(text)
    if not name:
        raise MalformedAddressError("the database's name is missing")
    if len(name) > 64 or re.search(r"[/\\.\0]", name) or name != name.strip():
        raise MalformedAddressError("the database's name is not one that MySQL allows")
    return name


def _read_parameters(text: str | None) -> tuple[TLSOptions | None, dict[str, Any]]:
    overrides: dict[str, Any] = {}
    tls: TLSOptions | None = None
    for name, value in parse_parameters(text or "").items():
        if name == "tls":
            tls = _read_tls(value)
        elif name == "loc":
            _check_location(value)
        elif name in _PARAMETERS:
            field, read = _PARAMETERS[name]
            overrides[field] = read(name, value)
        elif name not in _IGNORED_PARAMETERS:
            raise MalformedAddressError(_unknown_parameter(name))
    return tls, overrides


def _read_tls(value: str) -> TLSOptions | None:
    if value == "skip-verify":
        return TLSOptions(verify=False, check_hostname=False)
    if value not in ("true", "false"):
        raise MalformedAddressError(
            "the parameter 'tls' is not true, false or skip-verify; for files use MySQLOptions(tls=TLSOptions(...))"
        )
    return TLSOptions() if value == "true" else None


def _check_location(value: str) -> None:
    if value != "UTC":
        raise MalformedAddressError("the parameter 'loc' can only be UTC: dates and times are stored in UTC")


def _unknown_parameter(name: str) -> str:
    hint = did_you_mean(name, [*_PARAMETERS, "tls", "loc"])
    if hint:
        return f"unknown parameter '{name}'{hint}"
    return f"unknown parameter '{name}' (system variables are not set per connection: a proxy could not share it)"


def _as_charset(name: str, value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]{1,64}", value, re.ASCII):
        raise MalformedAddressError(f"the parameter '{name}' is not a name that MySQL could know")
    return value


def _as_driver(name: str, value: str) -> str:
    if value in REFUSED_DRIVERS:
        raise MalformedAddressError(f"the parameter '{name}': {REFUSED_DRIVERS[value]}")
    if value not in DRIVERS:
        raise MalformedAddressError(f"the parameter '{name}' is not {' or '.join(DRIVERS)}")
    return value


_PARAMETERS: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "charset": ("default_encoding", lambda name, value: _as_charset(name, value.split(",")[0])),
    "collation": ("default_collate", _as_charset),
    "connect_timeout": ("connect_timeout", parse_duration),
    "driver": ("driver", _as_driver),
    "readTimeout": ("read_timeout", parse_duration),
    "read_timeout": ("read_timeout", parse_duration),
    "timeout": ("connect_timeout", parse_duration),
    "writeTimeout": ("write_timeout", parse_duration),
    "write_timeout": ("write_timeout", parse_duration),
}
