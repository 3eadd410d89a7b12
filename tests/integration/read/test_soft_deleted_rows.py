"""Who finds a soft-deleted row: nobody but who asks for deleted ones, and who follows a reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Entity, Field, Reference, References, UInt32
from fluxaorm.errors import EntityNotFoundError
from tests.support.blocks import block
from tests.support.redis_servers import RedisServer
from tests.support.shells import Shell
from tests.support.shop_engines import Shop, open_engine


class PersonEntity(Entity, soft_delete=True, redis_cache=True, local_cache=True, cache_all=True):
    """In every cache there is."""

    id: UInt32
    email: str = Field(unique=True, cached=True, length=50)


class PlainPersonEntity(Entity, soft_delete=True):
    """In none."""

    id: UInt32
    email: str = Field(unique=True, length=50)


class LetterEntity(Entity):
    """Refers to both."""

    id: UInt32
    sender: Reference[PersonEntity]
    readers: References[PersonEntity] = Field(default_factory=list)


@pytest.fixture
def office(database_url: str, shell: Shell, valkey: RedisServer) -> Iterator[Shop]:
    """An engine over these entities."""
    entities = (PersonEntity, PlainPersonEntity, LetterEntity)
    made = Shop(open_engine(database_url, valkey.host_port, valkey.namespace, entities), shell, database_url)
    yield made
    shell.close(made.engine)


KINDS = [PersonEntity, PlainPersonEntity]


def stored(office: Shop, kind: type[Any], email: str = "a@example.com") -> tuple[Any, int]:
    """The provider and the id of a row."""
    provider: Any = office.engine.provider(kind)
    ctx = office.context()
    person = office.do(provider.new(ctx, email=email))
    office.do(ctx.flush())
    return provider, person.id


def delete(office: Shop, ctx: Any, provider: Any, id: int) -> Any:
    person = office.do(provider.must_get_by_id(ctx, id))
    person.delete()
    return person


def found(office: Shop, ctx: Any, provider: Any, id: int, **how: Any) -> list[int]:
    """How many rows each way of looking finds."""
    query = fx.Query().include_deleted() if how else fx.Query()
    return [
        int(office.do(provider.get_by_id(ctx, id, **how)) is not None),
        len(office.do(provider.get_by_ids(ctx, id, **how))),
        int(office.do(provider.get_by_email(ctx, "a@example.com", **how)) is not None),
        len(office.do(provider.get_all(ctx, **how))),
        len(office.do(provider.search_many(ctx, query))),
        int(office.do(provider.search_one(ctx, query)) is not None),
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("flushed", [False, True], ids=["waiting", "flushed"])
def test_a_deleted_row_is_found_by_who_asks_for_it(office: Shop, kind: type[Any], flushed: bool) -> None:
    """By every look-up and search alike, first from the database and then from what is cached."""
    provider, id = stored(office, kind)
    for _ in range(2):
        assert [1] * 6 == found(office, office.context(), provider, id)
    ctx = office.context()
    person = delete(office, ctx, provider, id)
    if flushed:
        office.do(ctx.flush())

    for reader in (ctx, office.context(), office.context()) if flushed else (ctx, ctx):
        assert [0] * 6 == found(office, reader, provider, id)
        assert [1] * 6 == found(office, reader, provider, id, include_deleted=True)
    assert person is office.do(provider.must_get_by_id(ctx, id, include_deleted=True))
    assert (True, True) == (person.is_deleted, repr(person).endswith(" deleted>"))
    with pytest.raises(EntityNotFoundError):
        office.do(provider.must_get_by_id(ctx, id))
    with pytest.raises(EntityNotFoundError):
        office.do(provider.must_get_by_email(ctx, "a@example.com"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_restored_row_is_found_again(office: Shop, kind: type[Any]) -> None:
    """At once in its context, everywhere after the flush."""
    provider, id = stored(office, kind)
    ctx = office.context()
    person = delete(office, ctx, provider, id)
    office.do(ctx.flush())
    gone = [office.do(provider.get_by_id(reader, id)) for reader in (ctx, office.context())]

    person.restore()
    waiting = office.do(provider.get_by_id(ctx, id))
    office.do(ctx.flush())

    assert ([None, None], person) == (gone, waiting)
    for reader in (ctx, office.context()):
        assert [1] * 6 == found(office, reader, provider, id)


def test_a_deletion_that_waits_counts_for_rows_that_really_go(plain_shop: Shop) -> None:
    """An entity without soft delete is looked for in the same way."""
    ctx = plain_shop.context()
    counter = plain_shop.do(plain_shop.counters.new(ctx, label="a"))
    plain_shop.do(ctx.flush())

    counter.delete()

    assert None is plain_shop.do(plain_shop.counters.get_by_id(ctx, counter.id))
    assert counter is plain_shop.do(plain_shop.counters.get_by_id(ctx, counter.id, include_deleted=True))
    ctx.clear_flush()
    assert counter is plain_shop.do(plain_shop.counters.get_by_id(ctx, counter.id))


def test_a_reference_is_followed_to_a_deleted_row(office: Shop) -> None:
    """An old letter still shows who sent it; whoever cares asks ``is_deleted``."""
    people, id = stored(office, PersonEntity)
    letters: Any = office.engine.provider(LetterEntity)
    ctx = office.context()
    letter = office.do(letters.new(ctx, sender=id, readers=[id]))
    delete(office, ctx, people, id)
    office.do(ctx.flush())

    for _ in range(2):
        reader = office.context()
        read = office.do(letters.must_get_by_id(reader, letter.id))
        sender = office.do(read.get_sender(reader))
        ways = [sender, office.do(read.must_get_sender(reader)), *office.do(read.get_readers(reader))]
        ways += office.do(letters.load_sender(reader, [read]))
        assert [(id, True)] * 4 == [(person.id, person.is_deleted) for person in ways]
        assert None is office.do(people.get_by_id(reader, id))


@pytest.mark.parametrize("kind", KINDS)
def test_of_rows_with_one_unique_value_the_living_is_found_first(office: Shop, kind: type[Any]) -> None:
    """A deleted row never blocks a new one, so there may be many with its value; of those the newest."""
    provider, first = stored(office, kind)
    ids = [first]
    for _ in range(2):
        ctx = office.context()
        delete(office, ctx, provider, ids[-1])
        office.do(ctx.flush())
        ids.append(stored(office, kind)[1])

    def by_email() -> int:
        return int(office.do(provider.must_get_by_email(office.context(), "a@example.com", include_deleted=True)).id)

    alive = by_email()
    ctx = office.context()
    delete(office, ctx, provider, ids[-1])
    office.do(ctx.flush())

    assert (ids[2], ids[2]) == (alive, by_email())


@pytest.mark.parametrize("kind", KINDS)
def test_get_or_create_makes_anew_what_is_deleted(office: Shop, kind: type[Any]) -> None:
    """Also when the deletion is still to be flushed: the new row needs the value that it frees."""
    provider, id = stored(office, kind)
    ctx = office.context()
    delete(office, ctx, provider, id)

    made, is_new = office.do(provider.get_or_create(ctx, {"email": "a@example.com"}))

    assert (True, True) == (is_new, made.id != id)
    assert ([made.id], {made.id, id}) == (
        [person.id for person in office.do(provider.get_all(office.context()))],
        {person.id for person in office.do(provider.get_all(office.context(), include_deleted=True))},
    )


def test_the_first_of_a_search_is_one_that_stays(plain_shop: Shop) -> None:
    """Several that wait to be deleted do not hide the one behind them."""
    ctx = plain_shop.context()
    counters = [plain_shop.do(plain_shop.counters.new(ctx, label=label)) for label in "abc"]
    plain_shop.do(ctx.flush())
    for counter in counters[:2]:
        counter.delete()
    query = fx.Query().sort_by_asc(plain_shop.counters.fields.label)

    assert counters[2] is plain_shop.do(plain_shop.counters.search_one(ctx, query))
    assert [counters[2]] == plain_shop.do(plain_shop.counters.search_many(ctx, query))
    ctx.clear_flush()


def test_deleted_rows_are_left_out_inside_a_transaction_too(office: Shop) -> None:
    """It reads past the caches, by the same rule."""
    provider, id = stored(office, PersonEntity)
    ctx = office.context()

    with block(office, ctx):
        delete(office, ctx, provider, id)
        office.do(ctx.flush())
        inside = (found(office, ctx, provider, id), found(office, ctx, provider, id, include_deleted=True))

    assert ([0] * 6, [1] * 6) == inside
