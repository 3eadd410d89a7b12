"""What each kind of column takes, refuses, stores and reads back, at its boundaries."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

import pytest

from fluxaorm.entity import Float32, Json, UInt8
from fluxaorm.entity.values.kinds import KINDS
from tests.unit.entity.cases import CASES, Case, Colour, same
from tests.unit.entity.definitions import column_of, entity, schema_of

EACH = pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])


def raw_forms(case: Case, value: Any, param: Any) -> list[Any]:
    """Everything a driver or a cache may give for what was stored."""
    if isinstance(param, bytes):
        return [param, value]
    text = f"{param:f}" if isinstance(param, Decimal) else repr(param) if isinstance(param, float) else str(param)
    forms: list[Any] = [text, text.encode()]
    return forms if case.kind in ("json", "references") and isinstance(value, str) else [*forms, param, value]


@EACH
def test_the_column_has_the_type_that_the_server_prints(case: Case) -> None:
    """The schema diff compares this text with the server's."""
    column = case.column

    assert (case.kind, case.mysql) == (column.kind, column.mysql_type)


@EACH
def test_what_fits_is_taken_in_its_python_form(case: Case) -> None:
    """A getter gives after an assignment what it gives after a reload."""
    column = case.column

    for assigned, value, _ in case.taken:
        checked = column.check(assigned)
        assert same(value, checked), (assigned, checked)


@EACH
def test_a_python_form_is_taken_as_it_is(case: Case) -> None:
    """Assigning what was read changes nothing."""
    column = case.column

    for _, value, _ in case.taken:
        assert same(value, column.check(value)), value


@EACH
def test_what_does_not_fit_is_refused_with_the_reason(case: Case) -> None:
    """Nothing is rounded, cut or converted in silence."""
    column = case.column

    for assigned, reason in case.refused:
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
            column.check(assigned)
        assert reason == str(caught.value), assigned


@EACH
def test_a_driver_is_handed_plain_values(case: Case) -> None:
    """Drivers look at exact types."""
    column = case.column

    for _, value, param in case.taken:
        encoded = column.encode(value)
        assert same(param, encoded), (value, encoded)
        assert type(encoded) in (int, float, str, bytes, Decimal)


@EACH
def test_every_raw_form_reads_back_as_the_same_value(case: Case) -> None:
    """Text of MySQL, of Redis and SQLite, native values of drivers, and what was decoded before."""
    column = case.column

    for _, value, param in case.taken:
        for raw in raw_forms(case, value, param):
            decoded = column.decode(raw)
            assert same(value, decoded), (raw, decoded)


@EACH
def test_what_drivers_make_of_it_is_understood(case: Case) -> None:
    """Prepared statements give Python values, each driver its own."""
    column = case.column

    for raw, value in case.native:
        decoded = column.decode(raw)
        assert type(value) is type(decoded), raw
        assert value == decoded


@pytest.mark.parametrize(
    ("hint", "options", "raw"),
    [
        (int, {}, b"x"),
        (int, {}, 1.5),
        (int, {}, float("inf")),
        (int, {}, Decimal("NaN")),
        (Float32, {}, b"1e39"),
        (timedelta, {}, b"99999999999999:00:00"),
        (int, {}, None),
        (float, {}, b"x"),
        (float, {}, []),
        (Decimal, {"precision": 5, "scale": 2}, b"x"),
        (Decimal, {"precision": 5, "scale": 2}, []),
        (bool, {}, b"x"),
        (str, {}, 1),
        (bytes, {}, 1),
        (date, {}, b"0000-00-00"),
        (date, {}, 1),
        (datetime, {}, b"0000-00-00 00:00:00"),
        (datetime, {}, date(2024, 1, 1)),
        (time, {}, b"25:00:00"),
        (time, {}, timedelta(days=1)),
        (timedelta, {}, b"1:2"),
        (timedelta, {}, 1),
        (Colour, {}, b"blue"),
        (Colour, {}, []),
        (frozenset[Colour], {}, b"red,blue"),
        (frozenset[Colour], {}, 1),
        (UUID, {}, b"123"),
        (IPv4Address, {}, b"12345"),
        (IPv6Address, {}, b"123"),
        (Json[int], {}, b"x"),
    ],
)
def test_what_no_column_can_hold_is_not_decoded(hint: Any, options: dict[str, Any], raw: Any) -> None:
    """A wrong row is an error, never another value."""
    column = column_of(hint, **options)

    with pytest.raises(ValueError):  # noqa: PT011 - any reason will do
        column.decode(raw)


def test_every_kind_of_the_table_is_tested_here() -> None:
    """A kind that is added gets its boundaries."""
    assert set(KINDS) == {case.kind for case in CASES}


def test_only_json_has_a_type_of_its_own_to_decode() -> None:
    """The runtime keeps such cells in a wrapper, to notice changes in place."""
    types = {case.kind: case.column.json_type for case in CASES if case.name in ("Json", "References", "str")}

    assert {"str": None, "references": list[int], "json": dict[str, int]} == types


def test_an_entity_of_json_is_a_copy() -> None:
    """Changing what was assigned changes no entity behind its back."""
    column, given = column_of(Json[dict[str, int]]), {"a": 1}

    checked = column.check(given)
    given["a"] = 2

    assert {"a": 1} == checked


def test_ids_start_at_one() -> None:
    """0 says that a soft-deleted row is alive."""
    schema = schema_of(entity(fields={"id": UInt8}, soft_delete=True))
    id, fake_delete = schema.columns

    assert (1, 255, 255) == (id.minimum, id.maximum, schema.id_maximum)
    assert (0, 0, "tinyint unsigned") == (fake_delete.check(0), fake_delete.default, fake_delete.mysql_type)
    with pytest.raises(ValueError, match="must be 1 to 255"):
        id.check(0)
