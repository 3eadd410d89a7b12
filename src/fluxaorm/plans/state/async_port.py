"""What readers and writers of rows need to know of asynchronous flushes where they are registered. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fluxaorm.plans.effects import Plan


class AsyncFlushPort(Protocol):
    """One an engine; ``EnginePort.async_flush``."""

    @property
    def topic(self) -> str:
        """The topic that the flushes are published to."""
        ...

    @property
    def pending_timeout(self) -> float:
        """Seconds that a synchronous write waits for what was published before it."""
        ...

    @property
    def marked(self) -> set[tuple[str, str, bytes]]:
        """(Redis pool, what its mark keys begin with, server) of the servers that are known to have their mark."""
        ...

    def topic_id_plan(self) -> Plan[str]:
        """The id of the topic, a row of the offsets table for each partition; asked of the brokers once."""
        ...

    def high_watermarks_plan(self) -> Plan[Mapping[int, int]]:
        """Partition -> the offset after the last record there now; {} while there is no topic. KafkaError."""
        ...
