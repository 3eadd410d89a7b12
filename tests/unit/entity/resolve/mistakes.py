"""Reads ``mistakes.txt``: definitions that are wrong, and the sentences they get.

A part begins with ``### `` and its name; then comes the source of definitions; lines that begin with ``--> `` are the
problems, in order. The source sees everything a definition needs. Classes in a list called ``unregistered`` are not
registered; what is in a list called ``extra`` is registered as well.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

from fluxaorm.entity.declare.definition import Entity
from fluxaorm.entity.resolve.definitions import resolve_entities

MODULE = "definitions"
_IMPORTS = """
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Annotated, Any, Literal
from fluxaorm.entity import *
"""


def load(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """(name, source, expected problems) of each part."""
    for part in text.split("### ")[1:]:
        name, _, rest = part.partition("\n")
        lines = rest.splitlines(keepends=True)
        expected = [line.removeprefix("--> ").rstrip("\n") for line in lines if line.startswith("--> ")]
        yield name, "".join(line for line in lines if not line.startswith("--> ")), expected


def problems_of(source: str) -> list[str]:
    """The problems of the definitions in a source text, which is run as a module of its own."""
    module = sys.modules[MODULE] = ModuleType(MODULE)
    try:
        exec(_IMPORTS + source, module.__dict__)
        left_out = getattr(module, "unregistered", [])
        made = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Entity)]
        definitions = [cls for cls in made if cls is not Entity and cls not in left_out]
        return resolve_entities([*definitions, *getattr(module, "extra", [])])[1]
    finally:
        del sys.modules[MODULE]
