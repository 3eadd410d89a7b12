"""Generated code: from the schemas of an engine to a typed package, on disk or in memory. Asks no server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fluxaorm.errors import CodegenError

if TYPE_CHECKING:
    from fluxaorm.codegen.package_writer import PackageChanges
    from fluxaorm.engine import Engine


def generate(engine: Engine, directory: str | os.PathLike[str], *, check: bool = False) -> PackageChanges:
    """Write the typed package of all entities of ``engine`` into ``directory``, which is made when it is missing.

    Needs no server: ``registry.validate(connect=False)`` is enough. With ``check`` nothing is written: ``up_to_date``
    and ``diff`` of the result say what would be.

    Raises CodegenError for what is no engine, when two things would have one name, when a type cannot be imported, when
    a file that was not generated is in the way, and when writing fails; the old package is whole then.
    """
    from pathlib import Path

    from fluxaorm.codegen.package_writer import compare_package, write_package
    from fluxaorm.codegen.render import render_package

    schemas = getattr(getattr(engine, "_core", None), "schemas", None)
    if schemas is None:
        raise CodegenError(
            f"generate() takes an Engine, not {type(engine).__name__}: "
            "generate(registry.validate(connect=False), directory)"
        )
    files = render_package(schemas)
    return (compare_package if check else write_package)(Path(directory), files)


__all__ = ["generate"]
