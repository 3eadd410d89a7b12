"""SQL in asynchronous flushes: what is published, what is refused, and what a consumer takes for safe to run."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from fluxaorm.dialects import dialect_for
from fluxaorm.errors import KafkaUnavailableError, NotSupportedError, QueryError
from fluxaorm.options import AsyncFlushOptions
from fluxaorm.plans.effects import RedisRoundTrip, ShieldedRedisRoundTrip
from fluxaorm.plans.streams.applied_sql import USERS, packets, statements_in
from fluxaorm.plans.streams.arrivals import Arrival, Destinations
from fluxaorm.plans.streams.async_record import (
    AsyncRecord,
    RowChange,
    SqlRecord,
    UsersStatement,
    decode,
    encode,
    headers_of,
    statements_of,
)
from fluxaorm.plans.streams.async_state import AsyncFlushState
from fluxaorm.plans.streams.effects import PublishRecords
from fluxaorm.plans.streams.flush_async import flush_async_plan
from fluxaorm.plans.streams.records import KafkaRecord
from fluxaorm.plans.writes.pipelines import MySQLPipeline, RedisPipeline, queue_key
from fluxaorm.query.own_sql.raw_statements import Reach
from tests.unit.plans.world import SERVER, World, replies, run, thing_schema, words

KEY = "secret of the test"
RENAME = "UPDATE thing SET name = ? WHERE id = ?"


def signed_world(redis: Any = "on", **options: Any) -> World:
    """One whose engine knows the databases already."""
    world = World(redis)
    state = AsyncFlushState("events", AsyncFlushOptions(**{"signing_key": KEY, **options}))
    state.foreign_keys_asked.add("default")
    state.databases["default"] = "db1"
    state.marked.add(("default", world.identity_map.binding.mark_prefix, SERVER))
    world.engine.async_flush = state
    return world


def test_rows_are_marked_and_their_entries_tell_no_columns() -> None:
    """What the row will be nobody knows: readers are to ask MySQL, writers to wait."""
    world = signed_world()
    changed = world.stored(1)
    changed.name = "changed"
    queued = MySQLPipeline(world.unit_of_work, "default")
    queued.add(RENAME, "a", 1, table="thing", rows=[1, 2])
    queued.add(RENAME, Decimal("1.50"), b"\xff", table="thing", rows=(3,))

    _, effects = run(
        flush_async_plan(world.unit_of_work, True),
        (RedisRoundTrip, replies(SERVER, SERVER, SERVER)),
        (PublishRecords, [(0, 41)]),
        (ShieldedRedisRoundTrip, replies(1, 1, 1)),
    )

    [sent] = effects[1].records
    record = decode(sent.value)
    assert b"2" == sent.headers["fluxa-version"]
    assert [1] == [change.id for change in record.changes]
    assert [
        UsersStatement(RENAME, ["a", 1], [1, 2]),
        UsersStatement(RENAME, [["decimal", "1.50"], b"\xff"], [3]),
    ] == statements_of(record)
    assert {"default": [f"fx:db:thing:{id}" for id in (1, 2, 3)]} == record.keys
    assert [b"", b"", b""] == [words(effects[2], number)[-1] for number in range(3)]
    assert "0 waiting" in repr(queued)


def test_what_could_not_be_published_waits() -> None:
    """It is published by another try, or written by a flush."""
    world = signed_world(redis="off")
    queued = MySQLPipeline(world.unit_of_work, "default")
    handle = queued.add(RENAME, "a", 1, table="thing", rows=[1])

    with pytest.raises(KafkaUnavailableError):
        run(flush_async_plan(world.unit_of_work, True), (PublishRecords, KafkaUnavailableError("down", pool="events")))

    assert "1 waiting" in repr(queued)
    with pytest.raises(QueryError, match="was not run yet"):
        _ = handle.result


def test_a_flush_of_changes_alone_is_what_consumers_of_the_first_format_understand() -> None:
    """They need not be there before those who flush, unless SQL is flushed."""
    world = signed_world(redis="off")
    world.stored(1).name = "changed"

    _, effects = run(flush_async_plan(world.unit_of_work, True), (PublishRecords, [(0, 41)]))

    assert 1 == decode(effects[0].records[0].value).version


@pytest.mark.parametrize(
    ("options", "sql", "named", "error", "match"),
    [
        ({"signing_key": ""}, RENAME, {"table": "thing", "rows": [1]}, NotSupportedError, "set AsyncFlushOptions.sign"),
        ({"order_by": "row"}, RENAME, {"table": "thing", "rows": [1]}, NotSupportedError, 'use order_by="table"'),
        ({}, RENAME, {"table": "thing"}, QueryError, "must know which rows it changes"),
        ({}, RENAME, {"rows": [1]}, QueryError, "names no table, .*: thing"),
        ({}, RENAME, {"table": "Thing", "rows": [1]}, QueryError, "'Thing', which is no entity's, .*: thing"),
        ({}, RENAME, {"table": "thing", "rows": [-1]}, QueryError, "not negative"),
        ({}, "DO SLEEP(?) + ?", {"table": "thing", "rows": ()}, QueryError, "takes INSERT, UPDATE"),
        ({}, "SELECT ?, ?", {"table": "thing", "rows": ()}, QueryError, "takes INSERT, UPDATE"),
        ({}, f"{RENAME} /* \ud800 */", {"table": "thing", "rows": ()}, QueryError, "surrogate"),
    ],
)
def test_what_a_consumer_could_not_run_is_refused_before_anything_is_published(
    options: dict[str, Any], sql: str, named: Any, error: type[Exception], match: str
) -> None:
    """The error says what to do, and everything waits for another try, as it is."""
    world = signed_world(**options)
    changed = world.stored(1)
    changed.name = "changed"
    queued = MySQLPipeline(world.unit_of_work, "default")
    queued.add(sql, 1, 1, **named)

    with pytest.raises(error, match=match):
        run(flush_async_plan(world.unit_of_work, True))

    assert changed.is_dirty
    assert "1 waiting" in repr(queued)


@pytest.mark.parametrize("value", [float("nan"), 2**64, "\ud800", Decimal("NaN"), Decimal("1e9999")])
def test_a_value_that_no_database_can_store_is_refused_by_the_flush(value: Any) -> None:
    """In the consumer nobody could mend it."""
    world = signed_world()
    MySQLPipeline(world.unit_of_work, "default").add(RENAME, value, 1, table="thing", rows=[1])

    with pytest.raises(QueryError, match="no database can store"):
        run(flush_async_plan(world.unit_of_work, True))


@pytest.mark.parametrize(
    "queue",
    [
        lambda world: RedisPipeline(world.unit_of_work, "default").add("SET", "a", 1),
        lambda world: queue_key(world.unit_of_work, "default", "a"),
    ],
)
def test_redis_commands_and_keys_do_not_go_this_way(queue: Callable[[World], object]) -> None:
    """Records hold nothing of them, and to leave them out would lose them."""
    world = signed_world()
    queue(world)

    with pytest.raises(NotSupportedError, match="redis_pipeline"):
        run(flush_async_plan(world.unit_of_work, True))


@pytest.mark.parametrize("rows", [1, "12", [1, "2"], [True], [None]])
def test_rows_are_ids(rows: Any) -> None:
    """Said where the mistake is made."""
    queued = MySQLPipeline(World().unit_of_work, "default")

    with pytest.raises(QueryError, match="rows= takes"):
        queued.add(RENAME, 1, 1, table="thing", rows=rows)

    assert "0 waiting" in repr(queued)


@pytest.mark.parametrize("table", [World, ["thing"], b"thing", 1])
def test_a_table_is_named_by_a_text(table: Any) -> None:
    """Said where the mistake is made, too."""
    queued = MySQLPipeline(World().unit_of_work, "default")

    with pytest.raises(QueryError, match="table= takes the name of a table"):
        queued.add(RENAME, 1, 1, table=table, rows=[1])

    assert "0 waiting" in repr(queued)


# what a consumer makes of it


def arrival_of(*statements: UsersStatement, accepted: str = KEY, signed: str = KEY, changes: Any = ()) -> Arrival:
    """What a consumer that accepts a key says of a record signed with another."""
    fields: dict[str, Any] = {
        "database": "db1",
        "pool": "default",
        "table": "thing",
        "token": "00ff",
        "at": 0,
        "changes": list(changes),
        "keys": {},
        "meta": {},
    }
    if statements:
        record: AsyncRecord = SqlRecord(version=2, statements=list(statements), **fields)
    else:
        record = AsyncRecord(**fields)
    value = encode(record)
    pools = {"default": SimpleNamespace(dialect=dialect_for("9.7.0"))}
    known = Destinations([thing_schema()], pools, ["default"], {"default": "db1"}, [accepted] if accepted else [])
    return known.arrival(KafkaRecord("topic", b"thing", value, headers_of(record, value, signed), 0, 7))


@pytest.mark.parametrize(
    ("accepted", "signed", "flaw"),
    [
        (KEY, KEY, ""),
        (KEY, "guessed", "it is not signed with a key that is accepted here"),
        (KEY, "", "it is not signed with a key that is accepted here"),
        ("", "", "it holds SQL, and without a key nobody can tell who wrote it"),
        ("", KEY, "it holds SQL, and without a key nobody can tell who wrote it"),
    ],
)
def test_sql_is_run_only_where_a_signature_was_checked(accepted: str, signed: str, flaw: str) -> None:
    """Who can write to the topic could run anything."""
    arrival = arrival_of(UsersStatement(RENAME, ["a", 1], [1]), accepted=accepted, signed=signed)

    assert arrival.flaw.startswith(flaw)
    assert (flaw == "") is arrival.is_plain


@pytest.mark.parametrize(
    ("sql", "args"),
    [
        ("DELETE FROM thing; COMMIT", []),
        ("COMMIT", []),
        ("TRUNCATE thing", []),
        ("CALL anything()", []),
        ("/*!50000 COMMIT */", []),
        ("UPDATE thing SET name = @a := 1", []),
        ("SELECT 1", []),
        ("-- nothing", []),
        (RENAME, ["a"]),
        (RENAME, ["a", 1, 2]),
        (RENAME, ["a", ["decimal", "1e99999999"]]),
        (RENAME, ["a", ["date", "2026-01-01"]]),
        (RENAME, ["a", {}]),
    ],
)
def test_what_is_not_one_statement_that_changes_rows_is_a_dead_letter_whoever_signed_it(
    sql: str, args: list[Any]
) -> None:
    """A statement that ends the transaction would make a part of it durable, and the rest come twice."""
    assert arrival_of(UsersStatement(sql, args, [1])).flaw


def test_nothing_is_joined_across_sql() -> None:
    """Changes on its two sides would otherwise be written on one."""
    run_of = [
        arrival_of(changes=[RowChange("u", 1, {"name": "a"})]),
        arrival_of(changes=[RowChange("u", 1, {"name": "b"})]),
        arrival_of(UsersStatement(RENAME, ["c", 1], [1]), changes=[RowChange("u", 1, {"name": "d"})]),
        arrival_of(UsersStatement(RENAME, ["e", 1], [1]), UsersStatement(RENAME, ["f", 1], [1])),
        arrival_of(changes=[RowChange("u", 1, {"name": "g"})]),
    ]

    statements = list(statements_in(run_of))

    assert ["d", "c", "e", "f", "g"] == [statement.args[0] for statement in statements]
    assert [False, True, True, True, False] == [statement.tag == USERS for statement in statements]
    assert [(Reach.OURS, 1), *[(Reach.WRITE, 1)] * 3, (Reach.OURS, 1)] == [
        (reach, len(together)) for reach, together in packets(statements)
    ]


def test_an_empty_text_is_no_statement() -> None:
    """Nor is it one that consumers of this version would run."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(["", [], []], UsersStatement)
