"""What metrics need of an engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fluxaorm.plans.state.bound_entity import BoundEntity
    from fluxaorm.plans.streams.async_state import AsyncFlushState
    from fluxaorm.pools.base.redis_ports import RedisPool
    from fluxaorm.pools.base.sql_ports import SQLPool


class WatchedEngine(Protocol):
    """One that is asked now and then, as long as it lives."""

    @property
    def mysql_pools(self) -> Mapping[str, SQLPool]:
        """By code."""
        ...

    @property
    def redis_pools(self) -> Mapping[str, RedisPool]:
        """By code."""
        ...

    @property
    def used_entities(self) -> Mapping[str, BoundEntity]:
        """Those used so far, by name; it grows."""
        ...

    @property
    def async_flush(self) -> AsyncFlushState | None:
        """None: it is not registered."""
        ...
