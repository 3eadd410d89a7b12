"""Which statements of a batch travel together: rendered, joined, cut at a size. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from fluxaorm.plans.effects import Statement
from fluxaorm.pools.base.sql_ports import PACKET_BYTES
from fluxaorm.pools.mysql.literals import Render, Sql, render
from fluxaorm.query.kept import SHORT_TEXT

_CALL = re.compile(r"\s*(?:CALL|EXECUTE|\{)", re.IGNORECASE)


class Packet:
    """Statements that are sent at once. ``first``: the position of the first of them in the batch."""

    __slots__ = ("count", "first", "sql")

    def __init__(self, first: int, parts: Sequence[Sql]) -> None:
        self.first = first
        self.count = len(parts)
        # the line feed ends a comment that a statement may end in
        self.sql = _joined(parts) if len(parts) > 1 else parts[0]


def packets(statements: Sequence[Statement], limit: int = PACKET_BYTES, render: Render = render) -> Iterator[Packet]:
    """The packets of a batch, in order; a statement longer than ``limit`` has one of its own."""
    parts: list[Sql] = []
    first = size = 0
    for position, statement in enumerate(statements):
        text = render(statement.sql, statement.args, statement.rows)
        octets = byte_length(text)
        alone = _stands_alone(statement.sql)
        if parts and (alone or size + octets > limit):
            yield Packet(first, parts)
            parts, size = [], 0
        if not parts:
            first = position
        parts.append(text)
        size += octets
        if alone:
            yield Packet(first, parts)
            parts, size = [], 0
    if parts:
        yield Packet(first, parts)


def byte_length(text: Sql) -> int:
    """The bytes that a statement takes in its packet."""
    return len(text) if isinstance(text, bytes) or text.isascii() else len(text.encode(errors="surrogatepass"))


def _joined(parts: Sequence[Sql]) -> Sql:
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) == len(parts):
        return "\n;".join(texts)
    return b"\n;".join([part.encode() if isinstance(part, str) else part for part in parts])


def _stands_alone(sql: str) -> bool:
    """A statement whose end is not its last character, or that may give several results."""
    return _judge(sql) if len(sql) <= SHORT_TEXT else _ends_early(sql)


@lru_cache(maxsize=1024)
def _judge(sql: str) -> bool:
    return _ends_early(sql)


def _ends_early(sql: str) -> bool:
    return ";" in sql or _CALL.match(sql) is not None
