"""What plans need of an engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from fluxaorm.plans.effects import Plan
    from fluxaorm.plans.state.async_port import AsyncFlushPort
    from fluxaorm.plans.state.bound_entity import BoundEntity, ProviderPort
    from fluxaorm.plans.state.tokens import TokenSource


class EnginePort(Protocol):
    """What a unit of work needs of its engine."""

    @property
    def tokens(self) -> TokenSource:
        """Tokens of leases and intents."""
        ...

    @property
    def clock(self) -> Callable[[], datetime]:
        """The wall clock: aware, UTC; replaceable in tests."""
        ...

    @property
    def monotonic(self) -> Callable[[], float]:
        """Seconds that never go back."""
        ...

    @property
    def mysql_pools(self) -> Mapping[str, Any]:
        """What a transaction may span, by code."""
        ...

    @property
    def foreign_keys(self) -> object:
        """What is known of the databases' foreign keys; see ``known_foreign_keys``."""
        ...

    @property
    def async_flush(self) -> AsyncFlushPort | None:
        """What is known of asynchronous flushes; None where they are not registered."""
        ...

    def binding(self, provider: ProviderPort) -> BoundEntity:
        """The entity of a provider in this engine; StaleGeneratedCodeError when they do not match."""
        ...

    def binding_of(self, entity_name: str) -> BoundEntity:
        """The same by the entity's name."""
        ...

    def writes_without_cache(self, redis_pool: str) -> bool:
        """Whether flushes go on when this Redis pool cannot be told (``on_write_failure="proceed"``)."""
        ...

    def cache_outage(self, redis_pool: str, error: BaseException) -> None:
        """Count a cache that could not be reached; log it once an outage."""
        ...

    def finish_later(self, step: Callable[[], Plan[bool]]) -> None:
        """Run ``step`` in the background, again and again with pauses, until its plan returns True."""
        ...

    def hold(self, redis_pool: str, renewal: Callable[[], Plan[bool]]) -> None:
        """Run ``renewal``, of what is held at this Redis pool, every ten seconds until ``let_go``."""
        ...

    def let_go(self, redis_pool: str, renewal: Callable[[], Plan[bool]]) -> None:
        """The end of ``hold``."""
        ...
