"""The keys of records of async flushes while they are applied: announced as every writer's, then taken out. Decides.

Before the COMMIT the consumer intends them, whatever is pending there. After it the same round trip that releases the
intents takes out what the flushes left: their tokens, and all entries of the partition up to what is applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from fluxaorm.plans.cache.functions import RELEASE, TAKE_OUT, function_call
from fluxaorm.plans.cache.intents import Intents
from fluxaorm.plans.streams.async_record import statements_of

if TYPE_CHECKING:
    from fluxaorm.plans.effects import RedisCommand
    from fluxaorm.plans.state.engine_port import EnginePort
    from fluxaorm.plans.streams.arrivals import Arrival


class RecordIntents(Intents):
    """Of some records of one partition. Until ``applied_up_to`` is called a release takes nothing out."""

    def __init__(self, engine: EnginePort, partition: int, arrivals: Iterable[Arrival]) -> None:
        super().__init__(engine)
        self._partition = partition
        self._upto: int | None = None
        self._tokens: dict[str, dict[str, tuple[str, ...]]] = {}
        """Redis pool -> key -> tokens of the records that touch it."""
        for arrival in arrivals:
            self._add(arrival)
        for pool, tokens in self._tokens.items():
            self.add_all(pool, dict.fromkeys(tokens))

    def applied_up_to(self, offset: int) -> None:
        """The records below this offset are done with: what they left in the caches goes with the release."""
        self._upto = offset

    def _add(self, arrival: Arrival) -> None:
        if arrival.record is None or arrival.destination is None:
            return
        binding = self._engine.binding_of(arrival.destination.schema.name)
        ids = [change.id for change in arrival.record.changes]
        changed_by_sql = [id for statement in statements_of(arrival.record) for id in statement.rows]
        ids += changed_by_sql
        if binding.channel is not None or binding.local is not None:
            self.add_kept(binding, ids)
        if binding.intends_all_ids and (
            changed_by_sql or any(change.operation != "u" for change in arrival.record.changes)
        ):
            self.add_all_ids(binding)
        if binding.redis_pool is not None:
            self._touch(binding.redis_pool, map(binding.row_key, ids), arrival.record.token)
        for pool, keys in arrival.record.keys.items():
            self._touch(pool, keys, arrival.record.token)

    def _touch(self, pool: str, keys: Iterable[str], token: str) -> None:
        known = self._tokens.setdefault(pool, {})
        for key in keys:
            tokens = known.get(key)
            if tokens is None:
                known[key] = (token,)
            elif tokens[-1] != token:
                known[key] = (*tokens, token)

    def _calls(self, pool: str, function: str, keys: Sequence[str], *args: int) -> list[RedisCommand]:
        own, upto, partition = self._token, self._upto, self._partition
        if function != RELEASE or upto is None:
            return [function_call(function, key, own, *args) for key in keys]
        tokens = self._tokens.get(pool, {})
        return [function_call(TAKE_OUT, key, own, partition, upto, *tokens.get(key, ())) for key in keys]
