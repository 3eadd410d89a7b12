"""A wrong type in a query is an error of the type checker: both checkers refuse the marked lines and no other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SNIPPET = Path(__file__).with_name("typed_queries.txt")
"""Not a .py file, so that checking the tests does not stumble over its errors."""
ROOT = Path(__file__).parents[3]
CHECKERS = {
    "mypy": ["mypy", "--no-error-summary", "--no-pretty"],
    "pyright": ["pyright", "--pythonpath", sys.executable],
}


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
def test_type_checkers_refuse_wrong_queries_and_no_others(checker: str, tmp_path: Path) -> None:
    """The typed field objects are worth their code only as long as this holds."""
    module = tmp_path / "typed_queries.py"
    module.write_text(SNIPPET.read_text())
    expected = [number for number, line in enumerate(SNIPPET.read_text().splitlines(), 1) if "# refused" in line]
    command = [sys.executable, "-m", *CHECKERS[checker], str(module)]

    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout

    found = re.findall(r"typed_queries\.py:(\d+):(?:\d+ -)? error", output)
    assert expected == sorted({int(number) for number in found}), output
