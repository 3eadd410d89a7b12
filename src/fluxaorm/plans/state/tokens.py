"""Tokens of leases and write intents: unique for a process, a thread and a call; no clock, no I/O."""

from __future__ import annotations

import itertools
import os


class TokenSource:
    """Makes 24-digit tokens: 16 random hex digits of this process, then a counter. Threads may share one."""

    __slots__ = ("_counter", "_prefix")

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Take another prefix; a forked child must, or it would repeat its parent's tokens."""
        self._prefix = os.urandom(8).hex()
        self._counter = itertools.count()

    @property
    def source(self) -> str:
        """What all tokens of this process begin with."""
        return self._prefix

    def take(self) -> str:
        """A token nobody else has."""
        return f"{self._prefix}{next(self._counter) & 0xFFFFFFFF:08x}"
