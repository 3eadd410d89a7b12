"""The directory the demo leaves: definitions, the generated package, a program that uses it, the data.

Writes only what is missing. A file that is there and is not what the demo writes belongs to the user: ProjectError
then, before anything is done.
"""

from __future__ import annotations

import importlib
import sys
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Final

from fluxaorm.errors import FluxaError

_TEMPLATES: Final = {"app.py": "app.py.txt", "main.py": "main.py.txt", "pyproject.toml": "pyproject.toml.txt"}
_OURS: Final = frozenset({"data", "entities", "__pycache__", "models.py", *_TEMPLATES})


class ProjectError(FluxaError):
    """The directory holds something else; the message says what to do."""


class Project:
    """One directory of the demo."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.entities_directory = self.directory / "entities"
        self._mark = self.directory / "data" / "loaded"

    def write(self) -> list[str]:
        """Make the directory and the files that are missing; the names of those. Raises ProjectError."""
        texts = _texts()
        self._refuse_others(texts)
        missing = [name for name in texts if not (self.directory / name).exists()]
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            for name in missing:
                (self.directory / name).write_text(texts[name], encoding="utf-8")
        except OSError as error:
            raise ProjectError(f"{error.filename} cannot be written: {error.strerror}; see --directory") from error
        return missing

    def _refuse_others(self, texts: dict[str, str]) -> None:
        if not self.directory.exists():
            return
        if not self.directory.is_dir():
            raise ProjectError(f"{self.directory} is not a directory: choose another with --directory")
        present = {path.name for path in self.directory.iterdir()}
        if present and "models.py" not in present:
            raise ProjectError(
                f"{self.directory} is not empty and not a directory of the demo: choose another with --directory"
            )
        changed = [name for name, text in texts.items() if name in present and self._content(name) != text]
        if changed:
            raise ProjectError(
                f"{self.directory} has another {' and '.join(changed)} than the demo writes: "
                "choose another directory with --directory, or go on in it with `python main.py`"
            )

    def _content(self, name: str) -> str | None:
        path = self.directory / name
        return path.read_text(encoding="utf-8") if path.is_file() else None

    @property
    def loaded(self) -> bool:
        """Whether the rows in the data directory are complete; set when they are, and the user's from then on."""
        return self._mark.exists()

    @loaded.setter
    def loaded(self, complete: bool) -> None:
        if complete:
            self._mark.touch()

    def load(self, name: str) -> ModuleType:
        """Import a module of the directory, as its programs would."""
        place = str(self.directory)
        if place not in sys.path:
            sys.path.insert(0, place)
        importlib.invalidate_caches()
        return importlib.import_module(name)


def _texts() -> dict[str, str]:
    package = files("fluxaorm.cli.demo")
    texts = {
        name: (package / "project" / template).read_text(encoding="utf-8") for name, template in _TEMPLATES.items()
    }
    return {"models.py": (package / "models.py").read_text(encoding="utf-8"), **texts}
