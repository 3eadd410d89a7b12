"""Addresses of Redis and Valkey pools: one server, a Unix socket, Sentinels, a cluster, the embedded server."""

from __future__ import annotations

import re
from typing import Final

from fluxaorm.addresses.parts import (
    Address,
    HostPort,
    MalformedAddressError,
    decoded,
    malformed,
    parse_host,
    parse_hosts,
    parse_parameters,
    split_credentials,
)
from fluxaorm.options import RedisOptions, TLSOptions, tls_options
from fluxaorm.options.masking import MASK, split_scheme
from fluxaorm.options.shapes import did_you_mean

REDIS_PORT: Final = 6379
SENTINEL_PORT: Final = 26379
FORMS: Final = (
    "host:port",
    "/path/to.sock",
    "redis://user:password@host:port/db",
    "rediss://... (TLS)",
    "unix://user:password@/path/to.sock?db=0",
    "redis+cluster://host1:port,host2:port",
    "'' with RedisOptions(master=..., sentinels=[...])",
)
YAML_FORMS: Final = ("host:port:db?user=x&password=y", "/path/to.sock:db", *FORMS[2:6])

_URL = re.compile(r"(?P<hosts>[^/?]*)(?:/(?P<database>[^?]*))?(?:\?(?P<parameters>.*))?", re.DOTALL)
_YAML = re.compile(r"(?P<address>/[^?]*|[^/?]*):(?P<database>[^:/?]*)(?:\?(?P<parameters>.*))?", re.DOTALL)


class RedisAddress(Address, frozen=True, kw_only=True):
    """Where a Redis is, and as whom to log in: one of ``hosts``, ``socket``, ``master`` and ``embedded`` is set."""

    hosts: tuple[HostPort, ...] = ()
    """One server, or nodes of the cluster to ask for the others."""
    socket: str = ""
    """Path of the Unix socket."""
    database: int = 0
    user: str = ""
    password: str = ""
    tls: TLSOptions | None = None
    cluster: bool = False
    master: str = ""
    """Name of the master that ``sentinels`` watch."""
    sentinels: tuple[HostPort, ...] = ()
    embedded: str = ""
    """Directory of a server that the pool itself starts and stops."""

    def __str__(self) -> str:
        if self.embedded:
            return f"embedded://{self.embedded}"
        user = f"{self.user}:{MASK}@" if self.password else f"{self.user}@" if self.user else ""
        if self.socket:
            return f"unix://{user}{self.socket}?db={self.database}"
        if self.master:
            return f"{user}sentinel({','.join(map(str, self.sentinels))})/{self.master}/{self.database}"
        scheme = ("rediss" if self.tls else "redis") + ("+cluster" if self.cluster else "")
        return f"{scheme}://{user}{','.join(map(str, self.hosts))}/{self.database}"


def parse_redis(pool: str, text: str, database: int, options: RedisOptions) -> RedisAddress:
    """The address with what the options say about server and user in it; options win over the address.

    Raises ConfigError, naming the pool and the accepted forms, for anything malformed or contradictory.
    """
    try:
        return _checked(_parse(text), database, options)
    except MalformedAddressError as problem:
        raise malformed("Redis", pool, text, problem, FORMS) from None


def parse_yaml_redis(pool: str, text: str) -> tuple[str, int, str, str]:
    """``host:port:db?user=x&password=y`` or ``/path.sock:db`` -> address, database, user, password.

    URLs come back as they are, with database 0 (theirs counts). Raises ConfigError.
    """
    if split_scheme(text)[0]:
        return text, 0, "", ""
    try:
        address, database, user, password = split_yaml(text)
        _check_yaml_address(address)
    except MalformedAddressError as problem:
        raise malformed("Redis", pool, text, problem, YAML_FORMS) from None
    return address, database, user, password


def split_yaml(text: str) -> tuple[str, int, str, str]:
    """``name:db?user=x&password=y`` -> its parts. Raises MalformedAddressError."""
    match = _YAML.fullmatch(text)
    if match is None:
        raise MalformedAddressError("the database's number is missing")
    parameters = parse_parameters(match["parameters"] or "")
    for name in parameters:
        if name not in ("user", "password"):
            raise MalformedAddressError(f"unknown parameter '{name}'{did_you_mean(name, ['user', 'password'])}")
    database = _parse_database(match["database"])
    return match["address"], database, parameters.get("user", ""), parameters.get("password", "")


def _check_yaml_address(address: str) -> None:
    if "@" in address:
        raise MalformedAddressError("user and password go behind a question mark, or into a redis:// URL")
    if not address.startswith("/") and ":" not in address.rpartition("]")[2]:
        raise MalformedAddressError("the database's number is missing")


def parse_sentinels(sentinels: list[str] | tuple[str, ...]) -> tuple[HostPort, ...]:
    """``[":26379", "host:port"]`` -> hosts. Raises MalformedAddressError."""
    hosts = tuple(parse_host(each, SENTINEL_PORT, default_host="localhost") for each in sentinels)
    if len(set(hosts)) < len(hosts):
        raise MalformedAddressError("a sentinel is given twice")
    return hosts


def _parse(text: str) -> RedisAddress:
    scheme, rest = split_scheme(text)
    match scheme.lower():
        case "redis" | "rediss" | "redis+cluster" | "rediss+cluster" as known:
            return _parse_url(rest, tls=known.startswith("rediss"), cluster=known.endswith("+cluster"))
        case "unix":
            return _parse_unix(rest)
        case "embedded":
            return RedisAddress(embedded=_absolute(decoded(rest), "embedded:// needs the absolute path of a directory"))
        case "":
            return _parse_plain(text)
        case _:
            raise MalformedAddressError("the scheme before :// is not one of Redis")


def _parse_plain(text: str) -> RedisAddress:
    if not text:
        return RedisAddress()
    if text.startswith("/"):
        return RedisAddress(socket=_absolute(text, "the socket's path is malformed"))
    if "@" in text or "?" in text:
        raise MalformedAddressError("user and password go into RedisOptions, or into a redis:// URL")
    return RedisAddress(hosts=parse_hosts(text, REDIS_PORT))


def _parse_url(rest: str, *, tls: bool, cluster: bool) -> RedisAddress:
    user, password, location = split_credentials(rest)
    match = _URL.fullmatch(location)
    if match is None:
        raise MalformedAddressError("it is of none of the accepted forms")
    return RedisAddress(
        hosts=parse_hosts(match["hosts"], REDIS_PORT),
        database=_database(match["database"], match["parameters"]),
        user=user,
        password=password,
        tls=TLSOptions() if tls else None,
        cluster=cluster,
    )


def _parse_unix(rest: str) -> RedisAddress:
    user, password, location = split_credentials(rest)
    path, _, parameters = location.partition("?")
    socket = _absolute(decoded(path), "unix:// needs the absolute path of a socket")
    return RedisAddress(socket=socket, user=user, password=password, database=_database(None, parameters))


def _absolute(path: str, problem: str) -> str:
    if not path.startswith("/") or "\0" in path:
        raise MalformedAddressError(problem)
    return path


def _database(path: str | None, parameters: str | None) -> int:
    given = parse_parameters(parameters or "")
    unknown = [name for name in given if name != "db"]
    if unknown:
        raise MalformedAddressError(f"unknown parameter '{unknown[0]}': everything but db goes into RedisOptions")
    if path and "db" in given:
        raise MalformedAddressError("the database is given twice")
    return _parse_database(path or given.get("db", "0"))


def _parse_database(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII):
        raise MalformedAddressError("the database is not a number")
    return int(text)


def _checked(address: RedisAddress, database: int, options: RedisOptions) -> RedisAddress:
    _check_topology(address, options)
    cluster = address.cluster or options.cluster
    if address.database and database and address.database != database:
        raise MalformedAddressError(f"the address says database {address.database}, the argument {database}")
    chosen = database or address.database
    if cluster and chosen:
        raise MalformedAddressError("a cluster has only database 0")
    return RedisAddress(
        hosts=address.hosts,
        socket=address.socket,
        database=chosen,
        user=options.user or address.user,
        password=options.password or address.password,
        tls=tls_options(options.tls) or address.tls,
        cluster=cluster,
        master=options.master,
        sentinels=parse_sentinels(tuple(options.sentinels)),
        embedded=address.embedded,
    )


def _check_topology(address: RedisAddress, options: RedisOptions) -> None:
    elsewhere = bool(address.hosts or address.socket or address.embedded)
    if bool(options.master) != bool(options.sentinels):
        raise MalformedAddressError("RedisOptions master and sentinels go together")
    if options.master and (elsewhere or options.cluster):
        raise MalformedAddressError("with Sentinels the address is empty, and there is no cluster")
    if not options.master and not elsewhere:
        raise MalformedAddressError("it is empty")
    if options.cluster and not address.hosts:
        raise MalformedAddressError("a cluster needs host:port")
    if len(address.hosts) > 1 and not (address.cluster or options.cluster):
        raise MalformedAddressError("several hosts are a cluster: redis+cluster:// or RedisOptions(cluster=True)")
