"""Types and defaults get one spelling, whichever server printed them."""

from __future__ import annotations

import pytest

from fluxaorm.dialects.column_types import ParsedType, canonical_default, exact_float32, parse_type, quoted, unescaped


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("int(10) unsigned", "int unsigned"),
        ("tinyint(4)", "tinyint"),
        ("tinyint(3) unsigned", "tinyint unsigned"),
        ("tinyint(1)", "tinyint(1)"),
        ("bigint(20)", "bigint"),
        ("decimal(5)", "decimal(5,0)"),
        ("decimal(10,2) unsigned", "decimal(10,2) unsigned"),
        ("DATETIME(0)", "datetime"),
        ("datetime(3)", "datetime(3)"),
        ("varchar(40)", "varchar(40)"),
        ("double", "double"),
        ("int(10) unsigned zerofill", "int unsigned zerofill"),
    ],
)
def test_display_widths_and_needless_numbers_go(printed: str, expected: str) -> None:
    """MariaDB prints int(10) unsigned where MySQL prints int unsigned: they are the same type."""
    assert expected == str(parse_type(printed))


def test_members_survive_quotes_backslashes_and_brackets() -> None:
    """An enum whose members hold SQL's own characters must compare equal to itself."""
    expected = ParsedType("enum", members=("it's", "back\\slash", "a,b", "f(x)"))

    actual = parse_type(str(expected))

    assert expected == actual


@pytest.mark.parametrize("text", ["", "it's", "\\", "a\\'b", "line\nbreak", "nul\0byte", "''"])
def test_a_quoted_text_is_read_back(text: str) -> None:
    """What the server is told in a literal is what it prints in one."""
    assert text == unescaped(quoted(text)[1:-1])


@pytest.mark.parametrize(
    ("kind", "left", "right"),
    [
        ("int", "0", "00"),
        ("decimal(10,2)", "0", "0.00"),
        ("decimal(65,30)", "-1.5", "-1.500000000000000000000000000000"),
        ("double", "1e20", "100000000000000000000"),
        ("double", "0.0000001", "1e-07"),
        ("float", "0.1", "0.10000000149011612"),
        ("float", "16777217", "16777216"),
        ("datetime(3)", "2020-01-02 03:04:05", "2020-01-02 03:04:05.000"),
        ("time(2)", "-10:00:00.500000", "-10:00:00.50"),
        ("varbinary(16)", "0x7F00", "0x7f00"),
    ],
)
def test_defaults_that_mean_the_same_are_the_same(kind: str, left: str, right: str) -> None:
    """Else the default would be set again by every run."""
    assert canonical_default(parse_type(kind), left) == canonical_default(parse_type(kind), right)


@pytest.mark.parametrize(
    ("kind", "left", "right"),
    [("decimal(10,2)", "0.01", "0.02"), ("float", "0.1", "0.1000001"), ("varchar(5)", "0", "00")],
)
def test_defaults_that_differ_stay_different(kind: str, left: str, right: str) -> None:
    """A changed default must not be overlooked."""
    assert canonical_default(parse_type(kind), left) != canonical_default(parse_type(kind), right)


def test_a_default_that_is_no_number_is_left_as_it_is() -> None:
    """A table made by hand may hold anything; reading it must not fail."""
    assert canonical_default(parse_type("int"), "nextval(`s`)") == "nextval(`s`)"


def test_a_binary32_default_is_told_the_server_in_all_its_digits() -> None:
    """Six digits would be another number."""
    assert exact_float32("3.1415927") == "3.1415927410125732"
