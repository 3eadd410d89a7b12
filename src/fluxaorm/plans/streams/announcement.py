"""Telling the shared caches of records that are about to be published, and where they lie afterwards. Decides; no I/O.

Before the publish each key bears a marker with a deadline, which is renewed while the publish is under way. After it
the markers become entries, which stay until the record is applied: only where the marker still is, on the server where
it was put. Where it is not, a reader may see the row as it was, so the flush must wait until the record is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from fluxaorm.errors import CacheUnavailableError, RedisError
from fluxaorm.plans.cache.functions import ANNOUNCE, CONFIRM, RELEASE, RENEW, function_call, redis_plan
from fluxaorm.plans.cache.intents import KEYS_A_TRIP
from fluxaorm.plans.effects import Plan, RedisCommand
from fluxaorm.plans.state.keys import INTENT_MS

if TYPE_CHECKING:
    from fluxaorm.plans.cache.intents import Intents
    from fluxaorm.plans.state.bound_entity import BoundEntity
    from fluxaorm.plans.state.engine_port import EnginePort
    from fluxaorm.plans.streams.async_changes import Outgoing


class _Mark(NamedTuple):
    key: str
    token: str
    record: int
    """Its number in the flush."""
    payload: bytes


class Announcement:
    """``told``: the rows that change, for the processes that keep some."""

    def __init__(self, engine: EnginePort, told: Intents, records: Sequence[Outgoing]) -> None:
        self._engine = engine
        self._told = told
        self._records = records
        self._marks: dict[str, list[_Mark]] = {}
        """By Redis pool."""
        for number, record in enumerate(records):
            for (pool, key), payload in record.payloads.items():
                self._marks.setdefault(pool, []).append(_Mark(key, record.token, number, payload))
        self._servers: dict[str, list[Any]] = {}
        """Redis pool -> who has put each of its marks."""
        self._ended = False
        self._renewals: dict[str, Callable[[], Plan[bool]]] = {}

    def announce_plan(self) -> Plan[None]:
        """Mark all keys, in one round trip a pool and 5,000 keys. CacheUnavailableError."""
        for pool in self._marks:
            renewal = self._renewals[pool] = partial(self._renewed_plan, pool)
            self._engine.hold(pool, renewal)
        for pool in list(self._marks):
            try:
                self._servers[pool] = yield from self._each_plan(
                    pool, lambda mark: function_call(ANNOUNCE, mark.key, mark.token, INTENT_MS)
                )
            except RedisError as error:
                self._engine.cache_outage(pool, error)
                if not self._engine.writes_without_cache(pool):
                    message = f"nothing was published, since its changes could not be announced: {error.reason}"
                    raise CacheUnavailableError(message, pool=pool) from error
                self._leave(pool)
        self._told.evict_local()

    def servers(self) -> Mapping[tuple[str, str, bytes], BoundEntity]:
        """(Redis pool, what its mark keys begin with, server) of all that were told, each with an entity there."""
        found: dict[tuple[str, str, bytes], BoundEntity] = {}
        for pool, servers in self._servers.items():
            records = [mark.record for mark in self._marks[pool]]
            for record, server in set(zip(records, servers, strict=True)):
                binding = self._records[record].binding
                found[pool, binding.mark_prefix, server] = binding
        return found

    def _leave(self, pool: str) -> None:
        """Go on without this pool."""
        self._engine.let_go(pool, self._renewals[pool])
        del self._marks[pool]

    def _renewed_plan(self, pool: str) -> Plan[bool]:
        for commands in _trips(
            [function_call(RENEW, mark.key, mark.token, INTENT_MS) for mark in self._marks.get(pool, ())]
        ):
            if self._ended:
                break
            _ = (yield from redis_plan(pool, commands)).accepted()
        return True

    def confirm_plan(self, places: Sequence[tuple[int, int]]) -> Plan[tuple[set[int], list[RedisError]]]:
        """Turn the markers into entries; ``places``: partition and offset of each record.

        The numbers of the records of which not all keys have one now, and the errors of pools that could not be told.
        """
        self.end()
        unconfirmed: set[int] = set()
        failures: list[RedisError] = []
        for pool, marks in self._marks.items():
            servers = iter(self._servers[pool])

            def confirmation(mark: _Mark, servers: Iterator[Any] = servers) -> RedisCommand:
                return function_call(CONFIRM, mark.key, mark.token, next(servers), *places[mark.record], mark.payload)

            try:
                replies = yield from self._each_plan(pool, confirmation, shielded=True)
            except RedisError as error:
                self._engine.cache_outage(pool, error)
                if not self._engine.writes_without_cache(pool):
                    failures.append(error)
                    unconfirmed.update(mark.record for mark in marks)
                continue
            unconfirmed.update(mark.record for mark, reply in zip(marks, replies, strict=True) if reply != 1)
        self._told.evict_local()
        return unconfirmed, failures

    def confirm_in_background(self, places: Sequence[tuple[int, int]]) -> None:
        """The same without waiting for it: the caller is interrupted. Safe where it was done already."""

        def confirmed_plan() -> Plan[bool]:
            _, failures = yield from self.confirm_plan(places)
            return not failures

        self._engine.finish_later(confirmed_plan)

    def end(self) -> None:
        """Markers are renewed no more: they go by themselves, unless they become entries."""
        self._ended = True
        for pool, renewal in self._renewals.items():
            self._engine.let_go(pool, renewal)

    def withdraw_plan(self) -> Plan[None]:
        """Nothing was published: take the markers back; what cannot be told now, in the background."""
        self.end()
        self._told.evict_local()
        if not (yield from self._withdrawn_plan()):
            self._engine.finish_later(self._withdrawn_plan)

    def _withdrawn_plan(self) -> Plan[bool]:
        for pool in list(self._marks):
            try:
                _ = yield from self._each_plan(
                    pool, lambda mark: function_call(RELEASE, mark.key, mark.token), shielded=True
                )
            except RedisError as error:
                self._engine.cache_outage(pool, error)
                if not self._engine.writes_without_cache(pool):
                    return False
            del self._marks[pool]
        return True

    def _each_plan(
        self, pool: str, command: Callable[[_Mark], RedisCommand], *, shielded: bool = False
    ) -> Plan[list[Any]]:
        """A command for each mark of a pool, then what tells the other processes; the replies. RedisError."""
        values: list[Any] = []
        marks = self._marks[pool]
        trips = list(_trips(list(map(command, marks))))
        for number, commands in enumerate(trips):
            count = len(commands)
            if number == len(trips) - 1:
                commands += self._told.publications(pool)
            values += (yield from redis_plan(pool, commands, shielded=shielded)).accepted()[:count]
        return values


def _trips(commands: list[RedisCommand]) -> Iterator[list[RedisCommand]]:
    for start in range(0, len(commands), KEYS_A_TRIP):
        yield commands[start : start + KEYS_A_TRIP]
