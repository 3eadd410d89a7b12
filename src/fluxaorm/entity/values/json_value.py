"""The cell of a Json column in an entity's row once it was decoded or assigned."""

from __future__ import annotations

from typing import Any


class JsonValue:
    """A decoded JSON document and the text it came from.

    A cell of its own, since a decoded ``str`` could not be told from JSON text. ``raw`` is the text as loaded or last
    written (``bytes`` or ``str``); ``value`` is what the user sees and, once ``handed_out``, may change in place.
    """

    __slots__ = ("handed_out", "raw", "value")

    def __init__(self, raw: Any, value: Any) -> None:
        self.raw = raw
        self.value = value
        self.handed_out = False

    def __repr__(self) -> str:
        return f"JsonValue({self.value!r})"
