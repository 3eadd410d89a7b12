"""Pythons that are fetched, and the script that runs the tests on each: what was tested is told, and what was not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from devstack import python
from devstack.errors import UnobtainableError
from devstack.state import REPOSITORY

MAKE = """#!/bin/sh
# an environment is made of a directory and a Python, and the tests end as {tests!r} says
case $1 in
  .venvs/*) mkdir -p "$(dirname "$1")/bin" && printf '#!/bin/sh\\necho a fake' > "$(dirname "$1")/bin/python" &&
    chmod +x "$(dirname "$1")/bin/python" && {make} ;;
  test) echo "tests run: $*" && {tests} ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the scripts, and with a Python 3.99 on the PATH; the make there is the test's own."""
    for name in ("scripts", "devstack"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3.99").write_text('#!/bin/sh\necho "$0"\n')
    (programs / "python3.99").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return tmp_path


def _test_pythons(checkout: Path, *versions: str, make: str = "true", tests: str = "true") -> tuple[int, list[str]]:
    program = checkout / "programs" / "make"
    program.write_text(MAKE.format(make=make, tests=tests))
    program.chmod(0o755)
    command = [str(checkout / "scripts" / "test-pythons"), *versions]
    result = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    return result.returncode, [line for line in result.stdout.splitlines() if line.startswith("---")]


def test_a_python_that_cannot_be_had_is_left_out_and_told_last(checkout: Path) -> None:
    """Whoever reads only the end must not believe that all were tested."""
    code, lines = _test_pythons(checkout, "3.99", "three")

    log = ".venvs/three.log"
    reason = f"devstack: Python three cannot be obtained: 'three' is no version as 3.14 is ({log})"
    assert [
        "--- Python 3.99: a fake",
        "--- tested: 3.99",
        f"--- LEFT OUT: Python three: {reason}",
    ] == lines
    assert 0 == code


def test_a_python_without_its_packages_is_left_out_with_what_pip_said(checkout: Path) -> None:
    """A wheel that nobody has built yet is a reason; one line of many, so it is the one that is shown."""
    pip = "{ echo 'ERROR: No matching distribution found for wheel==9'; echo 'make: *** Error 1'; false; }"

    code, lines = _test_pythons(checkout, "3.99", make=pip)

    reason = "ERROR: No matching distribution found for wheel==9 (.venvs/3.99.log)"
    assert ["--- tested: nothing", f"--- LEFT OUT: Python 3.99: {reason}"] == lines
    assert 1 == code


def test_tests_that_fail_on_one_python_fail_the_run(checkout: Path) -> None:
    """The others are tested all the same: it is their results that say what the failure depends on."""
    code, lines = _test_pythons(checkout, "3.99", tests="false")

    assert ["--- Python 3.99: a fake", "--- tested: 3.99", "--- FAILED: Python 3.99"] == lines
    assert 1 == code


def test_a_fetched_python_makes_environments_whose_scripts_run(tmp_path: Path) -> None:
    """It lies beside the system with libraries of its own: its extensions, its subprocesses and pip must find them."""
    try:
        program = python.fetch("3.14")
    except UnobtainableError as error:
        pytest.skip(str(error))
    environment = tmp_path / "environment"
    asks = "import ctypes, sqlite3, ssl, subprocess, sys; "
    asks += "pip = subprocess.check_output(['pip', '--version'], text=True); "
    asks += "print(sys.version_info[:2], sys.prefix, pip.split()[-1])"

    subprocess.run([str(REPOSITORY / "scripts" / "venv"), str(program), str(environment)], check=True)
    result = subprocess.run(
        [str(environment / "bin" / "python"), "-c", asks],
        env={**os.environ, "PATH": f"{environment / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert f"(3, 14) {environment} 3.14)" == result.stdout.strip()
