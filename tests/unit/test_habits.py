"""What a contributor runs, what a commit runs and what CI runs are one thing, and name the same Pythons."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TESTS = {"test", "test-lowest"}
"""Targets of `make check` that run tests: too slow for a commit."""


def _targets() -> dict[str, list[str]]:
    """The targets of the Makefile and what each needs first."""
    rules = re.findall(r"^([a-z-]+):([^=|#\n]*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return {name: [word for word in needs.split() if re.fullmatch(r"[a-z-]+", word)] for name, needs in reversed(rules)}


def _leaves(name: str, targets: dict[str, list[str]]) -> set[str]:
    needs = targets[name]
    return {leaf for need in needs for leaf in _leaves(need, targets)} if needs else {name}


def _yaml(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def _pythons() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line) for line in project["classifiers"]]
    return [match[1] for match in found if match]


def test_the_hooks_are_the_checks_of_ci_that_run_no_tests() -> None:
    """A commit that its hooks let through must not fail in CI for its form."""
    [repository] = _yaml(".pre-commit-config.yaml")["repos"]

    hooks = {hook["entry"] for hook in repository["hooks"]}

    checks = _leaves("check", _targets()) - TESTS
    assert {f"make {name}" for name in checks} == hooks


def test_the_hooks_have_no_tools_of_their_own() -> None:
    """A second version of a formatter changes back what the first one wrote."""
    [repository] = _yaml(".pre-commit-config.yaml")["repos"]

    assert "local" == repository["repo"]
    assert {("system", False)} == {(hook["language"], hook["pass_filenames"]) for hook in repository["hooks"]}


@pytest.mark.parametrize(
    ("script", "target"),
    [(".ci/run", "check"), (".github/workflows/ci.yml", "check"), (".github/workflows/ci.yml", "coverage")],
)
def test_ci_runs_what_a_contributor_runs(script: str, target: str) -> None:
    """What only CI knows cannot be run before a push."""
    assert re.search(rf"^(exec|\s+- run:) make {target}\b", (ROOT / script).read_text(), re.MULTILINE)


def test_every_python_that_is_named_is_tested() -> None:
    """A classifier is a promise."""
    default = re.search(r"^PYTHONS \?= (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    jobs = _yaml(".github/workflows/ci.yml")["jobs"]
    in_ci = [jobs["check"]["container"]["image"].removeprefix("python:").removesuffix("-bookworm")]
    in_ci += jobs["pythons"]["strategy"]["matrix"]["python"]

    assert default is not None
    assert _pythons() == default[1].split()
    assert _pythons() == in_ci


def test_the_page_of_the_tests_names_every_folder_and_every_mark() -> None:
    """Who looks for a place for a test looks there."""
    page = (ROOT / "tests" / "README.md").read_text()
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]

    assert [] == [name for name in sorted(folders) if f"\n| `{name}/` |" not in page]
    assert [] == [mark for mark in options["markers"] if f"`{mark.partition(':')[0]}`" not in page]
    assert [] == [name for name in set(re.findall(r"`make ([a-z-]+)", page)) if name not in _targets()]
