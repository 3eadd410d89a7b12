"""A type widens another when no value is lost and none is refused that was taken before."""

from __future__ import annotations

import pytest

from fluxaorm.alters.sql.widening import widens


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tinyint unsigned", "int"),
        ("int", "bigint"),
        ("int unsigned", "bigint unsigned"),
        ("mediumint", "int"),
        ("tinyint(1)", "tinyint"),
        ("varchar(10)", "varchar(20)"),
        ("varchar(255)", "mediumtext"),
        ("text", "mediumtext"),
        ("blob", "longblob"),
        ("varbinary(16)", "blob"),
        ("decimal(10,2)", "decimal(12,2)"),
        ("decimal(10,2)", "decimal(11,3)"),
        ("decimal(10,2) unsigned", "decimal(10,2)"),
        ("float", "double"),
        ("double unsigned", "double"),
        ("datetime", "datetime(3)"),
        ("time(2)", "time(6)"),
        ("enum('a','b')", "enum('a','b','c')"),
        ("set('a')", "set('a','b')"),
    ],
)
def test_a_wider_type_is_safe(old: str, new: str) -> None:
    """The version that runs now notices nothing."""
    assert widens(old, new)
    assert not widens(new, old)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("int", "int unsigned"),
        ("int unsigned", "int"),
        ("decimal(10,2)", "decimal(10,3)"),
        ("enum('a','b')", "enum('b','a','c')"),
        ("enum('a','b')", "set('a','b')"),
        ("varchar(70)", "tinytext"),
        ("varchar(10)", "int"),
        ("binary(16)", "binary(20)"),
        ("float", "double unsigned"),
        ("double", "decimal(65,30)"),
        ("json", "mediumtext"),
        ("bigint", "double"),
        ("int zerofill", "bigint"),
        ("date", "datetime"),
    ],
)
def test_any_other_type_is_not(old: str, new: str) -> None:
    """A value might not fit, or not mean the same."""
    assert not widens(old, new)
