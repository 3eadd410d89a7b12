"""An alter: one step that brings a store in line with what is declared. A value; its maker gave it its plan."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TypeAlias, overload

from fluxaorm.alters.sql.checks import Check
from fluxaorm.alters.sql.finding import Finding
from fluxaorm.entity.values.guards import is_iterable
from fluxaorm.errors import AlterError, ContextMisuseError, described, no_context

LOCK_TIMEOUT: Final = 10.0
"""Seconds; while an ALTER waits for a table, everybody who comes after it waits too."""

Safety: TypeAlias = Literal["safe", "destructive", "manual"]
Store: TypeAlias = Literal["mysql", "kafka"]
Kind: TypeAlias = Literal[
    "create_table",
    "add_column",
    "set_default",
    "change_column",
    "add_index",
    "add_unique_index",
    "rebuild_index",
    "reorder_columns",
    "convert_table",
    "rename_table",
    "rename_column",
    "change_primary_key",
    "drop_foreign_key",
    "drop_check",
    "drop_index",
    "drop_column",
    "drop_table",
    "create_topic",
    "change_topic",
    "add_partitions",
    "delete_topic",
    "delete_consumer_group",
]


class _AnyContext(Protocol):
    @property
    def in_transaction(self) -> bool: ...

    def _run(self, plan: Any, /) -> Any: ...


class BlockingContext(_AnyContext, Protocol):
    """What a ``Context`` is to an alter."""

    def close(self) -> None:
        """It is closed at once."""
        ...


class AwaitedContext(_AnyContext, Protocol):
    """What an ``AsyncContext`` is to an alter."""

    def aclose(self) -> Coroutine[Any, Any, None]:
        """It is closed by awaiting."""
        ...


class AlterPlans(Protocol):
    """How the alters of a store are run and looked into; each method makes a plan."""

    def run(self, alter: Alter, *, allow_destructive: bool, lock_timeout: float) -> Any:
        """Run it."""
        ...

    def precheck(self, alter: Alter) -> Any:
        """Look into the rows; gives a list of findings."""
        ...


@dataclass(frozen=True, slots=True)
class Alter:
    """What to change, why, and how safe that is while the version that runs now goes on running."""

    description: str
    """What it does: ``add column `price` decimal(10,2)``."""
    reason: str
    """Why, and for what is not safe the way there in two releases."""
    pool: str
    """Code of the pool."""
    entity: str | None
    """Name of the entity, or None when no entity owns the table."""
    table: str
    """Its name in the database; "" for what is no table."""
    kind: Kind
    """Of its weightiest change; ``kinds`` has them all."""
    safety: Safety
    """``safe``: what runs now goes on working; ``destructive``: it may lose rows or break that; ``manual``: not run."""
    statements: tuple[str, ...] = ()
    """The SQL statements in order; they hold their values and take no parameters."""
    kinds: tuple[Kind, ...] = ()
    """Of all its changes."""
    algorithm: Literal["", "instant", "inplace", "copy"] = ""
    """How the server makes it: only the table's description changes; rows are gone through while others write;
    the table is copied, and writes wait. "": not a change of a table that is there."""
    _neighbours: tuple[str, ...] = field(default=(), repr=False)
    """Tables that foreign keys tie to this one, in either direction."""
    _checks: tuple[Check, ...] = field(default=(), repr=False)
    """What ``precheck`` asks."""
    broken: tuple[Finding, ...] = field(default=(), repr=False)
    """Triggers and views that it breaks; ``precheck`` tells them, too."""
    _key: str | None = field(default=None, repr=False)
    """The single column of the table's primary key."""
    _plans: AlterPlans | None = field(default=None, repr=False, compare=False)
    """How it is run; given by whoever made it."""

    @property
    def store(self) -> Store:
        """The kind of store that it changes: ``mysql``, SQLite in the place of it too, or ``kafka``."""
        return "mysql"

    @property
    def target(self) -> str:
        """The name of what it changes: of a table, a topic or a consumer group."""
        return self.table

    @property
    def copies(self) -> bool:
        """Whether the table is copied, which takes as long as it is large; writes wait meanwhile."""
        return self.algorithm == "copy"

    @property
    def sql(self) -> str:
        """The statements as one text, each ended by a semicolon where there are several; "" when there are none."""
        return self.statements[0] if len(self.statements) == 1 else "".join(f"{sql};\n" for sql in self.statements)

    @overload
    def exec(
        self, ctx: BlockingContext, *, allow_destructive: bool = False, lock_timeout: float = LOCK_TIMEOUT
    ) -> None: ...
    @overload
    def exec(
        self, ctx: AwaitedContext, *, allow_destructive: bool = False, lock_timeout: float = LOCK_TIMEOUT
    ) -> Coroutine[Any, Any, None]: ...
    def exec(
        self,
        ctx: BlockingContext | AwaitedContext,
        *,
        allow_destructive: bool = False,
        lock_timeout: float = LOCK_TIMEOUT,
    ) -> Any:
        """Run it. ``allow_destructive`` must be True for a destructive one.

        ``lock_timeout``: seconds to wait for the table while somebody else uses it; SQLite waits as its pool does, and
        Kafka does not wait for users. Raises AlterError for a destructive one without ``allow_destructive``, for a
        manual one, when the user lacks a right, when Kafka refuses it and for a consumer group with members,
        AlterRowsError when rows are in its way, AlterLockedError when the table was not free in time,
        CommitUnknownError when the connection was lost meanwhile, MySQLError or KafkaError when the server refuses
        otherwise or does not answer, ContextMisuseError inside ``ctx.transaction()``: it would wait for what the
        transaction has read, and is not undone with it.
        """
        _check_context("exec()", ctx)
        if ctx.in_transaction:
            raise ContextMisuseError(
                f"{self.pool}.{self.target}: alters wait for transactions that use the table, so run it outside of one"
                if self.table
                else f"{self.pool}.{self.target}: alters are not undone with a transaction, so run it outside of one"
            )
        return ctx._run(self._store.run(self, allow_destructive=allow_destructive, lock_timeout=lock_timeout))

    @overload
    def precheck(self, ctx: BlockingContext) -> list[Finding]: ...
    @overload
    def precheck(self, ctx: AwaitedContext) -> Coroutine[Any, Any, list[Finding]]: ...
    def precheck(self, ctx: BlockingContext | AwaitedContext) -> Any:
        """What it would lose, the rows that keep it from being made, and the triggers and views that it breaks.

        Found by reading whole tables; of Kafka the records that a topic holds, and who is in a consumer group. Nothing
        is changed. Empty when nothing is lost or broken and nothing is in the way. Raises MySQLError, KafkaError.
        """
        _check_context("precheck()", ctx)
        return ctx._run(self._store.precheck(self))

    @property
    def _store(self) -> AlterPlans:
        assert self._plans is not None, "whoever makes alters gives them their plans"
        return self._plans


def _check_context(asker: str, given: object) -> None:
    if not hasattr(given, "in_transaction"):
        raise no_context(asker, given)


def split_alters(alters: Iterable[Alter]) -> tuple[list[Alter], list[Alter]]:
    """The safe alters, to apply before the new version is rolled out, and the rest, each in order.

    AlterError for anything else.
    """
    safe: list[Alter] = []
    rest: list[Alter] = []
    for alter in alters if is_iterable(alters) else (alters,):
        if not isinstance(alter, Alter):
            raise AlterError(
                f"split_alters() takes a list of alters, as get_alters(ctx) gives it, not {described(alter)}"
            )
        (safe if alter.safety == "safe" else rest).append(alter)
    return safe, rest
