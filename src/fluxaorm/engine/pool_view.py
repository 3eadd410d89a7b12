"""What there is to know of a pool, of whatever kind, and how it is shown."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from fluxaorm.entity.values.not_copied import NotCopied


class AnyPool(Protocol):
    """A pool of any kind."""

    @property
    def code(self) -> str:
        """As ``PoolView.code``."""
        ...

    @property
    def address(self) -> str:
        """As ``PoolView.address``."""
        ...


P = TypeVar("P", bound=AnyPool)


class PoolView(NotCopied, Generic[P]):
    """Who it is and where it leads."""

    def __init__(self, pool: P) -> None:
        self._pool = pool

    @property
    def code(self) -> str:
        """The code it was registered under."""
        return self._pool.code

    @property
    def address(self) -> str:
        """Where the server is, without a password."""
        return self._pool.address

    def __repr__(self) -> str:
        return f"<{type(self).__name__} '{self.code}' {self.address}>"
