"""Local cache pools."""

from __future__ import annotations

from typing import Any

import pytest

import fluxaorm.engine
from fluxaorm.engine.value_caches import CacheUsage, LocalCache
from fluxaorm.errors import QueryError


def test_values_are_kept_and_forgotten() -> None:
    """A plain key-value cache."""
    cache = LocalCache("default", 10)
    cache.set("a", 1)
    cache.set(("b", 2), None)
    cache.set("c", 3)

    cache.remove("c", "not there")

    assert [1, None, None, "default"] == [
        cache.get("a"),
        cache.get(("b", 2)),
        cache.get("c"),
        cache.get("d", "default"),
    ]
    assert [True, False, 2] == ["a" in cache, "c" in cache, len(cache)]


def test_the_least_used_values_go_first() -> None:
    """Reading counts as use."""
    cache = LocalCache("default", 2)
    cache.set("a", 1)
    cache.set("b", 2)
    cache.get("a")
    cache.set("c", 3)

    assert [1, None, 3] == [cache.get("a"), cache.get("b"), cache.get("c")]


def test_without_a_limit_nothing_goes() -> None:
    """``limit=0``: no eviction."""
    cache = LocalCache("static_data", 0)
    for number in range(10_000):
        cache.set(number, number)

    assert 10_000 == len(cache)


def test_usage_tells_how_a_cache_does() -> None:
    """Size, limit, hits and misses."""
    cache = LocalCache("default", 5)
    cache.set("a", 1)
    cache.get("a")
    cache.get("b")

    assert CacheUsage(size=1, limit=5, hits=1, misses=1) == cache.usage()
    cache.clear()
    assert 0 == cache.usage().size


def test_the_package_offers_it() -> None:
    """The engine hands them out."""
    assert fluxaorm.engine.LocalCache is LocalCache


def test_a_key_that_cannot_be_one_is_refused() -> None:
    """A list looks like a key of several parts, which is a tuple."""
    cache = LocalCache("default", 10)
    key: Any = ["a", 1]

    for use in (cache.get, cache.remove, cache.__contains__, lambda key: cache.set(key, 1)):
        with pytest.raises(QueryError) as caught:
            use(key)
        expected = "local cache 'default': ['a', 1] is no key: unhashable type: 'list'; take a str or a tuple"
        assert expected == str(caught.value)
    assert 0 == len(cache)


def test_an_error_of_a_key_of_the_users_own_is_left_as_it_is() -> None:
    """What its comparison raises is no fault of the key's kind."""

    class Key:
        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            raise TypeError("compared")

    cache = LocalCache("default", 10)
    cache.set(Key(), 1)

    with pytest.raises(TypeError, match="compared"):
        cache.get(Key())
