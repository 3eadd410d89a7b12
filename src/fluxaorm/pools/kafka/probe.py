"""Asks a broker who it is, and tells what keeps it from answering: the network, TLS, or the user."""

from __future__ import annotations

from time import monotonic
from typing import Any, Final

from confluent_kafka import KafkaException

from fluxaorm.errors import PoolConnectError
from fluxaorm.pools.kafka.clients import open_producer
from fluxaorm.pools.kafka.settings import Settings

_TRY_SECONDS: Final = 0.5
_FINAL: Final = ("_AUTHENTICATION", "_SSL")
"""What trying again does not change, the clearest first."""
_CLEAREST_FIRST: Final = (*_FINAL, "_RESOLVE", "_TRANSPORT")


def probe(pool: str, address: str, settings: Settings, seconds: float) -> None:
    """PoolConnectError when no broker answers in time."""
    found: dict[str, str] = {}

    def note(error: Any) -> None:
        found.setdefault(error.name(), error.str())

    # what it has to say is told once, in the error
    client = open_producer(pool, {**settings, "error_cb": note, "log_level": 0})
    deadline = monotonic() + seconds
    last = "no broker has answered"
    while monotonic() < deadline:
        try:
            _ = client.list_topics(timeout=_TRY_SECONDS)
        except KafkaException as error:
            last = error.args[0].str()
        else:
            return
        finally:
            _ = client.poll(0)
        if any(code in found for code in _FINAL) or _is_refused(found) or _is_tls_failure(found):
            break
    raise PoolConnectError(pool, address, _cause(found, last, settings))


def _is_refused(found: dict[str, str]) -> bool:
    return "_ALL_BROKERS_DOWN" in found and "refused" in found.get("_TRANSPORT", "")


def _is_tls_failure(found: dict[str, str]) -> bool:
    """A side that does not speak TLS hangs up in the middle of the handshake."""
    return "SSL" in found.get("_TRANSPORT", "")


def _cause(found: dict[str, str], last: str, settings: Settings) -> str:
    code = next((each for each in _CLEAREST_FIRST if each in found), None)
    if code is None:
        return f"no broker answers: {last}"
    said = found[code]
    if code == "_AUTHENTICATION":
        user = settings.get("sasl.username", "")
        return f"the broker refuses the user '{user}' or its password ({settings.get('sasl.mechanisms')}): {said}"
    if code == "_SSL" or _is_tls_failure(found):
        return f"TLS fails: {said}"
    if code == "_RESOLVE":
        return f"the broker's name is not known: {said}"
    return f"no broker can be reached: {said}"
