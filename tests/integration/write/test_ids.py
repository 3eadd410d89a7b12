"""Where ids come from: blocks in the database, shared out by Redis, never handed out twice."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from fluxaorm import Entity, UInt8, UInt64
from fluxaorm.errors import DuplicateKeyError, FluxaError, IdExhaustedError, QueryError
from tests.support.insides import core
from tests.support.redis_servers import RedisServer
from tests.support.shop import CounterEntity
from tests.support.shop_engines import Shop


class TicketEntity(Entity, id_block=1):
    """Ids in strict order."""

    id: UInt64
    text: str = ""


class SlotEntity(Entity):
    """Few ids."""

    id: UInt8
    text: str = ""


def take(shop: Shop, count: int) -> list[int]:
    ctx = shop.context()
    ids = [shop.do(shop.counters.new(ctx)).id for _ in range(count)]
    ctx.clear_flush()
    return ids


def test_ids_increase_and_are_there_before_the_flush(cached_shop: Shop) -> None:
    """An id at once lets references be set before anything is written."""
    ids = take(cached_shop, 50)

    assert sorted(set(ids)) == ids


def test_two_engines_never_share_an_id(make_shop: Any, valkey: RedisServer) -> None:
    """Processes take from one block in Redis."""
    first, second = (make_shop(valkey.host_port, valkey.namespace) for _ in range(2))

    ids = take(first, 30) + take(second, 30) + take(first, 30)

    assert 90 == len(set(ids))


def test_without_redis_blocks_come_from_the_database(make_shop: Any) -> None:
    """Two processes without Redis take whole blocks."""
    first, second = make_shop(), make_shop()

    ids = take(first, 30) + take(second, 30)

    assert 60 == len(set(ids))


def test_an_emptied_redis_does_not_bring_ids_back(cached_shop: Shop, make_shop: Any, valkey: RedisServer) -> None:
    """When Redis lost the block, the next id comes from a fresh one."""
    before = take(cached_shop, 20)
    valkey.clean()

    other = make_shop(valkey.host_port, valkey.namespace)
    after = take(other, 20) + take(cached_shop, 20)

    assert 60 == len({*before, *after})


def test_a_block_of_another_run_of_redis_is_not_used(cached_shop: Shop, make_shop: Any, valkey: RedisServer) -> None:
    """A hash restored from an old snapshot carries the run id of the server that wrote it."""
    before = take(cached_shop, 20)
    (key,) = [key for key in valkey.keys() if key.endswith(":CounterEntity:id")]
    valkey.command("HSET", key, "offset", "0", "run", "0" * 40)

    other = make_shop(valkey.host_port, valkey.namespace)
    after = take(other, 20)

    assert 40 == len({*before, *after})


def test_ids_start_above_rows_that_are_already_there(cached_shop: Shop) -> None:
    """A table filled by other means does not clash."""
    cached_shop.sql("INSERT INTO CounterEntity (id, label, hits, version) VALUES (4000, 'old', 0, 1)")
    ctx = cached_shop.context()

    counter = cached_shop.do(cached_shop.counters.new(ctx, label="new"))

    assert counter.id > 4000
    cached_shop.do(ctx.flush())


def test_an_id_of_the_callers_lifts_the_generated_ones(cached_shop: Shop) -> None:
    """new_with_id above everything reserved: later ids stay above it."""
    ctx = cached_shop.context()
    cached_shop.do(cached_shop.counters.new_with_id(ctx, 1_000_000, label="mine"))
    cached_shop.do(ctx.flush())

    ids = {cached_shop.do(cached_shop.counters.new(ctx, label=f"c{number}")).id for number in range(40)}
    result = cached_shop.do(ctx.flush())

    assert 1_000_000 not in ids
    assert len(ids) == result.inserted


def test_the_id_types_maximum_is_checked(cached_shop: Shop) -> None:
    """A small id type ends with a clear error, not with a wrapped number."""
    ctx = cached_shop.context()
    cached_shop.do(cached_shop.categories.new_with_id(ctx, 65_535, name="last"))
    cached_shop.do(ctx.flush())

    with pytest.raises(IdExhaustedError, match="65535"):
        cached_shop.do(cached_shop.categories.new(ctx, name="one too many"))
    with pytest.raises(IdExhaustedError):
        cached_shop.do(cached_shop.categories.new_with_id(ctx, 65_536, name="too high"))
    with pytest.raises(QueryError, match="starts at 1"):
        cached_shop.do(cached_shop.categories.new_with_id(ctx, 0, name="zero"))


def test_threads_share_a_process_supply_without_repeats(cached_shop: Shop) -> None:
    """Many threads at once: every id once."""
    taken: list[int] = []

    def work() -> None:
        with cached_shop.engine.new_context() as ctx:
            ids = [cached_shop.users.new(ctx).id for _ in range(200)]
            ctx.clear_flush()
        taken.extend(ids)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 1_600 == len(set(taken)) == len(taken)


@pytest.mark.parametrize("with_redis", [True, False], ids=["redis", "no redis"])
def test_contexts_that_begin_at_once_use_up_one_block(
    make_shop: Any, valkey: RedisServer, with_redis: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that starts under load would otherwise leave gaps of ten thousands of ids, at each start."""
    # a machine that is busy must not make any of them impatient
    monkeypatch.setattr("fluxaorm.plans.ids.new_ids.SHARED_PAUSES", 30_000)
    shop: Shop = make_shop(valkey.host_port, valkey.namespace) if with_redis else make_shop()
    contexts = [shop.context() for _ in range(20)]
    taken: list[int] = []

    def begin(ctx: Any) -> None:
        taken.append(shop.counters.new(ctx).id)

    async def begin_all() -> None:
        taken.extend([each.id for each in await asyncio.gather(*map(shop.counters.new, contexts))])

    if shop.shell.name == "asyncio":
        shop.do(begin_all())
    else:
        threads = [threading.Thread(target=begin, args=(ctx,)) for ctx in contexts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for ctx in contexts:
        ctx.clear_flush()

    assert 20 == len(set(taken))
    assert [("10000",)] == shop.sql("SELECT reserved FROM _fluxa_ids WHERE entity = 'CounterEntity'")


def test_blocks_of_one_id_give_strict_order_across_processes(make_shop: Any, valkey: RedisServer) -> None:
    """Whoever asks later gets the higher id, so neither process may keep ids in hand."""
    shops = [make_shop(valkey.host_port, valkey.namespace, entities=(TicketEntity,)) for _ in range(2)]
    contexts = [shop.context() for shop in shops]

    ids = [
        shop.do(shop.engine.provider(TicketEntity).new(ctx)).id
        for _ in range(10)
        for shop, ctx in zip(shops, contexts, strict=True)
    ]

    assert list(range(1, 21)) == ids
    for ctx in contexts:
        ctx.clear_flush()


def test_a_small_id_type_gives_all_its_ids_and_then_says_that_none_is_left(make_shop: Any, valkey: RedisServer) -> None:
    """Nothing of a scarce range is lost to blocks, and the end is an error with a name."""
    shop = make_shop(valkey.host_port, valkey.namespace, entities=(SlotEntity,))
    provider: Any = shop.engine.provider(SlotEntity)
    ctx = shop.context()

    ids = [entity.id for entity in shop.do(provider.new_many(ctx, 250))]
    ids += [shop.do(provider.new(ctx)).id for _ in range(5)]

    assert list(range(1, 256)) == ids
    for call in (provider.new, lambda ctx: provider.new_many(ctx, 3)):
        with pytest.raises(IdExhaustedError, match="255"):
            shop.do(call(ctx))
    ctx.clear_flush()


def test_asking_for_more_ids_than_there_are_spends_none(make_shop: Any, valkey: RedisServer) -> None:
    """A slip of one call must not end a table's life: ids that nobody got are there for the next one."""
    shop = make_shop(valkey.host_port, valkey.namespace, entities=(SlotEntity,))
    provider: Any = shop.engine.provider(SlotEntity)
    ctx = shop.context()

    for count in (256, 10**12):
        with pytest.raises(IdExhaustedError, match="255"):
            shop.do(provider.new_many(ctx, count))
    first = shop.do(provider.new(ctx)).id
    with pytest.raises(IdExhaustedError, match="255"):
        shop.do(provider.new_many(ctx, 255))
    ids = [entity.id for entity in shop.do(provider.new_many(ctx, 254))]
    ctx.clear_flush()

    assert (1, list(range(2, 256))) == (first, ids)


def test_the_widest_id_type_ends_with_the_same_error(cached_shop: Shop) -> None:
    """The database's own arithmetic overflows there; what comes out is still the library's error."""
    highest = 2**63 - 1 if cached_shop.url.startswith("sqlite") else 2**64 - 1
    ctx = cached_shop.context()
    cached_shop.do(cached_shop.users.new_with_id(ctx, highest, name="last", email="last@example.com"))
    cached_shop.do(ctx.flush())

    with pytest.raises(IdExhaustedError, match=str(2**64 - 1)):
        cached_shop.do(cached_shop.users.new(ctx))


@pytest.mark.parametrize("count", [-1, 1.5, "3", True])
def test_new_many_of_what_is_no_number_of_entities_is_refused(plain_shop: Shop, count: Any) -> None:
    """A wrong count is told before anything is taken."""
    with pytest.raises(QueryError, match="new_many must be an int of at least 0"):
        plain_shop.do(plain_shop.counters.new_many(plain_shop.context(), count))


def test_a_forked_child_takes_ids_of_its_own(cached_shop: Shop) -> None:
    """What a process has in hand is its own; a child that kept it would hand it out a second time."""
    before = take(cached_shop, 40)
    binding = core(cached_shop.engine).binding(cached_shop.counters)

    binding.reset_after_fork()

    assert binding.ids.take(0.0) is None
    assert not {*before} & {*take(cached_shop, 40)}


def test_without_its_table_an_entity_gets_no_ids_and_good_ones_afterwards(make_shop: Any, valkey: RedisServer) -> None:
    """A program that was started before its tables were made must not hand out negative ids for ever after."""
    shop = make_shop(valkey.host_port, valkey.namespace)
    counters = shop.counters
    shop.sql("DROP TABLE CounterEntity")
    for _ in range(2):
        with pytest.raises(FluxaError, match="CounterEntity"):
            shop.do(counters.new(shop.context()))

    shop.do(shop.engine.schema(CounterEntity).update_schema(shop.context()))
    ids = take(shop, 5)

    assert min(ids) > 0
    assert 5 == len(set(ids))


def test_ids_that_others_took_are_left_out_of_a_block(make_shop: Any, valkey: RedisServer) -> None:
    """Another program inserts with numbers of the server's; what it took before a block was reserved is not given."""
    shop = make_shop(valkey.host_port, valkey.namespace)
    (first,) = take(shop, 1)
    following = first - first % 10_000 + 10_000
    for id in (following + 1, following + 3, following + 4):
        shop.sql("INSERT INTO CounterEntity (id, label, hits, version) VALUES (?, ?, 0, 1)", id, str(id))
    valkey.clean()

    other = make_shop(valkey.host_port, valkey.namespace)
    ctx = other.context()
    ids = [other.do(other.counters.new(ctx, label=f"ours {number}")).id for number in range(5)]
    other.do(ctx.flush())

    assert not {following + 1, following + 3, following + 4} & {*ids}
    assert min(ids) > first


def test_a_block_that_others_filled_is_passed_by(make_shop: Any, valkey: RedisServer) -> None:
    """Ids in strict order go on above the rows of others, in a few steps whatever their number."""
    shop = make_shop(valkey.host_port, valkey.namespace, entities=(TicketEntity,))
    tickets: Any = shop.engine.provider(TicketEntity)
    ctx = shop.context()
    shop.do(tickets.new(ctx))
    shop.do(ctx.flush())
    for id in range(2, 8):
        shop.sql("INSERT INTO TicketEntity (id, text) VALUES (?, 'theirs')", id)

    ids = []
    for _ in range(3):
        ids.append(shop.do(tickets.new(ctx)).id)
        shop.do(ctx.flush())

    assert [8, 9, 10] == ids


def test_a_generated_id_that_somebody_took_fails_once_and_is_not_followed_by_its_neighbours(
    make_shop: Any, valkey: RedisServer
) -> None:
    """A row took the id after it was reserved: the error says so, and the next entity gets an id that is free."""
    shop = make_shop(valkey.host_port, valkey.namespace)
    (first,) = take(shop, 1)
    for id in range(first + 1, first + 50):
        shop.sql("INSERT INTO CounterEntity (id, label, hits, version) VALUES (?, ?, 0, 1)", id, str(id))
    ctx = shop.context()

    shop.do(shop.counters.new(ctx, label="ours"))
    with pytest.raises(DuplicateKeyError, match="make the entity anew") as caught:
        shop.do(ctx.flush())
    ctx.clear_flush()
    shop.do(shop.counters.new(ctx, label="ours"))
    result = shop.do(ctx.flush())

    assert ("PRIMARY", {"id": first + 1}) == (caught.value.index, caught.value.values)
    assert 1 == result.inserted


def test_an_id_that_the_caller_chose_twice_costs_no_block(make_shop: Any, valkey: RedisServer) -> None:
    """Ids are dropped where they are in doubt; a caller's own mistake must not burn ten thousand each time."""
    shop = make_shop(valkey.host_port, valkey.namespace)
    (first,) = take(shop, 1)
    shop.sql("INSERT INTO CounterEntity (id, label, hits, version) VALUES (77, 'theirs', 0, 1)")
    ctx = shop.context()

    for _ in range(2):
        shop.do(shop.counters.new_with_id(ctx, 77, label="mine"))
        with pytest.raises(DuplicateKeyError):
            shop.do(ctx.flush())
        ctx.clear_flush()

    assert [first + 1] == take(shop, 1)


@pytest.mark.parametrize("on_conflict", ["update", "ignore"])
def test_save_many_never_touches_a_row_that_has_one_of_its_generated_ids(
    make_shop: Any, valkey: RedisServer, on_conflict: str
) -> None:
    """Nobody named that row: to update it, or to take it for the one that was to be saved, would be data lost."""
    shop = make_shop(valkey.host_port, valkey.namespace)
    shop.do(shop.users.new_many(shop.context(), 1))
    (first,) = [entity.id for entity in shop.do(shop.users.new_many(shop.context(), 1))]
    ctx = shop.context()
    for id in (first + 2, first + 3):
        shop.do(shop.users.new_with_id(ctx, id, name="theirs", email=f"{id}@example.com"))
    shop.do(ctx.flush())
    core(shop.engine).binding(shop.users).ids.drop()
    rows = [{"name": f"n{number}", "email": f"n{number}@example.com"} for number in range(4)]

    with pytest.raises(DuplicateKeyError, match="may be called again") as caught:
        shop.do(shop.users.save_many(shop.context(), rows, on_conflict=on_conflict))
    left = shop.sql("SELECT id, name FROM UserEntity ORDER BY id")
    ids = shop.do(shop.users.save_many(shop.context(), rows, on_conflict=on_conflict))

    assert ("PRIMARY", {"id": first + 2}) == (caught.value.index, caught.value.values)
    assert [(str(id), "theirs") for id in (first + 2, first + 3)] == left
    assert [("6",)] == shop.sql("SELECT COUNT(*) FROM UserEntity")
    assert not {first + 2, first + 3} & {*ids}


@pytest.mark.parametrize(
    "fields",
    [
        {"first": "-5"},
        {"first": "0"},
        {"first": "many"},
        {"first": "18446744073709551615"},
        {"first": "9" * 30},
        {"size": "999999999"},
        {"size": "1e9", "offset": "-3"},
        {"offset": "1.5"},
        {"offset": "0x10"},
        {"first": "500000000"},
        {"offset": "0", "size": ""},
    ],
)
def test_a_poisoned_block_in_redis_is_replaced(
    cached_shop: Shop, make_shop: Any, valkey: RedisServer, fields: dict[str, str]
) -> None:
    """Whoever can write to Redis may break the cache, not the ids: they are good, new, and shared out again."""
    before = take(cached_shop, 3)
    (key,) = [key for key in valkey.keys() if key.endswith(":CounterEntity:id")]
    valkey.command("HSET", key, *(word for pair in fields.items() for word in pair))

    others = [make_shop(valkey.host_port, valkey.namespace) for _ in range(2)]
    after = [id for shop in others for id in take(shop, 3)]

    assert 9 == len({*before, *after})
    assert max(after) <= 20_000
    assert min(after) > max(before)


def test_something_else_in_the_place_of_a_block_is_replaced(
    cached_shop: Shop, make_shop: Any, valkey: RedisServer
) -> None:
    """A key of another type makes commands fail, which is no reason not to insert."""
    before = take(cached_shop, 3)
    (key,) = [key for key in valkey.keys() if key.endswith(":CounterEntity:id")]
    valkey.command("SET", key, "nonsense")

    after = take(make_shop(valkey.host_port, valkey.namespace), 3)

    assert 6 == len({*before, *after})
    assert "hash" == valkey.command("TYPE", key)
