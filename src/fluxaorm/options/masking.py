"""Hides passwords in addresses of any form, well-formed or not.

Errs on the side of hiding: text that might be a password because something is missing around it is hidden too.
"""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "***"
SCHEMES: Final = frozenset(
    {"mysql", "mariadb", "sqlite", "redis", "rediss", "redis+cluster", "rediss+cluster", "unix", "embedded"}
    | {"clickhouse", "clickhouses", "http", "https", "chdb"}
)

_SCHEME = re.compile(r"([a-z][a-z0-9+]*)://", re.IGNORECASE)
_SECRET_PARAMETER = re.compile(r"((?:^|[?&;])[^?&;=@]*(?:pass|pwd|secret|token)[^?&;=]*=)[^&;]*", re.IGNORECASE)
_AFTER_COLON = re.compile(r":(?!//)([^:/,()?\s\[\]]+)")


def masked_address(text: str, limit: int = 200) -> str:
    """``text`` without the password it may hold, cut to ``limit`` characters."""
    scheme, body = split_scheme(text)
    if scheme.lower() not in SCHEMES:
        scheme, body = "", text
    masked = _SECRET_PARAMETER.sub(rf"\1{MASK}", _without_password(body))
    shown = f"{scheme}://{masked}" if scheme else masked
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."


def split_scheme(text: str) -> tuple[str, str]:
    """``"mysql://rest"`` -> ``("mysql", "rest")``; the scheme is empty when there is none."""
    match = _SCHEME.match(text)
    return (match[1], text[match.end() :]) if match else ("", text)


def _without_password(body: str) -> str:
    at = body.rfind("@")
    if at < 0:
        return _AFTER_COLON.sub(lambda found: found[0] if _is_number(found[1]) else f":{MASK}", body)
    user, colon, _ = body[:at].partition(":")
    return f"{user}:{MASK}{body[at:]}" if colon else body


def _is_number(text: str) -> bool:
    """Whether this can be a port or a database."""
    return text == "memory" or (text.isascii() and text.isdigit() and len(text) <= 5)
