"""Brings a directory to hold the generated package, all of it or nothing.

Only files that begin with our header are ever replaced or removed. Anything else in the directory is left alone; where
a generated file would have to replace it, CodegenError is raised before anything is written. New files are written to a
directory of their own, then renamed into place one by one; when one fails, those done are taken back: the old package
stays whole.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path
from typing import Final

from fluxaorm.codegen.render import HEADER
from fluxaorm.errors import CodegenError

_NOTHING: Final = "/dev/null"


@dataclass(frozen=True, slots=True)
class PackageChanges:
    """What a directory needs, or what was done to it. Names are of files."""

    directory: Path
    written: tuple[str, ...]
    """New ones and ones with another text."""
    removed: tuple[str, ...]
    """Generated ones that no entity needs any more."""
    unchanged: tuple[str, ...]
    before: Mapping[str, str] = field(repr=False)
    """The generated files that were there, by name."""
    after: Mapping[str, str] = field(repr=False)
    """The files of the package."""

    @property
    def up_to_date(self) -> bool:
        """Whether nothing has to change."""
        return not (self.written or self.removed)

    @property
    def diff(self) -> str:
        """From what was there to what should be, in unified form; "" when nothing has to change."""
        return "".join(self._diff(name) for name in sorted({*self.written, *self.removed}))

    def _diff(self, name: str) -> str:
        path = (self.directory / name).as_posix()
        old, new = (texts.get(name, "").splitlines(keepends=True) for texts in (self.before, self.after))
        return "".join(unified_diff(old, new, path if old else _NOTHING, path if new else _NOTHING))


def compare_package(directory: Path, files: Mapping[str, str]) -> PackageChanges:
    """What would have to change for the directory to hold these files. Raises CodegenError for what is in the way."""
    try:
        return _compared(directory, files)
    except OSError as error:
        raise CodegenError(f"{directory}: the package could not be read: {error}") from error


def _compared(directory: Path, files: Mapping[str, str]) -> PackageChanges:
    present = _present(directory)
    _refuse_foreign(directory, files)
    written = tuple(name for name in sorted(files) if present.get(name) != files[name])
    removed = tuple(name for name in sorted(present) if name not in files)
    unchanged = tuple(name for name in sorted(files) if name not in written)
    return PackageChanges(directory, written, removed, unchanged, present, files)


def write_package(directory: Path, files: Mapping[str, str]) -> PackageChanges:
    """Make the directory hold these files; the changes made. Raises CodegenError and leaves everything as it was."""
    try:
        changes = _compared(directory, files)
        if changes.up_to_date and directory.exists():
            return changes
        _write(directory, {name: files[name] for name in changes.written}, changes.removed)
        return changes
    except OSError as error:
        raise CodegenError(f"{directory}: the package could not be written: {error}; nothing was changed") from error


def _present(directory: Path) -> dict[str, str]:
    """The generated files that are there."""
    if not directory.exists():
        return {}
    if not directory.is_dir():
        raise CodegenError(f"{directory} is not a directory; choose another for the package")
    texts = {path.name: _text(path) for path in sorted(directory.glob("*.py")) if path.is_file()}
    return {name: text for name, text in texts.items() if text.startswith(HEADER)}


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def _refuse_foreign(directory: Path, files: Mapping[str, str]) -> None:
    for name in sorted(files):
        path = directory / name
        if os.path.lexists(path) and not (path.is_file() and _text(path).startswith(HEADER)):
            raise CodegenError(
                f"{path} was not generated and is in the way of a generated file; "
                "move it, or choose another directory for the package"
            )


def _write(directory: Path, files: Mapping[str, str], removed: tuple[str, ...]) -> None:
    if directory.exists():
        with _staging(directory) as staging, ExitStack() as undo:
            _replace(directory, files, removed, staging, undo)
            undo.pop_all()
        return
    directory.parent.mkdir(parents=True, exist_ok=True)
    with _staging(directory.parent) as staging:
        _fill(staging / "new", files)
        (staging / "new").rename(directory)


@contextmanager
def _staging(directory: Path) -> Generator[Path, None, None]:
    """A directory for files on their way, on the file system they go to; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix=".fluxaorm-", dir=directory, ignore_cleanup_errors=True) as name:
        yield Path(name)


def _fill(directory: Path, files: Mapping[str, str]) -> None:
    directory.mkdir()
    for name, text in files.items():
        (directory / name).write_bytes(text.encode())


def _replace(
    directory: Path, files: Mapping[str, str], removed: tuple[str, ...], staging: Path, undo: ExitStack
) -> None:
    """Modules first, then ``__init__``, which names them, then what is no longer needed; no name is ever missing."""
    new, old = staging / "new", staging / "old"
    _fill(new, files)
    old.mkdir()
    for name in sorted(files, key=lambda name: (name == "__init__.py", name)):
        target = directory / name
        if target.exists():
            shutil.copy2(target, old / name)
            undo.callback(os.replace, old / name, target)
        else:
            undo.callback(target.unlink, missing_ok=True)
        os.replace(new / name, target)
    for name in removed:
        undo.callback(_put_back, old / name, directory / name)
        os.replace(directory / name, old / name)


def _put_back(kept: Path, target: Path) -> None:
    if kept.exists():
        os.replace(kept, target)
