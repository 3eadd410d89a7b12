"""Base of objects of which there is one: what refuses to be copied and pickled, and says what to do instead."""

from __future__ import annotations

from typing import NoReturn, SupportsIndex

from fluxaorm.errors import NotSupportedError


class NotCopied:
    """``copy.copy``, ``copy.deepcopy`` and ``pickle`` raise NotSupportedError."""

    __slots__ = ()

    def _instead(self) -> str:
        """What it is, and what to do instead."""
        return f"{type(self).__name__}: it holds connections, and is neither copied nor pickled"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """What copying and pickling begin with: refused."""
        raise NotSupportedError(self._instead())
