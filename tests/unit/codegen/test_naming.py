"""Names of modules and enum members: what they look like, and that they can be names at all."""

from __future__ import annotations

from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxaorm.codegen.naming import by_kind_of_name, enum_member_names, is_name, module_name


@pytest.mark.parametrize(
    ("entity", "expected"),
    [
        ("UserEntity", "user_entity"),
        ("HTTPLogEntity", "http_log_entity"),
        ("UserV2Entity", "user_v2_entity"),
        ("X", "x"),
        ("snake_case", "snake_case"),
        ("Two__Words", "two_words"),
        ("Class", "class_"),
        ("Enums", "enums_"),
        ("ÜberEntity", "über_entity"),
    ],
)
def test_a_module_is_called_as_its_entity_in_lower_case(entity: str, expected: str) -> None:
    """Keywords and the package's own module are avoided."""
    assert expected == module_name(entity)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["draft", "in progress", "in-progress"], ["DRAFT", "IN_PROGRESS", "IN_PROGRESS_3"]),
        (["2nd", "+", "", "None", "mro"], ["VALUE_2ND", "VALUE_2", "EMPTY", "NONE", "MRO"]),
        (["a", "A", "a 2", "a_2"], ["A", "A_2", "A_2_3", "A_2_4"]),
        (["__x__", "straße", "日本"], ["X", "STRASSE", "日本"]),
    ],
)
def test_enum_members_are_called_as_their_values(values: list[str], expected: list[str]) -> None:
    """In upper case; what is no name, or taken, gets the number of its place."""
    assert expected == enum_member_names(values)


@given(st.lists(st.text(max_size=20), unique=True, max_size=10))
def test_any_values_give_an_enum(values: list[str]) -> None:
    """Members are the user's data: whatever they hold, the generated class must work."""
    names = enum_member_names(values)

    made = StrEnum("made", dict(zip(names, values, strict=True)))  # type: ignore[misc]  # no literal is possible

    assert [True] * len(values) == [is_name(name) for name in names]
    assert list(zip(names, values, strict=True)) == [(member.name, member.value) for member in made]


def test_exported_names_are_sorted_as_ruff_sorts_them() -> None:
    """Constants, classes, the rest; numbers by their value."""
    names = ["b", "User10Entity", "User2Entity", "ALL_PROVIDERS", "userEntity", "A"]

    assert ["ALL_PROVIDERS", "A", "User2Entity", "User10Entity", "b", "userEntity"] == sorted(
        names, key=by_kind_of_name
    )
