"""Makes librdkafka's clients, and keeps a forked child from ever destroying those of its parent.

A client that is destroyed in a child ends threads that are not there, which kills the child. Its garbage collection
would do so with clients that the parent had dropped and not collected yet.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from weakref import WeakSet

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from fluxaorm.errors import ConfigError
from fluxaorm.pools.kafka.settings import Settings

Client = TypeVar("Client", bound=object)

client_log: Final = logging.getLogger("fluxaorm.kafka.client")
"""What librdkafka itself has to say."""


@contextmanager
def taken_settings(pool: str) -> Generator[None, None, None]:
    """A client is set up in the block. ConfigError for settings that librdkafka does not take, as of lost files.

    What it says names settings, and shows no secret.
    """
    try:
        yield
    except KafkaException as error:
        raise ConfigError(
            f"Kafka pool '{pool}': librdkafka does not take its settings: {error.args[0].str()}"
        ) from None


class _Producer(Producer):
    """One that can be referred to weakly."""


class _Consumer(Consumer):
    """One that can be referred to weakly."""


def open_producer(pool: str, settings: Settings) -> Producer:
    """ConfigError for settings that librdkafka does not take."""
    return _opened(pool, lambda: _Producer(settings, logger=client_log))


def open_consumer(pool: str, settings: Settings) -> Consumer:
    """ConfigError for settings that librdkafka does not take."""
    return _opened(pool, lambda: _Consumer(settings, logger=client_log))


def open_admin(pool: str, settings: Settings) -> AdminClient:
    """ConfigError for settings that librdkafka does not take."""
    return _opened(pool, lambda: AdminClient(settings, logger=client_log))


# Held while a process forks, so that a client is either whole and known in the child, or not there.
_opening: Final = threading.Lock()
_alive: Final = WeakSet[Any]()
_inherited: Final = list[object]()


def _opened(pool: str, make: Callable[[], Client]) -> Client:
    with _opening, taken_settings(pool):
        client = make()
        _alive.add(client)
        return client


def _hold() -> None:
    _ = _opening.acquire()
    _inherited.extend(_alive)


def _hold_no_longer() -> None:
    _inherited.clear()
    _opening.release()


def _hold_for_ever() -> None:
    _alive.clear()
    _opening.release()


os.register_at_fork(before=_hold, after_in_parent=_hold_no_longer, after_in_child=_hold_for_ever)
