"""``fluxaorm consume-async-flush`` and ``fluxaorm dead-letters`` on real servers."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable

import msgspec
import pytest

from fluxaorm.plans.streams.async_record import SqlRecord, UsersStatement
from tests.support.command_line import Command
from tests.support.flush_records import Flushes, OpenFlushes, insert, update
from tests.support.waiting import wait_until

APPLICATION = """
import fluxaorm as fx
from tests.support.flush_records import CounterEntity, NoteEntity
from tests.support.insides import rename_async_flush

def engine():
    registry = fx.Registry()
    registry.register_mysql({url!r})
    registry.register_redis({redis!r}, 0, options=fx.RedisOptions(namespace={namespace!r}))
    registry.register_kafka([{bootstrap!r}])
    registry.register_async_flush()
    registry.register_entity(CounterEntity, NoteEntity)
    engine = registry.validate()
    rename_async_flush(engine, {topic!r}, {failed!r}, {group!r})
    return engine
"""


# a command blocks
pytestmark = pytest.mark.parametrize("shell", ["sync"], indirect=True)


@pytest.fixture
def flushes(open_flushes: OpenFlushes) -> Flushes:
    """A database and a topic."""
    return open_flushes()


@pytest.fixture
def app(flushes: Flushes, make_module: Callable[[str], str]) -> str:
    """An application on them."""
    source = APPLICATION.format(
        url=flushes.database.url,
        redis=flushes.valkey.host_port,
        namespace=flushes.valkey.namespace,
        bootstrap=flushes.kafka.bootstrap,
        topic=flushes.topic,
        failed=flushes.failed_topic,
        group=flushes.group,
    )
    return f"{make_module(source)}:engine"


def _until(flushes: Flushes, upto: int) -> threading.Thread:
    """Ends this process's command as a supervisor does, when so much is applied."""

    def stop() -> None:
        wait_until(lambda: flushes.applied() >= upto, "the records to be applied", 30)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    return thread


def test_flushes_are_applied_until_the_process_is_told_to_stop(flushes: Flushes, app: str, command: Command) -> None:
    """SIGTERM ends it as a deployment does, behind the transaction in hand; what was done is told for programs."""
    flushes.publish(flushes.record(insert(1, "a")), flushes.record(update(1, number=4)), flushes.record(insert(2, "a")))
    stopping = _until(flushes, 3)

    outcome = command("consume-async-flush", app, "--json")
    stopping.join()

    assert 0 == outcome.code, outcome.err
    told = json.loads(outcome.out.splitlines()[-1])
    assert {"applied": 2, "repeated": 0, "dead_letters": 1, "waiting": 0, "lag": 0} == told
    assert [(1, "a", 4, 0)] == flushes.rows()
    assert signal.SIG_DFL == signal.getsignal(signal.SIGTERM)


def test_dead_letters_are_listed_shown_published_again_and_given_up(
    flushes: Flushes, app: str, command: Command
) -> None:
    """Whoever runs it decides what becomes of what could not be applied, and sees why it could not."""
    flushes.publish(flushes.record(update(7, number=1)), flushes.record(insert(1, "a")), flushes.record(insert(2, "a")))
    flushes.publish(flushes.record(insert(3, "c")), value=b"?")
    consumer = flushes.consumer()
    flushes.work(consumer, 4)

    listed = json.loads(command("dead-letters", "list", app, "--json").out)
    plain = command("dead-letters", "list", app).out
    gone, twice, broken = (each["id"] for each in listed)
    shown = command("dead-letters", "show", app, twice).out
    flushes.publish(flushes.record(insert(7, "seven")))
    flushes.work(consumer, 5)
    retried = command("dead-letters", "retry", app, gone)
    flushes.work(consumer, 6)
    dropped = command("dead-letters", "drop", app, "--all", "--json")
    left = command("dead-letters", "list", app)

    assert ["", "1062", ""] == [each["code"] for each in listed]
    assert [0, 2, 3] == [each["offset"] for each in listed]
    assert ["CounterEntity", "CounterEntity", None] == [each["table"] for each in listed]
    assert 3 == len(plain.splitlines())
    assert "code: 1062" in shown
    assert "change: i 2 fake_delete, id, name, number" in shown
    assert (0, "1 dead letter retried\n") == (retried.code, retried.out)
    assert [(1, "a", 0, 0), (7, "seven", 1, 0)] == flushes.rows()
    assert {"dropped": [twice, broken]} == json.loads(dropped.out)
    assert "no dead letter waits for a decision\n" == left.out


def test_a_dead_letter_shows_its_sql_without_the_values(flushes: Flushes, app: str, command: Command) -> None:
    """Whoever decides about it must know what it would run; its values may be secret."""
    content = msgspec.structs.asdict(flushes.record(update(1, number=1)))
    sql = UsersStatement("UPDATE CounterEntity SET name = ?", ["hidden"], [1])
    flushes.publish(SqlRecord(**{**content, "version": 2}, statements=[sql]))
    flushes.work(flushes.consumer(), 1)

    [listed] = json.loads(command("dead-letters", "list", app, "--json").out)
    plain = command("dead-letters", "list", app).out
    shown = command("dead-letters", "show", app, listed["id"]).out

    assert [{"sql": sql.sql, "rows": [1]}] == listed["statements"]
    assert "CounterEntity (1 row, 1 of SQL)" in plain
    assert f"SQL: {sql.sql}" in shown
    assert "hidden" not in f"{listed}{plain}{shown}"


def test_wrong_use_says_what_to_write(app: str, command: Command) -> None:
    """Nothing is done where it is not clear what was meant."""
    neither = command("dead-letters", "drop", app)
    both = command("dead-letters", "retry", app, "x/0/1", "--all")
    unknown = command("dead-letters", "retry", app, "x/0/1")
    nothing = command("dead-letters", "show", app)

    assert [2, 2, 1, 2] == [each.code for each in (neither, both, unknown, nothing)]
    assert "--all" in neither.err
    assert "--all" in both.err
    assert "there is no dead letter 'x/0/1'" in unknown.err
    assert "the id of one" in nothing.err
