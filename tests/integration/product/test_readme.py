"""The README's example is run as it stands: in one file, in an empty directory, with nothing but the library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.pages import REPOSITORY, read_page


def _example() -> str:
    blocks = [block.text for block in read_page(REPOSITORY / "README.md").blocks if block.language == "python"]
    assert 1 == len(blocks), "the README has one example"
    return blocks[0]


def _run(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "example.py"],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_example_runs_in_an_empty_directory(tmp_path: Path) -> None:
    """It is the first thing anybody tries; what it prints is what it says."""
    (tmp_path / "example.py").write_text(_example())

    first = _run(tmp_path)

    assert (0, "") == (first.returncode, first.stderr)
    assert "The Dispossessed by Ursula K. Le Guin\n" == first.stdout


def test_the_example_runs_again_where_it_ran_before(tmp_path: Path) -> None:
    """The second thing anybody tries; the row of the first run is still there."""
    (tmp_path / "example.py").write_text(_example())
    _run(tmp_path)

    second = _run(tmp_path)

    assert (0, "") == (second.returncode, second.stderr)
    assert "The Dispossessed by Ursula K. Le Guin\n" * 2 == second.stdout


def test_the_example_is_short() -> None:
    """What does not fit on a screen is not read."""
    lines = [line for line in _example().splitlines() if line.strip()]

    assert len(lines) <= 30
