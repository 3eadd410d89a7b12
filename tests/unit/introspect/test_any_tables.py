"""Whatever tables a database has, inspection gives a module that the library takes, and loses no word on the rest."""

from __future__ import annotations

import ast
import sys
from types import ModuleType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fluxaorm.codegen.memory import MemoryPackage
from fluxaorm.dialects import MySQL, capabilities_from
from fluxaorm.dialects.tables import ColumnDefinition, ForeignKeyDefinition, IndexDefinition, TableDefinition
from fluxaorm.entity import Entity
from fluxaorm.entity.resolve.definitions import resolve_entities
from fluxaorm.entity.schema import EntitySchema
from fluxaorm.introspect.read import Database
from fluxaorm.introspect.report import as_json, as_text, inspect_database
from fluxaorm.introspect.trial import resolved

COLLATION = "utf8mb4_0900_ai_ci"
TABLES = [
    "users",
    "Users",
    "user",
    "UserEntity",
    "Entity",
    "class",
    "_x",
    "1st",
    "a b",
    "größe",
    "Decimal",
    "None",
    "True",
    "x" * 64,
    "_fluxa",
]
HOSTILE = [
    "\x1b[2J\x1b]52;c;cm0gLXJm\x07",
    'x"""\nimport os\nraise SystemExit\n"""',
    "a: str = __import__('os').abort() #",
    "\u202eevil\u2066 {0} %s \\N{DIGIT ONE}",
    "__class__",
    "line\u2028separator",
]
"""Names as somebody may give them who means harm to whoever inspects the database."""
COLUMNS = [
    *(
        "id",
        "Id",
        "user_id",
        "user",
        "userId",
        "get_user",
        "must_get_user",
        "user_id_id",
        "from",
        "None",
        "set",
        "delete",
    ),
    *("date", "datetime", "str", "Literal", "UTC", "_", "__", "_a", "a", "1", "indexes", "fake_delete", "is_new", "eq"),
    *(
        "for_update",
        "created_at",
        "version",
        "with space",
        "naïve",
        "a`b",
        "y" * 64,
        "UserEntity",
        "fields",
        "self",
        "ctx",
        "__slots__",
        "mro",
        "int",
        "property",
    ),
    *HOSTILE,
]
TYPES = [
    *(
        "int",
        "int unsigned",
        "bigint unsigned",
        "tinyint(1)",
        "tinyint",
        "smallint unsigned zerofill",
        "bit(1)",
        "bit(64)",
    ),
    *("decimal(10,2)", "decimal(65,30)", "decimal(5,0) unsigned", "double", "float unsigned", "double(7,3)", "year"),
    *(
        "char(0)",
        "char(10)",
        "varchar(0)",
        "varchar(255)",
        "varchar(16383)",
        "varchar(65000)",
        "text",
        "longtext",
        "json",
    ),
    *(
        "binary(16)",
        "binary(3)",
        "varbinary(16)",
        "varbinary(0)",
        "tinyblob",
        "longblob",
        "date",
        "datetime(6)",
        "time(3)",
    ),
    *(
        "timestamp",
        "enum('a','b')",
        "enum('a','A')",
        "enum('')",
        "set('x','y')",
        "set('x','é','e')",
        "geometry",
        "inet6",
    ),
    *(
        "enum('it''s','\\\\','\"\"\"','# no','a?')",
        f"enum({','.join(repr(f'member {n}') for n in range(40))})",
        "enum('\x1b[2J','\u202e','\"\"\"\nraise SystemExit','__class__','mro','None')",
        "vector(3)",
    ),
]
EXTRAS = ["", "", "", "auto_increment", "DEFAULT (now())", "VIRTUAL GENERATED AS (`a` + 1)", "INVISIBLE"]
DEFAULTS = st.sampled_from(
    [
        *(None, None, "0", "1", "a", "x,y", "", "0x00", "b'101'", "2024-02-30", "0000-00-00", "-1:00:00"),
        *("inf", "-inf", "nan", "1e999", "NaN", *HOSTILE),
    ]
)
DETAILS = st.sampled_from(["", "", "", "prefix 3", "fulltext", "expression"])


@st.composite
def _columns(draw: st.DrawFn, name: str) -> ColumnDefinition:
    default = draw(DEFAULTS | st.text(max_size=5))
    return ColumnDefinition(
        name, draw(st.sampled_from(TYPES)), draw(st.booleans()), default, None, draw(st.sampled_from(EXTRAS))
    )


@st.composite
def _tables(draw: st.DrawFn, name: str) -> TableDefinition:
    names = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=8, unique_by=str.lower))
    columns = [draw(_columns(name)) for name in names]
    if draw(st.integers(0, 3)):
        columns[0] = ColumnDefinition(names[0], draw(st.sampled_from(["int unsigned", "bigint unsigned"])))
    some = st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True).map(tuple)
    labels = draw(
        st.lists(st.sampled_from([*names, "ix", "id", "ids", "a b", *HOSTILE]), max_size=4, unique_by=str.lower)
    )
    indexes = tuple(IndexDefinition(label, draw(some), draw(st.booleans()), draw(DETAILS)) for label in labels)
    keys = draw(st.lists(some, max_size=3))
    targets = [(draw(st.sampled_from(TABLES)), draw(some)) for _ in keys]
    return TableDefinition(
        name,
        tuple(columns),
        indexes,
        draw(st.just((names[0],)) | st.just(()) | some),
        tuple(
            ForeignKeyDefinition(f"fk{at}", key, target, columns)
            for at, (key, (target, columns)) in enumerate(zip(keys, targets, strict=True))
        ),
        draw(st.sampled_from(["InnoDB", "MyISAM"])),
        draw(st.sampled_from([COLLATION, "latin1_swedish_ci", "utf8mb4_unicode_ci"])),
    )


@st.composite
def databases(draw: st.DrawFn) -> Database:
    """Up to four tables and a view."""
    names = draw(st.lists(st.sampled_from([*TABLES, *HOSTILE]), min_size=1, max_size=4, unique=True))
    tables = {name: draw(_tables(name)) for name in sorted(names)}
    return Database("shop", MySQL(capabilities_from("9.7.0")), COLLATION, tables, {'v\n"""': "view"})


def _generated(source: str) -> dict[str, EntitySchema]:
    """The schemas of a module's definitions, of which code was generated while it was there to be imported."""
    module = sys.modules["inspected"] = ModuleType("inspected")
    try:
        exec(compile(source, "inspected.py", "exec"), vars(module))
        classes: list[Any] = [each for each in vars(module).values() if isinstance(each, type)]
        schemas, problems = resolve_entities([cls for cls in classes if issubclass(cls, Entity) and cls is not Entity])
        assert [] == problems
        package = MemoryPackage(schemas)
        for name in schemas:
            package.provider(name)
        return schemas
    finally:
        del sys.modules["inspected"]


CALLED = {
    *("Field", "Index", "UniqueIndex", "Decimal", "UUID", "IPv4Address", "IPv6Address"),
    *("date", "datetime", "timedelta", "frozenset", "bytes.fromhex"),
}
DECLARED = (ast.AnnAssign, ast.Assign, ast.Expr)


def _does_nothing(source: str) -> bool:
    """Whether a module imports, defines classes of plain values, and calls nothing but what makes such values."""
    tree = ast.parse(source)
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    documented = [node for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    others = {type(node) for node in tree.body if not isinstance(node, ast.ClassDef)}
    return (
        others <= {ast.Expr, ast.ImportFrom}
        and calls <= CALLED
        and all(isinstance(node.value, ast.Constant) for node in documented)
        and all(isinstance(node, DECLARED) for each in classes for node in each.body)
    )


@settings(max_examples=150, deadline=None)
@given(database=databases())
def test_whatever_names_say_the_module_does_nothing_and_the_terminal_is_left_alone(database: Database) -> None:
    """Who made the database may be an attacker of who inspects it, and of who imports what came of it."""
    found = inspect_database(database, [*database.tables, *database.others])

    assert _does_nothing(found.source)
    assert found.source.replace("\n", "").isprintable()
    assert all(line.isprintable() for line in as_text(found))


@settings(max_examples=50, deadline=None)
@given(database=databases())
def test_any_tables_become_a_module_that_the_library_takes(database: Database) -> None:
    """A tool that dies on the one odd table of five hundred is no help with the others."""
    found = inspect_database(database, [*database.tables, *database.others])

    schemas = _generated(found.source)
    assert {*database.tables, *database.others} == {
        *(entity.table for entity in found.entities),
        *(refused.name for refused in found.refused),
    }
    for entity in found.entities:
        table = database.tables[entity.table]
        said = {field.column for field in entity.fields} | {o.name for o in entity.omissions if o.what == "column"}
        assert {column.name for column in table.columns} - {"fake_delete"} <= said
        made = {index.name for index in schemas[entity.name].indexes}
        assert {index.name for index in table.indexes} <= made | {o.name for o in entity.omissions if o.what == "index"}
    assert "\n".join(as_text(found))
    assert as_json(found)["module"] == found.source


@settings(deadline=None)
@given(database=databases())
def test_an_entity_without_a_table_of_its_name_says_its_table(database: Database) -> None:
    """The definitions are for these tables and no others."""
    found = inspect_database(database, list(database.tables))

    schemas, _ = resolved(found.source)
    assert [entity.table for entity in found.entities] == [schemas[entity.name].table for entity in found.entities]
    for entity in found.entities:
        columns = {column.name for column in schemas[entity.name].columns}
        assert columns <= {column.name for column in database.tables[entity.table].columns}
