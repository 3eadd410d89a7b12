"""Which statements of a batch travel together."""

from __future__ import annotations

from fluxaorm.plans.effects import Statement
from fluxaorm.pools.mysql.packets import packets


def sent(statements: list[Statement], limit: int = 1000) -> list[tuple[int, int, str | bytes]]:
    """First position, number of statements and text of each packet."""
    return [(packet.first, packet.count, packet.sql) for packet in packets(statements, limit)]


def test_statements_travel_together() -> None:
    """Each with its values; a line feed ends a comment that the one before may end in."""
    statements = [Statement("UPDATE a SET b = ?", (1,)), Statement("DELETE FROM c -- all"), Statement("SELECT 1")]

    assert [(0, 3, "UPDATE a SET b = 1\n;DELETE FROM c -- all\n;SELECT 1")] == sent(statements)


def test_a_packet_has_a_limited_size() -> None:
    """A longer statement has a packet of its own."""
    short, long = Statement("A" * 30), Statement("B" * 200)

    assert [(0, 3), (3, 1), (4, 2)] == [
        (first, count) for first, count, _ in sent([short, short, short, long, short, short], 100)
    ]


def test_a_statement_that_may_be_several_travels_alone() -> None:
    """Else the results could not be told apart."""
    plain = Statement("SELECT 1")

    for several in ("SELECT 1; SELECT 2", "SELECT 1;", "CALL p()", " call p()", "SELECT ';'"):
        found = sent([plain, Statement(several), plain, plain])
        assert [(0, 1), (1, 1), (2, 2)] == [(first, count) for first, count, _ in found]


def test_long_binary_values_make_the_packet_bytes() -> None:
    """The statements beside them too."""
    blob = b"\xff" * 70

    assert [(0, 2, b"INSERT VALUES (_binary'" + blob + b"')\n;SELECT '\xc5\x82'")] == sent(
        [Statement("INSERT VALUES ", rows=[(blob,)]), Statement("SELECT ?", ("ł",))]
    )


def test_an_empty_batch_is_no_packet() -> None:
    """Nothing to send."""
    assert [] == sent([])
