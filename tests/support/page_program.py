"""Runs the steps of one page in the directory it is started in: a program of its own, which nothing else imports.

Standard input: the steps as JSON; standard output: what each printed, and why it failed. The first that fails is the
last. Code has the page's own file and lines in its tracebacks.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import traceback
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any


def _run_python(page: str, namespace: dict[str, Any], text: str, line: int) -> tuple[str, str]:
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            exec(compile("\n" * (line - 1) + text, page, "exec", dont_inherit=True), namespace)
    except Exception:  # noqa: BLE001 - whatever a page does is reported
        return printed.getvalue(), traceback.format_exc()
    return printed.getvalue(), ""


def _run_command(text: str) -> tuple[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PATH": path},
        check=False,
    )
    return ended.stdout, "" if ended.returncode == 0 else f"exit code {ended.returncode}"


def _run(page: str, namespace: dict[str, Any], step: dict[str, Any]) -> tuple[str, str]:
    if step["kind"] == "file":
        path = Path(step["name"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(step["text"], encoding="utf-8")
        return "", ""
    if step["kind"] == "console":
        return _run_command(step["text"])
    return _run_python(page, namespace, step["text"], step["line"])


def main(page: str) -> None:
    """Run all, tell all."""
    main_module = ModuleType("__main__")
    sys.modules["__main__"] = main_module
    # files that the page makes are found as in a script of its directory
    sys.path[0] = os.getcwd()
    done = []
    for step in json.load(sys.stdin):
        printed, failed = _run(page, vars(main_module), step)
        done.append({"printed": printed, "failed": failed})
        if failed:
            break
    json.dump(done, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
