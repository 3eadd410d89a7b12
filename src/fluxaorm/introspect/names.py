"""Names of entities, fields and enums, made from the names of tables and columns. Pure.

A name is kept where it can be; one that Python, the library or the module itself needs gets an underscore behind, and
the definition says the column's or table's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import chain, count
from keyword import iskeyword
from typing import Final, TypeAlias

from fluxaorm.codegen.naming import module_name
from fluxaorm.entity.resolve.names import LONGEST, camel_case, field_problem
from fluxaorm.introspect.code import MODULES

HIDDEN: Final = frozenset({*MODULES, "bool", "bytes", "float", "frozenset", "str"})
"""Names that annotations need: a field called so would hide them from the rest of its class."""

Made: TypeAlias = Callable[[str], set[str]]

_SUFFIX: Final = "Entity"
_CLASS: Final = re.compile(r"[A-Z][A-Za-z0-9]*")
_REFERS: Final = re.compile(r"(?<=[a-z0-9A-Z])(_id|Id|_ID)$")


class DraftNames:
    """The names of a module's classes: no two of one name, nor of one generated module."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def entity(self, table: str) -> str:
        """``order_items`` -> ``OrderItemsEntity``; a name that is one of a class already is kept."""
        if _CLASS.fullmatch(table) and table not in MODULES and not iskeyword(table) and self._take(table):
            return table
        base = camel_case(table.strip("_"))
        base = base if base[:1].isalpha() else f"Table{base}"
        base = base.removesuffix(_SUFFIX) or _SUFFIX
        return self._free(base[: LONGEST - len(_SUFFIX) - 3], _SUFFIX)

    def enum(self, entity: str, field: str) -> tuple[str, str]:
        """The name that code generation gives the enum of a field, and one that nothing else has."""
        wanted = f"{entity.removesuffix(_SUFFIX)}{camel_case(field)}"
        return wanted, self._free(wanted, "")

    def _free(self, base: str, suffix: str) -> str:
        number = 1
        while True:
            name = f"{base}{'' if number == 1 else number}{suffix}"
            if name not in MODULES and not iskeyword(name) and self._take(name):
                return name
            number += 1

    def _take(self, name: str) -> bool:
        keys = {name, module_name(name)}
        if not self._taken.isdisjoint(keys):
            return False
        self._taken |= keys
        return True


class FieldNames:
    """The names of one entity's fields. ``hidden``: names that the class body must not hide."""

    def __init__(self, hidden: Iterable[str]) -> None:
        self._hidden = HIDDEN | set(hidden)
        self._taken = {"id", "id_id", "fake_delete"}

    def plain(self, column: str) -> str:
        """The field of a column that is no reference."""
        clean = self._clean(column)
        return self._first_free([clean, f"{clean.rstrip('_')}_"], _of_plain)

    def reference(self, column: str) -> str:
        """``category_id`` -> ``category``, whose id the generated class calls ``category_id``."""
        short = self._clean(_REFERS.sub("", column))
        return self._first_free([short, self._clean(column), f"{short}_ref"], _of_reference)

    def _clean(self, column: str) -> str:
        name = column.strip("_") or "column"
        if name[0].isdigit():
            name = f"column_{name}"
        return f"{name}_" if field_problem(name) or name in self._hidden else name

    def _first_free(self, candidates: list[str], made: Made) -> str:
        last = candidates[-1].rstrip("_")
        numbered = (f"{last}_{number}" for number in count(2))
        name = next(name for name in chain(candidates, numbered) if self._taken.isdisjoint(made(name)))
        self._taken |= made(name)
        return name


def _of_plain(name: str) -> set[str]:
    return {name}


def _of_reference(name: str) -> set[str]:
    """What the generated class gets for a reference."""
    return {name, f"{name}_id", f"get_{name}", f"must_get_{name}"}
