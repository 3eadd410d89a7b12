"""Publishing whole or not at all, in either shell: what is stored, what certainly is not, and what nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.streams.effects import PublishRecords
from fluxaorm.runtime.sync_or_async import run_plan
from tests.support.kafka_brokers import Kafka, StartKafka
from tests.support.kafka_engines import POOL, OpenEvents
from tests.support.shells import Shell
from tests.support.waiting import wait_until


def publish_plan(records: Sequence[fx.KafkaRecord]) -> Plan[Any]:
    try:
        return (yield from PublishRecords(POOL, records, "token"))
    except fx.FluxaError as error:
        return error


def publish(shell: Shell, ctx: Any, *records: fx.KafkaRecord) -> Any:
    """Places, or the error."""
    return shell.do(run_plan(ctx, publish_plan(records)))


def test_one_record_is_stored_where_it_says(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """Whoever confirms a publish needs its partition and offset."""
    topic = kafka.topic(partitions=2)
    ctx = shell.context(open_events(kafka.bootstrap))

    places = [publish(shell, ctx, fx.KafkaRecord(topic, value=b"%d" % number, partition=1)) for number in range(3)]

    assert [[(1, 0)], [(1, 1)], [(1, 2)]] == places
    assert [b"0", b"1", b"2"] == kafka.values(topic)


def test_several_records_are_stored_together(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """Over partitions and topics, with the place of each, in order."""
    topic, other = kafka.topic(partitions=2), kafka.topic("other")
    ctx = shell.context(open_events(kafka.bootstrap))

    places = publish(
        shell,
        ctx,
        fx.KafkaRecord(topic, value=b"a", partition=1),
        fx.KafkaRecord(other, value=b"b"),
        fx.KafkaRecord(topic, value=b"c", partition=1),
    )

    assert [(1, 0), (0, 0), (1, 1)] == places
    assert ([b"a", b"c"], [b"b"]) == (kafka.values(topic), kafka.values(other))


@pytest.mark.parametrize("fault", ["too large", "missing topic", "missing partition"])
@pytest.mark.parametrize("beside", [0, 1])
def test_what_cannot_be_stored_leaves_nothing_behind(
    kafka: Kafka,
    open_events: OpenEvents,
    shell: Shell,
    fault: str,
    beside: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error says what is at fault, and what was published with it is not visible; the next publish is."""
    monkeypatch.setattr("fluxaorm.pools.kafka.settings.TOPIC_WAIT_MS", 200)
    topic = kafka.topic()
    ctx = shell.context(open_events(kafka.bootstrap))
    wrong = {
        "too large": fx.KafkaRecord(topic, value=b"x" * 1_100_000),
        "missing topic": fx.KafkaRecord(kafka.name("missing"), value=b""),
        "missing partition": fx.KafkaRecord(topic, value=b"", partition=7),
    }[fault]

    error = publish(shell, ctx, *[fx.KafkaRecord(topic, value=b"beside")] * beside, wrong)
    after = publish(shell, ctx, fx.KafkaRecord(topic, value=b"1"), fx.KafkaRecord(topic, value=b"2"))

    assert type(error) is fx.KafkaError
    assert {"too large": "larger than", "missing topic": "is not there"}.get(fault, "no such partition") in str(error)
    assert 2 == len(after)
    assert [b"1", b"2"] == kafka.values(topic)


@pytest.mark.parametrize("shell", ["asyncio"], indirect=True)
def test_publishes_under_way_at_once_share_a_transaction(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """A transaction takes milliseconds whatever is in it: a hundred tasks must not wait for a hundred."""
    topic = kafka.topic()
    ctx = shell.context(open_events(kafka.bootstrap))
    pairs = [[fx.KafkaRecord(topic, value=b"%d-%d" % (number, part)) for part in range(2)] for number in range(100)]

    places = shell.together([run_plan(ctx, publish_plan(pair)) for pair in pairs])

    stored = {message.offset(): message.value() for message in kafka.records(topic)}
    assert [[each.value for each in pair] for pair in pairs] == [[stored[at] for _, at in place] for place in places]
    # each transaction ends with a mark that takes an offset, so that the last one tells how many there were
    assert max(at for place in places for _, at in place) - 199 < 20


@pytest.mark.parametrize("shell", ["asyncio"], indirect=True)
def test_companions_of_a_record_at_fault_are_stored(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """Whoever shares a transaction with a wrong record has done nothing wrong."""
    topic = kafka.topic()
    ctx = shell.context(open_events(kafka.bootstrap))
    good, wrong = fx.KafkaRecord(topic, value=b"good"), fx.KafkaRecord(topic, value=b"x" * 1_100_000)

    replies = shell.together([run_plan(ctx, publish_plan([good, wrong if at == 2 else good])) for at in range(5)])

    assert [False, False, True, False, False] == [isinstance(each, fx.KafkaError) for each in replies]
    assert [b"good"] * 8 == kafka.values(topic)


@pytest.mark.fault
@pytest.mark.parametrize("shell", ["sync"], indirect=True)
def test_without_a_broker_certainly_nothing_is_stored(
    private_kafka: StartKafka, open_events: OpenEvents, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller that is told so may do it again: nothing of it appears when the broker is back."""
    monkeypatch.setattr("fluxaorm.pools.kafka.transactions.TRANSACTION_SECONDS", 2.0)
    own = private_kafka()
    topic = own.topic()
    ctx = shell.context(open_events(own.bootstrap))
    kept = fx.KafkaRecord(topic, value=b"kept")
    lost = fx.KafkaRecord(topic, value=b"lost")
    publish(shell, ctx, kept)
    publish(shell, ctx, kept, kept)

    own.brokers[0].kill()
    failed = [publish(shell, ctx, lost), publish(shell, ctx, lost, lost)]
    own.brokers[0].start()
    one = wait_until(lambda: _stored(publish(shell, ctx, kept)))
    two = wait_until(lambda: _stored(publish(shell, ctx, kept, kept)))

    assert [fx.KafkaUnavailableError] * 2 == [type(each) for each in failed]
    assert (1, 2) == (len(one), len(two))
    assert {b"kept"} == {*own.values(topic)}


def _stored(reply: Any) -> Any:
    return None if isinstance(reply, fx.FluxaError) else reply


@pytest.mark.fault
@pytest.mark.parametrize("shell", ["sync"], indirect=True)
def test_a_broker_that_stops_in_the_middle_leaves_doubt_or_nothing(
    private_kafka: StartKafka, open_events: OpenEvents, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One record that was sent may be stored. Several are not: their transaction was never committed."""
    monkeypatch.setattr("fluxaorm.pools.kafka.transactions.TRANSACTION_SECONDS", 2.0)
    own = private_kafka()
    topic, pairs = own.topic(), own.topic("pairs")
    ctx = shell.context(open_events(own.bootstrap))
    publish(shell, ctx, fx.KafkaRecord(topic, value=b"before"))
    pair = fx.KafkaRecord(pairs, value=b"before")
    publish(shell, ctx, pair, pair)

    own.brokers[0].pause()
    unknown = publish(shell, ctx, fx.KafkaRecord(topic, value=b"perhaps"))
    nothing = publish(shell, ctx, *[fx.KafkaRecord(pairs, value=b"never")] * 2)
    own.brokers[0].resume()
    after = wait_until(lambda: _stored(publish(shell, ctx, *[fx.KafkaRecord(pairs, value=b"after")] * 2)))

    assert isinstance(unknown, fx.AsyncFlushUnknownError)
    assert "it may be stored" in str(unknown)
    assert isinstance(nothing, fx.KafkaUnavailableError)
    assert 2 == len(after)
    assert [b"before", b"before", b"after", b"after"] == own.values(pairs)
