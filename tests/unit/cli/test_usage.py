"""What the command line says of itself, and how it answers what makes no sense."""

from __future__ import annotations

import json
import platform
import sys

import pytest

import fluxaorm
from fluxaorm.cli import main
from tests.support.command_line import Command

COMMANDS = ["demo", "inspect", "generate", "check", "alters", "config-schema", "version"]


def test_the_help_names_every_command_and_the_exit_codes(command: Command) -> None:
    """Whoever starts knows nothing but `--help`."""
    outcome = command("--help")

    assert 0 == outcome.code
    assert [] == [name for name in COMMANDS if f" {name} " not in outcome.out]
    assert "3 a server" in " ".join(outcome.out.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(command: Command, name: str) -> None:
    """Scripts are written from it: it must name the command, and say what the exit codes mean."""
    outcome = command(name, "--help")

    assert 0 == outcome.code
    assert f"Usage: fluxaorm {name}" in outcome.out
    assert "Exit codes: 0 done" in " ".join(outcome.out.split())


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("check", "--nonsense"),
        ("generate",),
        ("generate", "a", "b", "c"),
        ("check", "a", "b"),
        ("demo", "--directory"),
        ("demo", "--flights", "9"),
        ("inspect",),
        ("alters", "--store", "nonsense"),
    ],
    ids=" ".join,
)
def test_wrong_words_exit_with_2(command: Command, arguments: tuple[str, ...]) -> None:
    """A script that misspells an option must not take the answer for a finding."""
    outcome = command(*arguments)

    assert 2 == outcome.code


def test_without_its_libraries_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The script is on the path of everybody who installed the library without the extra."""
    monkeypatch.delitem(sys.modules, "fluxaorm.cli.command_line")
    monkeypatch.setitem(sys.modules, "typer", None)

    with pytest.raises(SystemExit) as ended:
        main()

    assert 2 == ended.value.code
    assert "pip install 'fluxaorm[cli]'" in capsys.readouterr().err


def test_a_module_missing_elsewhere_is_not_taken_for_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a broken installation would be answered with advice that does not help."""
    monkeypatch.delitem(sys.modules, "fluxaorm.cli.command_line")
    monkeypatch.setitem(sys.modules, "fluxaorm.cli.exits", None)

    with pytest.raises(ModuleNotFoundError):
        main()


@pytest.mark.parametrize("words", ["version", "--version"])
def test_version_is_the_package_s(command: Command, words: str) -> None:
    """Bug reports begin with it, and people ask in the one way or the other."""
    outcome = command(words)

    assert (0, f"fluxaorm {fluxaorm.__version__}\n") == (outcome.code, outcome.out)


def test_version_as_json_tells_python_too(command: Command) -> None:
    """Tools that collect it should not parse prose."""
    outcome = command("version", "--json")

    assert {"fluxaorm": fluxaorm.__version__, "python": platform.python_version()} == json.loads(outcome.out)


def test_config_schema_is_the_schema_of_the_yaml(command: Command) -> None:
    """Editors read it: it must be JSON and nothing else."""
    outcome = command("config-schema")

    assert 0 == outcome.code
    assert fluxaorm.config.config_schema() == json.loads(outcome.out)
