"""One namespace of Redis is one database: whoever meets another's is told, before rows and ids are mixed up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Entity, UInt64
from fluxaorm.engine import Engine
from fluxaorm.errors import FluxaError, RegistryError
from fluxaorm.plans.cache.identity import take_over_plan
from fluxaorm.registry.build import build_engine
from tests.support.insides import core
from tests.support.passwords import new_password
from tests.support.redis_servers import RedisServer
from tests.support.sql_servers import Database


class PatientEntity(Entity, redis_cache=True):
    """Whose rows must not be shown to another hospital."""

    id: UInt64
    name: str = ""


def registry(url: str, redis: RedisServer) -> fx.Registry:
    made = fx.Registry()
    made.register_mysql(url)
    made.register_redis(redis.host_port, options=fx.RedisOptions(namespace=redis.namespace))
    made.register_entity(PatientEntity)
    return made


def migrated(engine: Engine) -> Engine:
    with engine.new_context() as ctx:
        for alter in fx.get_alters(ctx):
            alter.exec(ctx)
    return engine


def test_another_database_in_the_namespace_is_refused_until_it_is_taken_over(
    tmp_path: Path, mysql_database: Database, valkey: RedisServer
) -> None:
    """Databases of one name share a namespace by default: rows of the one would be served to the other."""
    second = f"sqlite://{tmp_path}/second.db"
    with migrated(registry(mysql_database.url, valkey).validate()) as first:
        patients: Any = first.provider(PatientEntity)
        with first.new_context() as ctx:
            patients.new(ctx, name="Alice")
            ctx.flush()

    with pytest.raises(RegistryError, match="namespace=") as refused:
        registry(second, valkey).validate()
    with build_engine(registry(second, valkey).registered, connect=True, whose=False) as engine:
        removed = [
            core(engine).sync_runner.run(take_over_plan(core(engine), space)) for space in core(engine).namespaces
        ]
    with migrated(registry(second, valkey).validate()):
        pass

    assert "fluxaorm cache reset" in str(refused.value)
    assert removed[0] > 0
    registry(second, valkey).validate().close()
    with pytest.raises(RegistryError):
        registry(mysql_database.url, valkey).validate()


def test_a_redis_that_was_emptied_is_the_same_databases_again(mysql_database: Database, valkey: RedisServer) -> None:
    """Caches may be lost at any time; that is no reason not to start."""
    migrated(registry(mysql_database.url, valkey).validate()).close()
    valkey.clean()

    registry(mysql_database.url, valkey).validate().close()

    assert [f"fx:{valkey.namespace}:_fluxa_meta:identity"] == valkey.keys()


def test_an_embedded_database_that_was_made_anew_begins_with_empty_caches(tmp_path: Path) -> None:
    """Both stores are files of one directory: who removes the one wants to begin again."""

    def engine() -> Engine:
        made = fx.Registry.embedded(tmp_path)
        made.register_entity(PatientEntity)
        return migrated(made.validate())

    for name in ("Alice", "Bob"):
        with engine() as opened, opened.new_context() as ctx:
            patients: Any = opened.provider(PatientEntity)
            made = patients.new(ctx, name=name)
            ctx.flush()
            assert name == patients.must_get_by_id(opened.new_context(), made.id).name
            assert 1 == made.id
        for path in tmp_path.glob("app.db*"):
            path.unlink()


def test_a_user_without_create_works_once_the_alters_ran(mysql_database: Database, valkey: RedisServer) -> None:
    """The rights of an application in production: it reads and writes rows, and makes no tables."""
    migrated(registry(mysql_database.url, valkey).validate()).close()
    user, password = mysql_database.name[:20], new_password()
    mysql_database.execute(f"CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'")
    try:
        mysql_database.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{mysql_database.name}`.* TO '{user}'@'%'")
        url = mysql_database.url.replace("mysql://root@", f"mysql://{user}:{password}@")
        with registry(url, valkey).validate() as engine, engine.new_context() as ctx:
            patients: Any = engine.provider(PatientEntity)
            patients.new(ctx, name="Alice")
            assert 1 == ctx.flush().inserted
        mysql_database.execute("DROP TABLE _fluxa_ids")
        with (
            registry(url, valkey).validate() as engine,
            engine.new_context() as ctx,
            pytest.raises(FluxaError, match="create table `_fluxa_ids`"),
        ):
            patients.new_many(ctx, 20_000)
    finally:
        mysql_database.execute(f"DROP USER '{user}'@'%'")
