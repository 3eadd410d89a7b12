"""Runs alters for the command line, one after the other, and knows at each moment what was done and what is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fluxaorm.alters import Alter, Finding
from fluxaorm.context import Context
from fluxaorm.errors import FluxaError


@dataclass(frozen=True, slots=True)
class Known:
    """An alter, and what it would lose or run against in the rows that are there."""

    alter: Alter
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Where a run stopped. ``error``: the library's, or None when somebody interrupted it."""

    known: Known
    error: FluxaError | None

    @property
    def reason(self) -> str:
        """In words."""
        return "interrupted" if self.error is None else str(self.error)


@dataclass(slots=True)
class Outcome:
    """What became of the alters. ``left`` are those that are still pending, the failed one among them."""

    applied: list[Known] = field(default_factory=list[Known])
    failure: Failure | None = None
    left: list[Known] = field(default_factory=list[Known])


def looked_into(ctx: Context, alters: Sequence[Alter]) -> list[Known]:
    """The alters with what those that are not safe would lose. Reads tables, changes nothing. Raises MySQLError."""
    return [Known(alter, tuple(alter.precheck(ctx)) if alter.safety == "destructive" else ()) for alter in alters]


def apply(
    ctx: Context, alters: Sequence[Alter], ask_again: Callable[[], Sequence[Alter]], *, allow_destructive: bool
) -> Outcome:
    """Run the safe alters, with ``allow_destructive`` the destructive ones too, until one fails; never raises for that.

    ``ask_again`` gives what is pending after a failure, since part of an alter may have been done.
    """
    outcome = Outcome()
    for at, alter in enumerate(alters):
        if alter.safety != "safe" and not (allow_destructive and alter.safety == "destructive"):
            outcome.left.append(Known(alter))
            continue
        known = Known(alter)
        try:
            (known,) = looked_into(ctx, [alter])
            alter.exec(ctx, allow_destructive=allow_destructive)
        except (FluxaError, KeyboardInterrupt) as error:
            outcome.failure = Failure(known, error if isinstance(error, FluxaError) else None)
            outcome.left += map(Known, alters[at:])
            break
        outcome.applied.append(known)
    return _refreshed(ctx, outcome, ask_again)


def _refreshed(ctx: Context, outcome: Outcome, ask_again: Callable[[], Sequence[Alter]]) -> Outcome:
    """With what is left as the database says now, where it still says anything."""
    try:
        left = ask_again() if outcome.failure else [known.alter for known in outcome.left]
        outcome.left = looked_into(ctx, left)
    except FluxaError:
        if outcome.failure is None:
            raise
    return outcome
