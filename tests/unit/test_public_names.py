"""What completing a name after a dot shows: the API, and nothing else."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fluxaorm as fx

CONTEXT = {
    "clear", "clear_flush", "clone", "closed", "disable_context_cache", "engine", "flush", "flush_async",
    "in_transaction", "invalidate_key", "meta_data", "mysql", "mysql_pipeline", "redis_pipeline",
    "register_query_logger", "reload", "run_in_transaction", "set_context_cache_ttl", "set_meta_data", "track",
    "transaction",
}  # fmt: skip
ENGINE = {
    "aclose", "async_flush_consumer", "async_mysql", "check", "clickhouse", "clock", "close", "db", "enable_query_log",
    "kafka", "local_cache", "mysql", "new_async_context", "new_context", "option", "provider", "redis", "registry",
    "schema",
}  # fmt: skip
QUERY = {
    "filter", "filter_where", "for_update", "group_by", "include_deleted", "limit", "offset", "pager", "sort_by_asc",
    "sort_by_desc", "use_index",
}  # fmt: skip
ERROR = {"add_note", "args", "errno", "pool", "reason", "statement", "with_traceback"}
ALTER = {
    "algorithm", "broken", "copies", "description", "entity", "exec", "kind", "kinds", "pool", "precheck", "reason",
    "safety", "sql", "statements", "store", "table", "target",
}  # fmt: skip


class NamedEntity(fx.Entity, table="named"):
    """What fields and conditions are made of."""

    id: fx.UInt32
    name: str = fx.Field(unique=True, length=100)
    number: int
    year: int | None


def _names(of: object) -> set[str]:
    return {name for name in dir(of) if not name.startswith("_")}


@pytest.fixture
def engine() -> Any:
    """One that asks no server."""
    registry = fx.Registry()
    registry.register_mysql("sqlite://:memory:")
    registry.register_redis("localhost:6379")
    registry.register_entity(NamedEntity)
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


def test_conditions_and_expressions_show_nothing(engine: fx.Engine) -> None:
    """They are made and handed on; who reads their parts depends on how a query is held."""
    fields = engine.provider(NamedEntity).fields
    name, number = fields.name == "a", fields.number > 1
    made = [name, name & number, ~name, fx.or_([name, number]), fx.sum_(fields.number), fx.count()]
    made += [fields.number + 1, fields.year.coalesce(0), fields.name + "a", fx.Query().group_by(fields.name)]
    shown = {repr(each): _names(each) for each in made}

    assert {each: set() for each in shown} == shown
    assert {"append", "parameters"} == _names(fx.Where("1 = 1"))


def test_what_waits_for_a_flush_shows_its_result_alone(engine: fx.Engine) -> None:
    """A handle that can be told a result could say what never was."""
    with engine.new_context() as ctx:
        handle = ctx.mysql_pipeline().add("DELETE FROM named")
        shown = [_names(each) for each in (handle, ctx.mysql_pipeline(), ctx.redis_pipeline())]
        ctx.clear_flush()

    assert [{"is_done", "result"}, {"add"}, {"add"}] == shown


def test_a_pipeline_says_how_much_waits_in_it(engine: fx.Engine) -> None:
    """Its own pool's only, and no statement: that may hold a secret."""
    with engine.new_context() as ctx:
        empty = repr(ctx.mysql_pipeline())
        ctx.mysql_pipeline().add("DELETE FROM named WHERE name = 'secret'")
        ctx.redis_pipeline().add("DEL", "a")
        ctx.redis_pipeline().add("DEL", "b")
        shown = [repr(ctx.mysql_pipeline()), repr(ctx.redis_pipeline())]
        ctx.clear_flush()

    assert "<MySQLPipeline 'default' 0 waiting>" == empty
    assert ["<MySQLPipeline 'default' 1 waiting>", "<RedisPipeline 'default' 2 waiting>"] == shown


def test_a_pool_shows_how_sql_is_run_on_it(engine: fx.Engine) -> None:
    """What its server understands is asked by the library."""
    expected = {"address", "begin", "code", "collation", "database", "exec", "limits", "query", "query_row"}

    assert expected == _names(engine.mysql()) == _names(engine.async_mysql())


def test_errors_show_what_a_program_can_act_on() -> None:
    """What tells the library whether to repeat a statement tells a program nothing that its class does not."""
    assert ERROR == _names(fx.MySQLError("message"))
    assert {*ERROR, "entity", "index", "values"} == _names(fx.DuplicateKeyError("X", "name"))
    assert {*ERROR, "server", "thread"} == _names(fx.CommitUnknownError("message"))


def test_an_alter_shows_what_a_person_decides_by() -> None:
    """How it is run is its maker's business."""
    alter = fx.Alter("add", "missing", "default", "X", "x", "create_table", "safe")

    assert ALTER == _names(alter)


def test_the_library_shows_its_public_names_and_no_folders() -> None:
    """``fx.`` completes to what a program uses, not to where it is made."""
    assert sorted(fx.__all__) == sorted(_names(fx))


def test_a_provider_shows_its_queries(engine: fx.Engine) -> None:
    """What generated code tells the library is not among them."""
    provider = engine.provider(NamedEntity)

    assert {"entity_name", "fields", "get_by_name", "new", "table_name", "update_where"} <= _names(provider)
    assert set() == _names(provider) & {"entity_class", "enum_classes", "fingerprint"}


def _shown_members(of: type[Any]) -> Iterator[tuple[str, Any]]:
    for name in _names(of):
        member = inspect.getattr_static(of, name)
        if inspect.isfunction(member) or isinstance(member, property):
            yield f"{of.__name__}.{name}", member


def test_each_public_method_says_by_itself_what_it_does(engine: fx.Engine) -> None:
    """Completion shows one docstring: "The same" and "As ..." say nothing there."""
    provider = engine.provider(NamedEntity)
    ctx, awaited = engine.new_context(), engine.new_async_context()
    objects = [
        engine, engine.mysql(), engine.async_mysql(), engine.redis(), engine.schema(NamedEntity), engine.registry,
        provider, provider.fields.name, provider.fields.number, provider.fields.year, provider.new_with_id(ctx, id=1),
        ctx.mysql(), awaited.mysql(), ctx.transaction(), awaited.transaction(), ctx.redis_pipeline(),
        ctx.mysql_pipeline(), ctx.mysql_pipeline().add("DELETE FROM named"),
    ]  # fmt: skip
    ctx.clear_flush()
    classes = {*map(type, objects), *(each for each in vars(fx).values() if isinstance(each, type))}

    members = [member for each in classes for member in ((each.__name__, each), *_shown_members(each))]
    unhelpful = {name for name, member in members if re.match("$|As |See |The same", member.__doc__ or "")}

    assert set() == unhelpful
    assert 200 < len(members)


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
