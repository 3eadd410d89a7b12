"""Texts kept beside the tests: a file of named sections, `## name` and the text below it.

What it decides: that a file holds exactly the cases a test gives it. `FLUXA_UPDATE_GOLDEN=1` writes the file instead.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path


def assert_golden(path: Path, texts: Mapping[str, str]) -> None:
    """Compares every text with the section of its name."""
    if os.environ.get("FLUXA_UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(f"## {name}\n{text}\n" for name, text in texts.items()), encoding="utf-8")
    kept = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", kept, re.MULTILINE)

    assert {name: text.rstrip("\n") for name, text in found} == dict(texts)
