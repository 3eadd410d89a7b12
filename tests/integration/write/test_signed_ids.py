"""Ids of a signed type, as most tables of most applications have them: any is read, those that we make are positive."""

from __future__ import annotations

from typing import Any

import pytest

from fluxaorm import Entity, Field, Int8, Int64, MediumInt, Query, Reference, References
from fluxaorm.errors import FieldValueError, IdExhaustedError, NotSupportedError, QueryError
from tests.support.cached import Cached, OpenCached
from tests.support.command_line import Command
from tests.support.sql_servers import Database


class ArtistEntity(Entity, redis_cache=True, local_cache=True, cache_all=True, soft_delete=True):
    """All caches, and a mark that is an id."""

    id: MediumInt
    name: str = Field(unique=True, cached=True, length=40)


class AlbumEntity(Entity, redis_cache=True):
    """Refers to signed ids."""

    id: int
    title: str = ""
    artist: Reference[ArtistEntity] | None = None
    guests: References[ArtistEntity] = Field(default_factory=list)


class SlotEntity(Entity):
    """Fewer ids than a block has elsewhere."""

    id: Int8


class DotEntity(Entity, id_pool="mysql", id_block=1):
    """The widest."""

    id: Int64


@pytest.fixture
def artists(open_cached: OpenCached) -> Cached:
    """Artists on each database, in each shell; some were there before."""
    made = open_cached(ArtistEntity, AlbumEntity, SlotEntity, DotEntity)
    for id in (-8_388_608, -5, 0):
        made.sql("INSERT INTO ArtistEntity (id, name, fake_delete) VALUES (?, ?, 0)", id, f"a{id}")
    return made


def names(cached: Cached, entities: Any) -> list[str]:
    return [entity.name for entity in cached.do(entities)]


def test_every_stored_id_is_read_from_everywhere(artists: Cached) -> None:
    """The database first, then each cache: keys, lists and look-ups hold ids below 1 as any others."""
    provider, ids = artists.provider, [-8_388_608, -5, 0]
    expected = ["a-8388608", "a-5", "a0"]

    for _ in range(3):
        ctx = artists.context()
        assert expected == names(artists, provider.get_by_ids(ctx, *ids))
        ctx = artists.context()
        assert expected == names(artists, provider.get_all(ctx))
        for id, name in zip(ids, expected, strict=True):
            ctx = artists.context()
            assert id == artists.do(provider.must_get_by_name(ctx, name)).id
            assert name == artists.do(provider.must_get_by_id(artists.context(), id)).name
    assert {"-8388608", "-5", "0"} <= set(artists.keys())
    found = artists.do(provider.search_many(artists.context(), Query().filter(provider.fields.id < -1)))
    assert {"a-8388608", "a-5"} == {artist.name for artist in found}


def test_ids_that_we_make_are_positive(artists: Cached) -> None:
    """Whatever is below them in the table, and when it is all there is."""
    first, second = artists.add(name="x"), artists.add(name="y")

    assert (1, 2) == (first, second)


def test_a_change_of_a_row_with_a_negative_id_is_seen(artists: Cached) -> None:
    """Its key is intended and released as those of others are, and other processes hear of it."""
    provider = artists.provider
    assert "a-5" == artists.do(provider.must_get_by_id(artists.context(), -5)).name

    artists.change(-5, name="changed")

    assert "changed" == artists.do(provider.must_get_by_id(artists.context(), -5)).name
    assert artists.do(provider.get_by_name(artists.context(), "a-5")) is None


def test_a_negative_id_can_be_marked_deleted_and_0_cannot(artists: Cached) -> None:
    """The mark is the id, and 0 means alive: a delete that does nothing would be a lie."""
    provider = artists.provider
    ctx = artists.context()
    zero = artists.do(provider.must_get_by_id(ctx, 0))

    artists.delete(-5)
    with pytest.raises(NotSupportedError, match=r"ArtistEntity: the row with id 0 .* force_delete\(\)"):
        zero.delete()
    with pytest.raises(NotSupportedError, match="the row with id 0"):
        artists.do(provider.delete_where(artists.context(), Query()))

    assert ["a-8388608", "a0"] == names(artists, provider.get_all(artists.context()))
    zero.force_delete()
    artists.do(ctx.flush())
    assert ["a-8388608"] == names(artists, provider.get_all(artists.context()))
    ctx = artists.context()
    artists.do(provider.must_get_by_id(ctx, -5, include_deleted=True)).restore()
    artists.do(ctx.flush())
    assert ["a-8388608", "a-5"] == names(artists, provider.get_all(artists.context()))


def test_references_hold_any_id(artists: Cached) -> None:
    """One and many; what is outside the type's range is refused with that range."""
    albums = artists.of(AlbumEntity)
    ctx = artists.context()
    zero = artists.do(artists.provider.must_get_by_id(ctx, 0))
    album = artists.do(albums.provider.new(ctx, artist=-5, guests=[zero, -8_388_608]))
    artists.do(ctx.flush())

    ctx = artists.context()
    read = artists.do(albums.provider.must_get_by_id(ctx, album.id))
    assert "a-5" == artists.do(read.must_get_artist(ctx)).name
    assert ["a0", "a-8388608"] == names(artists, read.get_guests(ctx))
    read.artist_id = artists.do(artists.provider.must_get_by_id(ctx, 0))
    assert 0 == read.artist_id
    with pytest.raises(FieldValueError, match="-8388608 to 8388607"):
        read.artist_id = -8_388_609
    with pytest.raises(FieldValueError, match="-8388608 to 8388607"):
        read.guests_ids = [8_388_608]


def test_the_range_is_checked_wherever_an_id_is_taken(artists: Cached) -> None:
    """A number that no row can have is refused before a server sees it."""
    provider, slots = artists.provider, artists.of(SlotEntity).provider

    with pytest.raises(QueryError, match="SlotEntity: an id is at least -128, got -129"):
        artists.do(slots.get_by_id(artists.context(), -129))
    with pytest.raises(QueryError, match="at least -128"):
        artists.do(slots.get_by_ids(artists.context(), 1, -129))
    with pytest.raises(QueryError, match="at least -8388608"):
        artists.do(provider.new_with_id(artists.context(), -8_388_609, name="x"))
    with pytest.raises(QueryError, match="got 0"):
        artists.do(provider.new_with_id(artists.context(), 0, name="x"))
    with pytest.raises(IdExhaustedError, match="8388607"):
        artists.do(provider.new_with_id(artists.context(), 8_388_608, name="x"))
    assert artists.do(slots.get_by_id(artists.context(), 128)) is None


def test_a_chosen_id_may_be_negative(artists: Cached) -> None:
    """A row that stands for "none" or "system" is often -1; it does not move the ids that are made."""
    ctx = artists.context()
    artists.do(artists.provider.new_with_id(ctx, -1, name="none"))
    artists.do(ctx.flush())
    artists.do(artists.provider.save_many(artists.context(), [{"id": -2, "name": "system"}]))

    made = artists.add(name="first")

    assert 1 == made
    assert ["none", "system"] == names(artists, artists.provider.get_by_ids(artists.context(), -1, -2))


@pytest.mark.parametrize(("definition", "largest"), [(SlotEntity, 127), (DotEntity, 2**63 - 1)])
def test_ids_end_at_the_signed_maximum(artists: Cached, definition: type[Any], largest: int) -> None:
    """One more would be a negative number or an error of the server's."""
    some = artists.of(definition)
    artists.sql(f"INSERT INTO {definition.__name__} (id) VALUES (?)", largest - 1)

    last = some.add()

    assert largest == last
    with pytest.raises(IdExhaustedError, match=str(largest)):
        some.add()


def test_a_database_of_signed_keys_is_declared_as_it_is(
    mysql_database: Database, command: Command, tmp_path: Any
) -> None:
    """Most applications' tables: nothing about the keys or the references is changed, and rows are read at once."""
    mysql_database.execute("CREATE TABLE artist (id int NOT NULL PRIMARY KEY, name varchar(20) NOT NULL)")
    mysql_database.execute(
        "CREATE TABLE album (id bigint NOT NULL PRIMARY KEY, artist_id int NOT NULL, KEY artist (artist_id),"
        " CONSTRAINT fk FOREIGN KEY (artist_id) REFERENCES artist (id))"
    )

    outcome = command("inspect", mysql_database.url)

    assert "    id: Int32\n" in outcome.out
    assert "    id: Int64\n" in outcome.out
    assert "    artist: Reference[ArtistEntity] = Field(column=" in outcome.out
    assert "change column `id`" not in outcome.err
    assert "change column `artist_id`" not in outcome.err
