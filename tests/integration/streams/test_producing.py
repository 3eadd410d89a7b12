"""What is sent through a Kafka pool, in either shell: it arrives as it was given, or somebody hears why not."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import weakref
from time import monotonic
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.pools.kafka.clients import open_admin, open_consumer, open_producer
from tests.support.kafka_brokers import Kafka, StartKafka
from tests.support.kafka_engines import POOL, OpenEvents
from tests.support.shells import Shell
from tests.support.waiting import wait_until

QUICK = fx.KafkaPoolOptions(delivery_timeout=3.0, produce_timeout=0.2)


@pytest.fixture
def short_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing an engine waits not long for a broker that is not there."""
    monkeypatch.setattr("fluxaorm.pools.kafka.pool.CLOSING_SECONDS", 0.2)


def test_records_arrive_as_they_were_given(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """Key, value, headers, partition and time are the user's; None is no empty text."""
    topic = kafka.topic(partitions=3)
    events = open_events(kafka.bootstrap)
    ctx = shell.context(events)
    given = [
        fx.KafkaRecord(topic, b"key", b"value", {"source": b"api", "empty": b"", "none": None}, 1, timestamp=1000),
        fx.KafkaRecord(topic, key=b"gone", value=None, partition=2),
        fx.KafkaRecord(topic, key=b"", value=b"", partition=2),
    ]

    stored = shell.do(events.kafka(POOL).produce_sync(ctx, *given))

    assert [(1, 0), (2, 0), (2, 1)] == [(each.partition, each.offset) for each in stored]
    assert 1000 == stored[0].timestamp
    assert stored[1].timestamp is not None
    first, *others = kafka.records(topic)
    assert (b"key", b"value", (1, 1000)) == (first.key(), first.value(), first.timestamp())
    assert [("source", b"api"), ("empty", b""), ("none", None)] == first.headers()
    assert [(b"gone", None), (b"", b"")] == [(each.key(), each.value()) for each in others]


def test_a_key_keeps_its_partition_whoever_sends_it(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """Records of one key are in order only there; Kafka's own clients in Java reckon the same."""
    from confluent_kafka import murmur2

    topic = kafka.topic(partitions=7)
    events = open_events(kafka.bootstrap)
    keys = [f"order-{number}".encode() for number in range(20)]

    stored = shell.do(
        events.kafka(POOL).produce_sync(shell.context(events), *(fx.KafkaRecord(topic, key, b"") for key in keys))
    )

    assert [murmur2(key, 7) for key in keys] == [each.partition for each in stored]


def test_callbacks_hear_how_each_record_ended(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """Whoever does not wait is told: of the record as it is stored, or of why it is not; once each."""
    topic = kafka.topic()
    events = open_events(kafka.bootstrap, options=QUICK)
    ctx, pool = shell.context(events), events.kafka(POOL)
    heard: list[tuple[fx.KafkaRecord, fx.KafkaError | None]] = []
    missing = kafka.name("missing")

    def hear(record: fx.KafkaRecord, error: fx.KafkaError | None) -> None:
        heard.append((record, error))

    shell.do(pool.produce(ctx, fx.KafkaRecord(topic, value=b"1"), hear))
    shell.do(pool.produce(ctx, fx.KafkaRecord(missing, value=b"2"), hear))
    turn(shell, lambda: len(heard) == 2)

    outcomes = {record.topic: (record, error) for record, error in heard}
    stored, error = outcomes[topic]
    assert (0, None) == (stored.offset, error)
    refused, error = outcomes[missing]
    assert refused.offset is None
    assert "the topic is not there" in str(error)


def turn(shell: Shell, look: Any) -> None:
    """Wait, letting an event loop go on."""
    wait_until(lambda: (shell.name == "asyncio" and shell.do(asyncio.sleep(0.01))) or look())


def test_a_callback_is_called_where_its_context_lives(
    kafka: Kafka, open_events: OpenEvents, shell: Shell, caplog: pytest.LogCaptureFixture
) -> None:
    """On asyncio it may touch what only the loop's thread may; what it raises is told and harms nobody."""
    events = open_events(kafka.bootstrap)
    ctx, record = shell.context(events), fx.KafkaRecord(kafka.topic(), value=b"")
    threads: list[int] = []

    def fail(_: fx.KafkaRecord, error: fx.KafkaError | None) -> None:
        threads.append(threading.get_ident())
        raise ValueError("the callback's own")

    for _ in range(2):
        shell.do(events.kafka(POOL).produce(ctx, record, fail))
    turn(shell, lambda: len(threads) == 2)

    assert (shell.name == "asyncio") == (threading.get_ident() in threads)
    assert 2 == caplog.text.count("ValueError: the callback's own")


def test_a_failure_nobody_asked_for_is_in_the_log(
    kafka: Kafka, open_events: OpenEvents, shell: Shell, caplog: pytest.LogCaptureFixture
) -> None:
    """A record without a callback must not vanish in silence."""
    events = open_events(kafka.bootstrap, options=QUICK)

    shell.do(events.kafka(POOL).produce(shell.context(events), fx.KafkaRecord(kafka.name("missing"), value=b"")))

    wait_until(lambda: "a record is not stored" in caplog.text)


def test_of_several_the_first_that_failed_is_raised(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """The error says which it was and how many are stored; what follows what cannot be sent is not sent."""
    topic = kafka.topic()
    events = open_events(kafka.bootstrap)
    large = fx.KafkaRecord(topic, value=b"x" * 1_100_000)
    small = fx.KafkaRecord(topic, value=b"small")

    with pytest.raises(fx.KafkaError, match="larger than") as caught:
        shell.do(events.kafka(POOL).produce_sync(shell.context(events), small, large, small))

    assert (1, "MSG_SIZE_TOO_LARGE", POOL) == (caught.value.position, caught.value.code, caught.value.pool)
    assert ["record 1 of 0 to 2; 1 of them are stored"] == caught.value.__notes__
    assert [b"small"] == kafka.values(topic)


def test_a_topic_that_allows_larger_records_is_sent_them(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """What a topic was registered with counts for the client as well."""
    topic = kafka.topic(max_message_bytes="3000000")
    events = open_events(
        kafka.bootstrap, topics=[fx.KafkaTopic(topic, POOL, max_message_bytes=3_000_000)], connect=False
    )

    (stored,) = shell.do(
        events.kafka(POOL).produce_sync(shell.context(events), fx.KafkaRecord(topic, value=b"x" * 2_000_000))
    )

    assert 0 == stored.offset


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: fx.KafkaRecord("t", value="text"), "value: expected bytes or None, got str; encode it"),  # type: ignore[arg-type] # wrong on purpose
        (lambda: fx.KafkaRecord("t", key=1), "key: expected bytes or None, got int"),  # type: ignore[arg-type] # wrong on purpose
        (lambda: fx.KafkaRecord(""), "topic: expected the name of a topic, got str"),
        (lambda: fx.KafkaRecord("t", headers={"a": 1}), r"headers\['a'\]: expected bytes or None, got int"),  # type: ignore[dict-item] # wrong on purpose
        (lambda: fx.KafkaRecord("t", headers=[("a", b"")]), "headers: expected a mapping"),  # type: ignore[arg-type] # wrong on purpose
        (lambda: fx.KafkaRecord("t", partition=-1), "partition: expected an int from 0"),
    ],
)
def test_what_is_no_record_is_refused_where_it_is_made(make: Any, said: str) -> None:
    """The mistake is where the record is made, and not where it is sent."""
    with pytest.raises(fx.KafkaError, match=said):
        make()


def test_what_is_no_record_and_no_callback_is_refused(open_events: OpenEvents, shell: Shell) -> None:
    """Nothing is sent of several records when one of them is none."""
    events = open_events("localhost:1", connect=False)
    ctx, pool, record = shell.context(events), events.kafka(POOL), fx.KafkaRecord("t")

    with pytest.raises(fx.KafkaError, match="expected KafkaRecord, got a str"):
        shell.do(pool.produce_sync(ctx, record, "record"))  # type: ignore[call-overload] # wrong on purpose
    with pytest.raises(fx.KafkaError, match=r"a function of \(record, error\), not an int"):
        shell.do(pool.produce(ctx, record, 1))  # type: ignore[call-overload] # wrong on purpose
    with pytest.raises(fx.ContextMisuseError, match=r"produce_sync\(\) takes a context first"):
        pool.produce_sync(record)  # type: ignore[call-overload] # wrong on purpose
    with pytest.raises(fx.UnknownPoolError, match="no Kafka pool 'other'; known: 'events'"):
        events.kafka("other")


def test_a_full_queue_makes_callers_wait_and_then_says_so(
    short_closing: None, open_events: OpenEvents, shell: Shell
) -> None:
    """An application that is faster than its broker must neither lose records nor grow without limit."""
    options = fx.KafkaPoolOptions(max_buffered_records=2, produce_timeout=0.2, delivery_timeout=1)
    events = open_events("127.0.0.1:1", options=options, connect=False)
    ctx, pool = shell.context(events), events.kafka(POOL)
    for _ in range(2):
        shell.do(pool.produce(ctx, fx.KafkaRecord("t", value=b""), lambda record, error: None))

    with pytest.raises(fx.KafkaBackpressureError, match="2 records wait to be sent") as caught:
        shell.do(pool.produce_sync(ctx, fx.KafkaRecord("t", value=b"")))

    assert isinstance(caught.value, fx.TryAgainError)


def test_whoever_waits_for_room_goes_on_when_there_is_some(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """Back pressure is a wait: more records than fit are stored all, in order."""
    topic = kafka.topic()
    options = fx.KafkaPoolOptions(max_buffered_records=3, produce_timeout=30)
    events = open_events(kafka.bootstrap, options=options)
    records = [fx.KafkaRecord(topic, value=b"%d" % number) for number in range(50)]

    stored = shell.do(events.kafka(POOL).produce_sync(shell.context(events), *records))

    assert [*range(50)] == [each.offset for each in stored]
    assert [each.value for each in records] == kafka.values(topic)


def test_a_context_waits_no_longer_than_its_time(short_closing: None, open_events: OpenEvents, shell: Shell) -> None:
    """A request that has a second does not wait ten for room in a queue."""
    options = fx.KafkaPoolOptions(max_buffered_records=1, produce_timeout=60)
    events = open_events("127.0.0.1:1", options=options, connect=False)
    pool, record = events.kafka(POOL), fx.KafkaRecord("t", value=b"")
    shell.do(pool.produce(shell.context(events), record, lambda record, error: None))
    ctx = events.new_context(timeout=0.3) if shell.name == "sync" else events.new_async_context(timeout=0.3)
    began = monotonic()

    with pytest.raises(fx.DeadlineExceededError):
        shell.do(pool.produce_sync(ctx, record))

    assert monotonic() - began < 30


def test_closing_the_engine_sends_what_waits(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """A script that produces and ends must not lose its last records."""
    topic = kafka.topic()
    events = open_events(kafka.bootstrap, options=fx.KafkaPoolOptions(producer_linger_ms=50_000))
    ctx, pool = shell.context(events), events.kafka(POOL)
    for number in range(10):
        shell.do(pool.produce(ctx, fx.KafkaRecord(topic, value=b"%d" % number)))

    shell.close(events)

    assert [b"%d" % number for number in range(10)] == kafka.values(topic)
    with pytest.raises(fx.ContextClosedError, match="the engine is closed"):
        shell.do(pool.produce(ctx, fx.KafkaRecord(topic)))


def test_closing_the_engine_tells_what_it_could_not_send(
    short_closing: None, open_events: OpenEvents, shell: Shell, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever has a callback hears that the record is lost, and the log says how many are."""
    events = open_events("127.0.0.1:1", connect=False)
    ctx, errors = shell.context(events), list[Any]()
    shell.do(events.kafka(POOL).produce(ctx, fx.KafkaRecord("t"), lambda record, error: errors.append(error)))

    shell.close(events)
    turn(shell, lambda: errors)

    assert "1 record could not be delivered before the engine was closed" in caplog.text
    assert ["the engine was closed before it was sent" in str(error) for error in errors] == [True]


def test_a_forked_child_sends_by_clients_of_its_own(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """Servers that fork their workers must not share, or wait for, what the parent has open."""
    topic = kafka.topic()
    events = open_events(kafka.bootstrap)
    shell.do(events.kafka(POOL).produce_sync(shell.context(events), fx.KafkaRecord(topic, value=b"parent")))

    child = os.fork()
    if not child:
        try:
            with events.new_context() as ctx:
                events.kafka(POOL).produce_sync(ctx, fx.KafkaRecord(topic, value=b"child"))
            os._exit(0)
        finally:
            os._exit(1)

    assert (child, 0) == os.waitpid(child, 0)
    shell.do(events.kafka(POOL).produce_sync(shell.context(events), fx.KafkaRecord(topic, value=b"parent again")))
    assert [b"parent", b"child", b"parent again"] == kafka.values(topic)


def test_a_forked_child_collects_no_clients_of_its_parent(kafka: Kafka) -> None:
    """What the parent dropped before it forked, and had not collected, must not kill the child when that collects."""
    topic = kafka.topic()
    gc.collect()
    gc.disable()
    try:
        dropped = _opened_clients(kafka, topic)
        child = os.fork()
        if not child:
            try:
                # whoever waits for threads that are not there must not wait for ever
                _ = signal.alarm(30)
                gc.collect()
                os._exit(0 if all(each() is not None for each in dropped) else 2)
            finally:
                os._exit(1)
        assert (child, 0) == os.waitpid(child, 0)
    finally:
        gc.enable()
    gc.collect()
    assert [] == [each for each in dropped if each() is not None], "the parent itself has collected them"


def _opened_clients(kafka: Kafka, topic: str) -> list[weakref.ref[object]]:
    """One of each kind, each in a circle that nothing else refers to."""
    settings = {"bootstrap.servers": kafka.bootstrap, "log_level": 0}
    producer, admin = open_producer(POOL, settings), open_admin(POOL, settings)
    consumer = open_consumer(POOL, {**settings, "group.id": topic})
    producer.produce(topic, b"not sent yet")
    consumer.subscribe([topic])
    for client in (producer, admin, consumer):
        circle = list[object]([client])
        circle.append(circle)
    return [weakref.ref(client) for client in (producer, admin, consumer)]


def test_the_query_log_tells_what_was_sent_and_no_value(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """Kafka is in the log as every store is; keys and values may be secrets."""
    topic = kafka.topic()
    events = open_events(kafka.bootstrap, options=QUICK)
    ctx, entries = shell.context(events), list[fx.QueryLogEntry]()
    ctx.register_query_logger(lambda ctx, entry: entries.append(entry), mysql=False, redis=False)
    record = fx.KafkaRecord(topic, b"key", b"secret")

    shell.do(events.kafka(POOL).produce_sync(ctx, record, record))
    with pytest.raises(fx.KafkaError):
        shell.do(events.kafka(POOL).produce_sync(ctx, fx.KafkaRecord(kafka.name("missing"))))

    assert ("kafka", POOL, "PRODUCE", f"PRODUCE {topic}: 2 records, 18 bytes", 2, None) == (
        entries[0].store, entries[0].pool, entries[0].operation, entries[0].query, entries[0].rows, entries[0].error,
    )  # fmt: skip
    assert "the topic is not there" in str(entries[1].error)


def test_metrics_count_what_was_sent(kafka: Kafka, shell: Shell) -> None:
    """A dashboard shows Kafka beside the databases."""
    prometheus_client = pytest.importorskip("prometheus_client")
    prometheus = prometheus_client.CollectorRegistry()
    registry = fx.Registry()
    registry.register_kafka([kafka.bootstrap], POOL)
    registry.enable_metrics(prometheus)
    events = registry.validate()

    shell.do(events.kafka(POOL).produce_sync(shell.context(events), fx.KafkaRecord(kafka.topic())))
    shell.close(events)

    labels = {"operation": "produce", "pool": POOL, "source": "default"}
    assert 1 == prometheus.get_sample_value("fluxaorm_kafka_queries_seconds_count", labels)
    assert prometheus.get_sample_value("fluxaorm_kafka_queries_errors_total", labels) is None


@pytest.mark.fault
@pytest.mark.parametrize("shell", ["sync"], indirect=True)
def test_a_broker_that_comes_back_gets_what_waited(
    private_kafka: StartKafka, open_events: OpenEvents, shell: Shell
) -> None:
    """A restart of the broker is a delay, and no loss and no repetition."""
    own = private_kafka()
    topic = own.topic()
    events = open_events(own.bootstrap)
    ctx, pool, errors = shell.context(events), events.kafka(POOL), list[Any]()
    shell.do(pool.produce_sync(ctx, fx.KafkaRecord(topic, value=b"0")))
    own.brokers[0].kill()
    for number in range(1, 4):
        record = fx.KafkaRecord(topic, value=b"%d" % number)
        shell.do(pool.produce(ctx, record, lambda record, error: errors.append(error)))

    own.brokers[0].start()
    turn(shell, lambda: len(errors) == 3)

    assert [None] * 3 == errors
    assert [b"0", b"1", b"2", b"3"] == own.values(topic)
