"""The Kafka that tests share, and brokers of their own which they may kill, stop, restart and cut off.

What it decides: the namespace, and that topics and groups with it in their names are removed afterwards.
What it never does: need confluent-kafka before a test asks for a broker; without it that test is skipped.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import pytest

from devstack.kafka import Broker, KafkaCluster, group
from devstack.proxy import Proxy
from devstack.state import KafkaAddress, StackState
from tests.support.private_servers import private_directory
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from confluent_kafka import Message
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.admin._metadata import TopicMetadata

_PATIENCE = 30.0
# it tells on the standard error what every fault test brings about
_QUIET = {"log_level": "0"}


@dataclass(frozen=True)
class Kafka:
    """A Kafka as one test sees it: give `namespace` to `KafkaPoolOptions`, or take names from `name`.

    `address` has the listeners with SASL and TLS of the shared broker; one's own have them in `Broker.ports`.
    """

    bootstrap: str
    namespace: str
    address: KafkaAddress | None = None

    @cached_property
    def admin(self) -> AdminClient:
        """A client past the code under test."""
        from confluent_kafka.admin import AdminClient

        return AdminClient({"bootstrap.servers": self.bootstrap, "socket.timeout.ms": 2000, **_QUIET})

    def name(self, word: str) -> str:
        """A name for a topic or a group that no other test has."""
        return f"{self.namespace}-{word}"

    def topic(self, word: str = "topic", partitions: int = 1, **config: str) -> str:
        """Makes a topic and returns its name; `retention_ms="1000"` sets `retention.ms`."""
        from confluent_kafka.cimpl import NewTopic

        name = self.name(word)
        settings = {key.replace("_", "."): value for key, value in config.items()}
        topic = NewTopic(name, num_partitions=partitions, config=settings)
        self.admin.create_topics([topic], operation_timeout=_PATIENCE)[name].result(_PATIENCE)
        return name

    def topics(self) -> list[str]:
        """This test's topics."""
        return sorted(name for name in self.all_topics() if self.namespace in name)

    def all_topics(self) -> dict[str, TopicMetadata]:
        """All topics, Kafka's own among them, with their partitions' leaders and replicas."""
        from confluent_kafka import KafkaException

        def ask() -> dict[str, TopicMetadata] | None:
            try:
                return self.admin.list_topics(timeout=2).topics
            except KafkaException:
                # it asked a broker that is silent; that connection is given up, and the next one may be to another
                return None

        topics = wait_until(ask, "a broker that tells its topics")
        assert topics is not None
        return topics

    def drop(self, *topics: str) -> None:
        """Removes topics, and waits until nobody is told of them any more."""
        for job in self.admin.delete_topics([*topics], operation_timeout=_PATIENCE).values():
            job.result(_PATIENCE)
        wait_until(lambda: not {*topics} & {*self.all_topics()}, "topics to be gone")

    def send(self, topic: str, *values: bytes | None, key: bytes | None = None, partition: int = -1) -> None:
        """Produces records, past the code under test; all are acknowledged when this returns."""
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0, **_QUIET})
        errors: list[object] = []
        for value in values:
            producer.produce(topic, value, key, partition, on_delivery=lambda error, _: errors.append(error))
        assert 0 == producer.flush(_PATIENCE)
        assert [None] * len(values) == errors

    def records(self, topic: str) -> list[Message]:
        """All that a topic has, each partition in its order; of transactions, what was committed.

        Those that are open, as when a commit is answered and not in the partition yet, are waited for.
        """
        from confluent_kafka import Consumer, KafkaError, TopicPartition

        group = {"group.id": self.name("reader"), "enable.auto.commit": False, "enable.partition.eof": True}
        group["fetch.wait.max.ms"] = 10
        ends = self.ends(topic)
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "auto.offset.reset": "error", **group, **_QUIET})
        partitions = self.partitions(topic)
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        found: list[Message] = []
        unread = set(partitions)
        try:
            while unread:
                message = consumer.poll(_PATIENCE)
                assert message is not None, f"{topic} does not answer"
                error = message.error()
                if error is None:
                    found.append(message)
                else:
                    assert KafkaError._PARTITION_EOF == error.code(), error
                    if (message.offset() or 0) >= ends[message.partition() or 0]:
                        unread.discard(message.partition())
        finally:
            consumer.close()
        return sorted(found, key=lambda message: (message.partition() or 0, message.offset() or 0))

    def ends(self, topic: str) -> dict[int, int]:
        """The ends of its partitions, behind transactions that are open as well."""
        from confluent_kafka import Consumer, TopicPartition

        group = {"group.id": self.name("ends"), "isolation.level": "read_uncommitted"}
        consumer = Consumer({"bootstrap.servers": self.bootstrap, **group, **_QUIET})
        try:
            places = [TopicPartition(topic, number) for number in self.partitions(topic)]
            return {each.partition: consumer.get_watermark_offsets(each, _PATIENCE)[1] for each in places}
        finally:
            consumer.close()

    def values(self, topic: str) -> list[bytes | None]:
        """The values of the same."""
        return [message.value() for message in self.records(topic)]

    def partitions(self, topic: str) -> list[int]:
        """The numbers of a topic's partitions."""
        return sorted(self.all_topics()[topic].partitions)

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """Where a group goes on in each partition for which it has said so."""
        from confluent_kafka import ConsumerGroupTopicPartitions

        asked = [ConsumerGroupTopicPartitions(group)]
        [job] = self.admin.list_consumer_group_offsets(asked, request_timeout=_PATIENCE).values()
        told = job.result(_PATIENCE).topic_partitions or []
        return {each.partition: each.offset for each in told if each.topic == topic and each.offset >= 0}

    def clean(self) -> None:
        """Removes this test's topics and groups; a group that still has members stays."""
        topics = self.topics()
        if topics:
            self.drop(*topics)
        listed = self.admin.list_consumer_groups(request_timeout=_PATIENCE).result(_PATIENCE).valid
        groups = [group.group_id for group in listed if self.namespace in group.group_id]
        for job in self.admin.delete_consumer_groups(groups).values() if groups else ():
            job.exception(_PATIENCE)


@dataclass(frozen=True, kw_only=True)
class OwnKafka(Kafka):
    """Brokers of one test: `brokers[0].kill()`, `.pause()`, `.resume()`, `.start()`; data and ports stay.

    `proxies` has one before each broker when they were asked for: clients know no other way to it, brokers do.
    """

    cluster: KafkaCluster
    proxies: tuple[Proxy, ...] = ()

    @property
    def brokers(self) -> tuple[Broker, ...]:
        """One, or three."""
        return self.cluster.brokers

    def leader(self, topic: str, partition: int = 0) -> int:
        """Which of `brokers` leads a partition; -1 while none does."""
        led = self.all_topics()[topic].partitions[partition].leader
        return led - 1 if led > 0 else -1

    def in_sync(self, topic: str, partition: int = 0) -> set[int]:
        """Which of `brokers` have all that is acknowledged in a partition."""
        told = self.all_topics()[topic].partitions[partition]
        return {number - 1 for number in told.isrs}


class StartKafka(Protocol):
    """`start(3)` gives three brokers that replicate; `start(1, "message.max.bytes=2000", proxied=True)`."""

    def __call__(self, size: int = ..., *options: str, proxied: bool = ...) -> OwnKafka: ...


@pytest.fixture
def kafka(kafka_client: None, stack: StackState) -> Iterator[Kafka]:
    """The shared broker, which makes no topic by itself; a test that kills asks for `private_kafka` instead."""
    address = stack.kafka
    if address is None:
        pytest.skip("this stack was started without kafka")
    seen = Kafka(f"{address.host}:{address.port}", new_namespace(), address)
    yield seen
    seen.clean()


@pytest.fixture
def private_kafka(kafka_client: None, pytestconfig: pytest.Config) -> Iterator[StartKafka]:
    """Starts brokers for this test alone, one or three; `options` are lines of their `server.properties`.

    Of three brokers, two must have what is acknowledged (`min.insync.replicas=2`), of all topics, Kafka's own too.
    """
    directory = private_directory(pytestconfig)
    started: list[OwnKafka] = []
    with ExitStack() as closing:

        def start(size: int = 1, *options: str, proxied: bool = False) -> OwnKafka:
            # what they forward to is known when the brokers are
            proxies = [closing.enter_context(Proxy(("127.0.0.1", 1))) for _ in range(size if proxied else 0)]
            prefix = f"kafka-{uuid.uuid4().hex[:8]}"
            cluster = group(directory, size, prefix, options, [proxy.port for proxy in proxies])
            for proxy, broker in zip(proxies, cluster.brokers, strict=False):
                proxy.target = broker.host, broker.port
            own = OwnKafka(
                bootstrap=cluster.bootstrap, namespace=new_namespace(), cluster=cluster, proxies=tuple(proxies)
            )
            started.append(own)
            return own

        yield start

        for broker in [broker for own in started for broker in own.brokers]:
            broker.kill()
            shutil.rmtree(broker.data, ignore_errors=True)


def new_namespace() -> str:
    """One that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def kafka_client() -> None:
    """Leaves a test out where confluent-kafka cannot be had; those that ask for a broker need not ask for this."""
    pytest.importorskip("confluent_kafka", reason="there is no confluent-kafka for this Python")
