"""`fluxaorm generate`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command_line import Command
from tests.unit.cli.applications import UNREACHABLE, WRONG

MakeModule = Callable[[str], str]


def test_the_package_is_written_without_a_server(command: Command, make_module: MakeModule, workplace: Path) -> None:
    """Code is generated on machines that reach no database."""
    outcome = command("generate", f"{make_module(UNREACHABLE)}:registry", "entities")

    assert (0, "") == (outcome.code, outcome.err)
    assert (workplace / "entities" / "colour_entity.py").exists()


def test_pyproject_leaves_only_the_directory_to_say(command: Command, make_module: MakeModule, workplace: Path) -> None:
    """The one argument of `fluxaorm generate entities` is the directory, not an application."""
    (workplace / "pyproject.toml").write_text(f'[tool.fluxaorm]\napp = "{make_module(UNREACHABLE)}:registry"\n')

    outcome = command("generate", "entities")

    assert (0, "") == (outcome.code, outcome.err)
    assert (workplace / "entities" / "colour_entity.py").exists()


def test_check_finds_nothing_in_a_fresh_package(command: Command, make_module: MakeModule) -> None:
    """CI runs it on every commit."""
    name = f"{make_module(UNREACHABLE)}:registry"
    command("generate", name, "entities")

    outcome = command("generate", name, "entities", "--check")

    assert (0, "") == (outcome.code, outcome.err)


def test_check_shows_a_diff_and_writes_nothing(command: Command, make_module: MakeModule, workplace: Path) -> None:
    """Whoever forgot to generate sees what, and decides."""
    command("generate", f"{make_module(UNREACHABLE)}:registry", "entities")
    before = (workplace / "entities" / "colour_entity.py").read_text()
    changed = make_module(UNREACHABLE.replace("id: UInt16", "id: UInt16\n    shade: str = ''"))

    outcome = command("generate", f"{changed}:registry", "entities", "--check")

    assert 1 == outcome.code
    assert "+    def shade(self) -> str:" in outcome.out
    assert before == (workplace / "entities" / "colour_entity.py").read_text()


def test_check_of_a_package_that_was_never_made_exits_with_1(
    command: Command, make_module: MakeModule, workplace: Path
) -> None:
    """A missing package is out of date, and stays missing."""
    outcome = command("generate", f"{make_module(UNREACHABLE)}:registry", "entities", "--check")

    assert 1 == outcome.code
    assert not (workplace / "entities").exists()


def test_somebody_else_s_file_in_the_way_is_wrong_usage(
    command: Command, make_module: MakeModule, workplace: Path
) -> None:
    """A directory named by mistake keeps its files."""
    (workplace / "entities").mkdir()
    (workplace / "entities" / "colour_entity.py").write_text("mine = True\n")

    outcome = command("generate", f"{make_module(UNREACHABLE)}:registry", "entities")

    assert 2 == outcome.code
    assert "colour_entity.py" in outcome.err
    assert "mine = True\n" == (workplace / "entities" / "colour_entity.py").read_text()


def test_wrong_definitions_generate_nothing(command: Command, make_module: MakeModule, workplace: Path) -> None:
    """The old package must stay whole."""
    outcome = command("generate", f"{make_module(WRONG)}:registry", "entities")

    assert 2 == outcome.code
    assert "ColourEntity.shade" in outcome.err
    assert not (workplace / "entities").exists()


@pytest.mark.parametrize("with_pyproject", [True, False])
def test_an_application_is_no_directory(
    command: Command, make_module: MakeModule, workplace: Path, with_pyproject: bool
) -> None:
    """Whoever forgets the directory should not find the package in one that is called app:registry."""
    name = f"{make_module(UNREACHABLE)}:registry"
    if with_pyproject:
        (workplace / "pyproject.toml").write_text(f'[tool.fluxaorm]\napp = "{name}"\n')

    outcome = command("generate", name)

    assert 2 == outcome.code
    assert f"generate takes a directory, too: fluxaorm generate {name} DIR" in outcome.err
    assert not (workplace / name).exists()
