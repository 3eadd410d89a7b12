"""Type checkers on generated packages and on what users write against them: what is right passes, mistakes are refused.

Both checkers run once for everything: the golden packages, ``accepted.py``, the README's example, and copies of
``rejected/*.txt`` (which are not Python files, so that checking the tests does not stumble over them), whose wrong
lines end in ``# expect-error``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
REJECTED = sorted(HERE.joinpath("rejected").glob("*.txt"))
Checker: TypeAlias = "Callable[[Path], tuple[set[tuple[str, int]], str]]"
CHECKED = [ROOT / "tests" / "golden", HERE / "accepted.py"]


def _marked(source: Path) -> set[tuple[str, int]]:
    lines = enumerate(source.read_text("utf-8").splitlines(), start=1)
    return {(f"{source.stem}.py", number) for number, line in lines if line.endswith("# expect-error")}


def _copies(directory: Path) -> list[Path]:
    copies = [directory / f"{source.stem}.py" for source in REJECTED]
    for source, copy in zip(REJECTED, copies, strict=True):
        copy.write_bytes(source.read_bytes())
    example = directory / "readme_example.py"
    (code,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    example.write_text(code, "utf-8")
    return [*copies, example]


def _output(*command: str | Path, cwd: Path = ROOT) -> str:
    line = [sys.executable, "-m", *map(str, command)]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, check=False).stdout


def _mypy(directory: Path) -> tuple[set[tuple[str, int]], str]:
    output = _output("mypy", "--strict", "--no-pretty", "--no-error-summary", *CHECKED, *_copies(directory))
    found = re.findall(r"^(.+?):(\d+): error:", output, re.MULTILINE)
    return {(Path(path).name, int(number)) for path, number in found}, output


def _pyright(directory: Path) -> tuple[set[tuple[str, int]], str]:
    config = {
        "include": [str(path) for path in (*CHECKED, *_copies(directory))],
        "extraPaths": [str(ROOT / "src"), str(ROOT)],
        "pythonVersion": "3.11",
        "typeCheckingMode": "strict",
        "reportUnusedExpression": False,
    }
    (directory / "pyrightconfig.json").write_text(json.dumps(config))
    output = _output("pyright", "--outputjson", "--pythonpath", sys.executable, "-p", directory, cwd=directory)
    problems = [problem for problem in json.loads(output)["generalDiagnostics"] if problem["severity"] == "error"]
    return {(Path(problem["file"]).name, problem["range"]["start"]["line"] + 1) for problem in problems}, output


@pytest.mark.slow
@pytest.mark.parametrize("check", [_mypy, _pyright])
def test_checkers_accept_generated_code_and_refuse_each_mistake_against_it(check: Checker, tmp_path: Path) -> None:
    """Types that let a mistake through, or refuse what is right, are worse than none."""
    expected = {line for source in REJECTED for line in _marked(source)}

    found, output = check(tmp_path)

    assert expected == found, output
