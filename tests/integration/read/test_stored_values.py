"""Stored values that a field has no form for, and BIT columns: the same on every way out of a table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from operator import attrgetter, methodcaller
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from devstack.state import StackState
from fluxaorm import Entity, Field, Json, Query, UInt8, UInt32, UInt64, max_
from fluxaorm.errors import StoredValueError
from fluxaorm.pools.mysql.asyncmy import PREPARED_AFTER
from tests.support.insides import core
from tests.support.value_paths import PATHS, ValuePath, database_at, open_path, readings, redis_at

ON_MYSQL = [path for path in PATHS if path[0] != "sqlite"]


class FormEntity(Entity, table="forms", redis_cache=True):
    """Each field can be given a value by SQL that it has no form for."""

    id: UInt64
    name: str = ""
    kind: str = Field(default="a")
    state: UInt8 = 0
    count: UInt32 = 0
    born: date = date(2000, 1, 1)
    died: date | None = None
    seen: datetime = datetime(2000, 1, 1)  # noqa: DTZ001 - taken as UTC
    left: datetime | None = None
    opens: time = time(8)
    key: UUID = UUID(int=1)
    price: Decimal = Field(default=Decimal(0), precision=10, scale=2)
    notes: Json[dict[str, int]] = Field(default_factory=dict)
    pin: UInt32 = Field(default=0, secret=True)


class SwitchEntity(Entity, table="switches", redis_cache=True):
    """Its columns are BIT in the table."""

    id: UInt64
    mask: UInt8 = 0
    wide: UInt64 = 0
    flag: bool = False
    spare: UInt8 | None = None


LOOSE = "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'"
MISFITS = {
    "state": ("ALTER TABLE forms MODIFY state smallint", "state = NULL", "NULL"),
    "count": ("ALTER TABLE forms MODIFY count varchar(20)", "count = '1.00'", "1.00"),
    "born": (LOOSE, "born = '0000-00-00'", "0000-00-00"),
    "died": (LOOSE, "died = '0000-00-00'", "0000-00-00"),
    "seen": (LOOSE, "seen = '2023-02-30 12:00:00'", "2023-02-30"),
    "left": (LOOSE, "`left` = '0000-00-00 00:00:00'", "0000-00-00"),
    "opens": ("", "opens = '25:00:00'", "25:00:00"),
    "key": ("ALTER TABLE forms MODIFY `key` varbinary(16)", "`key` = 'short'", "short"),
    "price": ("ALTER TABLE forms MODIFY price varchar(20)", "price = 'dear'", "dear"),
    "notes": ("", """notes = '{"a": "b"}'""", "a"),
}


@pytest.fixture(params=ON_MYSQL, ids="-".join)
def path(request: pytest.FixtureRequest, stack: StackState, tmp_path: Path) -> Iterator[ValuePath]:
    """Every driver on both servers, with tables that a test may change."""
    server, driver = request.param
    with (
        redis_at(stack) as redis,
        database_at(server, stack, tmp_path) as url,
        open_path(url, server, driver, redis, (FormEntity, SwitchEntity)) as opened,
    ):
        yield opened


def run_sql(path: ValuePath, *statements: str) -> None:
    """Statements past the library, on one connection of their own."""
    pool = core(path.engine).mysql_pools["default"].sync
    connection = pool.acquire()
    for statement in statements:
        connection.execute(statement)
    connection.close()
    pool.release(connection)


def add(path: ValuePath, definition: type[Any], **values: Any) -> int:
    ctx = path.context()
    entity = path.do(path.provider(definition).new(ctx, **values))
    path.do(ctx.flush())
    return int(entity.id)


def spoil(path: ValuePath, field: str) -> int:
    """The id of a row whose field holds what it cannot show; no cache knows the row."""
    before, change, _ = MISFITS[field]
    id = add(path, FormEntity, name="Ann")
    run_sql(path, *filter(None, [before, f"UPDATE forms SET {change} WHERE id = {id}"]))
    return id


@pytest.mark.parametrize("field", MISFITS)
def test_a_value_that_does_not_fit_is_told_with_its_place_on_each_way(path: ValuePath, field: str) -> None:
    """A bare ValueError says neither which row nor which column, and None for a day that is none is a lie."""
    id, forms = spoil(path, field), path.provider(FormEntity)
    query = Query().filter(forms.fields.id == id)

    for run in range(PREPARED_AFTER + 2):
        for way, form in (
            ("look-up", path.do(forms.must_get_by_id(path.context(), id))),
            ("search", path.do(forms.search_many(path.context(), query))[0]),
        ):
            for read in (attrgetter(field), methodcaller("to_dict")):
                with pytest.raises(StoredValueError, match=field) as told:
                    read(form)
                assert ("FormEntity", id, field) == (told.value.entity, told.value.id, told.value.field), (run, way)
                assert MISFITS[field][2] in str(told.value), (run, way)
            assert form.name == "Ann"
            assert form.pin == 0
        if run % 2:
            path.do(forms.invalidate(path.context(), id))


@pytest.mark.parametrize("field", sorted(MISFITS.keys() - {"state"}))
def test_select_and_aggregate_tell_of_it_too(path: ValuePath, field: str) -> None:
    """Columns read alone are decoded by the same rules, and their errors are as clear."""
    id, forms = spoil(path, field), path.provider(FormEntity)
    column = getattr(forms.fields, field)
    query = Query().filter(forms.fields.id == id)

    for _ in range(PREPARED_AFTER + 1):
        with pytest.raises(StoredValueError, match=field) as told:
            path.do(forms.select(path.context(), query, forms.fields.id, column))
        assert ("FormEntity", id, field) == (told.value.entity, told.value.id, told.value.field)
    if field not in ("notes", "key"):
        with pytest.raises(StoredValueError, match=field):
            path.do(forms.aggregate(path.context(), query, most=max_(column)))


@pytest.mark.parametrize("field", ["state", "count", "died", "opens", "notes"])
def test_a_value_that_does_not_fit_can_be_replaced(path: ValuePath, field: str) -> None:
    """Who is told that a row holds nonsense must be able to mend it by the same entity."""
    id, forms = spoil(path, field), path.provider(FormEntity)
    good = {"state": 7, "count": 8, "died": date(2020, 2, 29), "opens": time(9), "notes": {"a": 1}}[field]
    ctx = path.context()
    form = path.do(forms.must_get_by_id(ctx, id))

    setattr(form, field, good)
    assert good == form.changes()[field].new
    path.do(ctx.flush())

    assert good == getattr(form, field)
    for _ in range(2):
        assert good == getattr(path.do(forms.must_get_by_id(path.context(), id)), field)


def test_a_secret_value_that_does_not_fit_is_not_shown(path: ValuePath) -> None:
    """Errors are logged, and a secret is one also when it is of the wrong form."""
    id, forms = add(path, FormEntity), path.provider(FormEntity)
    run_sql(path, "ALTER TABLE forms MODIFY pin varchar(20)", f"UPDATE forms SET pin = 'hunter2' WHERE id = {id}")

    with pytest.raises(StoredValueError, match="pin") as told:
        _ = path.do(forms.must_get_by_id(path.context(), id)).pin

    assert "hunter2" not in str(told.value) + repr(told.value.__dict__)
    assert (None, None) == (told.value.__cause__, told.value.__context__)


def test_bits_are_numbers_on_each_way(path: ValuePath) -> None:
    """A BIT travels as bytes of its own, which read as the text of a number give another number."""
    switches = path.provider(SwitchEntity)
    columns = ", ".join(f"MODIFY {name} bit({bits})" for name, bits in (("mask", 8), ("wide", 64), ("spare", 3)))
    run_sql(path, f"ALTER TABLE switches {columns}, MODIFY flag bit(1) NOT NULL")
    expected: list[dict[str, Any]] = [
        {"mask": 0x35, "wide": 2**64 - 1, "flag": True, "spare": 5},
        {"mask": 0, "wide": 0x3130, "flag": False, "spare": None},
    ]
    ctx = path.context()
    entities = [path.do(switches.new(ctx, **row)) for row in expected]
    path.do(ctx.flush())

    for reader, found in readings(path, switches, entities, list(expected[0])):
        assert expected == found, reader
    assert [(0x35,)] == path.do(
        switches.select(path.context(), Query().filter(switches.fields.mask == 0x35), switches.fields.mask)
    )
    raw: Any = path.do(path.context().mysql().query("SELECT mask, flag FROM switches WHERE flag = 1"))
    assert [(0x35, 1)] == [*raw]
