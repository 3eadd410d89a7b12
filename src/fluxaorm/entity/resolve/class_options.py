"""The options of a definition's class line, checked and resolved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from fluxaorm.entity.resolve.names import table_problem
from fluxaorm.entity.resolve.problems import Problems, did_you_mean
from fluxaorm.entity.schema import CacheSchema

OPTION_NAMES: Final = (
    "mysql",
    "table",
    "redis_cache",
    "ttl",
    "local_cache",
    "local_ttl",
    "cache_all",
    "soft_delete",
    "events",
    "debezium",
    "redis_search",
    "id_pool",
    "id_block",
    "shard_key",
    "renamed_from",
)
DEFAULT_POOL: Final = "default"
INTENTS: Final = "intents"
"""Of caches: writers tell of their changes and nobody fills; the first of the two deploys that turn a cache on."""
DEFAULT_TTL_MS: Final = 3_600_000
DEFAULT_LOCAL_TTL_MS: Final = 60_000
_LONGEST_TTL: Final = timedelta(days=3650)


@dataclass(slots=True)
class ClassOptions:
    """What the class line says. Pools are codes; None: not said."""

    mysql: str
    table: str
    cache: CacheSchema
    soft_delete: bool
    events: str | None
    debezium: str | None
    redis_search: str | None
    id_pool: str | None
    id_block: int
    shard_key: str | None
    renamed_from: str | None


def read_options(name: str, given: dict[str, Any], problems: Problems) -> ClassOptions:
    """The options of the entity ``name``; mistakes go to ``problems`` and count as not said."""
    reader = _OptionsReader(name, given, problems)
    reader.refuse_unknown()
    return ClassOptions(
        mysql=reader.pool("mysql") or DEFAULT_POOL,
        table=reader.table("table") or _default_table(name, problems, given),
        cache=reader.cache(),
        soft_delete=reader.flag("soft_delete"),
        events=reader.pool("events"),
        debezium=reader.pool_or_true("debezium"),
        redis_search=reader.pool("redis_search"),
        id_pool=reader.pool("id_pool"),
        id_block=reader.positive("id_block") or 0,
        shard_key=reader.pool("shard_key"),
        renamed_from=reader.table("renamed_from"),
    )


def _default_table(name: str, problems: Problems, given: dict[str, Any]) -> str:
    problem = "" if "table" in given else table_problem(name)
    if problem:
        problems.add(name, f"the table's name, that of the class, {problem}; give it another with table=")
    return name


class _OptionsReader:
    def __init__(self, name: str, given: dict[str, Any], problems: Problems) -> None:
        self._name, self._given, self._problems = name, given, problems

    def refuse_unknown(self) -> None:
        for option in self._given:
            if option not in OPTION_NAMES:
                known = did_you_mean(option, OPTION_NAMES) or f"; there are {', '.join(OPTION_NAMES)}"
                self._problems.add(self._name, f"unknown class option '{option}'{known}")

    def _refuse(self, option: str, wanted: str) -> None:
        self._problems.add(self._name, f"{option}={self._given[option]!r}: must be {wanted}")

    def flag(self, option: str) -> bool:
        value = self._given.get(option, False)
        if type(value) is not bool:
            self._refuse(option, "True or False")
        return value is True

    def pool(self, option: str) -> str | None:
        value = self._given.get(option)
        if value is None or (isinstance(value, str) and value):
            return value
        wanted = "the name of a field" if option == "shard_key" else "the code of a pool"
        self._refuse(option, wanted)
        return None

    def pool_or_true(self, option: str) -> str | None:
        value = self._given.get(option, False)
        if type(value) is bool:
            return DEFAULT_POOL if value else None
        if isinstance(value, str) and value:
            return value
        self._refuse(option, "True or the code of a pool")
        return None

    def table(self, option: str) -> str | None:
        value = self._given.get(option)
        if value is None:
            return None
        problem = table_problem(value)
        if problem:
            self._problems.add(self._name, f"{option}={value!r}: {problem}")
            return None
        return str(value)

    def positive(self, option: str) -> int | None:
        value = self._given.get(option)
        if value is None or (type(value) is int and value > 0):
            return value
        self._refuse(option, "a positive number")
        return None

    def milliseconds(self, option: str, default: int) -> int:
        value = self._given.get(option)
        if value is None:
            return default
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _LONGEST_TTL.total_seconds():
            value = timedelta(seconds=value)
        if isinstance(value, timedelta) and timedelta(milliseconds=1) <= value <= _LONGEST_TTL:
            return value // timedelta(milliseconds=1)
        self._refuse(option, "a timedelta or seconds, above zero and at most ten years")
        return default

    def cache(self) -> CacheSchema:
        redis, pool = self._redis()
        limit = self._local_limit()
        cache_all = self._all_ids()
        self._need(redis == "on", "ttl", "redis_cache=True")
        self._need(limit is not None, "local_ttl", "local_cache=True")
        if cache_all == "intents":
            self._need(redis != "off", "cache_all", 'redis_cache=True or "intents"')
        else:
            self._need(redis == "on", "cache_all", "redis_cache=True")
        return CacheSchema(
            redis,
            pool,
            self.milliseconds("ttl", DEFAULT_TTL_MS),
            limit,
            self.milliseconds("local_ttl", DEFAULT_LOCAL_TTL_MS),
            cache_all,
            limit is not None or self._given.get("local_cache") == INTENTS,
        )

    def _need(self, given: bool, option: str, needed: str) -> None:
        if not given and self._given.get(option):
            self._problems.add(self._name, f"{option}= needs {needed}")

    def _redis(self) -> tuple[Literal["off", "intents", "on"], str]:
        value = self._given.get("redis_cache", False)
        if value == INTENTS:
            return INTENTS, DEFAULT_POOL
        if type(value) is bool:
            return ("on" if value else "off"), DEFAULT_POOL
        if isinstance(value, str) and value:
            return "on", value
        self._refuse("redis_cache", 'True, the code of a Redis pool, or "intents"')
        return "off", DEFAULT_POOL

    def _local_limit(self) -> int | None:
        value = self._given.get("local_cache", False)
        if type(value) is bool:
            return 0 if value else None
        if type(value) is int and value > 0:
            return value
        if value != INTENTS:
            self._refuse("local_cache", 'True (unlimited), a positive number of rows, or "intents"')
        return None

    def _all_ids(self) -> Literal["off", "intents", "on"]:
        value = self._given.get("cache_all", False)
        if type(value) is bool:
            return "on" if value else "off"
        if value == INTENTS:
            return INTENTS
        self._refuse("cache_all", 'True, False or "intents"')
        return "off"
