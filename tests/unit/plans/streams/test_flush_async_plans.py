"""The steps of an asynchronous flush, with failures at each of them, written down by the test."""

from __future__ import annotations

from asyncio import CancelledError
from typing import Any

import msgspec
import pytest

from fluxaorm.errors import (
    AsyncFlushUnknownError,
    CacheUnavailableError,
    ContextMisuseError,
    KafkaError,
    KafkaUnavailableError,
    NotSupportedError,
    PostCommitError,
    RedisConnectionError,
    ReentrantFlushError,
)
from fluxaorm.options import AsyncFlushOptions
from fluxaorm.plans.cache.functions import ANNOUNCE, CONFIRM, RELEASE, RENEW
from fluxaorm.plans.effects import FetchRows, Plan, RedisRoundTrip, ShieldedRedisRoundTrip, Sleep
from fluxaorm.plans.streams.async_changes import RECORD_BYTES, kafka_keys_of
from fluxaorm.plans.streams.async_record import AsyncRecord, RowChange, decode, is_signed
from fluxaorm.plans.streams.async_state import AsyncFlushState
from fluxaorm.plans.streams.effects import PublishRecords
from fluxaorm.plans.streams.flush_async import flush_async_plan
from fluxaorm.plans.streams.topic_effects import DescribeTopic, HighWatermarks, TopicInfo
from fluxaorm.plans.writes.flush_work import FlushResult
from fluxaorm.plans.writes.order.foreign_keys import ForeignKey
from tests.support.insides import pending
from tests.unit.plans.world import SERVER, Thing, World, replies, run, words

ANNOUNCED: Any = (RedisRoundTrip, replies(SERVER))
PUBLISHED: Any = (PublishRecords, [(0, 41)])
CONFIRMED: Any = (ShieldedRedisRoundTrip, replies(1))
REFUSED: Any = (ShieldedRedisRoundTrip, replies(0))
WITHDRAWN: Any = (ShieldedRedisRoundTrip, replies(b"ok"))
DOWN = RedisConnectionError("gone", pool="default")


def known_world(redis: Any = "on", **options: Any) -> World:
    """One whose engine knows the databases already."""
    world = World(redis)
    state = AsyncFlushState("events", AsyncFlushOptions(**options))
    state.foreign_keys_asked.add("default")
    state.databases["default"] = "db1"
    state.marked.add(("default", world.identity_map.binding.mark_prefix, SERVER))
    world.engine.async_flush = state
    return world


def changed(world: World, id: int = 1) -> Thing:
    thing = world.stored(id)
    thing.name = f"changed {id}"
    return thing


def record_of(effects: list[Any], number: int = 0) -> AsyncRecord:
    (publish,) = [effect for effect in effects if isinstance(effect, PublishRecords)]
    return decode(publish.records[number].value)


def test_a_change_is_announced_published_and_confirmed_under_one_token() -> None:
    """No reader may fill the cache with the old row once the record exists, nor miss where the record lies."""
    world = known_world()
    thing = changed(world)

    result, effects = run(flush_async_plan(world.unit_of_work, True), ANNOUNCED, PUBLISHED, CONFIRMED)

    record = record_of(effects)
    assert FlushResult(updated=1) == result
    assert [RowChange("u", 1, {"name": "changed 1"}, {"name": "n"})] == record.changes
    assert ("db1", "default", "thing", {"default": ["fx:db:thing:1"]}) == (
        record.database,
        record.pool,
        record.table,
        record.keys,
    )
    assert ["FCALL", ANNOUNCE, 1, "fx:db:thing:1", record.token, 30_000] == list(words(effects[0]))
    confirmation = list(words(effects[2]))
    assert ["FCALL", CONFIRM, 1, "fx:db:thing:1", record.token, SERVER, 0, 41] == confirmation[:-1]
    assert ["u", {"name": "changed 1"}] == msgspec.msgpack.decode(confirmation[-1])
    assert not thing.is_dirty
    assert [] == world.engine.held


def test_without_immediate_updates_entries_carry_no_columns() -> None:
    """Readers then see the change when everybody does."""
    world = known_world()
    changed(world)

    _, effects = run(flush_async_plan(world.unit_of_work, False), ANNOUNCED, PUBLISHED, CONFIRMED)

    assert b"" == words(effects[2])[-1]
    assert {"name": "changed 1"} == record_of(effects).changes[0].values


def test_databases_are_asked_once() -> None:
    """A flush costs one round trip to Kafka and two to Redis, none to MySQL."""
    world = known_world()
    world.engine.async_flush = AsyncFlushState("events", AsyncFlushOptions())
    changed(world)
    asked: Any = (FetchRows, [])

    _, first = run(
        flush_async_plan(world.unit_of_work, True),
        asked,
        (FetchRows, [(b"db2",)]),
        ANNOUNCED,
        (RedisRoundTrip, replies(b"1")),
        PUBLISHED,
        CONFIRMED,
    )
    changed(world, 2)
    _, second = run(flush_async_plan(world.unit_of_work, True), ANNOUNCED, PUBLISHED, CONFIRMED)

    assert ["db2", "db2"] == [record_of(first).database, record_of(second).database]


def test_an_entity_without_a_shared_cache_is_published_alone() -> None:
    """It has no keys to mark."""
    world = known_world(redis="off")
    changed(world)

    _, effects = run(flush_async_plan(world.unit_of_work, True), PUBLISHED)

    assert {} == record_of(effects).keys


def test_an_insert_has_all_columns_and_a_removal_the_row_as_it_was() -> None:
    """A consumer needs them for the row, and for its handlers."""
    world = known_world()
    new, old = world.identity_map.new_entity(9), world.stored(1)
    new.name = "new"
    old.delete()

    result, effects = run(
        flush_async_plan(world.unit_of_work, True),
        (RedisRoundTrip, replies(SERVER, SERVER)),
        PUBLISHED,
        (ShieldedRedisRoundTrip, replies(1, 1)),
    )

    assert FlushResult(inserted=1, deleted=1) == result
    assert [
        RowChange("d", 1, {}, {"id": 1, "name": "n", "note": ""}),
        RowChange("i", 9, {"id": 9, "name": "new", "note": ""}),
    ] == record_of(effects).changes
    assert old.is_deleted


def test_records_are_signed_where_there_is_a_key() -> None:
    """Consumers with a key take no others."""
    world = known_world(signing_key="key")
    changed(world)

    _, effects = run(flush_async_plan(world.unit_of_work, True), ANNOUNCED, PUBLISHED, CONFIRMED)

    sent = effects[1].records[0]
    assert is_signed(sent.value, sent.headers["fluxa-signature"], ["key"])


def test_by_row_each_change_has_a_key_of_its_own() -> None:
    """What keeps its order is the row, so that partitions share a table."""
    world = known_world(order_by="row")
    changed(world, 1)
    changed(world, 2)

    _, effects = run(
        flush_async_plan(world.unit_of_work, True),
        (RedisRoundTrip, replies(SERVER, SERVER)),
        (PublishRecords, [(0, 1), (1, 1)]),
        (ShieldedRedisRoundTrip, replies(1, 1)),
    )

    assert [b"thing:1", b"thing:2"] == [record.key for record in effects[1].records]
    assert record_of(effects, 0).token != record_of(effects, 1).token


# too large


def test_what_is_too_long_for_one_record_is_split() -> None:
    """A broker refuses longer ones; the parts are published together."""
    world = known_world(redis="off")
    for id in range(1, 8):
        changed(world, id).name = str(id) * (RECORD_BYTES // 3)

    _, effects = run(flush_async_plan(world.unit_of_work, True), (PublishRecords, [(0, at) for at in range(4)]))

    sent = effects[0].records
    assert max(each.size for each in sent) <= RECORD_BYTES
    assert [[1, 2], [3, 4], [5, 6], [7]] == [[change.id for change in decode(each.value).changes] for each in sent]
    assert {b"thing"} == {each.key for each in sent}


def test_a_change_that_is_too_long_alone_is_refused_before_anything_is_sent() -> None:
    """Nobody waits for what cannot be published, and nothing of the flush is lost."""
    world = known_world()
    things = [changed(world, 1), changed(world, 2)]
    things[1].name = "x" * RECORD_BYTES

    with pytest.raises(KafkaError, match=r"Thing 2: as a record this change has 950,\d{3} bytes.*ctx\.flush\(\)"):
        run(flush_async_plan(world.unit_of_work, True))

    assert things == list(pending(world.unit_of_work))


# failures


def test_redis_down_at_the_announcement_publishes_nothing() -> None:
    """Readers would go on serving the old row, and fill it."""
    world = known_world()
    thing = changed(world)

    with pytest.raises(CacheUnavailableError, match="nothing was published"):
        run(flush_async_plan(world.unit_of_work, True), (RedisRoundTrip, DOWN), WITHDRAWN)

    assert thing.is_dirty
    assert [] == world.engine.held


def test_redis_down_at_the_announcement_may_be_gone_on_without() -> None:
    """Who says so would rather serve old rows than not write."""
    world = known_world()
    world.engine.proceeds = True
    changed(world)

    run(flush_async_plan(world.unit_of_work, True), (RedisRoundTrip, DOWN), PUBLISHED)

    assert ["default"] == world.engine.outages
    assert [] == world.engine.held


@pytest.mark.parametrize("failure", [KafkaUnavailableError("no broker"), KafkaError("no topic")], ids=str)
def test_what_was_not_published_is_taken_back_and_can_be_repeated(failure: KafkaError) -> None:
    """The rows are read from the cache again at once, and the changes wait."""
    world = known_world()
    thing = changed(world)

    with pytest.raises(KafkaError) as raised:
        run(flush_async_plan(world.unit_of_work, True), ANNOUNCED, (PublishRecords, failure), WITHDRAWN)

    assert failure is raised.value
    assert thing.is_dirty
    run(flush_async_plan(world.unit_of_work, True), ANNOUNCED, PUBLISHED, CONFIRMED)
    assert not thing.is_dirty


def test_markers_that_cannot_be_taken_back_are_in_the_background() -> None:
    """The next reader fills the cache again as soon as Redis answers."""
    world = known_world()
    changed(world)

    with pytest.raises(KafkaUnavailableError):
        run(
            flush_async_plan(world.unit_of_work, True),
            ANNOUNCED,
            (PublishRecords, KafkaUnavailableError("no broker")),
            (ShieldedRedisRoundTrip, DOWN),
        )

    (step,) = world.engine.steps
    done, effects = run(step(), WITHDRAWN)
    assert done
    assert RELEASE == words(effects[0])[1]


def test_an_unknown_outcome_leaves_the_markers() -> None:
    """The record may be applied at any time: until the markers end, nobody keeps the row of before."""
    world = known_world()
    thing = changed(world)

    with pytest.raises(AsyncFlushUnknownError):
        run(flush_async_plan(world.unit_of_work, True), ANNOUNCED, (PublishRecords, AsyncFlushUnknownError("?")))

    assert thing.is_dirty
    assert [1] == list(world.identity_map.stale)
    assert [] == world.engine.held
    assert [] == world.engine.steps


def test_an_interrupted_publish_says_that_nobody_knows() -> None:
    """Whoever repeats it may write it twice."""
    world = known_world()
    changed(world)

    with pytest.raises(CancelledError) as raised:
        run(flush_async_plan(world.unit_of_work, True), ANNOUNCED, (PublishRecords, CancelledError()))

    assert ["it is not known whether this asynchronous flush was published"] == raised.value.__notes__


def test_an_interrupted_confirmation_is_finished_in_the_background() -> None:
    """The record stands, so its keys must say so."""
    world = known_world()
    thing = changed(world)

    with pytest.raises(CancelledError) as raised:
        run(
            flush_async_plan(world.unit_of_work, True),
            ANNOUNCED,
            PUBLISHED,
            (ShieldedRedisRoundTrip, CancelledError()),
        )

    assert "is published and will be applied" in raised.value.__notes__[0]
    assert not thing.is_dirty
    (step,) = world.engine.steps
    done, effects = run(step(), CONFIRMED)
    assert done
    assert CONFIRM == words(effects[0])[1]


# what could not be confirmed

NOT_APPLIED: Any = (FetchRows, [(41,)])
APPLIED: Any = (FetchRows, [(42,)])
TOPIC: Any = (DescribeTopic, TopicInfo("id1", 1))


@pytest.mark.parametrize("confirmation", [REFUSED, (ShieldedRedisRoundTrip, DOWN)], ids=["gone", "down"])
def test_what_could_not_be_confirmed_is_waited_for(confirmation: Any) -> None:
    """A reader may have filled the old row again, so who is told of success must find it applied."""
    world = known_world()
    thing = changed(world)

    _, effects = run(
        flush_async_plan(world.unit_of_work, True),
        ANNOUNCED,
        PUBLISHED,
        confirmation,
        TOPIC,
        (FetchRows, []),
        (Sleep, None),
        NOT_APPLIED,
        (Sleep, None),
        APPLIED,
    )

    assert ("_fluxa_async_sql", "id1", 0) == effects[-1].args
    assert not thing.is_dirty


def test_what_is_not_applied_in_time_is_told_and_stands() -> None:
    """The caller knows that it must not be repeated, and that reads may be old."""
    world = known_world(pending_timeout=0)
    thing = changed(world)

    with pytest.raises(PostCommitError, match="the flush is published and will be applied, but the caches could not"):
        run(flush_async_plan(world.unit_of_work, True), ANNOUNCED, PUBLISHED, REFUSED, TOPIC, NOT_APPLIED)

    assert not thing.is_dirty


def test_a_database_that_does_not_answer_then_is_no_failed_flush() -> None:
    """An error that says "nothing was written" would have the flush repeated."""
    world = known_world()
    changed(world)

    with pytest.raises(PostCommitError, match="the flush is published"):
        run(
            flush_async_plan(world.unit_of_work, True),
            ANNOUNCED,
            PUBLISHED,
            REFUSED,
            (DescribeTopic, KafkaUnavailableError("no broker")),
        )


def test_markers_are_renewed_while_the_publish_is_under_way() -> None:
    """A broker may take longer than they last."""
    world = known_world()
    changed(world)
    plan = flush_async_plan(world.unit_of_work, True)
    next(plan)
    publish = plan.send(replies(SERVER))
    (renewal,) = world.engine.held

    _, effects = run(renewal(), (RedisRoundTrip, replies(1)))

    assert isinstance(publish, PublishRecords)
    assert RENEW == words(effects[0])[1]
    plan.send([(0, 41)])
    assert [] == world.engine.held
    with pytest.raises(StopIteration):
        plan.send(replies(1))
    assert (True, []) == run(renewal())


# the mark of the server


def unmarked_world() -> World:
    world = known_world()
    world.engine.async_flush.marked.clear()
    changed(world)
    return world


def test_a_server_gets_its_mark_where_nothing_is_on_its_way() -> None:
    """On the first day nothing can have been missed, and readers need not wait for the first flush."""
    world = unmarked_world()

    _, effects = run(
        flush_async_plan(world.unit_of_work, True),
        ANNOUNCED,
        (RedisRoundTrip, replies(None)),
        (HighWatermarks, {0: 0}),
        (RedisRoundTrip, replies(b"OK")),
        PUBLISHED,
        CONFIRMED,
    )

    assert ["SET", b"1"] == [words(effects[3])[0], words(effects[3])[2]]


@pytest.mark.parametrize(
    "answers",
    [
        [(RedisRoundTrip, DOWN)],
        [(RedisRoundTrip, replies(None)), (HighWatermarks, KafkaUnavailableError("no broker"))],
        [(RedisRoundTrip, replies(None)), (HighWatermarks, {0: 9}), TOPIC, (FetchRows, [])],
    ],
    ids=["Redis is down", "brokers are down", "something is on its way"],
)
def test_a_mark_that_cannot_be_set_at_once_is_left_to_readers(answers: Any) -> None:
    """A flush waits for nobody else's, nor asks each time."""
    world = unmarked_world()

    run(flush_async_plan(world.unit_of_work, True), ANNOUNCED, *answers, PUBLISHED, CONFIRMED)
    changed(world, 2)
    run(flush_async_plan(world.unit_of_work, True), ANNOUNCED, PUBLISHED, CONFIRMED)


# refusals


def test_nothing_pending_is_done_at_once() -> None:
    """A request that changed nothing must not wait for brokers."""
    result, effects = run(flush_async_plan(known_world().unit_of_work, True))

    assert (FlushResult(), []) == (result, effects)


def refused(world: World, immediate: Any = True) -> Plan[FlushResult]:
    changed(world)
    return flush_async_plan(world.unit_of_work, immediate)


def test_a_flush_is_refused_where_none_is_registered() -> None:
    """The error names what to register."""
    with pytest.raises(NotSupportedError, match="register_async_flush"):
        run(refused(World()))


@pytest.mark.parametrize("immediate", [None, 1, "True"])
def test_whether_readers_see_it_is_said_with_a_bool(immediate: Any) -> None:
    """Half of what the call means is in this argument."""
    with pytest.raises(ContextMisuseError, match="takes True"):
        run(refused(known_world(), immediate))


def test_a_flush_in_the_middle_of_a_flush_is_refused() -> None:
    """As of a synchronous one."""
    world = known_world()
    changed(world)
    plan = flush_async_plan(world.unit_of_work, True)
    next(plan)

    with pytest.raises(ReentrantFlushError):
        next(flush_async_plan(world.unit_of_work, True))
    for reply in (replies(SERVER), [(0, 41)]):
        plan.send(reply)
    with pytest.raises(StopIteration):
        plan.send(replies(1))


def key(child: str, parent: str) -> ForeignKey:
    return ForeignKey("fk", child, (1,), parent, (0,))


def test_tables_that_foreign_keys_join_have_one_kafka_key() -> None:
    """Their records must be applied in the order of the flush: a child never before its parent."""
    tables = {"Order": "orders", "Line": "lines", "Product": "products", "User": "users", "Log": "logs"}

    keys = kafka_keys_of(tables, [key("Line", "Order"), key("Line", "Product"), key("Order", "User")])

    assert {"Order": b"lines", "Line": b"lines", "Product": b"lines", "User": b"lines", "Log": b"logs"} == keys
