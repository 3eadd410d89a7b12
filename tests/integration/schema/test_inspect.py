"""`fluxaorm inspect` on databases that the library did not make, and on any that it did."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import fluxaorm as fx
from fluxaorm.dialects.tables import TableDefinition
from fluxaorm.entity.schema import UNSET, ColumnSchema, EntitySchema, IndexSchema
from fluxaorm.entity.values.members import members_problem
from fluxaorm.introspect.read import Database as ReadDatabase
from fluxaorm.introspect.read import read_database
from fluxaorm.introspect.report import as_json, as_text, inspect_database
from fluxaorm.introspect.trial import resolved
from tests.support.command_line import Command
from tests.support.legacy import fill, golden
from tests.support.own_tables import without_own_tables
from tests.support.raw_stores import RawStore
from tests.support.schema_strategies import schemas
from tests.support.sql_servers import Database, SqlServer

ALTER = ("table", "kinds", "safety", "statements")


@pytest.fixture(scope="module")
def legacy(mysql_server: SqlServer) -> Iterator[Database]:
    """The legacy database, which no test changes."""
    database = mysql_server.create_database()
    fill(database)
    yield database
    database.drop()


@pytest.fixture
def imported(tmp_path: Path) -> Iterator[Any]:
    """Imports a module's source, as an application would."""
    module = ModuleType("inspected")
    sys.modules["inspected"] = module

    def run(source: str) -> ModuleType:
        exec(compile(source, str(tmp_path / "inspected.py"), "exec"), vars(module))
        return module

    yield run
    del sys.modules["inspected"]


def test_a_legacy_database_becomes_a_module_and_a_list_of_what_cannot_be(legacy: Database) -> None:
    """Who moves to the library starts from here, and must be told of all that the definitions leave out."""
    database = read_database(legacy.url)

    found = inspect_database(database, [*database.tables, *database.others])

    kind = legacy.server.kind
    source = found.source.replace(legacy.name, "legacy")
    assert golden(f"{kind}.py", source) == source
    report = "\n".join(as_text(found)) + "\n"
    assert golden(f"{kind}.txt", report) == report


def test_the_definitions_give_no_alters_but_the_listed(legacy: Database, imported: Any) -> None:
    """An alter that nobody announced would be the end of trust in the first deploy."""
    database = read_database(legacy.url)
    found = inspect_database(database, [*database.tables, *database.others])
    registry = fx.Registry()
    registry.register_mysql(legacy.url)
    registry.register_entities_from(imported(found.source))

    with registry.validate() as engine, engine.new_context() as ctx:
        alters = without_own_tables(fx.get_alters(ctx))
        providers = [engine.provider(definition) for definition in engine.registry.entities.values()]

    assert _shown(alters) == _shown(found.alters)
    assert 6 == len(providers)


def _shown(alters: Any) -> list[tuple[Any, ...]]:
    return [tuple(getattr(alter, name) for name in ALTER) for alter in alters]


def test_the_module_is_formatted_as_ruff_would(legacy: Database, tmp_path: Path) -> None:
    """What a tool writes into a repository has to pass that repository's checks. Its types: the golden files are among
    what ``make types`` looks at."""
    database = read_database(legacy.url)
    path = tmp_path / "entities.py"

    path.write_text(inspect_database(database, list(database.tables)).source, "utf-8")

    for length in ("88", "120"):
        ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", "--line-length", length, str(path)]
        formatted = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert ("", 0) == (formatted.stdout, formatted.returncode)


def test_only_tables_that_are_asked_for_are_declared(legacy: Database) -> None:
    """A reference to a table that was left out is a plain id, and says why."""
    database = read_database(legacy.url)

    found = inspect_database(database, ["orders", "categories"])

    content = as_json(found)
    assert ["categories", "orders"] == sorted(entity["table"] for entity in content["entities"])
    assert [] == content["refused"]
    orders = next(entity for entity in content["entities"] if entity["table"] == "orders")
    assert "customer_id" == orders["fields"]["customer_id"]
    reasons = {each["name"]: each["reason"] for each in orders["left_out"] if each["what"] == "foreign key"}
    assert "`customers` is no entity of this module" == reasons["orders_customer"]
    assert not any(alter.kind == "drop_table" for alter in found.alters)


def test_what_a_table_has_beyond_its_definition_is_told(mysql_database: Database) -> None:
    """ "No alter would follow" is no promise that the definition says everything there is."""
    mysql_database.execute("CREATE TABLE parents (id int unsigned PRIMARY KEY) COMMENT 'of all'")
    mysql_database.execute(
        "CREATE TABLE parts (id int unsigned PRIMARY KEY COMMENT 'the \x1b[2J key', n int NOT NULL,"
        " parents_id int unsigned, CONSTRAINT positive CHECK (n > 0), KEY parents (parents_id) COMMENT 'fast',"
        " CONSTRAINT fk FOREIGN KEY (parents_id) REFERENCES parents (id) ON DELETE CASCADE ON UPDATE SET NULL)"
    )
    mysql_database.execute("CREATE TABLE shares (id int unsigned PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 4")
    mysql_database.execute("CREATE TRIGGER tr BEFORE INSERT ON shares FOR EACH ROW SET NEW.id = NEW.id + 1")
    database = read_database(mysql_database.url)

    found = inspect_database(database, list(database.tables))

    told = {entity.table: [(each.what, each.name) for each in entity.omissions] for entity in found.entities}
    assert {
        "parents": [("comment", "parents")],
        "parts": [("check", "positive"), ("comment", "id"), ("comment", "parents"), ("cascade", "fk")],
        "shares": [("partitions", "HASH"), ("trigger", "tr")],
    } == told
    text = "\n".join(as_text(found))
    assert "left out: cascade `fk`: ON DELETE CASCADE ON UPDATE SET NULL of `parents`; caches are not told" in text
    assert "left out: partitions `HASH`: 4 by `id`" in text
    assert "left out: trigger `tr`: BEFORE INSERT" in text
    assert (text + found.source).replace("\n", "").isprintable()
    compile(found.source, "entities.py", "exec")


@pytest.mark.parametrize(
    ("collation", "address"),
    [
        ("utf8mb3_general_ci", "?charset=utf8mb3&collation=utf8mb3_general_ci"),
        ("utf8mb4_unicode_ci", "?collation=utf8mb4_unicode_ci"),
    ],
)
def test_how_tables_keep_their_collation_is_told(mysql_database: Database, collation: str, address: str) -> None:
    """An alter of every text column is seldom what is wanted, and the address that is told spares it."""
    charset = collation.partition("_")[0]
    mysql_database.execute(
        "CREATE TABLE notes (id int unsigned PRIMARY KEY, body varchar(20))"
        f" DEFAULT CHARSET {charset} COLLATE {collation}"
    )
    database = read_database(mysql_database.url)

    told = "\n".join(as_text(inspect_database(database, ["notes"])))
    kept = read_database(f"{mysql_database.url}{address}")

    assert f"with {address} in the address, or MySQLOptions(" in told
    assert () == inspect_database(kept, ["notes"]).alters


def _declarable(schema: EntitySchema) -> EntitySchema:
    """Without what no definition can say: members that servers do not show, defaults of JSON, needless indexes."""
    columns = [_declarable_column(column) for column in schema.columns]
    kept: list[IndexSchema] = []
    for index in schema.indexes:
        if not any(_covers(other, index) or _covers(index, other) for other in kept):
            kept.append(index)
    names = {column.name for column in columns}
    return replace(
        schema,
        columns=tuple(replace(column, index=at) for at, column in enumerate(columns)),
        indexes=tuple(index for index in kept if names.issuperset(index.columns)),
    )


def _covers(index: IndexSchema, other: IndexSchema) -> bool:
    return index.columns == other.columns[: len(index.columns)]


def _declarable_column(column: ColumnSchema) -> ColumnSchema:
    name = column.mysql_type.partition("(")[0]
    if column.enum is not None and (
        members_problem(name, column.enum.members) or not _shown_whole(column.enum.members)
    ):
        return replace(column, enum=None, mysql_type="varchar(255)", kind="varchar")
    is_odd_address = name == "varbinary" and isinstance(column.default, bytes) and len(column.default) not in (4, 16)
    return replace(column, default=UNSET) if name == "json" or is_odd_address else column


def _shown_whole(members: tuple[str, ...]) -> bool:
    return all(character <= "\uffff" for member in members for character in member)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(drawn=schemas())
def test_what_the_library_made_is_found_again(raw_store: RawStore, drawn: EntitySchema) -> None:
    """Definition to table to definition loses nothing, or the second would alter the first one's tables."""
    schema = _declarable(drawn)
    raw_store.query("DROP TABLE IF EXISTS `Thing`")
    raw_store.apply(schema)
    database = ReadDatabase("shop", raw_store.dialect, raw_store.collation, raw_store.tables(), {})

    found = inspect_database(database, ["Thing"])

    schemas_found, problems = resolved(found.source)
    assert ([], (), ()) == (problems, found.alters, found.refused), found.source
    assert _table(raw_store, schema) == _table(raw_store, schemas_found["Thing"])


def _table(store: RawStore, schema: EntitySchema) -> TableDefinition:
    table = store.dialect.define_table(schema, store.collation)
    return replace(table, indexes=tuple(sorted(table.indexes, key=lambda index: index.name)))


def test_a_database_that_is_not_there_is_wrong_usage(command: Command, mysql_server: SqlServer) -> None:
    """The server answered: trying again later will not help."""
    outcome = command("inspect", mysql_server.url("no_such_database"))

    assert 2 == outcome.code
    assert "no_such_database" in outcome.err
