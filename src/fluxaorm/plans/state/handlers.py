"""The functions that an application has registered to be called when entities are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

Event: TypeAlias = Literal["insert", "update", "delete"]
Handler: TypeAlias = "Callable[..., object]"


class Handlers:
    """The handlers of one entity in one engine, by event, in the order registered."""

    __slots__ = ("after", "before")

    def __init__(self) -> None:
        self.before: dict[Event, list[Handler]] = {}
        self.after: dict[Event, list[Handler]] = {}
