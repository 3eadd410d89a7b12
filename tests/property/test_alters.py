"""Whatever is declared, the alters bring a real database there and then have nothing left to say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fluxaorm.alters import Alter, split_alters
from fluxaorm.entity.schema import EntitySchema
from fluxaorm.errors import AlterRowsError, MySQLError
from tests.support.raw_stores import RawStore
from tests.support.schema_strategies import Releases, releases, schemas, values_of

COLLATIONS = {
    "mysql": ["utf8mb4_0900_ai_ci", "utf8mb4_bin", "utf8mb4_general_ci"],
    "mariadb": ["utf8mb4_general_ci", "utf8mb4_bin", "utf8mb4_unicode_ci"],
    "sqlite": ["NOCASE"],
}
# neither server keeps characters past U+FFFF in a comment
COMMENT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0", max_codepoint=0xFFFF), min_size=1, max_size=9
)


def _property(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        # every example empties the database itself
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@_property(60)
@given(versions=releases(), data=st.data())
def test_any_definition_turns_into_any_other(raw_store: RawStore, versions: Releases, data: st.DataObject) -> None:
    """Asking again gives nothing, or every deployment would alter for ever; rows go only where they are in the way."""
    _deploy(raw_store, versions, data, reorder=False)


@_property(60)
@given(versions=releases(), data=st.data())
def test_any_definition_turns_into_any_other_in_its_order(
    raw_store: RawStore, versions: Releases, data: st.DataObject
) -> None:
    """Moving columns goes into the same ALTER as what else becomes of them."""
    _deploy(raw_store, versions, data, reorder=True)


def _deploy(store: RawStore, versions: Releases, data: st.DataObject, *, reorder: bool) -> None:
    """Two releases one after the other, with rows, and what has to hold then."""
    before, after = versions.before, versions.after
    collations = st.sampled_from(COLLATIONS[store.dialect.name])
    _empty(store)
    store.collation = data.draw(collations)

    store.apply(before)
    left_before = store.alters(before, reorder=True)
    for number in range(data.draw(st.integers(0, 3))):
        _insert(store, before, number, data)
    rows = _rows(store, before.table, list(versions.kept))
    store.collation = data.draw(collations)
    safe, _ = split_alters(store.alters(after, reorder=reorder))
    _run(store, safe)
    _insert(store, before, 9, data)
    in_the_way = _run_all(store, after, reorder)
    left_after = store.alters(after, reorder=reorder)

    assert (left_before, left_after) == ([], [])
    now = _rows(store, after.table, list(versions.kept.values()))
    assert rows == {key: now.get(key, row if key in in_the_way else None) for key, row in rows.items()}
    assert [] == [error for error in store.errors if _is_refused_algorithm(store, error)]


def _empty(store: RawStore) -> None:
    store.errors.clear()
    store.statements.clear()
    for table in ("Thing", "Other"):
        store.query(f"DROP TABLE IF EXISTS `{table}`")


def _insert(store: RawStore, schema: EntitySchema, number: int, data: st.DataObject) -> None:
    """A row as the version of this schema writes it, unless a unique index has its values already."""
    values: list[Any] = [number]
    for column in schema.columns[1:]:
        value = 0 if column.auto else data.draw(st.none() | values_of(column) if column.nullable else values_of(column))
        values.append(_param(store, value))
    names = ", ".join(f"`{column.name}`" for column in schema.columns)
    places = ", ".join("?" * len(values))
    try:
        store.query(f"INSERT INTO `{schema.table}` ({names}) VALUES ({places})", values)
    except MySQLError as error:
        if store.dialect.parse_duplicate(error.reason) is None:
            raise


def _param(store: RawStore, value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if store.dialect.name == "sqlite" and isinstance(value, int) and value >= 2**63 else value


def _rows(store: RawStore, table: str, names: list[str]) -> dict[Any, tuple[Any, ...]]:
    """By id, in the order of names."""
    selected = ", ".join(f"`{name}`" for name in ["id", *names])
    return {row[0]: row[1:] for row in store.query(f"SELECT {selected} FROM `{table}`")}


def _run(store: RawStore, alters: list[Alter]) -> None:
    for alter in alters:
        alter.exec(store, allow_destructive=True)  # type: ignore[call-overload]  # a stand-in for a Context


def _run_all(store: RawStore, schema: EntitySchema, reorder: bool) -> set[Any]:
    """Runs what is left, deleting the rows that are in the way; gives their ids."""
    deleted: set[Any] = set()
    while True:
        try:
            _run(store, store.alters(schema, reorder=reorder))
        except AlterRowsError as error:
            keys = {int(key) for finding in error.findings for key in finding.ids}
            table = schema.table if schema.table in store.tables() else str(schema.renamed_from)
            if not keys - deleted:
                raise
            store.query(f"DELETE FROM `{table}` WHERE `id` IN ({', '.join(map(str, keys))})")
            deleted |= keys
        else:
            return deleted


def _is_refused_algorithm(store: RawStore, error: Exception) -> bool:
    return isinstance(error, MySQLError) and store.dialect.is_refused_algorithm(error)


@_property(25)
@given(data=st.data())
def test_what_is_added_to_a_table_with_rows_keeps_them(raw_store: RawStore, data: st.DataObject) -> None:
    """New columns and plain indexes are safe: rows stay, and nothing is left to do."""
    before = data.draw(schemas(addable=True))
    after = data.draw(schemas(before, unique=False, addable=True))
    _empty(raw_store)
    raw_store.apply(before)
    required = [column.name for column in before.columns[1:] if not column.nullable and not column.has_default]
    assert required == []
    raw_store.query("INSERT INTO `Thing` (`id`) VALUES (7)")
    row = _rows(raw_store, "Thing", [column.name for column in before.columns])

    safe, rest = split_alters(raw_store.apply(after))

    assert rest == []
    assert raw_store.alters(after) == []
    assert row == _rows(raw_store, "Thing", [column.name for column in before.columns])
    assert len(safe) <= 1


@_property(60)
@given(versions=releases(), data=st.data())
def test_what_somebody_gave_a_column_outlives_what_becomes_of_it(
    raw_server_store: RawStore, versions: Releases, data: st.DataObject
) -> None:
    """A definition tells nothing of comments and CHECKs: they go with their column, and never before."""
    store, before, after = raw_server_store, versions.before, versions.after
    _empty(store)
    given_to = {column.name: data.draw(COMMENT) for column in before.columns if data.draw(st.booleans())}
    _create(store, before, given_to)

    reorder = data.draw(st.booleans())

    _run(store, store.alters(after, reorder=reorder))

    lives = {column.renamed_from or column.name: column.name for column in after.columns}
    expected = {lives[name]: comment for name, comment in given_to.items() if name in lives}
    assert expected == {name: told for name, told in _comments(store, after.table).items() if told}
    assert {f"given_{name}" for name in given_to if name in lives} == _checks(store)
    assert [] == store.alters(after, reorder=reorder)


def _create(store: RawStore, schema: EntitySchema, comments: dict[str, str]) -> None:
    """Its table, as if somebody had given these columns comments, and a CHECK each that any value passes."""
    (alter,) = store.alters(schema)
    lines = alter.sql.splitlines()
    for at, line in enumerate(lines):
        name = line.split("`")[1] if line.startswith("  `") else ""
        if name in comments:
            check = f"CONSTRAINT `given_{name}` CHECK (`{name}` IS NULL OR `{name}` IS NOT NULL)"
            told = f"COMMENT {store.dialect.text_literal(comments[name])}"
            lines[at] = f"{line.removesuffix(',')} {told}, {check}{',' if line.endswith(',') else ''}"
    store.query("\n".join(lines))


def _comments(store: RawStore, table: str) -> dict[str, str]:
    sql = "SELECT COLUMN_NAME, COLUMN_COMMENT FROM information_schema.COLUMNS"
    return dict(store.query(f"{sql} WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?", (table,)))


def _checks(store: RawStore) -> set[str]:
    sql = "SELECT CONSTRAINT_NAME FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()"
    return {name for (name,) in store.query(sql) if name.startswith("given_")}
