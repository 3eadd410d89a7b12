"""The pieces of work: what is drawn for each, and what every subject must return for it.

``floor``: the method of the floor, the raw drivers, that returns the same values; of writes none, they are looked up.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from benchmarks.flights import draw_departures
from benchmarks.table import ROWS, make_rows, sku_of

CACHED = 2_000
"""Rows up to this id are what is asked of Redis, so that every cache can be filled beforehand."""
HELD = 1_000
"""Entities with ids up to this are in the context that ``get_context`` asks."""

Draw = Callable[[random.Random], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work. ``prepare``: a method of the subject that gets the same arguments before, not measured."""

    name: str
    draw: Draw
    repeats: int
    """Operations a round."""
    floor: str = ""
    prepare: str = ""
    shown: Callable[[Any], Any] = lambda value: value
    """What is compared of the value."""


class Unused:
    """Hands out numbers that nobody had before: ids above the table's, and values that no row has yet."""

    next_number = 10_000_000

    @classmethod
    def take(cls, count: int) -> int:
        """The first of ``count``."""
        first, cls.next_number = cls.next_number, cls.next_number + count
        return first


def _id(generator: random.Random) -> tuple[int]:
    return (generator.randrange(1, ROWS + 1),)


def _held_id(generator: random.Random) -> tuple[int]:
    return (generator.randrange(1, HELD + 1),)


def _cached_id(generator: random.Random) -> tuple[int]:
    return (generator.randrange(1, CACHED + 1),)


def _ids(count: int, highest: int = ROWS) -> Draw:
    return lambda generator: (generator.sample(range(1, highest + 1), count),)


def _price(generator: random.Random) -> tuple[Decimal]:
    return (Decimal(generator.randrange(100, 50_000)) / 100,)


def _sku(generator: random.Random) -> tuple[str]:
    return (sku_of(generator.randrange(1, CACHED + 1)),)


def _rows(count: int) -> Draw:
    return lambda _: (make_rows(Unused.take(count), count),)


_new_rows = _rows(1_000)


def _known_and_new_rows(generator: random.Random) -> tuple[Any, ...]:
    known = [row for id in generator.sample(range(1, ROWS + 1), 500) for row in make_rows(id, 1)]
    return ([*known, *make_rows(Unused.take(500), 500)],)


def _changes(generator: random.Random) -> tuple[Any, ...]:
    # a subject that finds nothing changed would write nothing
    return generator.sample(range(1, ROWS + 1), 100), Unused.take(1_000)


def _nothing(generator: random.Random) -> tuple[()]:
    return ()


def _entity(product: Any) -> Any:
    return product.id, product.name, product.price


WORKS: tuple[Work, ...] = (
    # (id) -> its id, name and price, read from an object
    Work("get_mysql", _id, 300, floor="get_mysql"),
    Work("get_redis", _cached_id, 300, floor="get_redis"),
    # (id) -> the object
    Work("get_local", _id, 3_000, floor="get_mysql", shown=_entity),
    Work("get_context", _held_id, 10_000, floor="get_mysql", shown=_entity),
    # (ids) -> id and name of each, read from objects, in any order
    Work("get100_mysql", _ids(100), 30, floor="get100_mysql", shown=sorted),
    Work("get100_redis", _ids(100, CACHED), 30, floor="get100_redis", shown=sorted),
    # (ids) -> all columns of each as a tuple, read from objects, in any order
    Work("get100_all_mysql", _ids(100), 30, floor="get100_all_mysql", shown=sorted),
    # (price) -> ids of the first 20 objects with a higher price, oldest first
    Work("page20", _price, 60, floor="page20"),
    # (rows) -> 1,000 new objects, written in one unit of work; how many
    Work("insert1000", _new_rows, 2),
    # (ids, stock) -> one field of 100 objects loaded before set to stock plus its position, written together; how many
    Work("update100", _changes, 5, prepare="prepare_update"),
    # (sku) -> id, name and price of the object with this unique value, through the cache
    Work("unique_cached", _sku, 200, floor="unique_cached"),
    # (ids) -> names of 64 objects, one look-up each, all at once on at most 8 connections, in order
    Work("async64_mysql", _ids(64), 10, floor="async64_mysql"),
    Work("async64_redis", _ids(64, CACHED), 20, floor="async64_redis"),
    # (ids) -> id and name of the category of each of 100 objects, in any order
    Work("references100", _ids(100), 20, floor="references100", shown=sorted),
    # () -> how many objects there are and the sum of their stock, in constant memory
    Work("iterate20000", _nothing, 1, floor="iterate20000"),
    # (origin, moment) -> all columns of the first 100 flights from there since then, in order, read from objects
    Work("flights100", draw_departures, 30, floor="flights100"),
    # (origin, moment) -> the same flights' ids, and the airline's name, the plane's model, the destination's name
    Work("flights100_references", draw_departures, 30, floor="flights100_references"),
    # (rows) -> 1,000 rows written in one statement or unit of work, half of which are there already; how many
    Work("upsert1000", _known_and_new_rows, 2),
    # (rows) -> 1,000 objects written before, deleted in one unit of work; how many
    Work("delete1000", _new_rows, 1, prepare="insert1000"),
    # (rows) -> 1,000 rows written before, deleted by their ids without being loaded; how many
    Work("delete_where1000", _new_rows, 1, prepare="insert1000"),
    # the same as insert1000 and update100 of objects that are cached in Redis, whose keys are announced and released:
    # the row's and, of a new one, that of its unique value
    Work("insert1000_redis", _new_rows, 2),
    Work("update100_redis", _changes, 5, prepare="prepare_update_redis"),
)
"""Of the databases and Redis."""

STREAM_WORKS: tuple[Work, ...] = (
    # (rows) -> one new object, published or written, in a context of its own; of the raw driver the same bytes
    Work("flush_async1", _rows(1), 100),
    # the same, cached in Redis: its key and that of its unique value are announced and confirmed
    Work("flush_async1_redis", _rows(1), 100),
    # (rows) -> 1,000 new objects in one unit of work
    Work("flush_async1000", _rows(1_000), 3),
    # (rows) -> 64 new objects, one each in a context of its own, all at once
    Work("async64_flush_async", _rows(64), 5),
    Work("async64_flush_async_redis", _rows(64), 5),
    # (rows) -> 10,000 records of one row each, published before, written to MySQL, 500 in a transaction
    Work("consume10000", _rows(10_000), 1, prepare="prepare_consume"),
    Work("consume10000_redis", _rows(10_000), 1, prepare="prepare_consume_redis"),
    # the same of 1,000, also with one transaction a record
    Work("consume1000", _rows(1_000), 1, prepare="prepare_consume"),
)
"""Of asynchronous flushes, through Kafka."""
