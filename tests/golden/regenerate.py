"""Writes what the golden cases become now: ``python -m tests.golden.regenerate``; with ``--check`` only compares."""

from __future__ import annotations

import sys
from difflib import unified_diff

from tests.golden.cases import Case, all_cases


def main(arguments: list[str]) -> int:
    """Exit status: 1 when ``--check`` found a difference."""
    check = arguments == ["--check"]
    if arguments and not check:
        print("usage: python -m tests.golden.regenerate [--check]", file=sys.stderr)
        return 2
    changed = [(case, name) for case in all_cases() for name in _differing(case)]
    if not check:
        for case in {case for case, _ in changed}:
            _write(case)
    for case, name in changed:
        print(_diff(case, name) if check else f"{case.name}: {name}")
    return int(check and bool(changed))


def _differing(case: Case) -> list[str]:
    made, committed = case.made(), case.committed()
    return [name for name in sorted({*made, *committed}) if made.get(name) != committed.get(name)]


def _write(case: Case) -> None:
    made = case.made()
    for name in case.committed().keys() - made.keys():
        (case.directory / name).unlink()
    for name, text in made.items():
        path = case.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")


def _diff(case: Case, name: str) -> str:
    path = (case.directory / name).as_posix()
    old, new = (texts.get(name, "").splitlines(keepends=True) for texts in (case.committed(), case.made()))
    return "".join(unified_diff(old, new, path, f"{path} (generated now)"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
