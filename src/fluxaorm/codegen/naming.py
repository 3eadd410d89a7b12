"""Names in generated code: of modules, methods and enum members, and the orders that Ruff sorts names in. Pure."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_DIGITS = re.compile(r"(\d+)")


def is_name(text: str) -> bool:
    """Whether source code can use ``text`` as a name and Python will keep it as it is."""
    return text.isidentifier() and not keyword.iskeyword(text) and unicodedata.normalize("NFKC", text) == text


def module_name(entity: str) -> str:
    """``HTTPLogEntity`` -> ``http_log_entity``; a name that the package needs itself gets an underscore behind."""
    name = re.sub(r"__+", "_", _WORD_START.sub("_", entity)).lower()
    return f"{name}_" if keyword.iskeyword(name) or name == "enums" else name


def name_of(text: str) -> str:
    """``text`` with everything that no name can hold replaced by ``_``; "" when nothing is left."""
    kept = [character if f"_{character}".isidentifier() else "_" for character in unicodedata.normalize("NFKC", text)]
    return re.sub(r"__+", "_", "".join(kept)).strip("_")


def enum_member_names(values: Iterable[str]) -> list[str]:
    """The names of an enum's members, in upper case; what is left without a name, or with a taken one, is numbered."""
    names: list[str] = []
    taken: set[str] = set()
    for position, value in enumerate(values, start=1):
        name = _member_name(value, position)
        while name in taken:
            name = f"{name}_{position}"
        taken.add(name)
        names.append(name)
    return names


def _member_name(value: str, position: int) -> str:
    name = unicodedata.normalize("NFKC", name_of(value).upper())
    if not name:
        return "EMPTY" if not value else f"VALUE_{position}"
    return name if is_name(name) else f"VALUE_{name}"


def natural(text: str) -> tuple[tuple[int, int | str], ...]:
    """A key that sorts ``item2`` before ``item10``."""
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in _DIGITS.split(text) if part)


def by_kind_of_name(name: str) -> tuple[object, ...]:
    """The key that Ruff sorts imported names and ``__all__`` by: constants, classes, the rest."""
    if len(name) > 1 and name.isupper():
        kind = 0
    else:
        kind = 1 if name[:1].isupper() else 2
    return kind, natural(name.lower()), natural(name)
