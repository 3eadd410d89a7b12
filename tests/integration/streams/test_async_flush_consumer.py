"""What becomes of records of async flushes: rows, offsets, caches, dead letters; on real servers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

import fluxaorm as fx
from fluxaorm.plans.streams.async_record import RowChange
from tests.support.flush_records import NOTES, CounterEntity, OpenFlushes, insert, update
from tests.support.waiting import wait_until


def test_records_are_applied_in_order_and_once(open_flushes: OpenFlushes) -> None:
    """Rows, and how far they go, are stored together; the group is told last."""
    flushes = open_flushes()
    flushes.publish(
        flushes.record(insert(1, "a", 1), insert(2, "b", 2)),
        flushes.record(update(1, number=10), update(2, number=20)),
        flushes.record(update(1, number=11)),
        flushes.record(update(2, fake_delete=2)),
    )
    consumer = flushes.consumer()

    done = flushes.work(consumer, 4)
    flushes.close(consumer)
    again = flushes.work(flushes.consumer(), 4)

    assert (4, 0, 0) == done
    assert [(1, "a", 11, 0), (2, "b", 20, 2)] == flushes.rows()
    assert {0: (4, "")} == flushes.offsets()
    assert {0: 4} == flushes.kafka.committed(flushes.group, flushes.topic)
    assert (0, 0, 0) == again


def test_what_flushes_left_in_the_caches_is_taken_out(open_flushes: OpenFlushes) -> None:
    """A row key with an entry has no deadline: it must go with the record, and only what is not applied stays."""
    flushes = open_flushes()
    ctx = flushes.shell.context(flushes.engine)
    record = flushes.record(insert(1, "a"))
    pending, key = flushes.record(update(1, number=7)), f"{flushes.row_prefix}1"
    for at, each in enumerate((record, pending)):
        flushes.leave(ctx, key, each, offset=2 * at)
    flushes.publish(record)
    consumer = flushes.consumer()

    flushes.work(consumer, 1)
    left = flushes.valkey.text(key) or ""

    assert (False, True) == tuple(each.token in left for each in (record, pending))
    flushes.publish(pending)
    flushes.work(consumer, 2)
    assert flushes.valkey.text(key) is None


def test_readers_find_the_new_row_in_every_tier(open_flushes: OpenFlushes) -> None:
    """The consumer invalidates as every other writer does: what was cached before is not served after it."""
    flushes = open_flushes()
    provider = flushes.engine.provider(CounterEntity)
    flushes.publish(flushes.record(insert(1, "a", 1)))
    consumer = flushes.consumer()
    flushes.work(consumer, 1)
    first = flushes.shell.do(provider.get_by_id(flushes.shell.context(flushes.engine), 1)).number

    flushes.publish(flushes.record(update(1, number=5)))
    flushes.work(consumer, 2)
    second = flushes.shell.do(provider.get_by_id(flushes.shell.context(flushes.engine), 1)).number

    assert (1, 5) == (first, second)


def test_what_fails_for_good_is_put_aside_once_and_the_rest_goes_on(open_flushes: OpenFlushes) -> None:
    """A poisoned record must neither hold up the others, nor be lost, nor come again when a consumer begins anew."""
    flushes = open_flushes()
    good = [flushes.record(insert(id, f"n{id}")) for id in (1, 2)]
    flushes.publish(good[0])
    flushes.publish(good[0], value=b"no record")
    flushes.publish(flushes.record(insert(3, "n1")), flushes.record(update(99, number=1)))
    flushes.publish(
        flushes.record(insert(4, "n4"), database="another"), flushes.record(update(1, number=2**80 % 2**63))
    )
    flushes.publish(flushes.record(update(1, name=None)), good[1])
    consumer = flushes.consumer()

    done = flushes.work(consumer, 8)
    flushes.close(consumer)
    flushes.work(flushes.consumer(), 8)

    assert (3, 0, 5) == done
    assert [(1, "n1", 2**80 % 2**63, 0), (2, "n2", 0, 0)] == flushes.rows()
    letters = flushes.dead_letters()
    assert ["1", "2", "3", "4", "6"] == [each["fluxa-origin-offset"] for each in letters]
    assert ["", "1062", "", "", "1048"] == [each["fluxa-error-code"] for each in letters]
    assert {(flushes.topic, "0", "1")} == {
        (each["fluxa-origin-topic"], each["fluxa-origin-partition"], each["fluxa-attempts"]) for each in letters
    }
    assert 5 == len({each["fluxa-dead-letter-id"] for each in letters})
    assert "no record" in letters[0]["fluxa-error"]
    assert "gone" in letters[2]["fluxa-error"]
    assert "another database" in letters[3]["fluxa-error"]


def test_a_table_that_is_not_there_is_waited_for(open_flushes: OpenFlushes) -> None:
    """In a roll-out consumers may be there before the alters: nothing is lost, nothing overtakes, others go on."""
    flushes = open_flushes(partitions=2)
    flushes.publish(flushes.record(insert(1, "a")), partition=0)
    flushes.publish(flushes.record(RowChange("i", 1, {"id": 1, "text": "x"}), table=NOTES), partition=0)
    flushes.publish(flushes.record(update(1, number=3)), partition=0)
    flushes.publish(flushes.record(insert(7, "other")), partition=1)
    flushes.database.execute("RENAME TABLE NoteEntity TO hidden")
    consumer = flushes.consumer()

    flushes.work(consumer, 1, partition=1)
    flushes.consume_until(consumer, lambda: flushes.applied(0) >= 1, "the record before it to be applied")
    waiting = flushes.consume(consumer).waiting
    before = flushes.rows()
    flushes.database.execute("RENAME TABLE hidden TO NoteEntity")
    flushes.work(consumer, 3)

    assert 2 == waiting
    assert [(1, "a", 0, 0), (7, "other", 0, 0)] == before
    assert [(1, "a", 3, 0), (7, "other", 0, 0)] == flushes.rows()
    assert [(1, "x")] == flushes.database.execute("SELECT id, text FROM NoteEntity")
    assert [] == flushes.dead_letters()


def test_a_name_nobody_learns_in_time_makes_a_dead_letter(open_flushes: OpenFlushes) -> None:
    """What a newer version would have brought is waited for as long as the options say."""
    flushes = open_flushes(unknown_grace=0.1)
    flushes.publish(
        flushes.record(update(1, nothing=1)),
        flushes.record(update(1, number=1), table="Nowhere", keys={}),
        flushes.record(update(1, number=1), pool="elsewhere"),
        flushes.record(update(1, number=1), keys={"elsewhere": ["fx:x:CounterEntity:1"]}),
        flushes.record(insert(1, "a")),
    )
    consumer = flushes.consumer()

    done = flushes.work(consumer, 5)

    assert (1, 0, 4) == done
    assert 4 == sum("nobody here knows" in each["fluxa-error"] for each in flushes.dead_letters())


def test_a_record_of_a_newer_format_stops_the_consumer(open_flushes: OpenFlushes) -> None:
    """It never guesses: what comes before it is applied, and the error says where it is."""
    flushes = open_flushes()
    newer = msgspec.msgpack.encode([3, "what a later version says"])
    flushes.publish(flushes.record(insert(1, "a")))
    flushes.publish(flushes.record(insert(2, "b")), value=newer)
    flushes.publish(flushes.record(insert(3, "c")))
    consumer = flushes.consumer()

    with pytest.raises(fx.AsyncFlushStoppedError, match=r"at offset 1: .* format 3") as raised:
        flushes.work(consumer, 3)

    assert (flushes.topic, 0, 1, 3) == (
        raised.value.topic,
        raised.value.partition,
        raised.value.offset,
        raised.value.version,
    )
    assert [(1, "a", 0, 0)] == flushes.rows()
    assert [] == flushes.dead_letters()


def test_only_signed_records_are_taken_where_there_is_a_key(open_flushes: OpenFlushes) -> None:
    """Who can write to the topic cannot write to the database."""
    flushes = open_flushes(signing_key="secret of the test", accepted_keys=("the one before",))
    flushes.publish(flushes.record(insert(1, "a")))
    flushes.signing_key = "the one before"
    flushes.publish(flushes.record(insert(2, "b")))
    for key in ("guessed", ""):
        flushes.signing_key = key
        flushes.publish(flushes.record(insert(3, "c")))
    consumer = flushes.consumer()

    done = flushes.work(consumer, 4)

    assert (2, 0, 2) == done
    assert [1, 2] == [row[0] for row in flushes.rows()]


def test_keys_of_others_are_not_touched(open_flushes: OpenFlushes) -> None:
    """A record names the keys it changes: another application's must not be among them."""
    flushes = open_flushes()
    flushes.publish(flushes.record(insert(1, "a"), keys={"default": ["session:42"]}))
    consumer = flushes.consumer()

    done = flushes.work(consumer, 1)

    assert (0, 0, 1) == done


def test_after_handlers_hear_of_what_was_applied(open_flushes: OpenFlushes) -> None:
    """They run where the rows are written, with the rows, what changed and the writer's metadata."""
    flushes = open_flushes()
    provider, heard = flushes.engine.provider(CounterEntity), []

    def note(event: str) -> Callable[..., None]:
        def handler(ctx: Any, row: Any, changes: Any = None) -> None:
            told = {name: (each.old, each.new) for name, each in (changes or {}).items()}
            heard.append((event, row.id, row.number, told, ctx.meta_data.get("user")))

        return handler

    provider.on_after_insert(flushes.engine, note("insert"))
    provider.on_after_update(flushes.engine, note("update"))
    provider.on_after_delete(flushes.engine, note("delete"))
    meta: dict[str, Any] = {"meta": {"user": "ada"}}
    flushes.publish(
        flushes.record(insert(1, "a", 1), insert(2, "b", 2), **meta),
        flushes.record(update(1, number=5), update(1, number=6), **meta),
        flushes.record(update(1, fake_delete=1), **meta),
        flushes.record(RowChange("d", 2, {}), **meta),
    )
    consumer = flushes.consumer()

    flushes.work(consumer, 4)

    assert [
        ("insert", 1, 1, {}, "ada"),
        ("insert", 2, 2, {}, "ada"),
        ("update", 1, 5, {"number": (1, 5)}, "ada"),
        ("update", 1, 6, {"number": (5, 6)}, "ada"),
        ("delete", 1, 6, {}, "ada"),
        ("delete", 2, 2, {}, "ada"),
    ] == heard


def test_a_handler_that_raises_stops_nothing(open_flushes: OpenFlushes, caplog: pytest.LogCaptureFixture) -> None:
    """Its record is applied: it is told in the log, and the next one follows."""
    flushes = open_flushes()

    def fail(ctx: Any, row: Any) -> None:
        raise ValueError("the handler's own")

    flushes.engine.provider(CounterEntity).on_after_insert(flushes.engine, fail)
    flushes.publish(flushes.record(insert(1, "a")), flushes.record(insert(2, "b")))
    consumer = flushes.consumer()

    done = flushes.work(consumer, 2)

    assert (2, 0, 0) == done
    assert 2 == sum("the handler's own" in (record.exc_text or "") for record in caplog.records)


def test_a_consumer_that_was_overtaken_writes_nothing_twice(open_flushes: OpenFlushes) -> None:
    """It was stalled, another one applied what it has read: the number in the database is not the one it expects."""
    flushes = open_flushes()
    flushes.publish(flushes.record(insert(1, "a")))
    consumer = flushes.consumer()
    flushes.work(consumer, 1)
    flushes.database.execute("UPDATE _fluxa_async_offsets SET applied = 2")
    flushes.database.execute("UPDATE CounterEntity SET number = 50")

    flushes.publish(flushes.record(update(1, number=1)), flushes.record(update(1, name="z")))
    done = flushes.work(consumer, 3)

    assert (1, 1, 0) == done
    assert [(1, "z", 50, 0)] == flushes.rows()


def test_what_the_group_has_not_heard_of_is_not_applied_again(open_flushes: OpenFlushes) -> None:
    """A consumer that died between COMMIT and the group's offset leaves caches and handlers to the next one."""
    flushes = open_flushes()
    heard: list[int] = []
    flushes.engine.provider(CounterEntity).on_after_update(flushes.engine, lambda ctx, row, _: heard.append(row.number))
    flushes.publish(flushes.record(insert(1, "a")), *[flushes.record(update(1, number=number)) for number in (1, 2)])
    consumer = flushes.consumer()
    flushes.work(consumer, 3)
    flushes.close(consumer)
    flushes.database.execute("UPDATE CounterEntity SET number = 50")
    flushes.rewind(1)

    done = flushes.consume_until(flushes.consumer(), lambda: 4 == len(heard), "the handlers to be called again")

    assert (0, 2, 0) == done
    assert [1, 2, 1, 2] == heard
    assert [(1, "a", 50, 0)] == flushes.rows()


def test_a_dead_letter_stays_one_while_the_group_has_not_heard_of_it(
    open_flushes: OpenFlushes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit on its way dies with its consumer: who begins before the dead letter calls no handler for it."""
    monkeypatch.setattr("fluxaorm.pools.kafka.flush_member.FlushMember.commit", lambda *_: None)
    flushes = open_flushes()
    heard: list[int] = []
    flushes.engine.provider(CounterEntity).on_after_update(flushes.engine, lambda ctx, row, _: heard.append(row.id))
    flushes.publish(flushes.record(insert(1, "a")), flushes.record(update(99, number=1)))
    consumer = flushes.consumer()
    flushes.work(consumer, 2)
    flushes.publish(flushes.record(update(1, number=2)))
    flushes.work(consumer, 3)
    flushes.close(consumer)
    flushes.rewind(0)

    flushes.consume_until(flushes.consumer(), lambda: heard.count(1) >= 2, "the handler to be called again")

    assert [1, 1] == heard
    assert 1 == len(flushes.dead_letters())


def test_a_partition_that_is_locked_holds_up_no_other(
    open_flushes: OpenFlushes, caplog: pytest.LogCaptureFixture
) -> None:
    """A consumer that stopped in a transaction keeps its lock: who takes over goes on with what is free."""
    flushes = open_flushes(partitions=2)
    consumer = flushes.consumer()
    for partition in (0, 1):
        flushes.publish(flushes.record(insert(partition + 1, f"n{partition}")), partition=partition)
    flushes.work(consumer, 1)
    flushes.work(consumer, 1, partition=1)
    [topic] = flushes.database.execute("SELECT topic, topic_id FROM _fluxa_async_offsets WHERE partition_no = 0")
    of_one = "topic = %s AND topic_id = %s AND partition_no = %s"
    locked = f"SELECT applied FROM _fluxa_async_offsets WHERE {of_one} FOR UPDATE"

    with flushes.database.server.connect(flushes.database.name) as stopped, stopped.cursor() as cursor:
        stopped.begin()
        cursor.execute(locked, (*topic, 0))
        flushes.publish(flushes.record(update(1, number=7)))
        flushes.publish(flushes.record(update(2, number=8)), partition=1)
        flushes.work(consumer, 2, partition=1)
        waiting = flushes.rows()
        stopped.rollback()
    flushes.work(consumer, 2)

    assert [(1, "n0", 0, 0), (2, "n1", 8, 0)] == waiting
    assert [(1, "n0", 7, 0), (2, "n1", 8, 0)] == flushes.rows()
    # and the server was told not to let it wait
    assert "the rows are locked and NOWAIT is set" in caplog.text


def test_a_topic_that_is_made_anew_begins_at_its_beginning(open_flushes: OpenFlushes) -> None:
    """Its offsets begin at 0 again, and are not those that were applied before."""
    flushes = open_flushes()
    flushes.publish(flushes.record(insert(1, "a")), flushes.record(insert(2, "b")))
    consumer = flushes.consumer()
    flushes.work(consumer, 2)
    flushes.close(consumer)
    flushes.kafka.drop(flushes.topic)
    flushes.kafka.topic("flushes")

    again = open_flushes()
    again.publish(again.record(insert(3, "c")))
    consumer = again.consumer()
    done = again.consume_until(consumer, lambda: 3 == len(again.rows()), "the record of the new topic to be applied")

    assert (1, 0, 0) == done


def test_the_partitions_end_is_stored_with_what_is_no_record(open_flushes: OpenFlushes) -> None:
    """Kafka's transactions end in a record of their own: who waits for the end of a partition must see it passed."""
    flushes = open_flushes()
    flushes.publish_together(flushes.record(insert(1, "a")), flushes.record(insert(2, "b")))
    consumer = flushes.consumer()

    done = flushes.work(consumer, 3)

    assert (2, 0, 0) == done
    assert {0: (3, "")} == flushes.offsets()


def test_a_consumer_runs_until_it_is_told_to_stop(open_flushes: OpenFlushes) -> None:
    """It leaves the group when it is done with what it has in hand."""
    flushes = open_flushes()
    flushes.publish(flushes.record(insert(1, "a")))
    consumer = flushes.engine.async_flush_consumer()

    if flushes.shell.name == "sync":
        stop = threading.Event()
        thread = threading.Thread(target=consumer.run, args=(stop,))
        thread.start()
        wait_until(lambda: flushes.applied() == 1, "the record to be applied")
        stop.set()
        thread.join(30)
        ended = not thread.is_alive()
    else:

        async def until_applied() -> bool:
            stop = asyncio.Event()
            running = asyncio.create_task(consumer.run(stop))
            await asyncio.to_thread(wait_until, lambda: flushes.applied() == 1, "the record to be applied")
            stop.set()
            await asyncio.wait_for(running, 30)
            return True

        ended = flushes.shell.do(until_applied())

    assert ended
    assert {0: 1} == flushes.kafka.committed(flushes.group, flushes.topic)
    with pytest.raises(fx.ContextClosedError):
        flushes.consume(consumer)


def test_wrong_use_of_a_consumer_says_what_is_wrong(open_flushes: OpenFlushes) -> None:
    """Numbers that mean nothing, no async flush, two at once, the other shell."""
    flushes = open_flushes()
    consumer = flushes.consumer()
    with pytest.raises(fx.ContextMisuseError, match="max_records is a number from 1"):
        flushes.consume(consumer, max_records=0)
    with pytest.raises(fx.ContextMisuseError, match="block_seconds is a number"):
        flushes.consume(consumer, block_seconds=-1)
    flushes.consume(consumer, block_seconds=0)
    with pytest.raises(fx.ContextMisuseError, match="either threads or asyncio"):
        asyncio.run(consumer.aconsume()) if flushes.shell.name == "sync" else consumer.consume()
    if flushes.shell.name == "asyncio":
        with pytest.raises(fx.ContextMisuseError, match="aclose"):
            consumer.close()
    registry = fx.Registry()
    registry.register_mysql(flushes.database.url)
    with registry.validate() as engine, pytest.raises(fx.RegistryError, match="async flush is not registered"):
        engine.async_flush_consumer()


def test_metrics_tell_what_was_done_and_what_waits(open_flushes: OpenFlushes) -> None:
    """Whoever runs it wants to see it fall behind before others do."""
    prometheus = CollectorRegistry()
    flushes = open_flushes(partitions=2, prometheus=prometheus)
    flushes.publish(flushes.record(insert(1, "a")), flushes.record(insert(2, "a")))
    consumer = flushes.consumer()
    flushes.work(consumer, 2)
    flushes.database.execute("RENAME TABLE CounterEntity TO hidden")
    flushes.publish(*[flushes.record(update(1, number=number)) for number in range(3)], partition=1)

    flushes.consume_until(consumer, lambda: 3 == consumer.lag.get(1), "three records to wait")

    def told(name: str, **labels: str) -> float | None:
        return prometheus.get_sample_value(name, labels)

    assert (1, 1) == (
        told("fluxaorm_async_flush_records_total", result="applied"),
        told("fluxaorm_async_flush_records_total", result="dead_letter"),
    )
    assert (0, 3) == (told("fluxaorm_async_flush_lag", partition="0"), told("fluxaorm_async_flush_lag", partition="1"))
    flushes.database.execute("RENAME TABLE hidden TO CounterEntity")
    flushes.close(consumer)
    assert told("fluxaorm_async_flush_lag", partition="1") is None
