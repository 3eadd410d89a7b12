"""Which names tables, columns, fields and indexes may have. Pure."""

from __future__ import annotations

import keyword
import re
from typing import Final

LONGEST: Final = 64
OURS: Final = "_fluxa_"
"""What the library's own tables begin with."""

RESERVED: Final = frozenset(
    {
        # what every generated entity has
        *("changes", "delete", "force_delete", "is_deleted", "is_dirty", "is_new", "restore", "set", "to_dict"),
        # parameters of look-ups beside the fields' own
        *("for_update", "include_deleted"),
        # what every field object has, the ones that reach over a reference included
        *("eq", "ne", "is_in", "not_in", "is_null", "is_not_null"),
    }
)

_WORD: Final = re.compile(r"[A-Za-z0-9_]+")


def field_problem(name: str) -> str:
    """What is wrong with the name of a field, as its generated property; "" when nothing is."""
    if not (name.isascii() and name.isidentifier()):
        return f"'{name}' must hold only ASCII letters, digits and _, and begin with a letter"
    if keyword.iskeyword(name):
        return f"'{name}' is a keyword of Python; call it {name}_ with Field(column='{name}')"
    if name == "indexes":
        return "a definition lists its indexes under this name, without an annotation; call the field something else"
    if name in RESERVED:
        return f"the generated class needs the name '{name}' itself; call it {name}_ with Field(column='{name}')"
    if name.startswith("_"):
        bare = name.strip("_")
        if field_problem(bare):
            bare = f"field{name}"
        rename = f"call it {bare} with Field(column='{name}')"
        return f"'{name}' begins with _; {rename}, or say Field(ignore=True) if it is no column"
    return ""


def identifier_problem(name: object) -> str:
    """What the name of a table, column or index must be, when it is not; else ""."""
    if not isinstance(name, str):
        return "must be a str"
    if not _WORD.fullmatch(name):
        return "must hold only ASCII letters, digits and _"
    if len(name) > LONGEST:
        return f"must have at most {LONGEST} characters, not {len(name)}"
    return ""


def table_problem(name: object) -> str:
    """The same for a table, whose name must not look like one of the library's own."""
    problem = identifier_problem(name)
    if not problem and str(name).lower().startswith(OURS):
        return f"must not begin with {OURS}, as the library's own tables do"
    return problem


def camel_case(name: str) -> str:
    """``home_country`` -> ``HomeCountry``."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))
