"""The original, FluxaORM for Go: asks the Go command whether its module can be had; else it is not measured."""

from __future__ import annotations

import json
import shutil
import subprocess
from tempfile import TemporaryDirectory
from typing import Final

MODULE: Final = "github.com/latolukasz/fluxaorm/v2@v2.0.0"
_SECONDS: Final = 120


def why_not_measured() -> str:
    """Why a run has no figures of it."""
    if shutil.which("go") is None:
        return f"Go is not installed, which {MODULE} needs"
    try:
        problem = _problem()
    except subprocess.TimeoutExpired:
        return f"go mod download {MODULE} gave no answer within {_SECONDS} s"
    return problem or f"{MODULE} can be had, but no program for it is written yet"


def _problem() -> str:
    """What the Go command says against the module; empty when it has it."""
    with TemporaryDirectory() as empty:
        done = subprocess.run(
            ["go", "mod", "download", "-json", MODULE],
            cwd=empty, capture_output=True, text=True, check=False, timeout=_SECONDS,
        )  # fmt: skip
    try:
        error = json.loads(done.stdout).get("Error", "")
    except ValueError:
        error = done.stderr or f"go mod download {MODULE} exited with {done.returncode}"
    return " ".join(str(error).split())
