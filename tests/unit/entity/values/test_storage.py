"""The room that columns take; the servers hold its limits in ``tests/integration/schema/test_definition_limits.py``."""

from __future__ import annotations

import pytest

from fluxaorm.entity.values.storage import Room, page_row, room_of, server_row


@pytest.mark.parametrize(
    ("mysql_type", "members", "expected"),
    [
        ("tinyint(1)", 0, Room(1, 1, 1)),
        ("mediumint unsigned", 0, Room(3, 3, 3)),
        ("bigint", 0, Room(8, 8, 8)),
        ("float unsigned", 0, Room(4, 4, 4)),
        ("double", 0, Room(8, 8, 8)),
        ("decimal(10,2)", 0, Room(5, 5, 5)),
        ("decimal(65,30)", 0, Room(30, 30, 30)),
        ("date", 0, Room(3, 3, 3)),
        ("datetime", 0, Room(5, 5, 5)),
        ("datetime(3)", 0, Room(7, 7, 7)),
        ("time(6)", 0, Room(6, 6, 6)),
        ("enum('1','2')", 2, Room(1, 1, 1)),
        ("enum('a')", 256, Room(2, 2, 2)),
        ("set('a')", 8, Room(1, 1, 1)),
        ("set('a')", 33, Room(8, 8, 8)),
        ("binary(16)", 0, Room(16, 16, 16)),
        ("varbinary(16)", 0, Room(16, 17, 17)),
        ("varchar(9)", 0, Room(36, 37, 37)),
        ("varchar(10)", 0, Room(40, 41, 41)),
        ("varchar(63)", 0, Room(252, 253, 41)),
        ("varchar(64)", 0, Room(256, 258, 41)),
        ("mediumtext", 0, Room(None, 11, 41)),
        ("blob", 0, Room(None, 10, 41)),
        ("json", 0, Room(None, 12, 41)),
    ],
)
def test_each_type_takes_its_room(mysql_type: str, members: int, expected: Room) -> None:
    """Four bytes a character; text past forty bytes may leave the page; TEXT, BLOB and JSON have no whole key."""
    assert expected == room_of(mysql_type, members)


def test_a_row_has_a_bit_for_each_column_that_may_be_null() -> None:
    """And on its page a header, a transaction id and a roll pointer."""
    rooms = [room_of("bigint"), room_of("varchar(255)")]

    assert [1030, 1031, 1032] == [server_row(rooms, nullable) for nullable in (0, 1, 9)]
    assert [67, 68, 69] == [page_row(rooms, nullable) for nullable in (0, 1, 9)]
