"""`fluxaorm check`."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.support.command_line import Command
from tests.unit.cli.applications import SQLITE, UNREACHABLE, WRONG

MakeModule = Callable[[str], str]


def test_an_application_without_a_problem_exits_with_0(command: Command, make_module: MakeModule) -> None:
    """CI goes on only then."""
    outcome = command("check", f"{make_module(SQLITE)}:registry")

    assert (0, "no problem found; entities: 1\n") == (outcome.code, outcome.out)


def test_every_problem_is_listed(command: Command, make_module: MakeModule) -> None:
    """One a run would mean as many runs as mistakes."""
    outcome = command("check", f"{make_module(WRONG)}:registry")

    assert 1 == outcome.code
    assert [True, True] == [name in outcome.out for name in ("ColourEntity.shade", "ColourEntity.weight")]


def test_problems_as_json_are_the_same(command: Command, make_module: MakeModule) -> None:
    """Editors and CI annotate from it."""
    name = f"{make_module(WRONG)}:registry"
    text = command("check", name)

    outcome = command("check", name, "--json")

    assert 1 == outcome.code
    assert text.out.splitlines()[1:] == [f"- {problem}" for problem in json.loads(outcome.out)["problems"]]


def test_a_server_that_does_not_answer_exits_with_3_and_hides_its_password(
    command: Command, make_module: MakeModule
) -> None:
    """Deploy scripts wait and try again on 3, and their logs are read by many."""
    outcome = command("check", f"{make_module(UNREACHABLE)}:registry")

    assert 3 == outcome.code
    assert "127.0.0.1:1" in outcome.err
    assert "secret" not in outcome.err


def test_no_connect_needs_no_server(command: Command, make_module: MakeModule) -> None:
    """Definitions are checked in places that reach no database."""
    outcome = command("check", "--no-connect", f"{make_module(UNREACHABLE)}:registry")

    assert 0 == outcome.code
