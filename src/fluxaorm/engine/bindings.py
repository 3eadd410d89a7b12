"""The entities of an engine as it uses them: bound to their pools, caches and keys, each once.

Also what keeps their local caches in step with other processes, and which names they use in Redis.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from fluxaorm.engine.change_listener import ChangeListener
from fluxaorm.errors import RegistryError, StaleGeneratedCodeError
from fluxaorm.plans.cache.identity import RedisNamespace
from fluxaorm.plans.reads.row_reader import RowReader
from fluxaorm.plans.state.bound_entity import BoundEntity, DisabledCaches
from fluxaorm.plans.state.keys import channel_of, key_prefix
from fluxaorm.pools.base.forks import run_each

if TYPE_CHECKING:
    from fluxaorm.codegen.memory import MemoryPackage
    from fluxaorm.entity.schema import EntitySchema
    from fluxaorm.plans.state.bound_entity import ProviderPort
    from fluxaorm.plans.state.engine_port import EnginePort
    from fluxaorm.pools.base.redis_ports import RedisPool
    from fluxaorm.pools.base.sql_ports import SQLPool
    from fluxaorm.runtime.provider import MemoryProvider


class Bindings:
    """Safe for threads."""

    def __init__(
        self,
        engine: EnginePort,
        note_outage: Callable[[str, BaseException], None],
        *,
        schemas: Mapping[str, EntitySchema],
        mysql_pools: Mapping[str, SQLPool],
        redis_pools: Mapping[str, RedisPool],
        databases: Mapping[str, str],
        private_stores: frozenset[tuple[str, str]],
        merging_pools: frozenset[str],
    ) -> None:
        """As ``EngineCore``. ``note_outage``: told of Redis pools that cannot be listened to; must hold no engine."""
        self._engine = engine
        self.schemas, self.mysql_pools, self.redis_pools = schemas, mysql_pools, redis_pools
        self._databases = dict(databases)
        self._private_stores = private_stores
        self._merging_pools = merging_pools
        self._by_provider: dict[ProviderPort, BoundEntity] = {}
        self._by_name: dict[str, BoundEntity] = {}
        self._disabled_caches: dict[str, DisabledCaches] = {}
        self._memory_package: MemoryPackage | None = None
        self._lock = threading.RLock()
        self.listeners = self._made_listeners(note_outage)
        """By Redis pool: what keeps the local caches in step with other processes."""

    def provider(self, entity_name: str) -> MemoryProvider:
        """The provider of an entity, compiled in memory from the templates of generated code, once an engine."""
        with self._lock:
            if self._memory_package is None:
                from fluxaorm.codegen.memory import MemoryPackage

                self._memory_package = MemoryPackage(self.schemas)
            return self._memory_package.provider(entity_name)

    def of(self, provider: ProviderPort) -> BoundEntity:
        """The entity of a provider as this engine sees it; made once.

        Raises StaleGeneratedCodeError when the provider was generated from another definition, RegistryError when its
        entity is not registered.
        """
        found = self._by_provider.get(provider)
        if found is not None:
            return found
        with self._lock:
            return self._by_provider.get(provider) or self._bind(provider)

    def _bind(self, provider: ProviderPort) -> BoundEntity:
        schema = self.schemas.get(provider.entity_name)
        if schema is None:
            raise RegistryError([f"{provider.entity_name} is not registered with this engine; register_entity(...)"])
        if schema.fingerprint != provider._fingerprint:
            raise StaleGeneratedCodeError(schema.name)
        binding = self._made_binding(schema, provider)
        binding.disable(self._disabled_caches.get(schema.name, DisabledCaches()))
        if schema.name not in self._by_name:
            self._listen(binding)
        first = self._by_name.setdefault(schema.name, binding)
        binding.local, binding.ids, binding.handlers = first.local, first.ids, first.handlers
        binding.counts = first.counts
        binding.reader = first.reader
        self._by_provider[provider] = binding
        return binding

    def _made_binding(self, schema: EntitySchema, provider: ProviderPort) -> BoundEntity:
        redis_pool = self._cache_pool(schema)
        id_redis_pool = self._id_pool(schema, redis_pool)
        binding = BoundEntity(
            schema=schema,
            provider=provider,
            dialect=self.mysql_pools[schema.mysql_pool].dialect,
            redis_pool=redis_pool,
            id_redis_pool=id_redis_pool,
            namespace=self._namespace(schema, redis_pool or id_redis_pool),
            monotonic=self._engine.monotonic,
            schemas=self.schemas,
            trust=self.listeners[redis_pool].trust if redis_pool in self.listeners else None,
        )
        if schema.mysql_pool in self._merging_pools:
            binding.reader = RowReader(self._engine, binding)
        return binding

    def _made_listeners(self, note_outage: Callable[[str, BaseException], None]) -> dict[str, ChangeListener]:
        channels: dict[str, list[str]] = {}
        for schema in self.schemas.values():
            pool = self._cache_pool(schema)
            if pool is not None and pool in self.redis_pools and schema.cache.local_limit is not None:
                table = self.mysql_pools[schema.mysql_pool].dialect.recorded_name(schema.table)
                channels.setdefault(pool, []).append(channel_of(key_prefix(self._namespace(schema, pool), table)))
        tokens = self._engine.tokens
        return {
            pool: ChangeListener(pool, names, self.redis_pools[pool].subscription, lambda: tokens.source, note_outage)
            for pool, names in channels.items()
        }

    def _listen(self, binding: BoundEntity) -> None:
        if binding.local is not None and binding.channel is not None and binding.redis_pool is not None:
            self.listeners[binding.redis_pool].add(binding.channel, binding.local)

    @property
    def used(self) -> Mapping[str, BoundEntity]:
        """The entities used so far, by name; it grows."""
        return MappingProxyType(self._by_name)

    def by_name(self, entity_name: str) -> BoundEntity:
        """The binding of an entity by its name: that of the first provider used, else of one compiled in memory."""
        found = self._by_name.get(entity_name)
        return found or self.of(self.provider(entity_name))

    def _cache_pool(self, schema: EntitySchema) -> str | None:
        """The Redis pool of rows, look-ups and intents; an entity cached in the process intends where Redis is."""
        cache = schema.cache
        published = cache.publishes and cache.redis_pool in self.redis_pools
        return cache.redis_pool if cache.redis != "off" or published else None

    def _id_pool(self, schema: EntitySchema, redis_pool: str | None) -> str | None:
        if schema.id_pool is not None:
            return None if schema.id_pool == "mysql" else schema.id_pool
        return redis_pool or ("default" if "default" in self.redis_pools else None)

    def _namespace(self, schema: EntitySchema, redis_pool: str | None) -> str:
        """Part of every key: so that databases, tenants and tests may share one Redis."""
        chosen = self.redis_pools[redis_pool].namespace if redis_pool else None
        database = self._databases[schema.mysql_pool]
        if schema.mysql_pool == "default":
            return chosen or database
        return f"{chosen}.{schema.mysql_pool}" if chosen else f"{schema.mysql_pool}.{database}"

    @property
    def namespaces(self) -> Sequence[RedisNamespace]:
        """What its entities use of its Redis pools."""
        found: set[RedisNamespace] = set()
        for schema in self.schemas.values():
            redis_pool = self._cache_pool(schema)
            id_pool = self._id_pool(schema, redis_pool)
            name = self._namespace(schema, redis_pool or id_pool)
            for pool in {redis_pool, id_pool} - {None}:
                assert pool is not None
                private = (schema.mysql_pool, pool) in self._private_stores
                found.add(RedisNamespace(schema.mysql_pool, pool, name, private))
        return sorted(found)

    def disable_caches(self, entity_name: str, disabled: DisabledCaches) -> None:
        """Read and fill these caches of an entity no more; ``schema(X).disable_cache()`` checks that it is not late."""
        before = self._disabled_caches.get(entity_name, DisabledCaches())
        disabled = DisabledCaches(before.local or disabled.local, before.redis or disabled.redis)
        self._disabled_caches[entity_name] = disabled
        for binding in self._by_provider.values():
            if binding.schema.name == entity_name:
                binding.disable(disabled)

    def reset_after_fork(self) -> None:
        """In a child process: the parent's lock may be held by a thread that is not there."""
        self._lock = threading.RLock()
        shared = [*self._by_name.values(), *self.listeners.values(), self._memory_package]
        run_each([each.reset_after_fork for each in shared if each is not None])
