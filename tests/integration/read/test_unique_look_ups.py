"""Look-ups by cached unique indexes: what is kept in Redis, what verifies it, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from fluxaorm import Query
from fluxaorm.errors import EntityNotFoundError
from tests.support.cached import Cached, MemberEntity, OpenCached
from tests.support.insides import core, dialect_of


@pytest.fixture
def members(open_cached: OpenCached) -> Cached:
    """Members on each database, in each shell."""
    return open_cached(MemberEntity)


def by_email(members: Cached, email: str) -> int | None:
    found = members.do(members.provider.get_by_email(members.context(), email))
    return None if found is None else int(found.id)


def kept(members: Cached) -> int:
    """How many look-ups are kept."""
    return sum(key.startswith("u:") for key in members.keys())


def test_a_hit_costs_two_redis_and_a_miss_two_redis_and_one_mysql(open_counted: OpenCached) -> None:
    """The id from one key, the row from another; MySQL hears of neither."""
    members = open_counted(MemberEntity)
    id = members.add(email="ann@example.com", number=1)
    members.reset()

    first = by_email(members, "ann@example.com")
    miss = members.counts
    by_email(members, "ann@example.com")
    members.reset()
    second = by_email(members, "ann@example.com")

    assert ((1, 2), (0, 2)) == (miss, members.counts)
    assert (id, id) == (first, second)


def test_search_one_with_exactly_the_indexs_equalities_takes_the_same_path(open_counted: OpenCached) -> None:
    """What asks the same costs the same; one condition more is a search in MySQL."""
    members = open_counted(MemberEntity)
    id = members.add(email="ann@example.com", team=3, number=7)
    fields = members.provider.fields
    exact = Query().filter(fields.team == 3, fields.number == 7)
    for _ in range(2):
        members.do(members.provider.search_one(members.context(), exact))
    members.reset()

    found = members.do(members.provider.search_one(members.context(), exact))
    costs = members.counts
    members.do(members.provider.search_one(members.context(), exact.filter(fields.note == "")))

    assert id == found.id
    assert (0, 2) == costs
    assert (1, 2) == members.counts


def test_a_value_that_moved_is_found_where_it_is_now(members: Cached) -> None:
    """Whatever was kept of the old place, the answer is the row that has the value."""
    ann, bob = members.add(email="ann@example.com", number=1), members.add(email="bob@example.com", number=2)
    assert (ann, bob) == (by_email(members, "ann@example.com"), by_email(members, "bob@example.com"))

    members.change(ann, email="old@example.com")
    members.change(bob, email="ann@example.com")

    assert (bob, None, ann) == tuple(by_email(members, f"{name}@example.com") for name in ("ann", "bob", "old"))


def test_a_flush_drops_what_is_kept_of_old_and_new_values(members: Cached) -> None:
    """So that the next look-up does not first follow a trace that leads nowhere."""
    id = members.add(email="ann@example.com", number=1)
    by_email(members, "ann@example.com")
    before = kept(members)

    members.change(id, email="eve@example.com")

    assert (1, 0) == (before, kept(members))


@pytest.mark.parametrize("verb", ["UPDATE {} SET email = 'moved' WHERE id = ?", "DELETE FROM {} WHERE id = ?"])
def test_a_stale_mapping_costs_a_query_and_never_gives_a_wrong_row(members: Cached, verb: str) -> None:
    """A change past the library leaves the look-up behind; the row that was invalidated tells."""
    id = members.add(email="ann@example.com", number=1)
    by_email(members, "ann@example.com")
    members.sql(verb.format("MemberEntity"), id)
    members.do(members.provider.invalidate(members.context(), id))

    found = by_email(members, "ann@example.com")

    assert found is None


def test_a_stale_mapping_is_replaced_by_the_right_one(members: Cached) -> None:
    """Healing needs no flush and no TTL."""
    ann = members.add(email="ann@example.com", number=1)
    by_email(members, "ann@example.com")
    members.sql("UPDATE MemberEntity SET email = 'moved@example.com' WHERE id = ?", ann)
    members.do(members.provider.invalidate(members.context(), ann))
    stale = {key: members.redis.command("GET", f"{prefix(members)}{key}") for key in members.keys()}
    bob = members.add(email="ann2@example.com", number=2)
    members.sql("UPDATE MemberEntity SET email = 'ann@example.com' WHERE id = ?", bob)

    found = by_email(members, "ann@example.com")
    again = by_email(members, "ann@example.com")

    (name,) = [key for key in stale if key.startswith("u:")]
    assert (bob, bob) == (found, again)
    assert stale[name] != members.redis.command("GET", f"{prefix(members)}{name}")


def prefix(members: Cached) -> str:
    return core(members.engine).binding(members.provider).key_prefix


def test_values_are_compared_as_the_columns_collation_does(members: Cached) -> None:
    """Case and, on the servers, accents do not count; what is kept of one spelling must not hide or change that."""
    given = "ANN@example.com" if dialect_of(members.engine).name == "sqlite" else "ÄNN@example.com"
    id = members.add(email="ann@example.com", number=1)
    expected = [by_email(members, given), by_email(members, "ann@example.com"), by_email(members, given)]

    members.change(id, email="eve@example.com")

    assert [id, id, id] == expected
    assert by_email(members, given) is None


def test_only_the_rows_own_spelling_is_kept(members: Cached) -> None:
    """A flush knows that spelling only, and must find what it has to drop."""
    members.add(email="ann@example.com", number=1)

    by_email(members, "ANN@example.com")
    leases = [members.redis.command("GET", f"{prefix(members)}{key}") for key in members.keys() if key[:2] == "u:"]

    assert all(str(content).startswith("L") for content in leases)


def test_absence_is_not_kept(members: Cached) -> None:
    """A row inserted after a look-up that found nothing is found at once."""
    assert by_email(members, "ann@example.com") is None

    members.sql(
        "INSERT INTO MemberEntity (id, email, team, number, note, fake_delete) VALUES (5, ?, 0, 5, '', 0)",
        "ann@example.com",
    )

    assert 5 == by_email(members, "ann@example.com")


def test_null_matches_nothing(members: Cached) -> None:
    """Many rows may hold NULL in a unique index, and none of them is meant."""
    members.add(email="ann@example.com", number=1, nick=None)
    members.add(email="bob@example.com", number=2, nick=None)

    assert members.do(members.provider.get_by_nick(members.context(), None)) is None
    with pytest.raises(EntityNotFoundError):
        members.do(members.provider.must_get_by_nick(members.context(), None))
    assert 0 == kept(members)


def test_a_value_set_to_null_is_found_no_more(members: Cached) -> None:
    """The old value's look-up goes, and the new one has none."""
    id = members.add(email="ann@example.com", number=1, nick="annie")
    for _ in range(2):
        members.do(members.provider.get_by_nick(members.context(), "annie"))

    members.change(id, nick=None)

    assert members.do(members.provider.get_by_nick(members.context(), "annie")) is None


def test_a_soft_deleted_row_is_not_found_and_a_restored_one_is(members: Cached) -> None:
    """Its value is free for another row meanwhile."""
    ann = members.add(email="ann@example.com", number=1)
    by_email(members, "ann@example.com")

    members.delete(ann)
    gone = by_email(members, "ann@example.com")
    bob = members.add(email="ann@example.com", number=2)
    taken = by_email(members, "ann@example.com")
    members.delete(bob, force=True)
    ctx = members.context()
    members.do(members.provider.must_get_by_id(ctx, ann, include_deleted=True)).restore()
    members.do(ctx.flush())

    assert (None, bob, ann) == (gone, taken, by_email(members, "ann@example.com"))


def test_the_entity_found_is_the_one_the_context_has(members: Cached) -> None:
    """With its unsaved changes, which are not verified against: the row is."""
    id = members.add(email="ann@example.com", number=1)
    by_email(members, "ann@example.com")
    ctx = members.context()
    member = members.do(members.provider.must_get_by_id(ctx, id))
    member.email = "eve@example.com"

    found = members.do(members.provider.get_by_email(ctx, "ann@example.com"))

    assert found is member
    assert "eve@example.com" == found.email
    ctx.clear_flush()


@pytest.mark.parametrize("poison", ["", "junk", "\x92\x01", "\x91\xa1x"])
def test_a_poisoned_mapping_is_a_miss_and_counted(members: Cached, poison: str) -> None:
    """Whatever lies under the key, the answer comes from the database and the key recovers."""
    id = members.add(email="ann@example.com", number=1)
    by_email(members, "ann@example.com")
    (name,) = [key for key in members.keys() if key.startswith("u:")]
    members.redis.command("SET", f"{prefix(members)}{name}", poison)
    counts: Any = core(members.engine).binding(members.provider).counts
    broken = counts.redis_broken

    found = by_email(members, "ann@example.com")

    assert (id, broken + 1) == (found, counts.redis_broken)
    assert poison != members.redis.command("GET", f"{prefix(members)}{name}")


def test_a_value_that_moves_within_one_flush_is_found_at_its_new_row(members: Cached) -> None:
    """Old and new values of all rows of a flush are told of, in whatever order they are written."""
    ann = members.add(email="ann@example.com", number=1)
    by_email(members, "ann@example.com")
    ctx = members.context()
    members.do(members.provider.must_get_by_id(ctx, ann)).email = "eve@example.com"
    members.do(members.provider.new(ctx, email="ann@example.com", number=2))

    members.do(ctx.flush())

    found = by_email(members, "ann@example.com")
    assert found not in (None, ann)
    assert ann == by_email(members, "eve@example.com")
