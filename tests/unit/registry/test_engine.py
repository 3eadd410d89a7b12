"""The engine: what it gives out, which pools and keys its entities use, how it ends, and what a fork does to it."""

from __future__ import annotations

import asyncio
import copy
import gc
import logging
import math
import os
import pickle
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import AsyncContext, Context, Engine, Entity, RedisOptions, Registry, UInt64
from fluxaorm.engine.cache_outages import CacheOutages
from fluxaorm.errors import (
    ContextClosedError,
    ContextMisuseError,
    NotSupportedError,
    RegistryError,
    StaleGeneratedCodeError,
    UnknownPoolError,
)
from tests.golden.references.expected.person_entity import PersonEntityProvider
from tests.support.insides import core, entity_class_of
from tests.unit.registry import models


def _provider(engine: Engine, definition: type[Entity]) -> Any:
    """As much of a provider as a binding looks at."""
    fingerprint = core(engine).schemas[definition.__name__].fingerprint
    members = {"entity_name": definition.__name__, "_fingerprint": fingerprint, "_entity_class": object}
    return type("HandMadeProvider", (), {**members, "_enum_classes": {}})()


def _engine(*entities: type[Entity], register: Callable[[Registry], object] = lambda registry: None) -> Engine:
    registry = Registry()
    registry.register_mysql("root:hunter2@/app")
    register(registry)
    registry.register_entity(*entities)
    return registry.validate(connect=False)


def _redis(*codes: str, namespace: str = "") -> Callable[[Registry], object]:
    def register(registry: Registry) -> None:
        registry.register_mysql("root@/log", "logs")
        for code in codes:
            registry.register_redis("localhost:6379", 0, code, RedisOptions(namespace=namespace))

    return register


@pytest.mark.parametrize("kind", ["mysql", "db", "redis", "local_cache", "clickhouse", "kafka"])
def test_an_unknown_pool_is_a_key_error_that_lists_the_known_ones(kind: str) -> None:
    """A misspelt code is found in the error itself."""
    registry = Registry()
    for code in ("b", "a"):
        registry.register_mysql("root@/app", code)
        registry.register_redis("localhost", 0, code)
        registry.register_local_cache(code)
        registry.register_clickhouse("chdb://memory", code)
        registry.register_kafka(["a:1"], code)
    engine = registry.validate(connect=False)

    with pytest.raises(UnknownPoolError, match=r"pool 'default'; known: 'a', 'b'$") as caught:
        getattr(engine, kind)()

    assert isinstance(caught.value, KeyError)
    assert getattr(engine, kind)("a") is getattr(engine, kind)("a")


def test_no_pool_at_all_is_said_too() -> None:
    """An empty list would look like a formatting mistake."""
    with pytest.raises(UnknownPoolError, match="no Kafka pool 'events'; known: none is registered"):
        Registry().validate(connect=False).kafka("events")


def test_the_view_of_the_registry_is_read_only() -> None:
    """An engine never changes."""
    view: Any = _engine(models.PlainEntity).registry

    for mapping in (view.mysql_pools, view.redis_pools, view.entities):
        with pytest.raises(TypeError):
            mapping["x"] = 1
    with pytest.raises(AttributeError):
        view.mysql_pools = {}
    assert {"PlainEntity": models.PlainEntity} == view.entities


def test_options_are_carried_over() -> None:
    """None where nothing was set, as in the original, or what the caller says."""
    engine = _engine(register=lambda registry: registry.set_option("app_name", "my-service"))

    assert ("my-service", None, 5) == (engine.option("app_name"), engine.option("x"), engine.option("x", 5))


def test_a_repr_shows_no_password() -> None:
    """Engines are printed by debuggers and frameworks."""
    engine = _engine(models.PlainEntity)

    assert "<Engine mysql=['default'] redis=[] entities=1>" == repr(engine)
    assert "hunter2" not in repr(engine.mysql())
    engine.close()
    assert repr(engine).endswith(" closed>")


def test_the_schema_of_an_entity() -> None:
    """By its definition, or by any other class that is called the same, as the generated one is."""
    engine = _engine(models.PlainEntity)
    generated = type("PlainEntity", (), {})

    assert "PlainEntity" == engine.schema(models.PlainEntity).table_name
    assert engine.schema(models.PlainEntity) is engine.schema(generated)


def test_another_definition_of_the_same_name_is_not_registered() -> None:
    """Two applications in one process may both have a UserEntity."""
    engine = _engine(models.PlainEntity)
    impostor = type("PlainEntity", (Entity,), {"__annotations__": {"id": UInt64}})

    for definition in (impostor, models.CachedEntity):
        with pytest.raises(RegistryError, match=f"{definition.__name__} is not registered"):
            engine.schema(definition)
        with pytest.raises(RegistryError, match=f"{definition.__name__} is not registered"):
            engine.provider(definition)


def test_a_provider_of_another_definition_is_stale() -> None:
    """Code that was generated before the definition changed would read the wrong columns."""
    engine = _engine(models.PlainEntity)
    provider = _provider(engine, models.PlainEntity)
    provider._fingerprint = "0123456789abcdef"

    with pytest.raises(StaleGeneratedCodeError, match=r"PlainEntity: .*fluxaorm generate"):
        core(engine).binding(provider)


def test_a_provider_of_an_unregistered_entity_is_refused() -> None:
    """Generated code knows entities that this engine's registry may not."""
    provider = _provider(_engine(models.PlainEntity), models.PlainEntity)

    with pytest.raises(RegistryError, match="PlainEntity is not registered with this engine"):
        core(_engine()).binding(provider)


def test_threads_get_one_binding() -> None:
    """Two would have two local caches, of which one misses what the other evicts."""
    engine = _engine(models.LocalEntity)
    provider = _provider(engine, models.LocalEntity)
    start = threading.Barrier(8)

    def bind(_: int) -> int:
        start.wait()
        return id(core(engine).binding(provider))

    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(bind, range(8)))

    assert {id(core(engine).binding(provider))} == found


def test_two_providers_of_one_entity_share_what_belongs_to_the_process() -> None:
    """The generated one and the one compiled in memory see each other's evictions and hand out no id twice."""
    engine = _engine(models.LocalEntity)

    first, second = (core(engine).binding(_provider(engine, models.LocalEntity)) for _ in range(2))

    assert first is not second
    assert first.local is second.local
    assert first.ids is second.ids
    assert first is core(engine).binding_of("LocalEntity")


def _keys(engine: Engine, definition: type[Entity]) -> str:
    return core(engine).binding(_provider(engine, definition)).key_prefix


@pytest.mark.parametrize(
    ("definition", "namespace", "expected"),
    [
        (models.CachedEntity, "", "fx:app:CachedEntity:"),
        (models.CachedEntity, "tenant", "fx:tenant:CachedEntity:"),
        (models.LogEntity, "", "fx:logs.log:LogEntity:"),
        (models.LogEntity, "tenant", "fx:tenant.logs:LogEntity:"),
        (models.PlainEntity, "", "fx:app:PlainEntity:"),
    ],
)
def test_keys_begin_with_the_namespace(definition: type[Entity], namespace: str, expected: str) -> None:
    """Two MySQL pools never share keys, whatever their tables are called and whatever namespace is chosen."""
    entities: set[type[Entity]] = {models.PlainEntity, definition}
    engine = _engine(*entities, register=_redis("default", "sessions", "ids", namespace=namespace))

    assert expected == _keys(engine, definition)


def test_databases_in_memory_never_share_keys() -> None:
    """Two processes with one Redis would read each other's rows: each database in memory is another."""
    registry = Registry()
    registry.register_mysql("sqlite://:memory:")
    registry.register_entity(models.PlainEntity)

    first, second = (_keys(registry.validate(connect=False), models.PlainEntity) for _ in range(2))

    assert first != second
    assert first.startswith("fx:memory_")


@pytest.mark.parametrize(
    ("definition", "codes", "cache_pool", "id_pool"),
    [
        (models.PlainEntity, (), None, None),
        (models.PlainEntity, ("default",), None, "default"),
        (models.PlainEntity, ("other",), None, None),
        (models.CachedEntity, ("default",), "default", "default"),
        (models.LocalEntity, (), None, None),
        (models.LocalEntity, ("default",), "default", "default"),
        (models.LogEntity, ("default", "sessions", "ids"), "sessions", "ids"),
    ],
)
def test_an_entity_uses_the_pools_of_its_options(
    definition: type[Entity], codes: tuple[str, ...], cache_pool: str | None, id_pool: str | None
) -> None:
    """An entity cached in the process tells others through Redis where there is one; ids come from there too."""
    entities: set[type[Entity]] = {models.PlainEntity, definition}
    engine = _engine(*entities, register=_redis(*codes))

    binding = core(engine).binding(_provider(engine, definition))

    assert (cache_pool, id_pool) == (binding.redis_pool, binding.id_redis_pool)


def test_flushes_go_on_without_redis_only_where_the_options_say_so() -> None:
    """The default is to fail: stale caches are worse than an error."""

    def register(registry: Registry) -> None:
        registry.register_redis("localhost")
        registry.register_redis("localhost", 0, "careless", RedisOptions(on_write_failure="proceed"))

    engine = _engine(register=register)

    assert (False, True) == (
        core(engine).writes_without_cache("default"),
        core(engine).writes_without_cache("careless"),
    )


def test_a_local_cache_without_redis_is_said_to_be_of_one_process(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever starts a second process finds out before their users do."""
    caplog.set_level(logging.INFO, "fluxaorm.registry")

    _engine(models.LocalEntity)
    _engine(models.LocalEntity, register=_redis("default"))

    expected = "LocalEntity has a local cache and no Redis pool 'default': other processes are not told of changes"
    assert [expected] == [record.getMessage() for record in caplog.records]


def test_an_outage_of_a_cache_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A thousand requests a second must not become a thousand lines a second."""
    now = 0.0
    outages = CacheOutages(lambda: now)
    for moment in (0.0, 1.0, 29.0, 58.0, 88.0):
        now = moment
        outages.note("default", ConnectionError("refused"))
    outages.note("other", ConnectionError("refused"))

    assert {"default": 5, "other": 1} == outages.counts()
    assert 3 == len(caplog.records)
    assert "Redis pool 'default' cannot be used as a cache" in caplog.records[0].getMessage()


def test_an_engine_reports_outages_of_its_pools() -> None:
    """Plans tell the engine, which counts."""
    engine = _engine(register=_redis("default"))

    core(engine).cache_outage("default", ConnectionError("refused"))

    assert {"default": 1} == core(engine).cache_outages.counts()


def test_the_clock_is_aware_utc_and_can_be_replaced() -> None:
    """Tests freeze it."""
    engine = _engine()
    assert engine.clock().tzinfo is UTC
    frozen = datetime(2026, 1, 1, tzinfo=UTC)

    engine.clock = lambda: frozen

    assert frozen == engine.clock()


@pytest.mark.parametrize("timeout", [0, -1, True, "5", math.nan, math.inf, 1e10])
def test_a_timeout_that_is_none_is_refused(timeout: Any) -> None:
    """One that nothing can wait for would end what watches over all the others."""
    engine = _engine()
    ctx, async_ctx = engine.new_context(), engine.new_async_context()

    for make in (engine.new_context, engine.new_async_context, ctx.clone, async_ctx.clone):
        with pytest.raises(ContextMisuseError, match="seconds above 0 and up to 1,000,000"):
            make(timeout=timeout)


def test_contexts_are_made_until_the_engine_is_closed() -> None:
    """From the first one on nothing of the engine may be set up any more."""
    engine = _engine()
    before = core(engine).has_contexts

    assert isinstance(engine.new_context(), Context)
    assert isinstance(engine.new_async_context(), AsyncContext)
    assert (False, True) == (before, core(engine).has_contexts)

    engine.close()
    for make in (engine.new_context, engine.new_async_context):
        with pytest.raises(ContextClosedError, match="the engine is closed"):
            make()


def test_sql_on_an_engine_is_no_context_and_ends_with_it(tmp_path: Path) -> None:
    """A script may ask the database while the engine is still being set up; a closed engine answers nothing."""
    registry = Registry()
    registry.register_mysql(f"sqlite:///{tmp_path}/app.db")
    engine = registry.validate()

    row = engine.mysql().query_row("SELECT ?", 1)
    noted = core(engine).has_contexts
    engine.close()

    assert ((1,), False) == (row, noted)
    with pytest.raises(ContextClosedError, match="the engine is closed"):
        engine.mysql().exec("SELECT 1")


def test_an_engine_closes_itself_at_the_end_of_a_block() -> None:
    """Closing twice is allowed: frameworks do."""
    with _engine() as engine:
        engine.new_context().close()
    engine.close()

    with pytest.raises(ContextClosedError):
        engine.new_context()


def test_an_engine_closes_itself_at_the_end_of_an_async_block() -> None:
    """The same on asyncio."""

    async def main() -> Engine:
        async with _engine(register=_redis("default")) as engine:
            await engine.new_async_context().aclose()
        await engine.aclose()
        return engine

    engine = asyncio.run(main())

    with pytest.raises(ContextClosedError):
        engine.new_async_context()


@contextmanager
def _held_elsewhere(lock: threading.RLock) -> Iterator[None]:
    """Another thread has the lock, which a child process would wait for forever."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    yield
    done.set()
    thread.join()


def test_a_child_process_starts_with_nothing_its_parent_will_use() -> None:
    """The same tokens, ids or connections in two processes would break what each promises."""
    engine = _engine(models.LocalEntity, register=_redis("default"))
    binding = core(engine).binding(_provider(engine, models.LocalEntity))
    before = core(engine).tokens.take()[:16]
    binding.ids.add(1, 5)
    reader, writer = os.pipe()

    with _held_elsewhere(core(engine).bindings._lock):
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            core(engine).binding(_provider(engine, models.LocalEntity))
            os.write(writer, f"{core(engine).tokens.take()[:16]} {binding.ids.take(0.0)}".encode())
            os._exit(0)
    _, status = os.waitpid(child, 0)
    os.close(writer)
    token, taken = os.read(reader, 100).decode().split()
    os.close(reader)

    assert 0 == status
    assert before != token
    assert "None" == taken
    assert before == core(engine).tokens.take()[:16]


def test_an_engine_that_nobody_uses_is_forgotten() -> None:
    """What runs in children after a fork must not keep engines alive in the parent."""
    engine = _engine(models.PlainEntity)
    reference = weakref.ref(engine)

    del engine
    gc.collect()

    assert reference() is None
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert 0 == os.waitpid(child, 0)[1]


@pytest.mark.parametrize(
    ("given", "shown"), [("PlainEntity", "a str"), (None, "None"), (3, "an int")], ids=["name", "None", "number"]
)
def test_an_entity_is_asked_for_by_its_class(given: Any, shown: str) -> None:
    """A name looks right, and is what configuration files have."""
    engine = _engine(models.PlainEntity)

    for ask in (engine.schema, engine.provider):
        with pytest.raises(RegistryError) as caught:
            ask(given)
        expected = f"an entity is asked for by its class, such as ProductEntity, not {shown}"
        assert (expected,) == caught.value.problems


def test_a_provider_is_no_class_of_an_entity() -> None:
    """It is at hand wherever the entity is."""
    engine = _engine(models.PlainEntity)
    provider: Any = engine.provider(models.PlainEntity)

    with pytest.raises(RegistryError, match="by its class, such as ProductEntity, not a _PlainProvider"):
        engine.schema(provider)


@pytest.mark.parametrize("clock", [None, datetime(2026, 1, 1, tzinfo=UTC), "now"])
def test_a_clock_is_a_function(clock: Any) -> None:
    """A moment in its place would be found by the next flush."""
    engine = _engine(models.PlainEntity)
    before = engine.clock

    with pytest.raises(RegistryError, match=r"engine\.clock is a function that gives a datetime, not "):
        engine.clock = clock

    assert before is engine.clock


def test_what_asks_the_servers_says_that_a_context_is_wanted() -> None:
    """An engine in its place looks right, and None is what a forgotten return gives."""
    engine = _engine(models.PlainEntity)
    schema = engine.schema(models.PlainEntity)
    calls: list[Callable[[Any], object]] = [
        fx.get_alters,
        fx.get_all_alters,
        engine.check,
        _ALTER.exec,
        _ALTER.precheck,
        schema.update_schema,
        schema.update_schema_and_truncate,
        schema.truncate_table,
        schema.drop_table,
        schema.clear_cache,
    ]

    for call in calls:
        for given, shown in ((engine, "an Engine"), (None, "None")):
            with pytest.raises(ContextMisuseError, match=f" takes a context first, .*, not {shown}$"):
                call(given)


_ALTER = fx.Alter("add", "why", "default", "PlainEntity", "plain", "add_column", "safe")


@pytest.mark.parametrize(("given", "shown"), [(None, "None"), ([1], "an int"), (_ALTER, ""), ("ab", "a str")])
def test_only_alters_are_split(given: Any, shown: str) -> None:
    """On asyncio the list is easily a coroutine that nobody awaited."""
    if not shown:
        assert ([_ALTER], []) == fx.split_alters([given])
        return

    with pytest.raises(fx.AlterError) as caught:
        fx.split_alters(given)

    assert f"split_alters() takes a list of alters, as get_alters(ctx) gives it, not {shown}" == str(caught.value)


def test_a_check_takes_generated_providers() -> None:
    """The definition, or one provider alone, is at hand more often than the list of all."""
    engine = _engine(models.PlainEntity)
    provider = engine.provider(models.PlainEntity)
    ctx = engine.new_context()
    given: list[tuple[Any, str]] = [
        ([models.PlainEntity], "the class PlainEntity"),
        ([entity_class_of(provider)], "the class PlainEntity"),
        (models.PlainEntity, "the class PlainEntity"),
        (None, "None"),
        ([None], "None"),
        ("PlainEntityProvider", "a str"),
        (provider, "a _PlainProvider"),
        (iter([provider, 5]), "an int"),
    ]

    for providers, shown in given:
        with pytest.raises(RegistryError, match=f"takes a list of providers, as ALL_PROVIDERS, not {shown}$"):
            engine.check(ctx, providers)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps], ids=["copy", "deepcopy", "pickle"])
def test_what_belongs_to_an_engine_is_not_copied(copied: Callable[[Any], object]) -> None:
    """A copy would have locks or connections of its own, or fail at the first of them with an error of Python's."""
    engine = _engine(models.PlainEntity, register=_redis("default"))
    parts = (engine.redis(), engine.mysql(), engine.async_mysql(), engine.schema(models.PlainEntity), engine.registry)

    for part in parts:
        with pytest.raises(NotSupportedError, match="neither copied nor pickled"):
            copied(part)


def test_a_provider_is_copied_as_itself() -> None:
    """A context knows entities by the provider: a second one would give a second entity for the same row."""
    provider: Any = _engine(models.PlainEntity).provider(models.PlainEntity)

    assert provider is copy.copy(provider) is copy.deepcopy([provider])[0]
    with pytest.raises(NotSupportedError, match="the provider of PlainEntity was made in memory"):
        pickle.dumps(provider)


def test_a_generated_provider_is_pickled_by_its_name() -> None:
    """A job that is handed to another process may name what it is about."""
    assert PersonEntityProvider is pickle.loads(pickle.dumps(PersonEntityProvider))


def test_a_client_for_asyncio_is_one_of_a_loop() -> None:
    """Outside of one there is no client that it could be."""
    engine = _engine(models.PlainEntity, register=_redis("default"))

    with pytest.raises(ContextMisuseError, match=r"async_client is that of the running event loop, and none runs"):
        _ = engine.redis().async_client
