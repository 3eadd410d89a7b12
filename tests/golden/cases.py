"""The golden cases: directories with a ``definition.py`` and what becomes of it: ``expected/`` or ``error.txt``.

What it decides: that a case is made from its entities alone, without servers, as ``fluxaorm generate`` would.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxaorm import Entity
from fluxaorm.codegen.render import render_package
from fluxaorm.entity.resolve.definitions import resolve_entities
from fluxaorm.entity.schema import EntitySchema
from fluxaorm.errors import CodegenError

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Case:
    """One directory. ``name``: its path below this one, with dots."""

    name: str

    @property
    def directory(self) -> Path:
        """Where it is."""
        return HERE.joinpath(*self.name.split("."))

    @property
    def package(self) -> str:
        """The import path of the expected package."""
        return f"tests.golden.{self.name}.expected"

    def entities(self) -> list[type[Any]]:
        """The definitions, in the order they are written."""
        module = importlib.import_module(f"tests.golden.{self.name}.definition")
        found = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Entity)]
        return [each for each in found if each.__module__ == module.__name__]

    def schemas(self) -> dict[str, EntitySchema]:
        """The resolved definitions. CodegenError holds what is wrong with them."""
        schemas, problems = resolve_entities(self.entities())
        if problems:
            raise CodegenError("\n".join(problems))
        return schemas

    def made(self) -> dict[str, str]:
        """File name, below the directory -> text, as made now."""
        try:
            files = render_package(self.schemas())
        except CodegenError as error:
            return {"error.txt": f"{error}\n"}
        return {f"expected/{name}": text for name, text in files.items()}

    def committed(self) -> dict[str, str]:
        """The same as it is in the directory."""
        paths = [*self.directory.glob("expected/*.py"), *self.directory.glob("error.txt")]
        return {path.relative_to(self.directory).as_posix(): path.read_text("utf-8") for path in sorted(paths)}


def all_cases() -> list[Case]:
    """Every case, by name."""
    found = sorted(path.parent.relative_to(HERE) for path in HERE.rglob("definition.py"))
    return [Case(".".join(path.parts)) for path in found]


PACKAGES = [case for case in all_cases() if not case.name.startswith("errors.")]
"""Cases that become a package."""
ERRORS = [case for case in all_cases() if case.name.startswith("errors.")]
"""Cases that become an error."""
