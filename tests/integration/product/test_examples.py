"""Every example is run as it stands, in an empty directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
LAST_LINES = {"bank_asyncio.py": "in all: 400.00"}


def test_every_example_is_tested() -> None:
    """One that nobody runs is wrong before long."""
    assert sorted(LAST_LINES) == sorted(path.name for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", LAST_LINES)
def test_the_example_runs(name: str, tmp_path: Path) -> None:
    """People copy examples; each ends with what it promises and without a warning."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (0, "") == (ended.returncode, ended.stderr)
    assert LAST_LINES[name] == ended.stdout.splitlines()[-1]
