"""How a command finds the application it is about. `check` stands for every command that takes one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command_line import Command
from tests.unit.cli.applications import SQLITE

MakeModule = Callable[[str], str]

FORMS = {
    "a function that returns a Registry": f"{SQLITE}\napp = registry",
    "a Registry": f"{SQLITE}\napp = registry()",
    "an Engine": f"{SQLITE}\napp = registry().validate()",
    "a function that returns an Engine": f"{SQLITE}\ndef app():\n    return registry().validate()",
    "an attribute of an attribute": f"{SQLITE}\nclass app:\n    inner = registry()",
}


@pytest.mark.parametrize("form", FORMS)
def test_the_application_is_found(command: Command, make_module: MakeModule, form: str) -> None:
    """Applications keep it in the way that suits them."""
    module = make_module(FORMS[form])
    attribute = "app.inner" if form.startswith("an attribute") else "app"

    outcome = command("check", f"{module}:{attribute}")

    assert (0, "") == (outcome.code, outcome.err)


def test_pyproject_of_a_directory_above_names_the_application(
    command: Command, make_module: MakeModule, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside a project nobody should have to spell its application."""
    module = make_module(SQLITE)
    (workplace / "pyproject.toml").write_text(f'[tool.fluxaorm]\napp = "{module}:registry"\n')
    (workplace / "inner").mkdir()
    monkeypatch.chdir(workplace / "inner")

    outcome = command("check")

    assert (0, "") == (outcome.code, outcome.err)


PYPROJECTS = {
    "none": None,
    "no table of ours": "[project]\nname = 'shop'\n",
    "no app": "[tool.fluxaorm]\n",
    "an app that is no text": "[tool.fluxaorm]\napp = 1\n",
    "our table is a number": "[tool]\nfluxaorm = 3\n",
    "no table of tools": "tool = 3\n",
    "not UTF-8": "# \udcff\n",
    "no TOML": "[tool.fluxaorm\n",
}


@pytest.mark.parametrize("content", PYPROJECTS)
def test_an_application_nobody_named_is_wrong_usage(command: Command, workplace: Path, content: str) -> None:
    """The message must say both ways to name one, or where the file is broken."""
    text = PYPROJECTS[content]
    if text is not None:
        (workplace / "pyproject.toml").write_text(text, encoding="utf-8", errors="surrogateescape")

    outcome = command("check")

    assert 2 == outcome.code
    assert "pyproject.toml" in outcome.err


@pytest.mark.parametrize(
    ("attribute", "hint"),
    [
        ("", "module:attribute"),
        (":", "module:attribute"),
        (":missing", "has no 'missing'"),
        (":fx", "but of type module"),
        (":later", "is a coroutine function"),
        (":demanding", "missing a required argument: 'stage'"),
    ],
)
def test_a_name_that_leads_nowhere_is_wrong_usage(
    command: Command, make_module: MakeModule, attribute: str, hint: str
) -> None:
    """A typing error must not end in a traceback."""
    module = make_module(f"{SQLITE}\nasync def later(): ...\ndef demanding(stage): ...\n")

    outcome = command("check", f"{module}{attribute}")

    assert 2 == outcome.code
    assert hint in outcome.err


def test_a_module_that_is_not_there_is_wrong_usage(command: Command) -> None:
    """Commands are mostly run from the wrong directory; the message names the one that was looked in."""
    outcome = command("check", "nowhere.at.all:registry")

    assert 2 == outcome.code
    assert f"there is no module 'nowhere' in {Path.cwd()}" in outcome.err


def test_what_the_application_s_module_misses_keeps_its_traceback(workplace: Path, make_module: MakeModule) -> None:
    """That is a bug in the user's code, and only the traceback says where."""
    from fluxaorm.cli.application import find_application

    module = make_module("import a_module_that_is_missing\n")

    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_missing"):
        find_application(f"{module}:registry")


@pytest.mark.parametrize("name", ["./app.py:registry", ".app:registry", "..:x", "a/app:registry", "app.py:registry"])
def test_a_path_is_no_module(command: Command, workplace: Path, name: str) -> None:
    """Other tools take a file; the message says what this one takes, without a traceback."""
    (workplace / "app.py").write_text("")

    outcome = command("check", name)

    assert 2 == outcome.code
    assert f"'{name}': a module is named as an import names it" in outcome.err
    assert "module:attribute, as in myapp.models:registry" in outcome.err
