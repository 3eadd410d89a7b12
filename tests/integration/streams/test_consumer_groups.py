"""Members of consumer groups, in either shell: who reads what, once it is committed, and what is read again."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import fluxaorm as fx
from tests.support.kafka_brokers import Kafka, StartKafka
from tests.support.kafka_engines import POOL, OpenEvents, member_of, poll_until
from tests.support.shells import Shell
from tests.support.waiting import wait_until


def group_of(kafka: Kafka, topic: str, **options: Any) -> fx.KafkaConsumerGroup:
    return fx.KafkaConsumerGroup(kafka.name("group"), POOL, topics=[topic], **options)


def values(records: list[fx.KafkaRecord]) -> list[bytes | None]:
    return [each.value for each in records]


def test_a_new_group_begins_with_the_earliest_record(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """What was sent before the group was there is not lost, and each record comes as it was sent."""
    topic = kafka.topic(partitions=2)
    group = group_of(kafka, topic)
    events = open_events(kafka.bootstrap, group)
    ctx, pool = shell.context(events), events.kafka(POOL)
    sent = fx.KafkaRecord(topic, b"key", b"value", {"source": b"api", "none": None}, 1, timestamp=1000)
    shell.do(pool.produce_sync(ctx, sent, fx.KafkaRecord(topic, value=None, partition=0)))

    with member_of(shell, events, group.name) as member:
        found = {each.partition: each for each in poll_until(shell, ctx, member, 2)}

    assert (group.name,) == pool.group_names
    assert fx.KafkaRecord(topic, b"key", b"value", {"source": b"api", "none": None}, 1, 0, 1000) == found[1]
    assert (None, None, 0) == (found[0].key, found[0].value, found[0].offset)


def test_what_was_committed_is_not_read_again(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """The next member goes on where the last one has committed, and no further."""
    topic = kafka.topic()
    group = group_of(kafka, topic)
    events = open_events(kafka.bootstrap, group)
    ctx = shell.context(events)
    kafka.send(topic, b"0", b"1", b"2", b"3")

    with member_of(shell, events, group.name) as member:
        first = poll_until(shell, ctx, member, 1)
        assert len(first) in (1, 2, 3, 4)
        shell.do(member.commit(ctx))
        shell.do(member.commit(ctx))
    committed = kafka.committed(group.name, topic)
    kafka.send(topic, b"4")
    with member_of(shell, events, group.name) as member:
        others = poll_until(shell, ctx, member, 5 - len(first))
    with member_of(shell, events, group.name) as member:
        again = poll_until(shell, ctx, member, 5 - len(first))

    assert {0: len(first)} == committed
    assert [b"0", b"1", b"2", b"3", b"4"] == values(first + others)
    assert values(others) == values(again)


def test_no_more_records_come_than_were_asked_for(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """A batch is as large as its transaction may be; the others wait, and are not committed with it."""
    topic = kafka.topic()
    group = group_of(kafka, topic)
    events = open_events(kafka.bootstrap, group)
    ctx = shell.context(events)
    kafka.send(topic, *(b"%d" % number for number in range(5)))

    with member_of(shell, events, group.name) as member:
        fetches = wait_until(lambda: shell.do(member.poll_fetches(ctx, 2, 0.5)))
        shell.do(member.commit(ctx))

    assert [b"0", b"1"] == values(list(fetches))
    assert (2, (), b"1") == (len(fetches), fetches.errors, fetches[1].value)
    assert {0: 2} == kafka.committed(group.name, topic)


def test_a_poll_of_nothing_ends_in_time(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """Whoever polls does other things between."""
    group = group_of(kafka, kafka.topic())
    events = open_events(kafka.bootstrap, group)

    with member_of(shell, events, group.name) as member:
        fetches = shell.do(member.poll_fetches(shell.context(events), timeout=0))

    assert (0, ()) == (len(fetches), fetches.errors)


def test_with_an_interval_what_was_worked_on_is_committed(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """Whoever polls again is done with the last records; an exception means that it is not."""
    topic = kafka.topic()
    group = group_of(kafka, topic, auto_commit_interval_ms=100_000)
    events = open_events(kafka.bootstrap, group)
    ctx = shell.context(events)
    kafka.send(topic, b"0", b"1", b"2")

    with member_of(shell, events, group.name) as member:
        wait_until(lambda: shell.do(member.poll_fetches(ctx, 1, 0.5)))
    ended_well = kafka.committed(group.name, topic)

    def fail() -> None:
        with member_of(shell, events, group.name) as member:
            for _ in range(2):
                wait_until(lambda: shell.do(member.poll_fetches(ctx, 1, 0.5)))
            raise ValueError("the user's own")

    with pytest.raises(ValueError, match="own"):
        fail()

    assert {0: 1} == ended_well
    assert {0: 2} == kafka.committed(group.name, topic)


def test_two_members_share_the_partitions(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """What the first has not committed is read again by the second, and the first is told when it commits too late."""
    topic = kafka.topic(partitions=2)
    group = group_of(kafka, topic, session_timeout_ms=6_000)
    events = open_events(kafka.bootstrap, group)
    ctx = shell.context(events)
    for partition in range(2):
        kafka.send(topic, b"%d" % partition, partition=partition)
    second: list[fx.KafkaRecord] = []

    with member_of(shell, events, group.name) as one:
        first = poll_until(shell, ctx, one, 2)
        with member_of(shell, events, group.name) as two:

            def look() -> bool:
                shell.do(one.poll_fetches(ctx, timeout=0.05))
                second.extend(shell.do(two.poll_fetches(ctx, timeout=0.05)))
                return bool(second)

            wait_until(look, "the second member's record")
            with pytest.raises(fx.KafkaPartitionsLostError, match=r"has lost .* to another member") as caught:
                shell.do(one.commit(ctx))
            shell.do(one.commit(ctx))
            shell.do(two.commit(ctx))

    assert {b"0", b"1"} == {*values(first)}
    assert ((topic, second[0].partition),) == caught.value.partitions
    assert {0: 1, 1: 1} == kafka.committed(group.name, topic)


def test_a_member_that_was_away_for_too_long_is_told(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """Its partitions are others' by then: what it has not committed is read again, and it goes on afterwards."""
    topic = kafka.topic()
    group = group_of(kafka, topic, session_timeout_ms=1_000, rebalance_timeout_ms=1_000)
    events = open_events(kafka.bootstrap, group)
    ctx = shell.context(events)
    kafka.send(topic, b"0")

    with member_of(shell, events, group.name) as one:
        poll_until(shell, ctx, one, 1)
        with member_of(shell, events, group.name) as two:
            # the first polls no more, and so has left when the second gets what it had
            again = poll_until(shell, ctx, two, 1)
            with pytest.raises(fx.KafkaPartitionsLostError):
                shell.do(one.commit(ctx))
            shell.do(two.commit(ctx))
        kafka.send(topic, b"1")
        last = poll_until(shell, ctx, one, 1)

    assert ([b"0"], [b"1"]) == (values(again), values(last))


def test_a_topic_that_is_not_there_is_an_error_of_its_own(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """The others are read meanwhile."""
    topic, missing = kafka.topic(), kafka.name("missing")
    group = fx.KafkaConsumerGroup(kafka.name("group"), POOL, topics=[topic, missing])
    events = open_events(kafka.bootstrap, group)
    ctx = shell.context(events)
    kafka.send(topic, b"0")
    found, errors = list[Any](), list[fx.FailedPartition]()

    with member_of(shell, events, group.name) as member:

        def look() -> bool:
            fetches = shell.do(member.poll_fetches(ctx, timeout=0.2))
            found.extend(fetches)
            errors.extend(fetches.errors)
            return bool(found and errors)

        wait_until(look)

    assert [b"0"] == values(found)
    assert (missing, "UNKNOWN_TOPIC_OR_PART") == (errors[0].topic, errors[0].error.code)
    assert "the topic is not there" in str(errors[0].error)


def test_only_registered_groups_are_read(open_events: OpenEvents, shell: Shell) -> None:
    """A misspelt group would begin anew, silently."""
    events = open_events("localhost:1", fx.KafkaConsumerGroup("billing", POOL, topics=["orders"]), connect=False)

    with pytest.raises(fx.KafkaError, match=r"no consumer group 'biling' is registered .* did you mean 'billing'"):
        events.kafka(POOL).consumer_group("biling")


def test_a_member_is_used_in_its_block(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """Outside it has no partitions; numbers that are none are refused."""
    group = group_of(kafka, kafka.topic())
    events = open_events(kafka.bootstrap, group)
    ctx, block = shell.context(events), events.kafka(POOL).consumer_group(group.name)

    with pytest.raises(fx.ContextMisuseError, match="is used outside its block"):
        shell.do(block.poll_fetches(ctx))
    with member_of(shell, events, group.name) as member:
        assert hasattr(member.client, "subscribe")
        with pytest.raises(fx.KafkaError, match="max_records is a number from 1, got 0"):
            shell.do(member.poll_fetches(ctx, 0))
        with pytest.raises(fx.KafkaError, match="timeout is a number of seconds from 0, got -1"):
            shell.do(member.poll_fetches(ctx, timeout=-1))
    with pytest.raises(fx.ContextMisuseError, match="has left consumer group"):
        shell.do(member.poll_fetches(ctx))


def test_a_context_polls_no_longer_than_its_time(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """A deadline ends a wait for records as any other wait."""
    group = group_of(kafka, kafka.topic())
    events = open_events(kafka.bootstrap, group)
    ctx = events.new_context(timeout=0.2) if shell.name == "sync" else events.new_async_context(timeout=0.2)

    with member_of(shell, events, group.name) as member, pytest.raises(fx.DeadlineExceededError):
        shell.do(member.poll_fetches(ctx, timeout=600))


@pytest.mark.parametrize("shell", ["sync"], indirect=True)
def test_two_threads_cannot_share_a_member(kafka: Kafka, open_events: OpenEvents) -> None:
    """Nobody could say whose records a commit is about."""
    group = group_of(kafka, kafka.topic())
    events = open_events(kafka.bootstrap, group)
    refused: list[Exception] = []

    with events.kafka(POOL).consumer_group(group.name) as member:

        def poll() -> None:
            with events.new_context() as ctx:
                try:
                    while not refused:
                        member.poll_fetches(ctx, timeout=0.2)
                except fx.ContextMisuseError as error:
                    refused.append(error)

        threads = [threading.Thread(target=each) for each in (poll, poll)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert "give each thread or task a member of its own" in str(refused[0])


@pytest.mark.parametrize("shell", ["asyncio"], indirect=True)
def test_a_cancelled_poll_loses_nothing(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """A task that is cancelled in the middle of a poll has not taken its records with it."""
    topic = kafka.topic()
    group = group_of(kafka, topic)
    events = open_events(kafka.bootstrap, group)
    ctx = shell.context(events)

    async def polled() -> list[bytes | None]:
        async with events.kafka(POOL).consumer_group(group.name) as member:
            waiting = asyncio.ensure_future(member.poll_fetches(ctx, timeout=600))
            await asyncio.sleep(0)
            await asyncio.to_thread(kafka.send, topic, b"0", b"1")
            # it is cancelled before it can say what it has, or while it has nothing
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            found: list[fx.KafkaRecord] = []
            while len(found) < 2:
                found.extend(await member.poll_fetches(ctx, timeout=1))
            return values(found)

    assert [b"0", b"1"] == shell.do(polled())


@pytest.mark.fault
@pytest.mark.parametrize("shell", ["sync"], indirect=True)
def test_a_broker_that_is_away_is_told_and_read_again(
    private_kafka: StartKafka, open_events: OpenEvents, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing to read and nobody to ask are two things; a commit that was not answered is done later."""
    monkeypatch.setattr("fluxaorm.runners.kafka_sync.COMMIT_SECONDS", 0.5)
    own = private_kafka()
    topic = own.topic()
    group = group_of(own, topic)
    events = open_events(own.bootstrap, group)
    ctx = shell.context(events)
    own.send(topic, b"0")

    with member_of(shell, events, group.name) as member:
        first = poll_until(shell, ctx, member, 1)
        own.brokers[0].kill()
        with pytest.raises(fx.KafkaUnavailableError, match="commit again"):
            shell.do(member.commit(ctx))
        failed = wait_until(lambda: shell.do(member.poll_fetches(ctx, timeout=0.2)).errors)
        own.brokers[0].start()
        own.send(topic, b"1")
        second = poll_until(shell, ctx, member, 1)
        shell.do(member.commit(ctx))

    assert [b"0", b"1"] == values(first + second)
    assert isinstance(failed[0].error, fx.KafkaUnavailableError)
    assert ("", -1) == (failed[0].topic, failed[0].partition)
    assert {0: 2} == own.committed(group.name, topic)
