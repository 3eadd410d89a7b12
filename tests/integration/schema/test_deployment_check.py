"""What a deployment finds out before it serves: ``engine.check``, ``fluxaorm check --servers``, Redis that is down."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Entity, Field, RedisOptions, Registry, UInt32, UInt64
from fluxaorm.codegen.memory import MemoryPackage
from fluxaorm.engine import Engine
from fluxaorm.errors import PoolConnectError
from tests.support.command_line import Command
from tests.support.insides import core
from tests.support.network import MakeProxy
from tests.support.passwords import MARK, new_password
from tests.support.redis_servers import RedisServer
from tests.support.shells import Shell
from tests.support.sql_servers import Database


class ParcelEntity(Entity):
    """A table with an index."""

    id: UInt64
    label: str = Field(unique=True, length=40)
    weight: UInt32 = 0


class TruckEntity(Entity, redis_cache=True):
    """Another one, cached."""

    id: UInt32
    plate: str = ""


def _engine(url: str, redis: str | None = None, **options: object) -> Engine:
    registry = Registry()
    registry.register_mysql(url)
    registry.register_entity(ParcelEntity)
    if redis is not None:
        registry.register_redis(redis, options=RedisOptions(**options))  # type: ignore[arg-type]
        registry.register_entity(TruckEntity)
    return registry.validate()


def _applied(engine: Engine) -> None:
    with engine.new_context() as ctx:
        for alter in fx.get_alters(ctx):
            alter.exec(ctx)
        # the table of ids is there once somebody took one
        parcels: Any = engine.provider(ParcelEntity)
        parcels.new(ctx, label="first")
        ctx.flush()


def _checked(engine: Engine, shell: Shell) -> list[str]:
    found: list[str] = shell.do(engine.check(shell.context(engine)))
    return found


@pytest.fixture
def engine(mysql_database: Database, shell: Shell) -> Iterator[Engine]:
    """An engine on an empty database."""
    made = _engine(mysql_database.url)
    yield made
    shell.close(made)


def test_missing_tables_are_told_and_nothing_else_when_they_are_there(engine: Engine, shell: Shell) -> None:
    """The first deployment forgets the alters; the second must not be disturbed."""
    before = _checked(engine, shell)
    _applied(engine)

    after = _checked(engine, shell)

    assert "MySQL pool 'default': table `ParcelEntity` of ParcelEntity is missing;" in "\n".join(before)
    assert any("`_fluxa_ids`" in problem and "is missing" in problem for problem in before)
    assert [] == after


def test_columns_that_differ_are_told(mysql_database: Database, engine: Engine, shell: Shell) -> None:
    """A deploy that runs ahead of its alters would fail at the first insert."""
    _applied(engine)
    mysql_database.execute("ALTER TABLE ParcelEntity DROP COLUMN weight")

    (problem,) = _checked(engine, shell)

    assert problem.startswith("MySQL pool 'default': table `ParcelEntity` of ParcelEntity differs: add column `weight`")


@pytest.fixture
def make_user(mysql_database: Database) -> Iterator[Callable[..., str]]:
    """Makes a user of this database with these rights; gives the address that logs in as it."""
    users: list[str] = []

    def make(*rights: str) -> str:
        user, password = f"fluxa_{secrets.token_hex(6)}", new_password()
        mysql_database.execute(f"CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'")
        users.append(user)
        for right in rights:
            mysql_database.execute(f"GRANT {right} TO '{user}'@'%'")
        return mysql_database.url.replace("//root@", f"//{user}:{password}@")

    yield make
    for user in users:
        mysql_database.execute(f"DROP USER '{user}'@'%'")


def test_rights_that_the_user_lacks_are_told_one_by_one(
    mysql_database: Database, engine: Engine, make_user: Callable[..., str], shell: Shell
) -> None:
    """An application's user is given less than the user who made the tables: the server says what is too little."""
    _applied(engine)
    name = mysql_database.name
    enough = make_user(f"SELECT, INSERT, UPDATE, DELETE ON {name}.*")
    little = make_user(f"SELECT ON {name}.*", f"UPDATE ON {name}.ParcelEntity", f"INSERT, UPDATE ON {name}._fluxa_ids")

    served, unserved = _engine(enough), _engine(little)
    try:
        found = _checked(served, shell), _checked(unserved, shell)
    finally:
        shell.close(served)
        shell.close(unserved)

    assert [] == found[0]
    assert [
        ("MySQL pool 'default': INSERT on table `ParcelEntity` is refused", True),
        ("MySQL pool 'default': DELETE on table `ParcelEntity` is refused", True),
    ] == [
        (problem.partition(": INSERT command")[0].partition(": DELETE command")[0], "denied" in problem)
        for problem in found[1]
    ]


def test_nothing_is_changed_by_looking(mysql_database: Database, engine: Engine, shell: Shell) -> None:
    """It runs against production before each deployment."""
    _applied(engine)
    mysql_database.execute("UPDATE ParcelEntity SET weight = 7")

    _checked(engine, shell)

    assert [(7,)] == [tuple(row) for row in mysql_database.execute("SELECT weight FROM ParcelEntity")]


def test_generated_code_of_another_definition_is_told(engine: Engine, shell: Shell) -> None:
    """Its providers would raise at their first use, which may be at night."""
    _applied(engine)
    schema = engine.schema(ParcelEntity).metadata
    provider = MemoryPackage({schema.name: schema}).provider(schema.name)
    type(provider)._fingerprint = "0" * 16

    (problem,) = shell.do(engine.check(shell.context(engine), [provider]))

    assert "ParcelEntity: its generated code is out of date; run 'fluxaorm generate'" == problem


def test_a_process_starts_while_redis_is_down(
    mysql_database: Database, valkey: RedisServer, proxy_factory: MakeProxy, caplog: pytest.LogCaptureFixture
) -> None:
    """A cache must not keep a service down: MySQL serves until it is back, and the check tells of it."""
    proxy = proxy_factory(valkey.address)
    address = f"127.0.0.1:{proxy.port}"
    proxy.refuse()

    with pytest.raises(PoolConnectError):
        _engine(mysql_database.url, address)
    with (
        caplog.at_level(logging.WARNING, logger="fluxaorm.registry"),
        closing(_engine(mysql_database.url, address, required_at_start=False, namespace=valkey.namespace)) as engine,
        engine.new_context() as ctx,
    ):
        _applied(engine)
        mysql_database.execute("INSERT INTO TruckEntity (id, plate) VALUES (7, 'x')")
        assert "x" == engine.provider(TruckEntity).must_get_by_id(ctx, 7).plate
        assert any(problem.startswith("Redis pool 'default' does not answer") for problem in engine.check(ctx))

        proxy.accept()
        with engine.new_context() as later:
            assert "x" == engine.provider(TruckEntity).must_get_by_id(later, 7).plate
            assert [] == engine.check(later)
    assert "required_at_start=False" in caplog.text


APPLICATION = """
import fluxaorm as fx
from fluxaorm import Entity, UInt32
from tests.support.passwords import MARK, new_password

class ParcelEntity(Entity):
    id: UInt32

registry = fx.Registry()
registry.register_mysql("{url}")
registry.register_entity(ParcelEntity)
"""


def test_the_command_exits_with_1_and_a_line_each(
    mysql_database: Database, command: Command, make_module: Callable[[str], str]
) -> None:
    """A pipeline stops there, and its log says why."""
    name = f"{make_module(APPLICATION.format(url=mysql_database.url))}:registry"

    plain, told = command("check", name), command("check", name, "--servers", "--generated", "entities")

    assert 0 == plain.code
    assert 1 == told.code
    assert "- the generated code in entities is out of date; run 'fluxaorm generate'\n" in told.out
    assert "- MySQL pool 'default': table `ParcelEntity` of ParcelEntity is missing;" in told.out
    assert 2 == command("check", name, "--servers", "--no-connect").code


def test_a_namespace_of_another_database_is_told_and_left_alone(
    mysql_database: Database, valkey: RedisServer, shell: Shell
) -> None:
    """A copy of the configuration points at somebody else's cache: to look must neither take it over nor change it."""
    address, namespace = valkey.host_port, valkey.namespace
    with closing(_engine(mysql_database.url, address, namespace=namespace)) as engine:
        _applied(engine)
        found = _checked(engine, shell)
        key = core(engine).namespaces[0].key
        valkey.command("SET", key, "another's")
        (problem,) = _checked(engine, shell)
        valkey.command("DEL", key)
        after = _checked(engine, shell)
        shell.close(engine)

    assert [] == found == after
    assert f"the namespace '{namespace}' is in use by another database" in problem
    assert "fluxaorm cache reset" in problem
    assert key not in valkey.keys()


def test_rights_that_the_user_of_redis_lacks_are_told_with_the_rules_that_give_them(
    mysql_database: Database, redis_server: RedisServer, shell: Shell
) -> None:
    """Rules that forget functions, channels or the prefix of keys are found out by the first flush, at night."""
    namespace, password = redis_server.namespace, new_password()
    prefix = f"fx:{namespace}:"

    def checked(user: str, *rules: str) -> list[str]:
        redis_server.command("ACL", "SETUSER", user, "on", f">{password}", "resetchannels", *rules)
        options = {"namespace": namespace, "user": user, "password": password}
        engine = _engine(mysql_database.url, redis_server.host_port, **options)
        try:
            return [each for each in _checked(engine, shell) if each.startswith("Redis pool")]
        finally:
            shell.close(engine)
            redis_server.command("ACL", "DELUSER", user)

    enough = checked(f"a{namespace}", f"~{prefix}*", f"&{prefix}*", "+@all")
    elsewhere = checked(f"b{namespace}", "~other:*", "&other:*", "+@all")
    few = checked(f"c{namespace}", f"~{prefix}*", "+@all", "-fcall", "-function|load", "-acl|dryrun")

    assert [] == enough
    assert any(f"give its user ~{prefix}* (ACL SETUSER)" in each for each in elsewhere)
    assert any(f"give its user &{prefix}* (ACL SETUSER)" in each for each in elsewhere)
    assert ["+fcall", "+function|load"] == [each.rpartition("give its user ")[2].split()[0] for each in few]
    assert MARK not in f"{enough}{elsewhere}{few}"
