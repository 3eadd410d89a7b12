"""Engines with one Kafka pool, "events", used by either shell, and what tests ask of them again and again.

What it decides: that engines are closed at the end of the test, and that a group's block is entered in either shell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import pytest

import fluxaorm as fx
from tests.support.shells import Shell
from tests.support.waiting import wait_until

POOL = "events"


class OpenEvents(Protocol):
    """`open_events(kafka.bootstrap, groups=[...], options=...)` gives an engine; ``connect=False``: asks no broker."""

    def __call__(
        self,
        bootstrap: str,
        *groups: fx.KafkaConsumerGroup,
        options: fx.KafkaPoolOptions | None = None,
        topics: Sequence[fx.KafkaTopic] = (),
        connect: bool = True,
    ) -> fx.Engine: ...


@pytest.fixture
def open_events(kafka_client: None, shell: Shell) -> Iterator[OpenEvents]:
    """Makes engines whose Kafka pool is called ``events``."""
    opened: list[fx.Engine] = []

    def make(
        bootstrap: str,
        *groups: fx.KafkaConsumerGroup,
        options: fx.KafkaPoolOptions | None = None,
        topics: Sequence[fx.KafkaTopic] = (),
        connect: bool = True,
    ) -> fx.Engine:
        registry = fx.Registry()
        registry.register_kafka(bootstrap.split(","), POOL, options)
        for group in groups:
            registry.register_kafka_consumer_group(group)
        for topic in topics:
            registry.register_kafka_topic(topic)
        opened.append(engine := registry.validate(connect=connect))
        return engine

    yield make

    for engine in opened:
        shell.close(engine)


@contextmanager
def member_of(shell: Shell, engine: fx.Engine, group: str) -> Iterator[Any]:
    """A member of a group, in its block, in either shell."""
    block: Any = engine.kafka(POOL).consumer_group(group)
    entered = block.__enter__() if shell.name == "sync" else shell.do(block.__aenter__())
    try:
        yield entered
    except BaseException as error:
        _leave(shell, block, type(error), error)
        raise
    else:
        _leave(shell, block, None, None)


def _leave(shell: Shell, block: Any, kind: Any, error: Any) -> None:
    if shell.name == "sync":
        block.__exit__(kind, error, None)
    else:
        shell.do(block.__aexit__(kind, error, None))


def poll_until(shell: Shell, ctx: Any, member: Any, count: int) -> list[fx.KafkaRecord]:
    """Polls until it has so many records."""
    found: list[fx.KafkaRecord] = []

    def look() -> bool:
        found.extend(shell.do(member.poll_fetches(ctx, timeout=0.2)))
        return len(found) >= count

    wait_until(look, f"{count} records")
    return found
