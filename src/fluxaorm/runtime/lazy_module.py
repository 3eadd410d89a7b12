"""How generated modules refer to each other: not at import, but when code first needs the other one.

So entities may refer to each other in circles, and importing one of hundreds does not nest hundreds of imports.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class LazyModule:
    """A module of a generated package, imported when one of its names is first used; a found name is kept."""

    def __init__(self, package: str, name: str) -> None:
        self._path = f"{package}.{name}"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = self.__dict__[name] = getattr(self._load(), name)
        return value

    def _load(self) -> Any:
        return import_module(self._path)
