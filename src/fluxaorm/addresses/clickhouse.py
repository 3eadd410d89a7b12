"""Addresses of ClickHouse pools. The Python client speaks HTTP; the engine may also run in the process (chdb)."""

from __future__ import annotations

import logging
import re
from typing import Final

from fluxaorm.addresses.parts import (
    Address,
    HostPort,
    MalformedAddressError,
    decoded,
    malformed,
    parse_flag,
    parse_hosts,
    parse_parameters,
    split_credentials,
)
from fluxaorm.options import ClickhouseOptions, TLSOptions, tls_options
from fluxaorm.options.masking import MASK, split_scheme

FORMS: Final = (
    "clickhouse://user:password@host:port/db",
    "http://user:password@host:port/db",
    "https://...",
    "chdb://memory",
    "chdb:///path",
)
HTTP_PORT: Final = 8123
HTTPS_PORT: Final = 8443
_HTTP_OF_NATIVE = {9000: HTTP_PORT, 9440: HTTPS_PORT}
_URL = re.compile(r"(?P<hosts>[^/?]*)(?:/(?P<database>[^?]*))?(?:\?(?P<parameters>.*))?", re.DOTALL)

logger = logging.getLogger("fluxaorm.registry")


class ClickhouseAddress(Address, frozen=True, kw_only=True):
    """Where a ClickHouse is: servers that speak HTTP, or a directory (empty: memory) of chdb in this process."""

    hosts: tuple[HostPort, ...] = ()
    user: str = ""
    password: str = ""
    database: str = "default"
    tls: TLSOptions | None = None
    settings: tuple[tuple[str, str], ...] = ()
    """Settings of each query."""
    chdb: bool = False
    path: str = ""

    def __str__(self) -> str:
        if self.chdb:
            return f"chdb://{self.path or 'memory'}"
        user = f"{self.user}:{MASK}@" if self.password else f"{self.user}@" if self.user else ""
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{user}{','.join(map(str, self.hosts))}/{self.database}"


def parse_clickhouse(pool: str, text: str, options: ClickhouseOptions) -> ClickhouseAddress:
    """The address with the options' TLS in it. Says in one log line when a native port was taken to mean HTTP's.

    Raises ConfigError, naming the pool and the accepted forms, for anything malformed.
    """
    try:
        return _parse(pool, text, options)
    except MalformedAddressError as problem:
        raise malformed("ClickHouse", pool, text, problem, FORMS) from None


def _parse(pool: str, text: str, options: ClickhouseOptions) -> ClickhouseAddress:
    scheme, rest = split_scheme(text)
    match scheme.lower():
        case "chdb":
            return _parse_chdb(rest)
        case "clickhouse" | "clickhouses" | "http" | "https" as known:
            return _parse_url(pool, known, rest, tls_options(options.tls))
        case _:
            raise MalformedAddressError("the scheme before :// is missing or not one of ClickHouse")


def _parse_chdb(rest: str) -> ClickhouseAddress:
    if rest == "memory":
        return ClickhouseAddress(chdb=True)
    if not rest.startswith("/") or len(rest) == 1 or "?" in rest or "\0" in rest:
        raise MalformedAddressError("chdb:// needs 'memory' or the absolute path of a directory")
    return ClickhouseAddress(chdb=True, path=decoded(rest))


def _parse_url(pool: str, scheme: str, rest: str, tls: TLSOptions | None) -> ClickhouseAddress:
    user, password, location = split_credentials(rest)
    match = _URL.fullmatch(location)
    if match is None:
        raise MalformedAddressError("it is of none of the accepted forms")
    settings = parse_parameters(match["parameters"] or "")
    secure = (
        parse_flag("secure", settings.pop("secure", "false")) or scheme in ("https", "clickhouses") or tls is not None
    )
    given = parse_hosts(match["hosts"], HTTPS_PORT if secure else HTTP_PORT)
    secure = secure or (scheme == "clickhouse" and all(host.port == 9440 for host in given))
    return ClickhouseAddress(
        hosts=_http_hosts(pool, given) if scheme.startswith("clickhouse") else given,
        user=user,
        password=password,
        database=decoded(match["database"] or "") or "default",
        tls=(tls or TLSOptions()) if secure else None,
        settings=tuple(sorted(settings.items())),
    )


def _http_hosts(pool: str, hosts: tuple[HostPort, ...]) -> tuple[HostPort, ...]:
    spoken = tuple(HostPort(host.host, _HTTP_OF_NATIVE.get(host.port, host.port)) for host in hosts)
    if spoken != hosts:
        native, http = ",".join(map(str, hosts)), ",".join(map(str, spoken))
        logger.info("ClickHouse pool '%s': the client speaks HTTP, so %s is taken to mean %s", pool, native, http)
    return spoken
