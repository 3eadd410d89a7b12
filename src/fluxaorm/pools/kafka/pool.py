"""A registered Kafka pool: its producer, the members of its consumer groups, and whether its brokers answer.

Imports the driver when it is first used.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from fluxaorm.errors import ContextClosedError
from fluxaorm.pools.base.ports import PoolStats
from fluxaorm.pools.kafka.driver import require_driver
from fluxaorm.pools.kafka.settings import (
    Settings,
    check_files,
    client_settings,
    consumer_settings,
    flush_member_settings,
    masked_settings,
    producer_settings,
    publisher_settings,
)

if TYPE_CHECKING:
    from fluxaorm.addresses import KafkaAddress
    from fluxaorm.options import KafkaConsumerGroup, KafkaPoolOptions
    from fluxaorm.pools.kafka.flush_member import FlushMember
    from fluxaorm.pools.kafka.member import KafkaMember
    from fluxaorm.pools.kafka.producer import PoolProducer
    from fluxaorm.pools.kafka.publishing import Publisher

CONNECT_SECONDS: Final = 10.0
"""How long ``connect`` waits for a broker."""
CLOSING_SECONDS: Final = 5.0
"""How long ``close`` waits for records to be stored."""


class KafkaPool:
    """Opens nothing before it is asked to. Safe for threads and loops.

    ``largest_record``: bytes that a record may have, 0: librdkafka's default of one million.
    """

    def __init__(self, code: str, address: KafkaAddress, options: KafkaPoolOptions, largest_record: int = 0) -> None:
        self.code = code
        self.options = options
        self._address = address
        self._largest_record = largest_record
        self._closed = False
        self._making = threading.Lock()
        self._producer: PoolProducer | None = None
        self._publisher: Publisher | None = None
        self._members: WeakSet[KafkaMember | FlushMember] = WeakSet()

    def __repr__(self) -> str:
        return f"<KafkaPool '{self.code}' {self.address}>"

    @property
    def address(self) -> str:
        """The brokers as they were given, parted by commas."""
        return str(self._address)

    @property
    def brokers(self) -> tuple[str, ...]:
        """The same, each by itself."""
        return tuple(map(str, self._address.brokers))

    @property
    def settings(self) -> dict[str, Any]:
        """What librdkafka is told of the pool, by its names; secrets hidden."""
        return masked_settings(self.client_settings())

    def client_settings(self) -> Settings:
        """The same with the password, for whoever makes a client."""
        return client_settings(self._address, self.options)

    def connect(self) -> None:
        """Ask a broker who it is. PoolConnectError, MissingExtraError, ConfigError for a file that cannot be read."""
        _ = self.driver()
        from fluxaorm.pools.kafka.probe import probe

        probe(self.code, self.address, self.client_settings(), CONNECT_SECONDS)

    def driver(self) -> Any:
        """confluent-kafka. MissingExtraError, ConfigError for a file that cannot be read."""
        check_files(self.code, self.options)
        return require_driver(self.code)

    @property
    def producer(self) -> PoolProducer:
        """The pool's producer, opened on first use. ContextClosedError, MissingExtraError."""
        producer = self._producer
        if producer is not None:
            return producer
        with self._making:
            if self._producer is None:
                self.refuse_closed()
                _ = self.driver()
                from fluxaorm.pools.kafka.producer import PoolProducer

                settings = producer_settings(self.options, self._largest_record)
                self._producer = PoolProducer(self.code, {**self.client_settings(), **settings})
            return self._producer

    @property
    def publisher(self) -> Publisher:
        """What stores records whole or not at all, opened on first use. ContextClosedError, MissingExtraError."""
        publisher = self._publisher
        if publisher is not None:
            return publisher
        with self._making:
            if self._publisher is None:
                self.refuse_closed()
                _ = self.driver()
                self._publisher = self._made_publisher()
            return self._publisher

    def _made_publisher(self) -> Publisher:
        from fluxaorm.pools.kafka.producer import PoolProducer
        from fluxaorm.pools.kafka.publishing import Publisher
        from fluxaorm.pools.kafka.transactions import TRANSACTION_SECONDS

        settings = {**self.client_settings(), **publisher_settings(self._largest_record, TRANSACTION_SECONDS)}
        return Publisher(self.code, lambda: PoolProducer(self.code, settings), settings, self.options.produce_timeout)

    def member(self, group: KafkaConsumerGroup) -> KafkaMember:
        """A new member of a consumer group, which has asked for its partitions. ContextClosedError."""
        self.refuse_closed()
        _ = self.driver()
        from fluxaorm.pools.kafka.member import KafkaMember

        member = KafkaMember(self.code, group, {**self.client_settings(), **consumer_settings(group)})
        self._members.add(member)
        return member

    def flush_member(self, group: str, topic: str, session_timeout_ms: int = 0) -> FlushMember:
        """A new member of the group that applies async flushes. ContextClosedError."""
        self.refuse_closed()
        _ = self.driver()
        from fluxaorm.pools.kafka.flush_member import FlushMember

        settings = {**self.client_settings(), **flush_member_settings(group, session_timeout_ms)}
        member = FlushMember(self.code, topic, settings)
        self._members.add(member)
        return member

    def refuse_closed(self) -> None:
        """ContextClosedError when the pool is closed."""
        if self._closed:
            raise ContextClosedError("the engine is closed; make another with registry.validate()")

    def stats(self) -> PoolStats:
        """Clients that are open, each of which has connections of its own."""
        clients = int(self._producer is not None and not self._closed) + sum(not each.left for each in self._members)
        return PoolStats(open=clients, idle=0, waiting=0)

    def flush(self, deadline: float) -> None:
        """Wait until then, in monotonic seconds, for what waits to be sent."""
        if self._producer is not None:
            _ = self._producer.flush(deadline - monotonic())

    def close(self) -> None:
        """Send what waits, leave all groups. What could not be delivered within seconds is told in the log."""
        self._closed = True
        with ExitStack() as last_first:
            for member in list(self._members):
                _ = last_first.callback(member.leave)
            for each in (self._producer, self._publisher):
                if each is not None:
                    _ = last_first.callback(each.close, CLOSING_SECONDS)

    async def aclose(self) -> None:
        """The same beside the running loop."""
        await asyncio.to_thread(self.close)

    def reset_after_fork(self) -> None:
        """In a child process: forget the parent's clients without touching them."""
        self._making = threading.Lock()
        for each in (self._producer, self._publisher, *self._members):
            if each is not None:
                each.abandon()
        self._producer = self._publisher = None
        self._members = WeakSet()
