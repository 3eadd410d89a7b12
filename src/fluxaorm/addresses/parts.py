"""What addresses are made of: hosts and ports, credentials, parameters; and the error for a malformed one.

Reasons never quote what might be a password: text before the last ``@``, or in the place of a port.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import msgspec

from fluxaorm.errors import ConfigError
from fluxaorm.options.masking import masked_address

_HOST = re.compile(r"[\w.-]+")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]+(?:%[\w.-]+)?")
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ms|us|ns|h|m|s))+", re.ASCII)
_DURATION_PART = re.compile(r"([0-9.]+)(ms|us|ns|h|m|s)", re.ASCII)
_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


class MalformedAddressError(ValueError):
    """Why an address is malformed; becomes a ConfigError that names the pool."""


class HostPort(msgspec.Struct, frozen=True):
    """A host (name or IP, IPv6 without brackets) and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Base of parsed addresses; ``str`` and ``repr`` show no password."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("address", str(self))]


def malformed(kind: str, pool: str, text: str, reason: object, forms: Sequence[str]) -> ConfigError:
    """The error of a malformed address: pool, address (masked), what is wrong, the accepted forms."""
    accepted = "; ".join(forms)
    return ConfigError(f"{kind} pool '{pool}': address {masked_address(text)!r}: {reason}; accepted forms: {accepted}")


def parse_hosts(text: str, default_port: int, *, default_host: str = "") -> tuple[HostPort, ...]:
    """``"db1:3306,db2"`` -> its hosts. Raises MalformedAddressError."""
    hosts = tuple(parse_host(part.strip(), default_port, default_host=default_host) for part in text.split(","))
    if len(set(hosts)) < len(hosts):
        raise MalformedAddressError("a host is given twice")
    return hosts


def parse_host(text: str, default_port: int, *, default_host: str = "") -> HostPort:
    """``host``, ``host:port``, ``[ipv6]:port``; ``:port`` where there is a default host. MalformedAddressError."""
    host, port = _split_port(text)
    if not host:
        if not default_host:
            raise MalformedAddressError("the host is missing")
        host = default_host
    return HostPort(host, default_port if port is None else _parse_port(port))


def _split_port(text: str) -> tuple[str, str | None]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not _IPV6.fullmatch(host) or (rest and not rest.startswith(":")):
            raise MalformedAddressError("the IPv6 address in brackets is malformed")
        return host, rest[1:] if rest else None
    host, colon, port = text.partition(":")
    if host and not _HOST.fullmatch(host):
        raise MalformedAddressError("the host holds a character that no host name has")
    return host, port if colon else None


def _parse_port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or not 1 <= int(text) <= 65535:
        raise MalformedAddressError("the port is not a number from 1 to 65535")
    return int(text)


def split_credentials(text: str) -> tuple[str, str, str]:
    """``user:password@rest`` -> user, password, rest; the last ``@`` ends the password, percent-codes are decoded."""
    credentials, at, rest = text.rpartition("@")
    if not at:
        return "", "", text
    user, _, password = credentials.partition(":")
    return decoded(user), decoded(password), rest


def decoded(text: str) -> str:
    """``text`` with its percent-codes decoded. Raises MalformedAddressError."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise MalformedAddressError("a percent-code is not UTF-8") from None


def parse_parameters(text: str) -> dict[str, str]:
    """``a=1&b=2`` -> a dict; percent-codes are decoded, ``+`` is itself.

    Raises MalformedAddressError for a parameter without a value or given twice.
    """
    parameters: dict[str, str] = {}
    for part in filter(None, text.split("&")):
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise MalformedAddressError("a parameter is not of the form name=value")
        if name in parameters:
            raise MalformedAddressError(f"the parameter '{name}' is given twice")
        parameters[name] = decoded(value)
    return parameters


def parse_duration(name: str, text: str) -> float:
    """Seconds of ``"5s"``, ``"1m30s"``, ``"500ms"`` or ``"2.5"`` (seconds). Raises MalformedAddressError."""
    if _DURATION.fullmatch(text):
        return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _DURATION_PART.findall(text))
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text, re.ASCII):
        return float(text)
    raise MalformedAddressError(f"the parameter '{name}' is not a duration such as 5s, 500ms or 2.5")


def parse_flag(name: str, text: str) -> bool:
    """``true``, ``false``, ``1``, ``0``. Raises MalformedAddressError."""
    if text.lower() not in ("true", "false", "1", "0"):
        raise MalformedAddressError(f"the parameter '{name}' is neither true nor false")
    return text.lower() in ("true", "1")
