"""What all option objects of the Registry are: frozen structs that check their own types and ranges.

A count or lifetime that is 0 means the default given in its docstring, as in the original. No ``repr`` shows a
password. What needs other registrations to be judged (unknown pools, missing counterparts) is left to ``validate()``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta

from fluxaorm.errors import ConfigError
from fluxaorm.options.masked_struct import MaskedStruct
from fluxaorm.options.shapes import problems_of

Count: TypeAlias = Annotated[int, Meta(ge=0)]
Seconds: TypeAlias = Annotated[float, Meta(ge=0)]
Positive: TypeAlias = Annotated[int, Meta(ge=1)]


class Options(MaskedStruct, frozen=True, kw_only=True):
    """Base of all option objects; raises ConfigError for a value of a wrong type or out of range."""

    def __post_init__(self) -> None:
        problems = problems_of(self)
        if problems:
            raise ConfigError("; ".join(problems))


class TLSOptions(Options, frozen=True, kw_only=True):
    """How a connection is encrypted. The server's certificate is checked unless ``verify=False``."""

    verify: bool = True
    """False: any certificate of any host is accepted."""
    check_hostname: bool = True
    ca_file: str = ""
    """PEM file of the authorities to trust; empty: the system's."""
    cert_file: str = ""
    """PEM file of the client's certificate, for servers that ask for one."""
    key_file: str = ""


TLS: TypeAlias = bool | TLSOptions
"""``True`` means ``TLSOptions()``: encrypted and checked."""


def tls_options(choice: bool | TLSOptions) -> TLSOptions | None:
    """The TLS options that a ``tls=`` value stands for; None: not encrypted."""
    if isinstance(choice, TLSOptions):
        return choice
    return TLSOptions() if choice else None


def with_overrides(options: Any, overrides: Mapping[str, Any]) -> Any:
    """``options`` with ``overrides`` in the fields that the user left at their defaults."""
    defaults = {field.name: field.default for field in msgspec.structs.fields(options)}
    given = {name: value for name, value in overrides.items() if getattr(options, name) == defaults[name]}
    return msgspec.structs.replace(options, **given) if given else options
