"""What readers see of asynchronous writes that are published and not applied yet."""

from __future__ import annotations

from typing import Any

import pytest

from fluxaorm.errors import PendingAsyncWriteError
from tests.support.async_flushes import KnownFlushes, Published
from tests.support.cached import Cached, MemberEntity, OpenCached, SeatEntity, ShelfEntity
from tests.support.insides import core

pytestmark = pytest.mark.usefixtures("valkey")


def by_id(cached: Cached, id: int, **options: Any) -> Any:
    return cached.do(cached.provider.get_by_id(cached.context(), id, **options))


def by_ids(cached: Cached, *ids: int) -> list[Any]:
    return list(cached.do(cached.provider.get_by_ids(cached.context(), *ids)))


def by_email(cached: Cached, email: str) -> Any:
    return cached.do(cached.provider.get_by_email(cached.context(), email))


def email_key(cached: Cached, email: str) -> str:
    binding = core(cached.engine).binding(cached.provider)
    index = next(index for index in binding.cached_indexes.values() if index.fields == ("email",))
    return str(binding.look_up_key(index, (email,)))


def test_changes_are_laid_over_the_row_in_the_logs_order(open_cached: OpenCached) -> None:
    """Who was told that a write is published reads it from then on, by one id or many; nothing of it is filled."""
    cached = open_cached(SeatEntity)
    published = Published(cached)
    id, untouched = cached.add(row="A", taken_by=1), cached.add(row="B")
    published.change(id, 6, "u", taken_by=3)
    published.change(id, 5, "u", taken_by=2, row="C", gone_column="?")

    one = by_id(cached, id)
    many = by_ids(cached, untouched, id, 99_999)

    assert ("C", 3) == (one.row, one.taken_by)
    assert [("B", 0), ("C", 3)] == [(seat.row, seat.taken_by) for seat in many]
    assert b"P" == published.content(published.key(id))[:1]


def test_what_is_applied_is_not_laid_over_again(open_cached: OpenCached) -> None:
    """A synchronous write may have come after it; the entry goes, and the next reader fills again."""
    cached = open_cached(SeatEntity)
    published = Published(cached)
    id = cached.add(row="A", taken_by=1)
    published.change(id, 5, "u", taken_by=2)
    published.change(id, 6, "u", row="B")
    published.apply(6)
    part = by_id(cached, id)
    published.apply(7)
    whole = by_id(cached, id)
    swept = published.content(published.key(id))
    _ = by_ids(cached, id)

    assert ("B", 1) == (part.row, part.taken_by)
    assert ("A", 1) == (whole.row, whole.taken_by)
    assert b"" == swept
    assert published.content(published.key(id))[:1] not in b"LWP"


def test_rows_come_and_go_before_they_are_applied(open_cached: OpenCached) -> None:
    """An insert and a removal are seen as a change is."""
    cached = open_cached(SeatEntity)
    published = Published(cached)
    id, new = cached.add(row="A", taken_by=1), 77_777
    published.change(id, 5, "d")
    published.change(new, 6, "i", row="N", taken_by=9)

    assert by_id(cached, id) is None
    assert ("N", 9) == ((seat := by_id(cached, new)).row, seat.taken_by)
    assert [new] == [seat.id for seat in by_ids(cached, id, new)]


def test_a_mark_without_columns_leaves_the_row_as_the_database_has_it(open_cached: OpenCached) -> None:
    """A publish of unknown outcome, or one whose writer did not want it seen, shows nothing and fills nothing."""
    cached = open_cached(SeatEntity)
    published = Published(cached)
    marked, silent = cached.add(row="A"), cached.add(row="B")
    published.announce(published.key(marked))
    published.confirm(published.key(silent), published.announce(published.key(silent)), 5)

    assert ["A", "B"] == [by_id(cached, id).row for id in (marked, silent)]
    assert ["A", "B"] == [seat.row for seat in by_ids(cached, marked, silent)]
    assert all(b"P" == published.content(published.key(id))[:1] for id in (marked, silent))
    assert not core(cached.engine).binding(cached.provider).local


def test_a_look_up_by_values_follows_what_is_published(open_cached: OpenCached) -> None:
    """Values that move from row to row lead to the one that has them then."""
    cached = open_cached(MemberEntity)
    published = Published(cached)
    id, other = cached.add(email="a@x", number=1), cached.add(email="b@x", number=2)
    assert by_email(cached, "a@x").id == id
    published.change(id, 5, "u", email="c@x")
    published.change(other, 6, "u", email="a@x")
    published.names(email_key(cached, "a@x"), 5, id)
    published.names(email_key(cached, "c@x"), 5, id)
    published.names(email_key(cached, "a@x"), 6, other)
    published.names(email_key(cached, "b@x"), 6, other)

    assert [other, id] == [by_email(cached, email).id for email in ("a@x", "c@x")]
    assert by_email(cached, "b@x") is None
    assert by_email(cached, "B@X") is None


def test_deleted_rows_are_not_found_by_values_nor_in_the_list(open_cached: OpenCached) -> None:
    """A deletion mark that is published hides the row as one that is written."""
    cached = open_cached(MemberEntity, ShelfEntity)
    published = Published(cached)
    id = cached.add(email="a@x")
    published.change(id, 5, "u", fake_delete=id)
    published.names(email_key(cached, "a@x"), 5, id)

    assert by_email(cached, "a@x") is None
    assert by_id(cached, id) is None
    assert by_id(cached, id, include_deleted=True).id == id


def test_all_rows_are_those_that_are_published(open_cached: OpenCached) -> None:
    """The list of a small table has the new row and not the one that went, and changes of those that stay."""
    cached = open_cached(ShelfEntity)
    published = Published(cached)
    first, second = cached.add(name="one"), cached.add(name="two")
    binding = core(cached.engine).binding(cached.provider)
    published.change(first, 5, "d")
    published.change(second, 6, "u", name="2")
    published.change(900, 7, "i", name="new", fake_delete=0)
    published.names(binding.all_ids_key, 5, first, 900)

    shelves = cached.do(cached.provider.get_all(cached.context()))

    assert [(second, "2"), (900, "new")] == [(shelf.id, shelf.name) for shelf in shelves]


def test_entries_stay_when_rows_are_invalidated(open_cached: OpenCached) -> None:
    """Dropping what is cached is for SQL past the library; what is published is no copy of anything."""
    cached = open_cached(SeatEntity)
    published = Published(cached)
    id = cached.add(row="A")
    published.change(id, 5, "u", row="B")

    cached.do(cached.provider.invalidate(cached.context(), id))

    assert "B" == by_id(cached, id).row


def test_a_server_without_its_mark_is_waited_for(open_cached: OpenCached) -> None:
    """A Redis that lost its memory has no entries of what is published; once it is applied, the mark says so to all."""
    cached = open_cached(SeatEntity)
    published = Published(cached, KnownFlushes({0: 5, 1: 0}, pending_timeout=0.05))
    table = core(cached.engine).binding(cached.provider).quoted_table
    cached.sql(f"INSERT INTO {table} (`id`, `row`, `taken_by`) VALUES (7, 'A', 0)")
    published.apply(4)

    for read in (lambda: by_id(cached, 7), lambda: by_ids(cached, 7)):
        with pytest.raises(PendingAsyncWriteError, match="lost its memory"):
            read()
    published.apply(5)
    found = by_id(cached, 7)
    asked = published.flushes.asked
    published.flushes.marked.clear()
    again = by_ids(cached, 7)

    assert ["A", "A"] == [found.row, again[0].row]
    assert asked == published.flushes.asked
