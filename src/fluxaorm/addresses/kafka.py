"""Addresses of Kafka brokers and of Kafka Connect."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from fluxaorm.addresses.parts import (
    Address,
    HostPort,
    MalformedAddressError,
    malformed,
    parse_host,
    parse_parameters,
    split_credentials,
)
from fluxaorm.errors import ConfigError
from fluxaorm.options.masking import MASK, masked_address, split_scheme

KAFKA_PORT: Final = 9092
CONNECT_PORT: Final = 8083
FORMS: Final = ("a list of host:port",)
CONNECT_FORMS: Final = ("http://host:port", "https://user:password@host:port/path")


class KafkaAddress(Address, frozen=True, kw_only=True):
    """The brokers to ask for all the others."""

    brokers: tuple[HostPort, ...]

    def __str__(self) -> str:
        return ",".join(map(str, self.brokers))


class ConnectAddress(Address, frozen=True, kw_only=True):
    """The REST API of a Kafka Connect worker."""

    scheme: str
    host: HostPort
    path: str = ""
    user: str = ""
    password: str = ""

    @property
    def url(self) -> str:
        """The base URL without user and password."""
        return f"{self.scheme}://{self.host}{self.path}"

    def __str__(self) -> str:
        user = f"{self.user}:{MASK}@" if self.password else f"{self.user}@" if self.user else ""
        return f"{self.scheme}://{user}{self.host}{self.path}"


def parse_kafka(pool: str, brokers: Sequence[str]) -> KafkaAddress:
    """The brokers. Raises ConfigError, naming the pool and the broker, for anything malformed."""
    if isinstance(brokers, str):
        raise ConfigError(f"Kafka pool '{pool}': expected {FORMS[0]}, got one str")
    if not brokers:
        raise ConfigError(f"Kafka pool '{pool}': no broker is given; expected {FORMS[0]}")
    hosts = tuple(_parse_broker(pool, each) for each in brokers)
    if len(set(hosts)) < len(hosts):
        raise ConfigError(f"Kafka pool '{pool}': a broker is given twice")
    return KafkaAddress(brokers=hosts)


def _parse_broker(pool: str, text: str) -> HostPort:
    try:
        return parse_host(text, KAFKA_PORT)
    except MalformedAddressError as problem:
        raise malformed("Kafka", pool, text, problem, FORMS) from None


def parse_connect_url(pool: str, text: str) -> ConnectAddress:
    """Kafka Connect's address. Raises ConfigError, naming the Kafka pool, for anything malformed."""
    try:
        return _parse_connect(text)
    except MalformedAddressError as problem:
        forms = "; ".join(CONNECT_FORMS)
        raise ConfigError(
            f"Debezium of Kafka pool '{pool}': address {masked_address(text)!r}: {problem}; accepted forms: {forms}"
        ) from None


def _parse_connect(text: str) -> ConnectAddress:
    scheme, rest = split_scheme(text)
    if scheme.lower() not in ("http", "https"):
        raise MalformedAddressError("the scheme before :// is neither http nor https")
    user, password, location = split_credentials(rest)
    match = re.fullmatch(r"([^/?#]*)((?:/[^?#]*)?)(?:\?(.*))?", location, re.DOTALL)
    if match is None or parse_parameters(match[3] or ""):
        raise MalformedAddressError("it has parameters or a fragment, which it cannot have")
    host = parse_host(match[1], CONNECT_PORT)
    return ConnectAddress(scheme=scheme.lower(), host=host, path=match[2].rstrip("/"), user=user, password=password)
