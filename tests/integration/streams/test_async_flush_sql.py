"""SQL of the user's own in asynchronous flushes: when it runs, who sees it, and whose is never run; on real servers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

import fluxaorm as fx
from fluxaorm.errors import KafkaError, QueryError
from fluxaorm.plans.streams.async_record import SqlRecord, UsersStatement, statements_of
from tests.support.flush_records import NOTES, TABLE, CounterEntity, Flushes, OpenFlushes, insert, update
from tests.support.insides import pending

KEY = "secret of the test"
ADD = "UPDATE CounterEntity SET number = number + ? WHERE id = ?"


def _stored(flushes: Flushes, name: str, number: int = 0) -> int:
    ctx = flushes.shell.context(flushes.engine)
    made = flushes.shell.do(flushes.engine.provider(CounterEntity).new(ctx, name=name, number=number))
    flushes.shell.do(ctx.flush())
    return int(made.id)


def _found(flushes: Flushes, id: int) -> Any:
    """What a request that begins now sees."""
    ctx = flushes.shell.context(flushes.engine)
    return flushes.shell.do(flushes.engine.provider(CounterEntity).get_by_id(ctx, id))


def _sql(flushes: Flushes, *statements: UsersStatement, changes: Any = (), **different: Any) -> SqlRecord:
    """A record as a flush makes it."""
    record = msgspec.structs.asdict(flushes.record(*changes))
    return SqlRecord(**{**record, "version": 2, **different}, statements=list(statements))


def test_it_runs_behind_the_changes_of_its_flush_and_before_those_of_the_next(open_flushes: OpenFlushes) -> None:
    """What is added to a value finds the value that stood before it, whatever is applied together."""
    flushes = open_flushes(signing_key=KEY)
    do, ctx = flushes.shell.do, flushes.shell.context(flushes.engine)
    counter = do(flushes.engine.provider(CounterEntity).new(ctx, name="a", number=1))
    added = ctx.mysql_pipeline().add(ADD, 10, counter.id, table=TABLE, rows=[counter.id])
    do(ctx.flush_async(True))
    counter.number = 100
    for number in (1, 2):
        ctx.mysql_pipeline().add(ADD, number, counter.id, table=TABLE, rows=[counter.id])
    ctx.mysql_pipeline().add(
        "UPDATE CounterEntity SET number = number * 2 WHERE name = ?", "a", table=TABLE, rows=[counter.id]
    )
    do(ctx.flush_async(False))
    ctx.mysql_pipeline().add(
        "INSERT INTO NoteEntity (id, text) VALUES (?, ?) -- no; more", 1, "a?'\\\0é", table=NOTES, rows=()
    )
    result = do(ctx.flush_async(False))

    done = flushes.work(flushes.consumer(), 3)

    assert (3, 0, 0) == done
    assert [(counter.id, "a", 206, 0)] == flushes.rows()
    assert [(1, "a?'\\\0é")] == flushes.database.execute("SELECT id, text FROM NoteEntity")
    assert fx.FlushResult() == result
    assert [] == pending(ctx)
    with pytest.raises(QueryError, match=r"published by ctx\.flush_async"):
        _ = added.result


def test_values_and_decimals_are_what_they_were(open_flushes: OpenFlushes) -> None:
    """As text a decimal would be counted in doubles, and bytes would be cut or refused."""
    flushes = open_flushes(signing_key=KEY)
    do, ctx = flushes.shell.do, flushes.shell.context(flushes.engine)
    for id, sql, value in (
        (1, "SELECT 9007199254740993 + ?", Decimal("0.10")),
        (2, "SELECT HEX(?)", b"\xff\x00'"),
        (3, "SELECT CONCAT(?, ?)", ("x", None)),
    ):
        given = value if isinstance(value, tuple) else (value,)
        ctx.mysql_pipeline().add(
            f"INSERT INTO NoteEntity (id, text) SELECT {id}, COALESCE(({sql}), 'none')", *given, table=NOTES, rows=()
        )
    do(ctx.flush_async(True))

    flushes.work(flushes.consumer(), 1)

    rows = flushes.database.execute("SELECT text FROM NoteEntity ORDER BY id")
    assert ["9007199254740993.10", "FF0027", "none"] == [text for (text,) in rows]


@pytest.mark.parametrize("immediate", [True, False])
def test_its_rows_are_read_from_mysql_until_it_is_applied_and_then_anew(
    open_flushes: OpenFlushes, immediate: bool
) -> None:
    """What it will leave nobody knows before; afterwards no cache may have the old row, nor keep a mark."""
    flushes = open_flushes(signing_key=KEY)
    id, other = _stored(flushes, "a", 1), _stored(flushes, "b", 1)
    assert [1, 1] == [_found(flushes, each).number for each in (id, other)]
    ctx = flushes.shell.context(flushes.engine)
    flushes.shell.do(flushes.engine.provider(CounterEntity).must_get_by_id(ctx, id)).name = "z"
    ctx.mysql_pipeline().add(ADD, 10, id, table=TABLE, rows=[id, id])

    flushes.shell.do(ctx.flush_async(immediate))
    before = _found(flushes, id)
    marked = flushes.valkey.text(f"{flushes.row_prefix}{id}") or ""
    flushes.work(flushes.consumer(), 1)
    after = _found(flushes, id)

    assert ("a", 1) == (before.name, before.number)
    assert marked.startswith("P")
    assert ("z", 11) == (after.name, after.number)
    assert 1 == _found(flushes, other).number
    assert not (flushes.valkey.text(f"{flushes.row_prefix}{id}") or "").startswith("P")


def test_a_statement_that_fails_takes_its_record_with_it(open_flushes: OpenFlushes) -> None:
    """A record is written whole or not at all; what comes behind it goes on, and readers see what MySQL has."""
    flushes = open_flushes(signing_key=KEY)
    id = _stored(flushes, "a", 1)
    do, ctx = flushes.shell.do, flushes.shell.context(flushes.engine)
    counters = flushes.engine.provider(CounterEntity)
    do(counters.must_get_by_id(ctx, id)).number = 5
    ctx.mysql_pipeline().add("UPDATE CounterEntity SET name = NULL WHERE id = ?", id, table=TABLE, rows=[id])
    do(ctx.flush_async(True))
    do(counters.new(ctx, name="b", number=7))
    do(ctx.flush_async(True))

    done = flushes.work(flushes.consumer(), 2)

    assert (1, 0, 1) == done
    assert [("a", 1), ("b", 7)] == [row[1:3] for row in flushes.rows()]
    [letter] = flushes.dead_letters()
    assert "1048" == letter["fluxa-error-code"]
    assert 1 == _found(flushes, id).number


def test_after_handlers_hear_of_rows_as_sql_has_left_them(open_flushes: OpenFlushes) -> None:
    """A change behind SQL is a change of what that has left, although they came together."""
    flushes = open_flushes(signing_key=KEY)
    heard: list[tuple[int, str]] = []
    counters: Any = flushes.engine.provider(CounterEntity)
    counters.on_after_update(flushes.engine, lambda ctx, row, changes: heard.append((row.number, row.name)))
    signed = [
        flushes.record(insert(1, "a", 1)),
        _sql(flushes, UsersStatement(ADD, [10, 1], [1])),
        flushes.record(update(1, name="z")),
    ]
    flushes.publish(*signed)

    flushes.work(flushes.consumer(), 3)

    assert [(11, "z")] == heard


def test_sql_that_nobody_has_signed_is_never_run(open_flushes: OpenFlushes) -> None:
    """Who can write to the topic could run anything: a consumer without a key takes none, one with a key no other's."""
    flushes = open_flushes()
    flushes.publish(flushes.record(insert(1, "a", 1)), _sql(flushes, UsersStatement(ADD, [10, 1], [1])))
    flushes.signing_key = KEY
    flushes.publish(_sql(flushes, UsersStatement(ADD, [10, 1], [1])))
    first = flushes.work(consumer := flushes.consumer(), 3)
    flushes.close(consumer)
    strict = open_flushes(signing_key=KEY)
    for key in ("", "guessed"):
        strict.signing_key = key
        strict.publish(_sql(strict, UsersStatement(ADD, [10, 1], [1])))
    strict.signing_key = KEY
    strict.publish(_sql(strict, UsersStatement(ADD, [100, 1], [1])))

    second = strict.work(strict.consumer(), 6)

    assert ((1, 0, 2), (1, 0, 2)) == (first, second)
    assert [(1, "a", 101, 0)] == strict.rows()
    assert 2 == sum("nobody can tell who wrote it" in each["fluxa-error"] for each in strict.dead_letters())


def test_what_changes_more_than_rows_is_put_aside_whoever_signed_it(open_flushes: OpenFlushes) -> None:
    """A statement that ends the transaction would make a part of it durable, and the rest come twice."""
    flushes = open_flushes(signing_key=KEY)
    flushes.publish(flushes.record(insert(1, "a", 1)))
    for sql in ("COMMIT", "TRUNCATE CounterEntity", "UPDATE CounterEntity SET number = 7 WHERE nothing here"):
        flushes.publish(_sql(flushes, UsersStatement(sql, [], [1]), changes=[update(1, number=9)]))
    flushes.publish(flushes.record(update(1, name="z")))

    done = flushes.work(flushes.consumer(), 5)

    assert (2, 0, 3) == done
    assert [(1, "z", 1, 0)] == flushes.rows()


def test_what_is_too_long_is_split_or_refused_whole(open_flushes: OpenFlushes) -> None:
    """The parts are published together; a statement that is too long alone lets nothing be published."""
    flushes = open_flushes(signing_key=KEY)
    do, ctx = flushes.shell.do, flushes.shell.context(flushes.engine)
    for number in range(4):
        ctx.mysql_pipeline().add(
            "INSERT INTO NoteEntity (id, text) VALUES (?, LEFT(?, 9))", number + 1, str(number) * 400_000,
            table=NOTES, rows=(),
        )  # fmt: skip
    do(ctx.flush_async(True))
    ctx.mysql_pipeline().add("DELETE FROM NoteEntity WHERE text = ?", "x" * 1_000_000, table=NOTES, rows=())
    do(flushes.engine.provider(CounterEntity).new(ctx, name="a"))
    with pytest.raises(KafkaError, match=r"NoteEntity: as a record its SQL has .* write it with ctx\.flush"):
        do(ctx.flush_async(True))

    flushes.consume_until(
        flushes.consumer(),
        lambda: (
            [(1, "0" * 9), (2, "1" * 9), (3, "2" * 9), (4, "3" * 9)]
            == flushes.database.execute("SELECT id, text FROM NoteEntity ORDER BY id")
        ),
        "all parts to be applied",
    )

    assert [2, 2] == [len(statements_of(record)) for record in flushes.records()]
    assert [] == flushes.rows()
