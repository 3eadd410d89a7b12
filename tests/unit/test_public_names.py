"""What completing a name after a dot shows: the API, and nothing else."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fluxaorm as fx

CONTEXT = {
    "clear", "clear_flush", "clone", "closed", "disable_context_cache", "engine", "flush", "in_transaction",
    "invalidate_key", "meta_data", "mysql", "mysql_pipeline", "redis_pipeline", "register_query_logger", "reload",
    "run_in_transaction", "set_context_cache_ttl", "set_meta_data", "track", "transaction",
}  # fmt: skip
ENGINE = {
    "aclose", "async_mysql", "check", "clickhouse", "clock", "close", "db", "enable_query_log", "kafka", "local_cache",
    "mysql", "new_async_context", "new_context", "option", "provider", "redis", "registry", "schema",
}  # fmt: skip
QUERY = {
    "filter", "filter_where", "for_update", "group_by", "include_deleted", "limit", "offset", "pager", "sort_by_asc",
    "sort_by_desc", "use_index",
}  # fmt: skip


def _names(of: object) -> set[str]:
    return {name for name in dir(of) if not name.startswith("_")}


@pytest.fixture
def engine() -> Any:
    """One that asks no server."""
    registry = fx.Registry()
    registry.register_mysql("sqlite://:memory:")
    registry.register_redis("localhost:6379")
    with registry.validate(connect=False) as engine:
        yield engine


def test_a_context_shows_what_a_request_does_with_it(engine: fx.Engine) -> None:
    """A newcomer reads the list of an editor before any page."""
    with engine.new_context() as ctx:
        assert {*CONTEXT, "close"} == _names(ctx)
    assert {*CONTEXT, "aclose"} == _names(engine.new_async_context())


def test_an_engine_shows_what_an_application_does_with_it(engine: fx.Engine) -> None:
    """What only the library calls is a way to break it."""
    assert ENGINE == _names(engine)
    assert {"address", "async_client", "client", "code", "namespace"} == _names(engine.redis())


def test_a_query_shows_how_it_is_built() -> None:
    """What it holds is its compiler's business."""
    assert QUERY == _names(fx.Query())


def test_no_two_classes_share_a_name() -> None:
    """Who searches for one finds it, and who reads its name in a traceback knows which."""
    trees = [ast.parse(path.read_text()) for path in Path(fx.__file__).parent.rglob("*.py")]
    names = Counter(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))

    assert [] == [name for name, times in names.items() if times > 1]


def _private_names(tree: ast.Module) -> Iterator[str]:
    """Attributes behind an underscore that its assertions look at, but for a test's own."""
    asserted = (node for each in ast.walk(tree) if isinstance(each, ast.Assert) for node in ast.walk(each))
    for node in asserted:
        if not isinstance(node, ast.Attribute) or not node.attr.startswith("_") or node.attr.endswith("__"):
            continue
        if not isinstance(node.value, ast.Name) or node.value.id != "self":
            yield f"{ast.unparse(node)}, line {node.lineno}"


def test_tests_assert_what_users_can_see() -> None:
    """What is asserted of the inside stands in the way of every change of it; ``support/insides.py`` has the rest."""
    tests = Path(__file__).parents[1]

    found = {
        str(path.relative_to(tests)): names
        for path in tests.rglob("test_*.py")
        if (names := list(_private_names(ast.parse(path.read_text()))))
    }

    assert {} == found
