"""Kafka answers on each of its listeners, and brokers of a test's own can be killed, stopped and cut off."""

from __future__ import annotations

import pytest

from devstack.state import KafkaAddress
from tests.support.kafka_brokers import Kafka, OwnKafka, StartKafka
from tests.support.waiting import wait_until

confluent_kafka = pytest.importorskip("confluent_kafka", reason="there is no confluent-kafka for this Python")

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
LISTENERS = [("tls", None), *((kind, mechanism) for kind in ("sasl", "sasl_tls") for mechanism in MECHANISMS)]


def settings(address: KafkaAddress, kind: str, mechanism: str | None) -> dict[str, str]:
    """What a client of one of the listeners needs."""
    port = {"sasl": address.sasl_port, "tls": address.tls_port, "sasl_tls": address.sasl_tls_port}[kind]
    protocol = {"sasl": "SASL_PLAINTEXT", "tls": "SSL", "sasl_tls": "SASL_SSL"}[kind]
    given = {"bootstrap.servers": f"{address.host}:{port}", "security.protocol": protocol, "log_level": "0"}
    if "tls" in kind:
        given["ssl.ca.location"] = address.authority
    if mechanism is not None:
        given |= {"sasl.mechanism": mechanism, "sasl.username": address.user, "sasl.password": address.password}
    return given


def send(settings: dict[str, str], topic: str, value: bytes, seconds: float = 30) -> str | None:
    """The name of the error that one record got, None when it was acknowledged."""
    errors: list[str | None] = []
    given = {**settings, "message.timeout.ms": int(seconds * 1000)}
    producer = confluent_kafka.Producer(given)
    producer.produce(topic, value, on_delivery=lambda error, _: errors.append(error and error.name()))
    producer.flush(seconds + 30)
    [error] = errors
    return error


@pytest.mark.parametrize(("kind", "mechanism"), LISTENERS)
def test_clients_come_in_by_every_door(kafka: Kafka, kind: str, mechanism: str | None) -> None:
    """What is said of SASL and TLS is tested on a broker that asks for them."""
    assert kafka.address is not None
    topic = kafka.topic()

    error = send(settings(kafka.address, kind, mechanism), topic, b"value")

    assert error is None
    assert [b"value"] == kafka.values(topic)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_wrong_password_is_refused(kafka: Kafka, mechanism: str) -> None:
    """A listener that lets everybody in would prove nothing."""
    assert kafka.address is not None
    told: list[str] = []
    wrong = {**settings(kafka.address, "sasl", mechanism), "sasl.password": "wrong"}
    client = confluent_kafka.Producer({**wrong, "error_cb": lambda error: told.append(error.name())})

    wait_until(lambda: client.poll(0.05) or told, "the refusal")

    assert "_AUTHENTICATION" in told
    client.purge()


def test_a_test_has_names_of_its_own_and_leaves_nothing(kafka: Kafka) -> None:
    """Tests share the broker; what one leaves would be another's surprise."""
    topic = kafka.topic("orders", partitions=2, retention_ms="60000")
    kafka.send(topic, b"0", b"1", key=b"k", partition=0)
    kafka.send(topic, None, partition=1)
    group = kafka.name("group")
    commit(kafka, group, topic, 1, 1)

    seen = [(message.partition(), message.key(), message.value()) for message in kafka.records(topic)]

    assert [(0, b"k", b"0"), (0, b"k", b"1"), (1, None, None)] == seen
    assert {1: 1} == kafka.committed(group, topic)
    kafka.clean()
    assert [] == kafka.topics()
    groups = kafka.admin.list_consumer_groups().result(30).valid
    assert group not in {each.group_id for each in groups}


def test_the_broker_makes_no_topic_by_itself(kafka: Kafka) -> None:
    """A misspelt topic must be an error, not a topic."""
    server = {"bootstrap.servers": kafka.bootstrap, "log_level": "0"}

    error = send(server, kafka.name("misspelt"), b"value", seconds=2)

    assert error in {"_UNKNOWN_TOPIC", "UNKNOWN_TOPIC_OR_PART", "_MSG_TIMED_OUT"}
    assert [] == kafka.topics()


@pytest.mark.fault
def test_a_broker_keeps_what_it_acknowledged_over_kill_9(private_kafka: StartKafka) -> None:
    """The crash tests need a broker that is durable against the death of its process."""
    own = private_kafka(1, "message.max.bytes=2000")
    topic = own.topic()
    own.send(topic, b"acknowledged")
    [broker] = own.brokers
    pid = broker.pid

    broker.kill()
    assert not broker.running
    broker.start()

    assert broker.pid != pid
    assert [b"acknowledged"] == own.values(topic)
    assert "MSG_SIZE_TOO_LARGE" == send({"bootstrap.servers": own.bootstrap}, topic, bytes(3000))


@pytest.mark.fault
def test_three_brokers_live_through_the_death_and_the_silence_of_one(private_kafka: StartKafka) -> None:
    """What two of three have is there while one is dead, or stopped, and it catches up when it is back."""
    own = private_kafka(3)
    topic = own.topic()
    own.send(topic, b"by three")
    wait_until(lambda: own.in_sync(topic) == {0, 1, 2}, "all replicas")

    first = own.leader(topic)
    own.brokers[first].kill()
    wait_until(lambda: own.leader(topic) not in {-1, first}, "another leader")
    own.send(topic, b"while one is dead")
    own.brokers[first].start()
    wait_until(lambda: own.in_sync(topic) == {0, 1, 2}, "the dead one to catch up")

    second = own.leader(topic)
    own.brokers[second].pause()
    wait_until(lambda: own.leader(topic) not in {-1, second}, "a third leader")
    own.send(topic, b"while one is silent")
    own.brokers[second].resume()
    wait_until(lambda: own.in_sync(topic) == {0, 1, 2}, "the silent one to catch up")

    assert [b"by three", b"while one is dead", b"while one is silent"] == own.values(topic)
    assert internal_replicas(own) == {"__consumer_offsets": 3, "__transaction_state": 3}


@pytest.mark.fault
def test_a_broker_can_be_cut_off_from_its_clients(private_kafka: StartKafka) -> None:
    """A network that fails is not a broker that fails: it lives, and nobody reaches it."""
    own = private_kafka(1, proxied=True)
    topic = own.topic()
    server = {"bootstrap.servers": own.bootstrap, "log_level": "0"}

    own.proxies[0].refuse()
    error = send(server, topic, b"cut off", seconds=1)
    own.proxies[0].accept()
    own.send(topic, b"reached")

    assert "_MSG_TIMED_OUT" == error
    assert own.brokers[0].running
    assert [b"reached"] == own.values(topic)


def commit(kafka: Kafka, group: str, topic: str, partition: int, offset: int) -> None:
    """A group says where it goes on."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group})
    consumer.commit(offsets=[confluent_kafka.TopicPartition(topic, partition, offset)], asynchronous=False)
    consumer.close()


def internal_replicas(own: OwnKafka) -> dict[str, int]:
    """How many copies there are of what Kafka keeps for itself."""
    topics = own.all_topics()
    return {name: len(topics[name].partitions[0].replicas) for name in topics if name.startswith("__")}
