"""``save_many`` of a provider; see ``Provider``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from fluxaorm.plans.flush.bulk_rows import OnConflict, save_many_plan
from fluxaorm.runtime.sync_or_async import AnyContext, identity_map_of, run_plan, sync_or_async

V = TypeVar("V")


class SaveMethods(Generic[V]):
    """Takes rows of one type: dicts of what ``new`` takes, with or without an ``id``."""

    @sync_or_async
    def save_many(self, ctx: AnyContext, rows: Iterable[V], on_conflict: OnConflict = "update") -> list[int]:
        """Insert rows, all or none; their ids in order.

        A row whose id or unique key exists changes that row's given columns ("update") or leaves it alone ("ignore"),
        and its id is that row's. The unique key of a soft-deleted row is free; its id is not, and it stays deleted.
        Written at once, in the open transaction or one of its own, and seen through every cache; entities of this
        context are read again by their next look-up. No callbacks run.

        Raises MissingValueError, FieldValueError and QueryError with the row's number before anything is sent, and as
        ``ctx.flush()``: DuplicateKeyError for a row that clashes with two others.
        """
        provider: Any = self
        given: Any = rows
        return run_plan(ctx, save_many_plan(identity_map_of(ctx, provider), given, on_conflict))
