"""Cuts the page that started the project into prose and code. The stored text has lost its indentation and its fences.

What it decides: that code begins at a line no sentence begins with, and goes on while brackets are open or more of such
lines follow; that YAML begins at a lone `key:`.
"""

from __future__ import annotations

import re

_GO_STARTS = re.compile(
    r"(package|import|func|type|if|var) |(registry|engine|engine, err|ctx|err|config)\b ?(:?=|\.)|// "
)
_YAML_STARTS = re.compile(r"\w+:")


def cut(page: str) -> list[str]:
    """The code snippets of the page, in order."""
    lines = page.splitlines()
    snippets: list[str] = []
    at = 0
    while at < len(lines):
        end = _end(lines, at)
        if end > at:
            snippets.append("\n".join(lines[at:end]))
        at = max(end, at + 1)
    return snippets


def _end(lines: list[str], at: int) -> int:
    if _YAML_STARTS.fullmatch(lines[at]):
        return next((n for n in range(at, len(lines)) if not _is_yaml(lines[n])), len(lines))
    depth = 0
    while at < len(lines) and (depth > 0 or _GO_STARTS.match(lines[at])):
        code = re.sub(r"//.*|\"[^\"]*\"|`[^`]*`", "", lines[at])
        depth += len(re.findall(r"[({]", code)) - len(re.findall(r"[)}]", code))
        at += 1
    return at


def _is_yaml(line: str) -> bool:
    return len(line.split()) <= 3 and (line.startswith("- ") or ":" in line)
