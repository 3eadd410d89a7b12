"""The page of what is not there: everything it lists is called, and refused; everything that is refused is on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Entity, UInt32
from fluxaorm.registry.unbuilt import CLASS_OPTIONS, FIELD_OPTIONS, GROUP_OPTIONS, MYSQL_OPTIONS
from tests.support.command_line import Command
from tests.support.pages import REPOSITORY

PAGE = (REPOSITORY / "docs" / "not-in-this-version.md").read_text("utf-8")
CALLS = re.findall(r"^\| [^|]+ \| `([^|]+)` \|", PAGE.partition("<!-- table: refused -->")[2], re.MULTILINE)


class LeafEntity(Entity):
    """Whose provider is asked."""

    id: UInt32


@pytest.fixture
def names(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What the calls of the page begin with."""
    registry = fx.Registry.embedded(tmp_path / "embedded")
    registry.register_entity(LeafEntity)
    with registry.validate() as engine, engine.new_context() as ctx:
        provider = engine.provider(LeafEntity)
        yield {"fx": fx, "registry": registry, "engine": engine, "ctx": ctx, "Provider": provider}


@pytest.mark.parametrize("call", [call for call in CALLS if not call.startswith("fluxaorm ")])
def test_what_has_no_name_yet_is_refused(names: dict[str, Any], call: str) -> None:
    """The day it is built, it has to leave the page."""
    assert {name for name in names if re.search(rf"\b{name}\b", call)} or call.startswith("import ")

    # TypeError: a method that is there, and does not know an argument
    with pytest.raises((AttributeError, ImportError, TypeError), match=r"no attribute|No module|unexpected keyword"):
        exec(call, names)


@pytest.mark.parametrize("call", [call for call in CALLS if call.startswith("fluxaorm ")])
def test_a_command_that_is_not_there_is_refused(command: Command, call: str) -> None:
    """The same for the command line."""
    ended = command(*call.split()[1:])

    assert 2 == ended.code
    assert "No such command" in ended.err


def test_whatever_validate_refuses_is_on_the_page() -> None:
    """Whoever meets an option that does nothing looks for it there."""
    options = [f"{name}=" for name in MYSQL_OPTIONS | CLASS_OPTIONS | FIELD_OPTIONS | {*GROUP_OPTIONS}]
    methods = [name for name in vars(fx.Registry) if re.search(r"register_(kafka(?!_topic)|clickhouse|debezium)", name)]

    assert [] == [name for name in [*options, *methods] if name not in PAGE]
    assert 5 == len(methods)


def test_the_table_is_read() -> None:
    """A table that nobody finds would refuse nothing, silently."""
    assert len(PAGE.partition("<!-- table: refused -->")[2].strip().splitlines()) - 2 == len(CALLS) > 20
