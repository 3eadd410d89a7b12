"""The command line in this process, in an empty directory and with modules of the test's own."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


class Command(Protocol):
    """`command("check", "app:registry")` runs it."""

    def __call__(self, *arguments: str) -> Outcome: ...


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file is not None and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]


@pytest.fixture
def command(workplace: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `fluxaorm` in the working directory."""

    from fluxaorm.cli.command_line import app

    def run(*arguments: str) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app(arguments, prog_name="fluxaorm")
        captured = capsys.readouterr()
        assert isinstance(ended.value.code, int), "exited with a text"
        return Outcome(ended.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def make_module(workplace: Path) -> Callable[[str], str]:
    """Writes a module of a fresh name into the working directory and returns the name."""

    def make(source: str) -> str:
        name = f"module_{uuid.uuid4().hex[:8]}"
        (workplace / f"{name}.py").write_text(source)
        return name

    return make
