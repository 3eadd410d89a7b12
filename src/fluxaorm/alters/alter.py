"""An alter: one step that brings a store in line with what is declared. A value; its maker gave it its plan."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

if TYPE_CHECKING:
    from fluxaorm.context import AsyncContext, Context

Safety: TypeAlias = Literal["safe", "destructive", "manual"]
Kind: TypeAlias = Literal[
    "create_table",
    "add_column",
    "set_default",
    "change_column",
    "add_index",
    "add_unique_index",
    "rebuild_index",
    "convert_table",
    "rename_table",
    "rename_column",
    "change_primary_key",
    "drop_foreign_key",
    "drop_index",
    "drop_column",
    "drop_table",
]


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
    kind: Kind
    """Of its weightiest change; ``kinds`` has them all."""
    safety: Safety
    statements: tuple[str, ...] = ()
    """The SQL statements in order; they hold their values and take no parameters."""
    kinds: tuple[Kind, ...] = ()
    plan: Callable[[Alter, bool], Any] | None = field(default=None, repr=False, compare=False)
    """Makes the plan that runs it, given whether destructive changes are allowed."""

    @property
    def sql(self) -> str:
        """The statements as one text, each ended by a semicolon where there are several; "" when there are none."""
        return self.statements[0] if len(self.statements) == 1 else "".join(f"{sql};\n" for sql in self.statements)

    @overload
    def exec(self, ctx: Context, *, allow_destructive: bool = False) -> None: ...
    @overload
    def exec(self, ctx: AsyncContext, *, allow_destructive: bool = False) -> Coroutine[Any, Any, None]: ...
    def exec(self, ctx: Context | AsyncContext, *, allow_destructive: bool = False) -> Any:
        """Run it. ``allow_destructive`` must be True for a destructive one.

        Raises AlterError for a destructive one without that and for a manual one, MySQLError when the server refuses.
        """
        assert self.plan is not None, "whoever makes alters gives them their plan"
        return ctx._run(self.plan(self, allow_destructive))


def split_alters(alters: Iterable[Alter]) -> tuple[list[Alter], list[Alter]]:
    """The safe alters, to apply before the new version is rolled out, and the rest, each in order."""
    safe: list[Alter] = []
    rest: list[Alter] = []
    for alter in alters:
        (safe if alter.safety == "safe" else rest).append(alter)
    return safe, rest
