"""Directories for data on disk: for their owner alone, whatever the umask and whoever made them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from fluxaorm import Registry
from fluxaorm.addresses.own_directories import own_directory
from fluxaorm.errors import ConfigError


def test_an_embedded_directory_is_closed_to_others(tmp_path: Path) -> None:
    """Rows lie in it as they are, secrets too."""
    made, found = tmp_path / "made", tmp_path / "found"
    found.mkdir()
    found.chmod(0o777)

    Registry.embedded(made)
    Registry.embedded(found)

    assert [0o700, 0o700] == [stat.S_IMODE(each.stat().st_mode) for each in (made, found)]


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who made it can put a socket there, and a lock that says that a server runs."""
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    with pytest.raises(ConfigError, match="belongs to user"):
        own_directory(tmp_path, "test")
