"""``engine.schema(X)``: tables are brought in line, emptied and dropped, and nothing of their rows stays cached."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fluxaorm as fx
from devstack.proxy import Proxy
from fluxaorm import Entity, Field
from fluxaorm.errors import CacheUnavailableError, ContextMisuseError, MySQLError, RegistryError
from fluxaorm.observe.query_log import QueryLogEntry
from fluxaorm.plans.effects import Effect, Execute, RedisRoundTrip, Session
from fluxaorm.plans.reads.by_id import get_by_id_plan
from fluxaorm.plans.tables.table_operations import truncate_table_plan
from tests.support.insides import core
from tests.support.interleaving import with_action_before
from tests.support.network import MakeProxy
from tests.support.redis_servers import RedisServer
from tests.support.shells import Shell
from tests.support.shop import CategoryEntity, CounterEntity, UserEntity
from tests.support.shop_engines import Shop

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what Redis and this process do, whatever the database."""


def add_user(shop: Shop, name: str = "Alice") -> int:
    ctx = shop.context()
    user = shop.do(shop.users.new(ctx, name=name, email=f"{name.lower()}@example.com"))
    shop.do(ctx.flush())
    id: int = user.id
    return id


def add_category(shop: Shop, name: str = "tools") -> int:
    ctx = shop.context()
    category = shop.do(shop.categories.new(ctx, name=name))
    shop.do(ctx.flush())
    id: int = category.id
    return id


def found(shop: Shop, provider: Any, id: int) -> Any:
    """What a fresh context finds."""
    return shop.do(provider.get_by_id(shop.context(), id))


# the table


@pytest.fixture
def open_books(database_url: str, shell: Shell) -> Iterator[Callable[[type[Entity]], Any]]:
    """Opens engines with one entity on this test's database."""
    engines: list[fx.Engine] = []

    def opened(definition: type[Entity]) -> Any:
        registry = fx.Registry()
        registry.register_mysql(database_url)
        registry.register_entity(definition)
        engines.append(registry.validate())
        return engines[-1]

    yield opened
    for engine in engines:
        shell.close(engine)


def _first() -> type[Entity]:
    class BookEntity(Entity):
        """The first version."""

        id: fx.UInt32
        title: str = Field(length=200)
        pages: fx.UInt16 = 0

    return BookEntity


def _second() -> type[Entity]:
    class BookEntity(Entity):
        """A column more, a column less, and a unique index."""

        id: fx.UInt32
        title: str = Field(length=200, unique=True)
        cover: str = "paper"

    return BookEntity


def test_updating_a_schema_makes_the_table_and_then_nothing(open_books: Any, shell: Shell) -> None:
    """A program may call it at each start."""
    engine = open_books(_first())
    schema, ctx = engine.schema(_first_of(engine)), shell.context(engine)

    left = shell.do(schema.update_schema(ctx))
    again = shell.do(schema.update_schema(ctx))

    assert ([], []) == (left, again)
    assert [] == shell.do(fx.get_alters(ctx))


def _first_of(engine: fx.Engine) -> Any:
    return next(iter(engine.registry.entities.values()))


def test_what_may_lose_data_is_left_and_returned(open_books: Any, shell: Shell) -> None:
    """An update at start-up must not drop what the version that still runs reads."""
    engine = open_books(_first())
    ctx = shell.context(engine)
    shell.do(engine.schema(_first_of(engine)).update_schema(ctx))
    engine = open_books(_second())
    schema, ctx = engine.schema(_first_of(engine)), shell.context(engine)

    left = shell.do(schema.update_schema(ctx))
    kept = shell.do(fx.get_alters(ctx))
    none = shell.do(schema.update_schema(ctx, allow_destructive=True))

    assert {"drop_column", "add_unique_index"} == {kind for alter in left for kind in alter.kinds}
    assert {"destructive"} == {alter.safety for alter in left}
    assert [alter.kinds for alter in left] == [alter.kinds for alter in kept]
    assert ([], []) == (none, shell.do(fx.get_alters(ctx)))


def test_tables_of_others_are_left_alone(plain_shop: Shop) -> None:
    """Updating one entity must not drop the table of another application."""
    plain_shop.sql("CREATE TABLE `forgotten` (`id` int)")
    plain_shop.sql("DROP TABLE `NoteEntity`")
    ctx = plain_shop.context()

    left = plain_shop.do(plain_shop.engine.schema(CounterEntity).update_schema(ctx, allow_destructive=True))

    assert [] == left
    pending = plain_shop.do(fx.get_alters(ctx))
    assert {"NoteEntity": "create_table"} == {alter.table: alter.kind for alter in pending}


def test_an_emptied_table_takes_every_alter(open_books: Any, shell: Shell) -> None:
    """Two rows with one title would keep the unique index away; once they are gone nothing can be lost."""
    engine = open_books(_first())
    definition, ctx = _first_of(engine), shell.context(engine)
    shell.do(engine.schema(definition).update_schema_and_truncate(ctx))
    for _ in range(2):
        shell.do(engine.provider(definition).new(ctx, title="Emma"))
    shell.do(ctx.flush())
    engine = open_books(_second())
    definition, ctx = _first_of(engine), shell.context(engine)

    shell.do(engine.schema(definition).update_schema_and_truncate(ctx))

    assert [] == shell.do(fx.get_alters(ctx))
    assert [] == shell.do(engine.provider(definition).get_all(ctx))


def test_a_table_under_its_former_name_is_emptied_too(open_books: Any, shell: Shell) -> None:
    """Renamed rows would come back under the new name."""
    engine = open_books(_first())
    definition, ctx = _first_of(engine), shell.context(engine)
    shell.do(engine.schema(definition).update_schema(ctx))
    shell.do(engine.provider(definition).new(ctx, title="Emma"))
    shell.do(ctx.flush())

    class NovelEntity(Entity, renamed_from="BookEntity"):
        """The same under another name."""

        id: fx.UInt32
        title: str = Field(length=200)
        pages: fx.UInt16 = 0

    engine = open_books(NovelEntity)
    ctx = shell.context(engine)

    shell.do(engine.schema(NovelEntity).update_schema_and_truncate(ctx))

    assert [] == shell.do(fx.get_alters(ctx))
    assert [] == shell.do(engine.provider(NovelEntity).get_all(ctx))


def test_a_truncated_table_is_empty_for_every_reader(cached_shop: Shop) -> None:
    """A row that Redis or this process still serves would be edited and fail, or be shown for an hour."""
    user, category = add_user(cached_shop), add_category(cached_shop)
    assert found(cached_shop, cached_shop.users, user).name == "Alice"
    assert found(cached_shop, cached_shop.categories, category).name == "tools"
    ctx = cached_shop.context()
    seen = cached_shop.do(cached_shop.users.get_by_id(ctx, user))

    for definition in (UserEntity, CategoryEntity):
        cached_shop.do(cached_shop.engine.schema(definition).truncate_table(ctx))

    assert seen is not None
    assert None is cached_shop.do(cached_shop.users.get_by_id(ctx, user))
    assert None is found(cached_shop, cached_shop.users, user)
    assert None is found(cached_shop, cached_shop.categories, category)
    assert None is cached_shop.do(cached_shop.users.get_by_email(cached_shop.context(), "alice@example.com"))
    assert [] == cached_shop.do(cached_shop.users.get_all(cached_shop.context()))


def test_ids_are_not_given_out_twice_after_truncating(cached_shop: Shop) -> None:
    """An old link to a deleted row must not lead to a new one; rows loaded past the library count as well."""
    first = add_category(cached_shop)
    cached_shop.sql("INSERT INTO `CategoryEntity` (`id`, `name`) VALUES (900, 'loaded')")
    schema = cached_shop.engine.schema(CategoryEntity)

    cached_shop.do(schema.truncate_table(cached_shop.context()))
    second = add_category(cached_shop, "again")
    cached_shop.do(schema.drop_table(cached_shop.context()))
    cached_shop.do(schema.update_schema(cached_shop.context()))
    third = add_category(cached_shop, "once more")

    assert len({first, second, third}) == 3
    reserved = int(cached_shop.sql("SELECT `reserved` FROM `_fluxa_ids` WHERE `entity` = 'CategoryEntity'")[0][0])
    assert reserved >= 900


def test_a_reader_that_saw_the_old_row_does_not_keep_it(cached_shop: Shop) -> None:
    """It asked before the table was emptied and answers after it: its copy must not outlive the row in the cache."""
    id = add_user(cached_shop)
    ctx = cached_shop.context()

    def is_fill(effect: Effect[Any]) -> bool:
        return isinstance(effect, RedisRoundTrip) and effect.commands[0][0] == "FCALL"

    def truncate() -> None:
        with cached_shop.engine.new_context() as other:
            cached_shop.engine.schema(UserEntity).truncate_table(other)

    plan = with_action_before(get_by_id_plan(ctx._identity_map_of(cached_shop.users), id), is_fill, truncate)
    seen = cached_shop.do(ctx._run(plan))

    assert "Alice" == seen.name
    assert None is found(cached_shop, cached_shop.users, id)


@ON_SQLITE
def test_a_row_cached_while_the_table_is_emptied_goes_as_well(cached_shop: Shop, valkey: RedisServer) -> None:
    """A reader may come after the caches were told and before the rows are gone; nor may intents be left behind."""
    id = add_user(cached_shop)
    ctx, binding = cached_shop.context(), core(cached_shop.engine).binding_of("UserEntity")

    def is_truncation(effect: Effect[Any]) -> bool:
        return isinstance(effect, Execute) and "UserEntity" in effect.sql

    def read() -> None:
        with cached_shop.engine.new_context() as other:
            assert cached_shop.users.get_by_id(other, id) is not None

    plan = with_action_before(truncate_table_plan(ctx, binding), is_truncation, read)
    cached_shop.do(ctx._run(plan))

    assert [f"fx:{valkey.namespace}:UserEntity:id"] == [key for key in valkey.keys() if ":UserEntity:" in key]
    assert None is found(cached_shop, cached_shop.users, id)


def test_a_dropped_table_is_gone_and_dropping_it_again_does_no_harm(cached_shop: Shop) -> None:
    """Cleaning up must not depend on what was cleaned before."""
    id = add_user(cached_shop)
    assert found(cached_shop, cached_shop.users, id) is not None
    schema, ctx = cached_shop.engine.schema(UserEntity), cached_shop.context()

    cached_shop.do(schema.drop_table(ctx))
    cached_shop.do(schema.drop_table(ctx))

    with pytest.raises(MySQLError):
        found(cached_shop, cached_shop.users, id)
    assert ["UserEntity"] == [alter.table for alter in cached_shop.do(fx.get_alters(ctx))]


def test_truncating_a_table_that_is_not_there_is_told(plain_shop: Shop) -> None:
    """The caller believes that rows were removed."""
    ctx = plain_shop.context()
    schema = plain_shop.engine.schema(CounterEntity)
    plain_shop.do(schema.drop_table(ctx))

    with pytest.raises(MySQLError):
        plain_shop.do(schema.truncate_table(ctx))


@ON_SQLITE
def test_tables_are_not_changed_inside_a_transaction(plain_shop: Shop) -> None:
    """The transaction would keep the change waiting for the lock that it holds itself."""
    ctx, schema = plain_shop.context(), plain_shop.engine.schema(CounterEntity)
    operations = (
        schema.update_schema,
        schema.update_schema_and_truncate,
        schema.truncate_table,
        schema.drop_table,
    )
    ctx._sessions = {"default": Session("default")}

    for operation in operations:
        with pytest.raises(ContextMisuseError, match="a transaction is open on the pool 'default'"):
            plain_shop.do(operation(ctx))


@ON_SQLITE
def test_a_context_of_another_engine_is_refused(make_shop: Any) -> None:
    """It would empty the table of one database and the caches of another."""
    one, other = make_shop(), make_shop()

    with pytest.raises(ContextMisuseError, match="another engine"):
        one.engine.schema(CounterEntity).truncate_table(other.context())


@ON_SQLITE
def test_nothing_is_removed_when_redis_cannot_be_told(
    make_shop: Any, valkey: RedisServer, proxy_factory: MakeProxy
) -> None:
    """Rows that are gone would be served from the cache for an hour."""
    proxy: Proxy = proxy_factory(valkey.address)
    shop = make_shop(f"{proxy.host}:{proxy.port}", valkey.namespace)
    add_user(shop)
    ctx, schema = shop.context(), shop.engine.schema(UserEntity)
    proxy.close()

    with pytest.raises(CacheUnavailableError, match="was left as it is"):
        shop.do(schema.truncate_table(ctx))

    assert [("1",)] == shop.sql("SELECT COUNT(*) FROM `UserEntity`")


# the caches


@ON_SQLITE
def test_a_cleared_cache_is_filled_again(cached_shop: Shop) -> None:
    """Rows changed past the library are seen after it, and the number says how much there was."""
    ids = [add_user(cached_shop, name) for name in ("Alice", "Bob")]
    for id in ids:
        assert found(cached_shop, cached_shop.users, id) is not None
    cached_shop.sql("UPDATE `UserEntity` SET `name` = 'Carol'")
    schema = cached_shop.engine.schema(UserEntity)

    dropped = cached_shop.do(schema.clear_cache(cached_shop.context()))

    assert 2 == dropped
    assert {"Carol"} == {found(cached_shop, cached_shop.users, id).name for id in ids}


@ON_SQLITE
def test_clearing_drops_look_ups_and_lists_and_keeps_ids(cached_shop: Shop, valkey: RedisServer) -> None:
    """What else is cached of an entity lies beside its rows; the block of ids is no cache."""
    add_user(cached_shop)
    for key in ("u:email:abc", "all", "7"):
        valkey.command("SET", f"fx:{valkey.namespace}:UserEntity:{key}", "stale")
    schema = cached_shop.engine.schema(UserEntity)

    cached_shop.do(schema.clear_cache(cached_shop.context()))

    left = [key for key in valkey.keys() if ":UserEntity:" in key]
    assert [f"fx:{valkey.namespace}:UserEntity:id"] == left


@ON_SQLITE
def test_clearing_a_local_cache_reads_again(plain_shop: Shop) -> None:
    """The cache of this process is one of the entity's caches."""
    ctx = plain_shop.context()
    note = plain_shop.do(plain_shop.notes.new(ctx, text="old"))
    plain_shop.do(ctx.flush())
    assert "old" == found(plain_shop, plain_shop.notes, note.id).text
    plain_shop.sql("UPDATE `NoteEntity` SET `text` = 'new'")
    assert "old" == found(plain_shop, plain_shop.notes, note.id).text

    dropped = plain_shop.do(plain_shop.engine.schema(type("NoteEntity", (), {})).clear_cache(plain_shop.context()))

    assert 0 == dropped
    assert "new" == found(plain_shop, plain_shop.notes, note.id).text


def _engine_with(shop: Shop, valkey: RedisServer, **disabled: bool) -> Shop:
    """A second engine on the same database and Redis, without some caches of users and categories."""
    registry = fx.Registry()
    registry.register_mysql(shop.url)
    registry.register_redis(valkey.host_port, 0, options=fx.RedisOptions(namespace=valkey.namespace))
    registry.register_entity(*shop.engine.registry.entities.values())
    engine = registry.validate()
    for definition in (UserEntity, CategoryEntity):
        engine.schema(definition).disable_cache(**disabled)
    return Shop(engine, shop.shell, shop.url)


@ON_SQLITE
@pytest.mark.parametrize("look_up", ["one", "many"])
def test_a_disabled_redis_cache_is_neither_read_nor_filled(
    cached_shop: Shop, valkey: RedisServer, look_up: str
) -> None:
    """Somebody who suspects the cache wants to see what the database says, and to leave no trace."""
    id = add_user(cached_shop)
    without = _engine_with(cached_shop, valkey, redis=True)
    entries: list[QueryLogEntry] = []
    ctx = without.context()
    ctx.register_query_logger(lambda _, entry: entries.append(entry))

    if look_up == "one":
        user = without.do(without.users.get_by_id(ctx, id))
    else:
        (user,) = without.do(without.users.get_by_ids(ctx, id))

    assert "Alice" == user.name
    assert ["mysql"] == [entry.store for entry in entries]
    assert not [key for key in valkey.keys() if key.endswith(f":UserEntity:{id}")]
    without.shell.close(without.engine)


@ON_SQLITE
def test_other_processes_follow_an_engine_without_caches(cached_shop: Shop, valkey: RedisServer) -> None:
    """Intents and publications stay: only this engine's own reads and fills stop."""
    user, category = add_user(cached_shop), add_category(cached_shop)
    assert "Alice" == found(cached_shop, cached_shop.users, user).name
    without = _engine_with(cached_shop, valkey)
    ctx = without.context()

    without.do(without.users.get_by_id(ctx, user)).name = "Bob"
    without.do(without.categories.get_by_id(ctx, category)).name = "toys"
    without.do(ctx.flush())

    assert "Bob" == found(cached_shop, cached_shop.users, user).name
    without.shell.close(without.engine)


@ON_SQLITE
def test_a_local_cache_stays_right_beside_a_disabled_redis_cache(cached_shop: Shop, valkey: RedisServer) -> None:
    """A value that another engine put into Redis is no reason to trust what was read beside it."""
    category = add_category(cached_shop)
    assert found(cached_shop, cached_shop.categories, category) is not None
    without = _engine_with(cached_shop, valkey, redis=True)

    names = [found(without, without.categories, category).name for _ in range(2)]
    cached_shop.sql("UPDATE `CategoryEntity` SET `name` = 'toys'")

    assert ["tools", "tools"] == names
    assert "toys" == found(without, without.categories, category).name
    assert "toys" == without.do(without.categories.get_by_ids(without.context(), category))[0].name
    without.shell.close(without.engine)


@ON_SQLITE
def test_a_disabled_local_cache_is_not_filled(make_shop: Any) -> None:
    """Each look-up of a fresh context asks the database."""
    shop = make_shop()
    ctx = shop.context()
    note = shop.do(shop.notes.new(ctx, text="old"))
    shop.do(ctx.flush())
    fresh = fx.Registry()
    fresh.register_mysql(shop.url)
    fresh.register_entity(*shop.engine.registry.entities.values())
    without = Shop(fresh.validate(), shop.shell, shop.url)
    without.engine.schema(type("NoteEntity", (), {})).disable_cache(local=True)

    assert "old" == found(without, without.notes, note.id).text
    shop.sql("UPDATE `NoteEntity` SET `text` = 'new'")

    assert "new" == found(without, without.notes, note.id).text
    without.shell.close(without.engine)


@ON_SQLITE
def test_an_engine_in_use_is_not_set_up_any_more(plain_shop: Shop) -> None:
    """Half of a process's contexts would read a cache that the others believe to be off."""
    schema = plain_shop.engine.schema(CounterEntity)

    with pytest.raises(
        RegistryError, match=r"CounterEntity: disable_cache\(\) comes before the engine's first context"
    ):
        schema.disable_cache(local=True)
    with pytest.raises(RegistryError, match=r"CounterEntity: set_option\(\) comes before the engine's first context"):
        schema.set_option("colour", "red")


def test_options_of_an_entity_are_the_applications_own() -> None:
    """Plug-ins keep what they need to know of an entity with it."""
    registry = fx.Registry()
    registry.register_mysql("sqlite://:memory:")
    registry.register_entity(CounterEntity)

    with registry.validate() as engine:
        engine.schema(CounterEntity).set_option("colour", "red")

        assert "red" == engine.schema(CounterEntity).option("colour")
        assert (None, 5) == (engine.schema(CounterEntity).option("x"), engine.schema(CounterEntity).option("x", 5))


def test_a_schema_says_what_the_entity_is() -> None:
    """Tools ask the engine instead of reading definitions."""
    registry = fx.Registry()
    registry.register_mysql("sqlite://:memory:")
    registry.register_entity(CounterEntity)

    with registry.validate() as engine:
        schema = engine.schema(CounterEntity)

    assert "CounterEntity" == schema.table_name
    assert ["id", "label", "hits", "version"] == [column.name for column in schema.columns]
    assert [("label", ("label",))] == [(index.name, index.columns) for index in schema.unique_indexes]
    assert "<EngineSchema CounterEntity table='CounterEntity' columns=4>" == repr(schema)
