"""What is behind the API, for tests: the only place that looks there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fluxaorm.alters import Alter
from fluxaorm.dialects.port import Dialect
from fluxaorm.engine.core import EngineCore
from fluxaorm.plans.cache.functions import redis_plan


def core(engine: Any) -> EngineCore:
    """What plans know of an engine."""
    found: EngineCore = engine._core
    return found


def pending(ctx: Any) -> list[Any]:
    """The entities that its next flush would write."""
    return list(ctx._pending)


def known_ids(ctx: Any, provider: Any) -> set[int]:
    """Ids whose entity it has, and somebody holds."""
    identity_map = ctx._identity_map_of(provider)
    ids = {*identity_map.current, *identity_map.stale}
    return {id for id in ids if identity_map.known(id) is not None}


def observer_of(ctx: Any) -> Any:
    """What is told of each of its statements, or None."""
    return ctx._observer


def state_of(entity: Any) -> int:
    """Its state in the unit of work: NEW, CLEAN and so on."""
    state: int = entity._state
    return state


def row_of(entity: Any) -> list[Any]:
    """Its row, as the driver or its setters left the columns."""
    row: list[Any] = entity._row
    return row


def key_of(field: Any) -> tuple[str, tuple[str, ...], str]:
    """Entity, references on the way and name of a field, as statements are kept under it."""
    key: tuple[str, tuple[str, ...], str] = field._key
    return key


def shape_of(query: Any) -> Any:
    """What a query or condition has apart from its values: the key of its compiled statement."""
    return query._shape


def values_of(query: Any) -> tuple[Any, ...]:
    """The values that a query or condition binds."""
    values: tuple[Any, ...] = query._values
    return values


def kept_statements(compiler: Any) -> int:
    """How many statements a compiler of queries keeps."""
    return len(compiler._kept)


def dialect_of(engine: Any) -> Dialect:
    """What the server of its MySQL pool understands."""
    return core(engine).mysql_pools["default"].dialect


def failed_statement_of(error: BaseException) -> int | None:
    """Which statement of a batch it was, counted from 0."""
    position: int | None = getattr(error, "_failed_statement", None)
    return position


def told_by_number(error: BaseException) -> set[str]:
    """What runners and transactions read of a MySQLError that only its number tells."""
    names = ("was_killed", "hung_up", "refused_login", "transaction_goes_on")
    return {name for name in names if getattr(error, f"_{name}")}


def neighbours_of(alter: Alter) -> tuple[str, ...]:
    """Tables that foreign keys tie to its own."""
    return alter._neighbours


def fingerprint_of(provider: Any) -> str:
    """Of the definition that a provider's code was generated from."""
    fingerprint: str = provider._fingerprint
    return fingerprint


def entity_class_of(provider: Any) -> type[Any]:
    """The generated class of a provider's entities."""
    made: type[Any] = provider._entity_class
    return made


def enum_classes_of(provider: Any) -> list[type[Any]]:
    """The generated classes of a provider's enums that came from a Literal."""
    return list(provider._enum_classes.values())


def rename_async_flush(engine: Any, topic: str, failed_topic: str, group: str) -> None:
    """Give an engine topics and a group of async flushes that no other test has."""
    state: Any = core(engine).async_flush
    state.topic, state.failed_topic, state.group = topic, failed_topic, group


def call_in_redis(ctx: Any, *commands: Any) -> Any:
    """Run functions of the library's own on the default Redis pool; their replies, or a coroutine of them."""
    return ctx._run(redis_plan("default", commands))


def watch_contexts(engine: Any, look: Callable[[Any], object]) -> None:
    """Show the contexts that an engine makes from now on, as a consumer does of its own."""
    make = engine.new_context

    def made(*args: Any, **named: Any) -> Any:
        ctx = make(*args, **named)
        look(ctx)
        return ctx

    engine.new_context = made
