"""Column names inside expressions that a server printed: which there are, and under another name. Pure.

Servers print names in backquotes; what stands in a text literal is no name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_TOKEN: Final = re.compile(r"'(?:[^'\\]|\\.|'')*'|`((?:[^`]|``)*)`", re.DOTALL)


def names_in(sql: str) -> frozenset[str]:
    """The names in backquotes: ``names_in("`a` > `b`")`` has two."""
    return frozenset(found[1].replace("``", "`") for found in _TOKEN.finditer(sql) if found[1] is not None)


def words_in(sql: str) -> frozenset[str]:
    """The words of a text in lower case: all names are among them, but also words of literals and comments."""
    return frozenset(re.findall(r"[\w$]+", sql.lower()))


def renamed_in(sql: str, names: Mapping[str, str]) -> str:
    """The same expression with some names, by what they are now, changed."""

    def replaced(found: re.Match[str]) -> str:
        name = names.get((found[1] or "").replace("``", "`"))
        return found[0] if found[1] is None or name is None else "`" + name.replace("`", "``") + "`"

    return _TOKEN.sub(replaced, sql)
