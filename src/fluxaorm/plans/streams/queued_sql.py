"""SQL that is queued in ``ctx.mysql_pipeline()``, as an asynchronous flush publishes it. Decides; no I/O.

What a statement does is not to be seen from its text. So it says which table it writes, in whose order it is to run,
and which rows it changes, which all readers and writers are told of; and only a signature lets consumers run it. It
must change rows and nothing else: what may end a transaction, or leave something in a session, is not for a consumer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from fluxaorm.errors import NotSupportedError, QueryError
from fluxaorm.plans.state.given_ids import checked_ids
from fluxaorm.plans.streams.async_changes import Draft, Item, TouchedKeys
from fluxaorm.plans.streams.async_record import UsersStatement
from fluxaorm.plans.writes.order.foreign_keys import known_foreign_keys
from fluxaorm.plans.writes.pipelines import PipelineHandle, pipelines_of
from fluxaorm.query.own_sql.params import is_spellable
from fluxaorm.query.own_sql.raw_statements import changes_rows_only

if TYPE_CHECKING:
    from fluxaorm.options.kafka import AsyncFlushOptions
    from fluxaorm.plans.cache.intents import Intents
    from fluxaorm.plans.effects import Statement
    from fluxaorm.plans.state.bound_entity import BoundEntity
    from fluxaorm.plans.state.unit_of_work import UnitOfWork


class QueuedSql(NamedTuple):
    """A statement that waits in a pipeline."""

    binding: BoundEntity
    """Of the entity whose table it writes."""
    statement: UsersStatement
    source: Statement
    """As it waits."""


def queued_sql(unit_of_work: UnitOfWork, options: AsyncFlushOptions) -> list[QueuedSql]:
    """What waits in the pipelines, in order. NotSupportedError, QueryError: it cannot be published."""
    queued = pipelines_of(unit_of_work)
    if queued is None:
        return []
    if queued.commands or queued.keys:
        raise NotSupportedError(
            "flush_async() does not take what is queued in redis_pipeline(), or keys for invalidate_key(): "
            "write it with ctx.flush(), or drop it with ctx.clear_flush()"
        )
    if any(queued.statements.values()):
        _check_options(options)
    return [_looked_at(unit_of_work, pool, each) for pool, waiting in queued.statements.items() for each in waiting]


def _check_options(options: AsyncFlushOptions) -> None:
    if options.order_by == "row":
        raise NotSupportedError(
            'flush_async() takes no SQL from mysql_pipeline() with order_by="row", where a table has no order in which '
            'it could run: use order_by="table", or ctx.flush()'
        )
    if not options.signing_key:
        raise NotSupportedError(
            "flush_async() takes SQL from mysql_pipeline() only where records are signed, so that nobody else can let "
            "a consumer run some: set AsyncFlushOptions(signing_key=...) here and in the consumers, or use ctx.flush()"
        )


def _looked_at(unit_of_work: UnitOfWork, pool: str, waiting: Statement) -> QueuedSql:
    handle: PipelineHandle[Any] = waiting.tag
    binding, rows = _binding_of(unit_of_work, pool, handle), handle._rows
    if rows is None:
        raise QueryError(
            f"{handle._what}: flush_async() must know which rows it changes in the caches: say so, "
            "add(sql, ..., table=..., rows=ids), or rows=() for none"
        )
    if not changes_rows_only(waiting.sql):
        raise QueryError(
            f"{handle._what}: flush_async() takes INSERT, UPDATE, DELETE and REPLACE, without variables, locks and "
            "executable comments; ctx.flush() runs others"
        )
    if not _is_spelled(waiting.sql):
        raise QueryError(f"{handle._what}: it holds half of a surrogate pair, which no database can store")
    ids = checked_ids(unit_of_work._identity_map_of(binding.provider), rows)
    args = [_raw_arg(handle, arg) for arg in waiting.args]
    return QueuedSql(binding, UsersStatement(waiting.sql, args, list(dict.fromkeys(ids))), waiting)


def _binding_of(unit_of_work: UnitOfWork, pool: str, handle: PipelineHandle[Any]) -> BoundEntity:
    engine = unit_of_work._engine
    bindings = map(engine.binding_of, known_foreign_keys(engine).tables)
    tables = {each.schema.table: each for each in bindings if each.mysql_pool == pool}
    if handle._table in tables:
        return tables[handle._table]
    known = ", ".join(sorted(tables)) or "none"
    said = "names no table" if handle._table is None else f"names the table '{handle._table}', which is no entity's"
    raise QueryError(
        f"{handle._what}: it {said}, and flush_async() runs it in the order of one: add(sql, ..., table=..., "
        f"rows=ids); the tables of entities in MySQL pool '{pool}': {known}"
    )


def _raw_arg(handle: PipelineHandle[Any], value: Any) -> Any:
    """As records hold it. QueryError for what no database can store, which a consumer would find out too late."""
    match value:
        case Decimal() if is_spellable(value):
            return ["decimal", format(value, "f")]
        case int() if -(2**63) <= value < 2**64:
            return int(value)
        case float() if math.isfinite(value):
            return value
        case str() if value.isascii() or _is_spelled(value):
            return value
        case None | bytes():
            return value
        case _:
            raise QueryError(
                f"{handle._what}: one of its values is a {type(value).__name__} that no database can store"
            )


def _is_spelled(text: str) -> bool:
    return text.encode(errors="replace").decode() == text


def add_sql(drafts: list[Draft], queued: Sequence[QueuedSql], kafka_keys: Mapping[str, bytes], told: Intents) -> None:
    """Put the statements behind the changes of their tables; ``kafka_keys``: entity -> the key of its records."""
    last = {draft.kafka_key: draft for draft in drafts}
    for binding, statement, _ in queued:
        keys = TouchedKeys(told)
        for id in statement.rows:
            keys.add_row(binding, id)
        if statement.rows:
            keys.add_all_ids(binding)
        kafka_key = kafka_keys[binding.schema.name]
        draft = last.get(kafka_key)
        if draft is None or draft.binding is not binding:
            draft = last[kafka_key] = Draft(binding, kafka_key, [])
            drafts.append(draft)
        draft.items.append(Item(statement, keys.found))


def mark_published(unit_of_work: UnitOfWork, published: Sequence[QueuedSql]) -> None:
    """They wait no more. Repeating it does no harm."""
    queued = pipelines_of(unit_of_work)
    if queued is None or not published:
        return
    for each in published:
        handle: PipelineHandle[Any] = each.source.tag
        handle._is_published = True
    for pool, waiting in list(queued.statements.items()):
        queued.statements[pool] = [each for each in waiting if not each.tag._is_published]
    if not len(queued):
        unit_of_work._pipelines = None
