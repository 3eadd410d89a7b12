"""A pyproject.toml that nobody named is followed only where nobody else could have put it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fluxaorm.cli.application import find_application
from fluxaorm.cli.exits import UsageError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory below one whose pyproject.toml names code."""
    (tmp_path / "pyproject.toml").write_text('[tool.fluxaorm]\napp = "planted_by_a_stranger:registry"\n')
    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    return tmp_path


def test_what_everybody_may_write_names_no_code(project: Path) -> None:
    """A share, or a directory for temporary files, is above the working directory of many."""
    (project / "pyproject.toml").chmod(0o666)

    with pytest.raises(UsageError, match="everybody may write to"):
        find_application(None)


def test_a_directory_that_everybody_may_write_to_names_no_code(project: Path) -> None:
    """The module that is named would lie in it."""
    project.chmod(0o777)

    with pytest.raises(UsageError, match="everybody may write to"):
        find_application(None)
    project.chmod(0o700)


def test_a_file_of_somebody_else_names_no_code(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's and one's own are trusted, and no others."""
    if os.getuid() == 0:
        os.chown(project / "pyproject.toml", 65534, 65534)
    else:
        monkeypatch.setattr(os, "getuid", lambda: -1)

    with pytest.raises(UsageError, match="belongs to somebody else"):
        find_application(None)


def test_ones_own_file_is_followed(project: Path) -> None:
    """And so is a name that was given."""
    with pytest.raises(UsageError, match="there is no module 'planted_by_a_stranger'"):
        find_application(None)
