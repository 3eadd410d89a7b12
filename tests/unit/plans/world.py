"""A world for plan tests: one hand-made entity, an engine that is only state, and replies that the test writes down.

Nothing here performs I/O: ``Script`` checks which effects a plan yields and feeds it replies, or raises them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, ClassVar, TypeVar

from fluxaorm.dialects import dialect_for
from fluxaorm.entity.schema import CacheSchema, ColumnSchema, EntitySchema
from fluxaorm.plans.effects import Effect, ExecResult, Plan, RedisReplies
from fluxaorm.plans.state.bound_entity import BoundEntity
from fluxaorm.plans.state.tokens import TokenSource
from fluxaorm.plans.state.tracked import TrackedEntity
from fluxaorm.plans.state.unit_of_work import IdentityMap, UnitOfWork
from fluxaorm.plans.writes.order.foreign_keys import KnownForeignKeys
from fluxaorm.runtime.entity import EntityBase

T = TypeVar("T")
SERVER = b"run1 repl1"


def _text(raw: Any) -> str:
    return raw.decode() if isinstance(raw, bytes) else str(raw)


def column(index: int, name: str, kind: str = "str", **options: Any) -> ColumnSchema:
    """A column without checks."""
    decode: Callable[[Any], Any] = int if kind == "uint" else _text
    return ColumnSchema(
        index=index, name=name, field=name, attribute=name, kind=kind, annotation="int" if kind == "uint" else "str",
        imports=(), nullable=False, mysql_type="bigint unsigned" if kind == "uint" else "varchar(255)",
        check=lambda value: value, encode=lambda value: value, decode=decode, **options,
    )  # fmt: skip


def thing_schema(redis: Any = "on", local_limit: int | None = None) -> EntitySchema:
    """``thing(id, name, note)``; ``note`` has the default ``""``."""
    columns = (column(0, "id", "uint"), column(1, "name"), column(2, "note", default=""))
    return EntitySchema(
        name="Thing", table="thing", mysql_pool="default", columns=columns, indexes=(), references=(), groups=(),
        cache=CacheSchema(redis=redis, local_limit=local_limit), fingerprint="f" * 16, definition=object,
        id_maximum=2**64 - 1,
        by_field={item.field: item for item in columns}, by_attribute={item.attribute: item for item in columns},
    )  # fmt: skip


class Thing(EntityBase):
    """The entity, with setters that properties would call."""

    __slots__ = ()

    @property
    def name(self) -> str:
        value: str = self._decoded(1)
        return value

    @name.setter
    def name(self, value: str) -> None:
        self._assign(1, value)


class ThingProvider:
    """What a binding needs of a provider."""

    entity_name: ClassVar[str] = "Thing"
    _fingerprint: ClassVar[str] = "f" * 16
    _entity_class: ClassVar[type[TrackedEntity]] = Thing
    _enum_classes: ClassVar[Mapping[int, type[Any]]] = {}


class StateOnlyEngine:
    """An engine without pools: time is a number that tests move, outages are counted."""

    def __init__(self, schema: EntitySchema) -> None:
        self.tokens = TokenSource()
        self.now = 1_000.0
        self.clock = lambda: datetime(2026, 1, 1, tzinfo=UTC)
        self.monotonic = lambda: self.now
        self.outages: list[str] = []
        self.mysql_pools: Mapping[str, Any] = {"default": SimpleNamespace(dialect=dialect_for("9.7.0"))}
        self.steps: list[Callable[[], Plan[bool]]] = []
        """What was left to the background."""
        self.held: list[Callable[[], Plan[bool]]] = []
        """What the background renews."""
        self.proceeds = False
        self.async_flush: Any = None
        self.foreign_keys = KnownForeignKeys({"Thing": schema})
        self._binding = BoundEntity(
            schema=schema, provider=ThingProvider(), dialect=dialect_for("9.7.0"),
            redis_pool="default" if schema.cache.redis != "off" else None, id_redis_pool="default",
            namespace="db", monotonic=lambda: self.now, schemas={"Thing": schema},
        )  # fmt: skip

    def binding(self, provider: Any) -> BoundEntity:
        """The only one there is."""
        return self._binding

    def binding_of(self, entity_name: str) -> BoundEntity:
        """The only one there is."""
        return self._binding

    def writes_without_cache(self, redis_pool: str) -> bool:
        """As the test says."""
        return self.proceeds

    def cache_outage(self, redis_pool: str, error: BaseException) -> None:
        """Counted."""
        logging.getLogger(__name__).debug("outage: %s", error)
        self.outages.append(redis_pool)

    def finish_later(self, step: Callable[[], Plan[bool]]) -> None:
        """Kept for the test to run."""
        self.steps.append(step)

    def hold(self, redis_pool: str, renewal: Callable[[], Plan[bool]]) -> None:
        """Kept for the test to run."""
        self.held.append(renewal)

    def let_go(self, redis_pool: str, renewal: Callable[[], Plan[bool]]) -> None:
        """No longer."""
        if renewal in self.held:
            self.held.remove(renewal)


class World:
    """An engine, one unit of work and its part for the entity."""

    def __init__(self, redis: Any = "on", local_limit: int | None = None) -> None:
        self.engine = StateOnlyEngine(thing_schema(redis, local_limit))
        self.unit_of_work = UnitOfWork(self.engine)
        self.provider = ThingProvider()

    @property
    def identity_map(self) -> IdentityMap:
        """Of the current unit of work."""
        return self.unit_of_work._identity_map_of(self.provider)

    def stored(self, id: int, name: str = "n") -> Thing:
        """An entity as if it was read."""
        thing: Thing = self.identity_map.entity_from_row((id, name.encode(), b""), self.identity_map.writes_seen)
        return thing

    def fresh_unit_of_work(self) -> None:
        """Another unit of work of the same engine."""
        self.unit_of_work = UnitOfWork(self.engine)


def run(plan: Plan[T], *script: tuple[type[Effect[Any]], Any]) -> tuple[T, list[Any]]:
    """Drive a plan by a script of (expected effect, reply or exception); its result and the effects it yielded."""
    effects: list[Any] = []
    reply: Any = None
    steps = list(script)
    try:
        effect = next(plan)
        while True:
            effects.append(effect)
            assert steps, f"the plan asks for more than the script has: {_shown(effect)}"
            expected, reply = steps.pop(0)
            assert type(effect) is expected, f"expected {expected.__name__}, got {_shown(effect)}"
            effect = plan.throw(reply) if isinstance(reply, BaseException) else plan.send(reply)
    except StopIteration as stop:
        assert not steps, f"the plan ended before {steps}"
        return stop.value, effects
    except AssertionError:
        raise
    except BaseException as error:
        if steps:
            raise AssertionError(f"the plan raised {error!r} before {steps}") from error
        raise


def _shown(effect: Any) -> str:
    slots = [name for cls in type(effect).__mro__ for name in getattr(cls, "__slots__", ())]
    return f"{type(effect).__name__}({', '.join(f'{name}={getattr(effect, name)!r}' for name in slots)})"


def replies(*values: Any, server: bytes = SERVER) -> RedisReplies:
    """What one Redis round trip answers."""
    return RedisReplies(list(values), server)


def done(rows: int = 1, insert_id: int = 0) -> ExecResult:
    """What a statement did."""
    return ExecResult(insert_id, rows)


def words(effect: Any, position: int = 0) -> Sequence[Any]:
    """One command of a Redis round trip."""
    command: Sequence[Any] = effect.commands[position]
    return command
