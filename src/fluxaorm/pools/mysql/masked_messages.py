"""Takes values out of what MySQL and MariaDB say: where an entity has secret fields, any value may be one. No I/O."""

from __future__ import annotations

import re
from typing import Final

from fluxaorm.options.masking import MASK

_SHOWING: Final = frozenset(
    {
        1062,  # Duplicate entry '...' for key
        1064,  # syntax error near '...'
        1149,
        1292,  # Incorrect datetime value: '...'
        1300,  # Invalid utf8mb4 character string: '...'
        1366,  # Incorrect integer value: '...' for column
        1367,  # Illegal double '...' value found during parsing
        1411,  # Incorrect datetime value: '...' for function
        1525,  # Incorrect DATE value: '...'
        1526,  # Table has no partition for value ...
        1586,  # Duplicate entry '...' for key
        1690,  # BIGINT value is out of range in '...'
        3140,  # Invalid JSON text: "..."
    }
)
_VALUES: Final = (
    re.compile(r"(?s)(Duplicate entry )'.*'( for key ')"),
    re.compile(r"(?s)(value: )'.*'( for (?:column|function) )"),
)


def without_values(number: int, message: str) -> str:
    """``Duplicate entry '***' for key 'x'``; what has another form is left out as a whole."""
    if number not in _SHOWING:
        return message
    for pattern in _VALUES:
        masked, count = pattern.subn(rf"\1'{MASK}'\2", message)
        if count:
            return masked
    return "the server's message is not shown, since it may hold the value of a secret field"
