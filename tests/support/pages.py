"""The pages of the documentation as programs: blocks of code, what they print, and which of them are not run.

What it decides: which block is run, and where what it printed differs from what the page shows under it.
What it never does: run a page in its own process; ``page_program`` does, in a directory of the page's own.

A page is read as follows; CONTRIBUTING.md tells authors.

- ``python``: run in order, all of a page in one namespace. ``python title="shop.py"``, or any language with a title: a
  file of that name in the page's directory.
- ``console``: each line after ``$`` is a command for bash; what is below it is what it prints.
- ``text``: what the block before it prints. A block that has none under it prints nothing.
- Everything else, and what cannot be run, has ``<!-- not run: the reason -->`` on the line above it.
- ``<!-- servers: mysql://app:secret@localhost/shop localhost:6379 -->``: where the page writes these addresses, those
  of real servers are used.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
PROGRAM: Final = Path(__file__).with_name("page_program.py")

_FENCE: Final = re.compile(r"^([\s>*+-]*|\s*\d+\.\s+)(`{3,}|~{3,})(.*)$")
_TITLE: Final = re.compile(r'title="([^"]+)"')
_NOT_RUN: Final = re.compile(r"^<!-- not run: (.+) -->$")
_SERVERS: Final = re.compile(r"^<!-- servers: (.+) -->$", re.MULTILINE)


class PageError(Exception):
    """A page that cannot be read as a program: where, what, and what to do."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block. ``line``: of its first line of text."""

    language: str
    title: str | None
    text: str
    line: int
    not_run: str | None = None
    """Why it is not run."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: ``python``, ``console`` (one command) or ``file``; and what the page says it prints."""

    kind: str
    text: str
    line: int
    shown: str = ""
    shown_at: int | None = None
    """The line at which that begins; None: the page has no place for it."""
    name: str = ""
    """Of a file."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the documentation."""

    path: Path
    blocks: tuple[Block, ...]
    servers: tuple[str, ...] = ()
    """The addresses in it that stand for real servers."""

    @property
    def name(self) -> str:
        """Its path in the repository."""
        return self.path.relative_to(REPOSITORY).as_posix() if self.path.is_relative_to(REPOSITORY) else self.path.name


def read_page(path: Path) -> Page:
    """A page and its blocks. PageError: a fence that is indented or never closed."""
    text = path.read_text(encoding="utf-8")
    servers = _SERVERS.search(text)
    return Page(path, tuple(_blocks(path, text.splitlines())), tuple(servers[1].split()) if servers else ())


def _blocks(path: Path, lines: Sequence[str]) -> Iterator[Block]:
    number = 0
    while number < len(lines):
        if (fence := _FENCE.match(lines[number])) is None:
            number += 1
            continue
        indent, ticks, info = fence.groups()
        if indent:
            raise PageError(f"{path}:{number + 1}: a block begins at the start of its line, or nobody runs it")
        end = next((at for at in range(number + 1, len(lines)) if lines[at].rstrip() == ticks), None)
        if end is None:
            raise PageError(f"{path}:{number + 1}: this block is not closed")
        reason = _NOT_RUN.match(lines[number - 1]) if number else None
        title = _TITLE.search(info)
        yield Block(
            language=info.split()[0] if info.split() else "",
            title=title[1] if title else None,
            text="".join(f"{line}\n" for line in lines[number + 1 : end]),
            line=number + 2,
            not_run=reason[1] if reason else None,
        )
        number = end + 1


def steps_of(page: Page) -> list[Step]:
    """What to do, in order. PageError: a block that is neither run nor says why not."""
    steps: list[Step] = []
    follows = False
    for block in page.blocks:
        where = f"{page.name}:{block.line}"
        if block.not_run:
            follows = False
        elif block.title:
            steps.append(Step("file", block.text, block.line, name=block.title))
            follows = False
        elif block.language == "python":
            steps.append(Step("python", block.text, block.line))
            follows = True
        elif block.language == "console":
            steps += _commands(where, block)
            follows = False
        elif block.language == "text" and follows:
            python = steps.pop()
            steps.append(Step("python", python.text, python.line, block.text, block.line))
            follows = False
        else:
            raise PageError(
                f"{where}: a block of {block.language or 'no language'} is not run; give it a title (then it is a file)"
                " or put <!-- not run: the reason --> on the line above it"
            )
    return steps


def _commands(where: str, block: Block) -> Iterator[Step]:
    """The commands of a console; one that ends in a backslash goes on in the next line."""
    command, shown, line = "", "", block.line
    for number, text in enumerate(block.text.splitlines(), block.line):
        if command.endswith("\\") and not shown:
            command += f"\n{text}"
        elif text.startswith("$ "):
            if command:
                yield _command(command, line, shown)
            command, shown, line = text[2:], "", number
        elif command:
            shown += f"{text}\n"
        else:
            raise PageError(f"{where}: a console begins with a command, after '$ '")
    yield _command(command, line, shown)


def _command(text: str, line: int, shown: str) -> Step:
    return Step("console", text, line, shown, line + 1 + text.count("\n"))


def run_page(page: Page, directory: Path, servers: Mapping[str, str] | None = None) -> list[str]:
    """Run a page in an empty directory; where what it does differs from what it says, a sentence each.

    ``servers``: address in the page -> address to use.
    """
    try:
        printed = _printed(page, directory, servers or {})
    except PageError as error:
        return [str(error)]
    return [
        f"{page.name}:{step.line}: shows\n{step.shown or 'nothing'}\nand prints\n{text or 'nothing'}"
        for step, text in zip(steps_of(page), printed, strict=True)
        if text != step.shown
    ]


def write_page(page: Page, directory: Path, servers: Mapping[str, str] | None = None) -> None:
    """Run a page, and write what it prints where it shows something else. PageError: it cannot be run."""
    # as it is now: it may have been written since
    page = read_page(page.path)
    lines = page.path.read_text(encoding="utf-8").splitlines(keepends=True)
    done = list(zip(steps_of(page), _printed(page, directory, servers or {}), strict=True))
    # from below, so that what is above keeps its lines
    for step, text in reversed(done):
        if step.shown_at is not None:
            start = step.shown_at - 1
            lines[start : start + step.shown.count("\n")] = [text]
    page.path.write_text("".join(lines), encoding="utf-8")


def _printed(page: Page, directory: Path, servers: Mapping[str, str]) -> list[str]:
    """What each step prints. PageError: one fails, or the program has something to complain of."""
    steps = steps_of(page)
    sent = [
        {"kind": step.kind, "text": _put(step.text, servers), "line": step.line, "name": step.name} for step in steps
    ]
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAM), str(page.path)],
        input=json.dumps(sent),
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120"},
    )
    done = json.loads(ended.stdout) if ended.stdout else []
    for step, result in zip(steps, done, strict=False):
        if result["failed"]:
            raise PageError(f"{page.name}:{step.line}: failed:\n{result['printed']}{result['failed']}")
    if ended.returncode != 0 or ended.stderr:
        raise PageError(f"{page.name} ended with {ended.returncode}:\n{ended.stderr}")
    shown = {used: written for written, used in servers.items()}
    return [_put(result["printed"], shown) for result in done]


def _put(text: str, instead: Mapping[str, str]) -> str:
    for old, new in instead.items():
        text = text.replace(old, new)
    return text
