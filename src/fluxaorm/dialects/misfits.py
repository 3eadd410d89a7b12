"""Which values of a column would not survive its change to another type, as conditions. Pure text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Misfit:
    """Values that meet ``condition`` are what ``what`` says: ``do not fit smallint``."""

    what: str
    condition: str
    blocking: bool = True
    """Whether the server refuses the change while there is such a value; else it changes the value."""
    unsure: bool = False
    """Whether only the server can tell which."""
