"""Costs that must hold, counted on the wire by proxies before the servers, not by what the library says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from devstack.proxy import Proxy
from fluxaorm import Query
from tests.support.blocks import block
from tests.support.insides import core
from tests.support.local_caches import HEARTBEATS, wait_until_open
from tests.support.network import MakeProxy
from tests.support.redis_servers import RedisServer
from tests.support.shells import Shell
from tests.support.shop_engines import Shop, open_engine
from tests.support.sql_servers import Database


class Counted(Shop):
    """A shop behind two counting proxies."""

    mysql: Proxy
    redis: Proxy

    def reset(self) -> None:
        """Count from here."""
        self.mysql.reset()
        self.redis.reset()

    @property
    def counts(self) -> tuple[int, int]:
        """MySQL and Redis round trips since the last reset."""
        return self.mysql.round_trips, self.redis.round_trips


@pytest.fixture
def counted(
    mysql_database: Database, redis_server: RedisServer, proxy_factory: MakeProxy, shell: Shell
) -> Iterator[Counted]:
    """A warm shop: connections are open, the library of functions is loaded, ids are in hand."""
    mysql, redis = proxy_factory(mysql_database.server.address), proxy_factory(redis_server.address)
    redis.uncounted = HEARTBEATS
    url = mysql_database.server.url(mysql_database.name, mysql.port)
    shop = Counted(open_engine(url, f"{redis.host}:{redis.port}", redis_server.namespace), shell, url)
    shop.mysql, shop.redis = mysql, redis
    wait_until_open(shop.engine)
    # everything happens in quick succession, however busy the machine is
    core(shop.engine).monotonic = lambda: 0.0
    ctx = shop.context()
    shop.do(shop.users.new_many(ctx, 1))
    ctx.clear_flush()
    add_users(shop, 1)
    shop.do(shop.users.get_by_id(shop.context(), 1))
    shop.reset()
    yield shop
    shell.close(shop.engine)


def add_users(shop: Shop, count: int) -> list[Any]:
    ctx = shop.context()
    users = shop.do(shop.users.new_many(ctx, count))
    for user in users:
        user.set(name=f"User {user.id}", email=f"user{user.id}@example.com")
    shop.do(ctx.flush())
    return [user.id for user in users]


def test_context_hit_needs_no_round_trip(counted: Counted) -> None:
    """The identity map answers by itself."""
    (id,) = add_users(counted, 1)
    ctx = counted.context()
    first = counted.do(counted.users.get_by_id(ctx, id))
    counted.reset()

    second = counted.do(counted.users.get_by_id(ctx, id))

    assert (0, 0) == counted.counts
    assert first is second


def test_local_hit_needs_no_round_trip(counted: Counted) -> None:
    """A row in the process's cache serves any context."""
    ctx = counted.context()
    category = counted.do(counted.categories.new(ctx, name="Books"))
    counted.do(ctx.flush())
    counted.do(counted.categories.get_by_id(counted.context(), category.id))
    counted.reset()

    found = counted.do(counted.categories.get_by_id(counted.context(), category.id))

    assert (0, 0) == counted.counts
    assert "Books" == found.name


def test_context_and_local_hits_need_no_plan(counted: Counted) -> None:
    """Making a plan and driving it costs several times what the look-up itself does."""
    writer, reader = counted.context(), counted.context()
    category = counted.do(counted.categories.new(writer, name="Books"))
    counted.do(writer.flush())
    counted.do(counted.categories.get_by_id(counted.context(), category.id))
    reader._run_plan = None

    local = counted.do(counted.categories.get_by_id(reader, category.id))
    context = counted.do(counted.categories.must_get_by_id(reader, category.id))

    assert local is context
    assert "Books" == local.name


def test_miss_costs_two_redis_and_one_mysql_and_a_hit_one_redis(counted: Counted) -> None:
    """Look and lease, read, fill; then one look."""
    (id,) = add_users(counted, 1)
    counted.reset()

    counted.do(counted.users.get_by_id(counted.context(), id))
    miss = counted.counts
    counted.reset()
    counted.do(counted.users.get_by_id(counted.context(), id))
    hit = counted.counts

    assert ((1, 2), (0, 1)) == (miss, hit)


def test_a_row_that_does_not_exist_is_cached_as_missing(counted: Counted) -> None:
    """Asking again for what is not there costs MySQL nothing; inserting it ends that."""
    counted.do(counted.users.get_by_id(counted.context(), 777_777))
    counted.reset()

    again = counted.do(counted.users.get_by_id(counted.context(), 777_777))
    counts = counted.counts
    ctx = counted.context()
    counted.do(counted.users.new_with_id(ctx, 777_777, name="Late", email="late@example.com"))
    counted.do(ctx.flush())
    found = counted.do(counted.users.get_by_id(counted.context(), 777_777))

    assert (None, (0, 1)) == (again, counts)
    assert "Late" == found.name


def test_a_hundred_ids_cost_one_redis_when_all_hit_and_at_most_three_and_one_mysql_else(counted: Counted) -> None:
    """One MGET; else MGET, leases of the missing, one SELECT, fills."""
    ids = add_users(counted, 100)
    counted.reset()

    counted.do(counted.users.get_by_ids(counted.context(), *ids))
    cold = counted.counts
    counted.reset()
    found = counted.do(counted.users.get_by_ids(counted.context(), *ids))
    warm = counted.counts
    add = add_users(counted, 10)
    counted.reset()
    counted.do(counted.users.get_by_ids(counted.context(), *ids, *add))
    mixed = counted.counts

    assert ((1, 3), (0, 1), (1, 3)) == (cold, warm, mixed)
    assert ids == [user.id for user in found]


def make_foreign(shop: Counted, ids: list[int]) -> None:
    """Cached rows become those of another schema, or of a server that was another one then."""
    prefix = core(shop.engine).binding(shop.users).row_key(0).removesuffix("0")
    value = msgspec.msgpack.encode([b"another!", *range(9)])
    shop.engine.redis().client.mset({f"{prefix}{id}": value for id in ids})
    shop.reset()


def test_a_row_of_another_stamp_costs_three_redis_and_one_mysql_and_is_replaced(counted: Counted) -> None:
    """Look, swap it for a lease, read, fill; the next look hits."""
    (id,) = add_users(counted, 1)
    make_foreign(counted, [id])

    found = counted.do(counted.users.get_by_id(counted.context(), id))
    replaced = counted.counts
    counted.reset()
    counted.do(counted.users.get_by_id(counted.context(), id))

    assert (f"User {id}", (1, 3), (0, 1)) == (found.name, replaced, counted.counts)


def test_a_hundred_rows_of_another_stamp_cost_three_redis_and_one_mysql(counted: Counted) -> None:
    """After a deployment all cached rows are of another schema; that must not cost a round trip each."""
    ids = add_users(counted, 100)
    make_foreign(counted, ids)

    found = counted.do(counted.users.get_by_ids(counted.context(), *ids))
    replaced = counted.counts
    counted.reset()
    counted.do(counted.users.get_by_ids(counted.context(), *ids))

    assert (ids, (1, 3), (0, 1)) == ([user.id for user in found], replaced, counted.counts)


def test_a_hundred_entities_reload_in_one_mysql(counted: Counted) -> None:
    """Past every cache, and still together."""
    ids = add_users(counted, 100)
    ctx = counted.context()
    users = counted.do(counted.users.get_by_ids(ctx, *ids))
    counted.reset()

    counted.do(ctx.reload(*users))

    assert (1, 0) == counted.counts


def test_a_thousand_inserts_into_one_table_cost_three_mysql_and_two_redis(counted: Counted) -> None:
    """One multi-row INSERT in a transaction, since it may wait at each of its rows for longer than intents last, and
    two Redis round trips for its thousand keys.
    """
    ctx = counted.context()
    for user in counted.do(counted.users.new_many(ctx, 1_000)):
        user.set(name=f"User {user.id}", email=f"user{user.id}@example.com")
    counted.reset()

    result = counted.do(ctx.flush())

    assert 1_000 == result.inserted
    assert (3, 2) == counted.counts


def test_a_flush_over_three_tables_is_one_transaction_in_three_round_trips(counted: Counted) -> None:
    """BEGIN, all statements in one packet, COMMIT; one round trip to announce, one to release."""
    ctx = counted.context()
    counted.do(counted.categories.new_many(ctx, 1))[0].name = "Books"
    for user in counted.do(counted.users.new_many(ctx, 10)):
        user.set(name=f"User {user.id}", email=f"user{user.id}@example.com")
    counted.do(counted.products.new(ctx, name="Novel"))
    counted.reset()

    counted.do(ctx.flush())

    assert (3, 2) == counted.counts


def test_a_hundred_changes_cost_three_mysql_and_two_redis(counted: Counted) -> None:
    """The changes travel together, whatever their number."""
    ids = add_users(counted, 100)
    ctx = counted.context()
    users = counted.do(counted.users.get_by_ids(ctx, *ids))
    for number, user in enumerate(users):
        user.age = number
    counted.reset()

    counted.do(ctx.flush())

    assert (3, 2) == counted.counts


def test_a_lone_change_costs_one_mysql_and_two_redis(counted: Counted) -> None:
    """No transaction is needed around one statement."""
    (id,) = add_users(counted, 1)
    ctx = counted.context()
    user = counted.do(counted.users.get_by_id(ctx, id))
    user.age = 9
    counted.reset()

    counted.do(ctx.flush())

    assert (1, 2) == counted.counts


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("SELECT 1", "UPDATE UserEntity SET age = 1"), 2),
        (("SET @age = 1", "SELECT @age", "SELECT GET_LOCK('x', 0)", "DO 1"), 4),
        # what is sent is UTF-8 again at once, the rest before the library's own
        (("SET sql_mode = ''",), 3),
    ],
    ids=["plain", "variables", "session"],
)
def test_own_statements_in_a_transaction_cost_what_they_may_change(
    counted: Counted, texts: tuple[str, ...], expected: int
) -> None:
    """Only what the library's SQL rests on has to be put back."""
    ctx = counted.context()
    with block(counted, ctx):
        for text in texts:
            counted.do(ctx.mysql().query(text))
        counted.do(counted.users.count(ctx))
    mysql, _ = counted.counts

    # BEGIN, the library's own statement and COMMIT
    assert expected + 3 == mysql


def test_ids_of_a_loop_cost_about_ten_round_trips_a_thousand(counted: Counted) -> None:
    """A process takes ids in doubling batches."""
    ctx = counted.context()
    counted.reset()

    for _ in range(1_000):
        counted.do(counted.users.new(ctx))

    mysql, redis = counted.counts
    assert mysql <= 1
    assert 1 <= redis <= 15
    ctx.clear_flush()


def test_any_number_of_new_entities_costs_one_or_two_round_trips(counted: Counted) -> None:
    """A number below a block comes from Redis; of a block or more the database also says which ids are taken."""
    ctx = counted.context()
    counted.do(counted.users.new_many(ctx, 1))
    counted.reset()

    counted.do(counted.users.new_many(ctx, 2_000))
    some = counted.counts
    counted.reset()
    counted.do(counted.users.new_many(ctx, 30_000))
    many = counted.counts

    assert ((0, 1), (2, 0)) == (some, many)
    ctx.clear_flush()


def test_statements_and_commands_of_the_users_own_are_in_the_flush(counted: Counted) -> None:
    """Each SQL text has a packet of its own, between BEGIN, the entities' and the look whether the transaction still
    runs, COMMIT; the commands are one round trip after the releases.
    """
    ctx = counted.context()
    counted.do(counted.categories.new_many(ctx, 1))[0].name = "Books"
    for number in range(10):
        ctx.mysql_pipeline().add("UPDATE UserEntity SET age = ?", number)
        ctx.redis_pipeline().add("GET", f"mine:{number}")
    counted.reset()

    counted.do(ctx.flush())

    assert (3 + 10 + 1, 3) == counted.counts


def test_saving_a_thousand_rows_costs_the_same_as_ten(counted: Counted) -> None:
    """Which exist, BEGIN, one INSERT, their ids, COMMIT; in Redis a batch of ids, the announcement and the release."""
    rows = [{"name": f"User {number}", "email": f"many{number}@example.com"} for number in range(1_000)]
    counted.reset()

    counted.do(counted.users.save_many(counted.context(), rows))
    new = counted.counts
    counted.reset()
    counted.do(counted.users.save_many(counted.context(), rows))
    again = counted.counts
    counted.reset()
    counted.do(counted.users.save_many(counted.context(), rows, on_conflict="ignore"))
    nothing = counted.counts

    assert ((5, 3), (5, 2), (1, 0)) == (new, again, nothing)


def test_changing_what_a_query_matches_costs_four_mysql_and_two_redis(counted: Counted) -> None:
    """BEGIN, the ids, the statement, COMMIT, whatever the number of rows; nothing is announced when nothing matches."""
    add_users(counted, 100)
    age = counted.users.fields.age
    counted.reset()

    counted.do(counted.users.update_where(counted.context(), Query(), age=age + 1))
    changed = counted.counts
    counted.reset()
    counted.do(counted.users.delete_where(counted.context(), Query()))
    deleted = counted.counts
    counted.reset()
    counted.do(counted.users.update_where(counted.context(), Query(), age=age + 1))
    nothing = counted.counts

    assert ((4, 2), (4, 2), (3, 0)) == (changed, deleted, nothing)
