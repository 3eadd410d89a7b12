"""Tables that somebody else made: what is the same to the server is no change, and what no definition says stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Entity, Field, Index, Reference
from fluxaorm.errors import MissingValueError, MySQLError
from tests.support.insides import core
from tests.support.own_tables import without_own_tables
from tests.support.private_servers import StartServer
from tests.support.shells import Shell
from tests.support.sql_servers import Database, SqlServer


@pytest.fixture
def open_engine(mysql_database: Database, shell: Shell) -> Iterator[Any]:
    """Opens engines whose collation is that of the database, so that nothing else differs."""
    engines: list[fx.Engine] = []

    def opened(*entities: type[Any]) -> fx.Engine:
        ((collation,),) = mysql_database.execute("SELECT @@collation_database")
        registry = fx.Registry()
        registry.register_mysql(mysql_database.url, options=fx.MySQLOptions(default_collate=collation))
        registry.register_entity(*entities)
        engines.append(registry.validate())
        return engines[-1]

    yield opened
    for engine in engines:
        shell.close(engine)


def _run_all(shell: Shell, engine: fx.Engine) -> list[Any]:
    ctx = shell.context(engine)
    alters = shell.do(fx.get_alters(ctx))
    for alter in alters:
        shell.do(alter.exec(ctx, allow_destructive=True))
    assert [] == shell.do(fx.get_alters(ctx))
    return without_own_tables(alters)


class NoteEntity(Entity, table="note"):
    """Its table has other cases, and another primary key to whoever compares bytes."""

    id: fx.UInt32
    title: str | None = Field(default=None, length=60, renamed_from="HEADLINE")
    n: fx.Int32 | None = None
    indexes = (Index("n", name="IX_N"),)


def test_names_in_another_case_are_the_same_names(mysql_database: Database, open_engine: Any, shell: Shell) -> None:
    """Otherwise the key of the table would be replaced, and with it every id."""
    mysql_database.execute("CREATE TABLE note (ID int unsigned PRIMARY KEY, Headline varchar(40), N int, KEY ix_n (N))")
    mysql_database.execute("INSERT INTO note VALUES (41, 'kept', 3)")
    engine = open_engine(NoteEntity)

    alters = _run_all(shell, engine)

    assert [("rename_column", "change_column")] == [alter.kinds for alter in alters]
    assert ((41, "kept", 3),) == tuple(mysql_database.execute("SELECT * FROM note"))
    assert ["ID", "title", "N"] == [row[0] for row in mysql_database.execute("SHOW COLUMNS FROM note")]


class ItemEntity(Entity, table="item"):
    """Two columns are wider than what is there."""

    id: fx.UInt32
    code: str = Field(length=30)
    qty: fx.Int32
    seen: fx.UInt64 | None = None


ITEM = (
    "CREATE TABLE item (id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'the key',"
    " code varchar(10) NOT NULL COMMENT 'it''s \\\\ printed' CHECK (code <> ''), qty smallint NOT NULL CHECK (qty > 0),"
    " seen int INVISIBLE COMMENT 'hidden', CONSTRAINT both_ways CHECK (qty <> 77)) COMMENT 'things'"
)


def test_a_changed_column_keeps_what_its_definition_does_not_say(
    mysql_database: Database, open_engine: Any, shell: Shell
) -> None:
    """A wider column must not cost its comment, its CHECK, its counter."""
    mysql_database.execute(ITEM)
    engine = open_engine(ItemEntity)

    alters = _run_all(shell, engine)
    made = mysql_database.execute("SHOW CREATE TABLE item")[0][1]

    assert ["safe", "destructive"][: len(alters)] == [alter.safety for alter in alters]
    assert {"change_column"} == {kind for alter in alters for kind in alter.kinds}
    for words in ("COMMENT 'the key'", "it''s \\\\ printed", "COMMENT 'hidden'", "COMMENT='things'", "INVISIBLE"):
        assert words in made
    assert "AUTO_INCREMENT" in made
    for values in ("1, '', 5", "1, 'a', -5", "1, 'a', 77"):
        with pytest.raises(Exception, match=r"(?i)constraint|check"):
            mysql_database.execute(f"INSERT INTO item (id, code, qty) VALUES ({values})")


class BoxEntity(Entity, table="box"):
    """Lacks a column that a CHECK names, and has another under a new name."""

    id: fx.UInt32
    inner: fx.Int32 = Field(renamed_from="inside")


def test_a_check_follows_a_renamed_column_and_goes_with_a_dropped_one(
    mysql_database: Database, open_engine: Any, shell: Shell
) -> None:
    """Servers refuse to take away, and MySQL to rename, what a CHECK names."""
    mysql_database.execute(
        "CREATE TABLE box (id int unsigned PRIMARY KEY, inside int NOT NULL, outside int NOT NULL,"
        " CONSTRAINT above CHECK (inside > 5), CONSTRAINT fits CHECK (inside < outside))"
    )

    alters = _run_all(shell, open_engine(BoxEntity))

    assert "drop check `fits`" in alters[0].description
    with pytest.raises(Exception, match="above"):
        mysql_database.execute("INSERT INTO box (id, `inner`) VALUES (1, 5)")


class CityEntity(Entity, table="city"):
    """At the end of a chain."""

    id: fx.UInt64


class StreetEntity(Entity, table="street"):
    """Its reference becomes wider with what it refers to."""

    id: fx.UInt32
    city: Reference[CityEntity] = Field(column="city_id")


class HouseEntity(Entity, table="house"):
    """Nothing of it changes."""

    id: fx.UInt32
    street: Reference[StreetEntity] = Field(column="street_id")


def test_foreign_keys_go_first_and_only_where_they_are_in_the_way(
    mysql_database: Database, open_engine: Any, shell: Shell
) -> None:
    """A key of a table that is no entity blocks a change, too; one that blocks nothing is somebody's wish."""
    for sql in (
        "CREATE TABLE city (id int unsigned AUTO_INCREMENT PRIMARY KEY)",
        "CREATE TABLE street (id int unsigned AUTO_INCREMENT PRIMARY KEY, city_id int unsigned NOT NULL,"
        " CONSTRAINT in_city FOREIGN KEY (city_id) REFERENCES city (id))",
        "CREATE TABLE house (id int unsigned AUTO_INCREMENT PRIMARY KEY, street_id int unsigned NOT NULL,"
        " CONSTRAINT in_street FOREIGN KEY (street_id) REFERENCES street (id))",
        "CREATE TABLE visits (city int unsigned, day date, PRIMARY KEY (city, day),"
        " CONSTRAINT of_city FOREIGN KEY (city) REFERENCES city (id))",
    ):
        mysql_database.execute(sql)
    engine = open_engine(CityEntity, StreetEntity, HouseEntity)

    alters = _run_all(shell, engine)
    dropped = [(alter.table, alter.entity) for alter in alters if alter.kind == "drop_foreign_key"]
    kept = mysql_database.execute(
        "SELECT CONSTRAINT_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()"
    )

    assert [("street", "StreetEntity"), ("visits", None)] == sorted(dropped)
    assert ["in_street"] == [name for (name,) in kept]


class NarrowEntity(Entity, table="narrow"):
    """An index that a compact table does not take."""

    id: fx.UInt32
    name: str = Field(index=True)


class FixedEntity(Entity, table="fixed"):
    """Of another engine, in a format that InnoDB does not know."""

    id: fx.UInt32


def test_row_formats_that_are_in_the_way_are_changed_along(
    mysql_database: Database, open_engine: Any, shell: Shell
) -> None:
    """An alter that is marked safe has to be one that can be made."""
    mysql_database.execute(
        "CREATE TABLE narrow (id int unsigned PRIMARY KEY, name varchar(255) NOT NULL) ROW_FORMAT=COMPACT"
    )
    mysql_database.execute("CREATE TABLE fixed (id int unsigned PRIMARY KEY) ENGINE=MyISAM ROW_FORMAT=FIXED")

    alters = _run_all(shell, open_engine(NarrowEntity, FixedEntity))

    assert {"safe"} == {alter.safety for alter in alters}
    assert [False, True] == [alter.copies for alter in sorted(alters, key=lambda alter: alter.table, reverse=True)]


class WatchedEntity(Entity, table="watched"):
    """Written with a trigger around."""

    id: fx.UInt32
    n: fx.Int32 = 0


def test_a_column_that_only_a_trigger_names_is_the_triggers(
    mysql_database: Database, open_engine: Any, shell: Shell
) -> None:
    """Nothing that could be altered for the entity would help."""
    mysql_database.execute(
        "CREATE TABLE watched (id int unsigned PRIMARY KEY, n int NOT NULL DEFAULT 0, x int NOT NULL DEFAULT 0)"
    )
    mysql_database.execute("CREATE TRIGGER old_one BEFORE INSERT ON watched FOR EACH ROW SET NEW.n = NEW.x")
    mysql_database.execute("ALTER TABLE watched DROP COLUMN x")
    engine = open_engine(WatchedEntity)
    ctx = shell.context(engine)
    shell.do(engine.provider(WatchedEntity).new(ctx))

    with pytest.raises(MySQLError) as error:
        shell.do(ctx.flush())
    ctx.clear_flush()

    assert "SHOW TRIGGERS" in str(error.value)
    assert "get_alters" not in str(error.value)


def test_a_moment_that_the_flush_sets_says_so() -> None:
    """Whoever reads it before is not to set it."""
    error = MissingValueError("UserEntity", 7, ["created_at"], set_at_flush=True)

    assert "UserEntity 7: no value for created_at: the flush sets it; flush before you read it" == str(error)


class MixedCaseEntity(Entity):
    """Its table has capitals."""

    id: fx.UInt32
    title: str = Field(length=40)


@pytest.mark.slow
def test_a_server_that_keeps_tables_in_lower_case_has_the_table(private_server: StartServer, shell: Shell) -> None:
    """Each deploy would make it again, and drop what it takes for somebody else's."""
    own = private_server("mariadb", "--lower-case-table-names=1")
    database = SqlServer("mariadb", own.host, own.port, "root", "", own.version).create_database()
    registry = fx.Registry()
    registry.register_mysql(database.url, options=fx.MySQLOptions(unknown_tables="drop"))
    registry.register_entity(MixedCaseEntity)
    engine = registry.validate()

    made = _run_all(shell, engine)
    ctx = shell.context(engine)
    provider: Any = engine.provider(MixedCaseEntity)
    shell.do(provider.new(ctx, title="kept"))
    shell.do(ctx.flush())
    names = database.execute("SELECT `entity` FROM `_fluxa_ids`")
    prefix = core(engine).binding_of("MixedCaseEntity").key_prefix
    shell.close(engine)

    assert "create_table" in [alter.kind for alter in made]
    assert ["mixedcaseentity"] == [name if isinstance(name, str) else name.decode() for (name,) in names]
    assert prefix.endswith(":mixedcaseentity:")
