"""Runs alters for the command line, one after the other, and knows at each moment what was done and what is left.

One that fails leaves the others to run, but for those that may count on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fluxaorm.alters import Alter, Finding, may_run_after, was_needless
from fluxaorm.context import Context
from fluxaorm.errors import FluxaError, KafkaError, MySQLConnectionError


@dataclass(frozen=True, slots=True)
class Known:
    """An alter, and what it would lose or run against in the rows that are there."""

    alter: Alter
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """An alter that was not made. ``error``: the library's, or None when somebody interrupted it, and the run."""

    known: Known
    error: FluxaError | None

    @property
    def reason(self) -> str:
        """In words."""
        return "interrupted" if self.error is None else str(self.error)


@dataclass(slots=True)
class AlterOutcome:
    """What became of the alters. ``needless``: failed, since somebody else had made them. ``left``: still pending."""

    applied: list[Known] = field(default_factory=list[Known])
    needless: list[Known] = field(default_factory=list[Known])
    failures: list[Failure] = field(default_factory=list[Failure])
    left: list[Known] = field(default_factory=list[Known])

    @property
    def failed(self) -> list[Alter]:
        """The alters that were not made."""
        return [failure.known.alter for failure in self.failures]


def looked_into(ctx: Context, alters: Sequence[Alter]) -> list[Known]:
    """The alters with what those that are not safe would lose. Changes nothing. Raises MySQLError, KafkaError."""
    return [Known(alter, tuple(alter.precheck(ctx)) if alter.safety == "destructive" else ()) for alter in alters]


def apply(
    ctx: Context, alters: Sequence[Alter], ask_again: Callable[[], Sequence[Alter]], *, allow_destructive: bool
) -> AlterOutcome:
    """Run the safe alters, with ``allow_destructive`` the destructive ones too; never raises for one that fails.

    ``ask_again`` gives what is pending after a failure, since part of an alter may have been done.
    """
    outcome = AlterOutcome()
    lost: set[tuple[str, str]] = set()
    for at, alter in enumerate(alters):
        allowed = alter.safety == "safe" or (allow_destructive and alter.safety == "destructive")
        if not allowed or (alter.store, alter.pool) in lost or not may_run_after(alter, outcome.failed):
            outcome.left.append(Known(alter))
            continue
        known = Known(alter)
        try:
            (known,) = looked_into(ctx, [alter])
            alter.exec(ctx, allow_destructive=allow_destructive)
        except KeyboardInterrupt:
            outcome.failures.append(Failure(known, None))
            outcome.left += map(Known, alters[at:])
            break
        except FluxaError as error:
            if isinstance(error, MySQLConnectionError | KafkaError):
                lost.add((alter.store, alter.pool))
            _note_failure(outcome, known, error, alters[at + 1 :], ask_again)
        else:
            outcome.applied.append(known)
    return _refreshed(ctx, outcome, ask_again)


def _note_failure(
    outcome: AlterOutcome,
    known: Known,
    error: FluxaError,
    coming: Sequence[Alter],
    ask_again: Callable[[], Sequence[Alter]],
) -> None:
    try:
        needless = was_needless(known.alter, coming, ask_again())
    except FluxaError:
        needless = False  # nobody can tell
    if needless:
        outcome.needless.append(known)
    else:
        outcome.failures.append(Failure(known, error))
        outcome.left.append(known)


def _refreshed(ctx: Context, outcome: AlterOutcome, ask_again: Callable[[], Sequence[Alter]]) -> AlterOutcome:
    """With what is left as the database says now, where it still says anything."""
    try:
        left = ask_again() if outcome.failures or outcome.needless else [known.alter for known in outcome.left]
        outcome.left = looked_into(ctx, left)
    except FluxaError:
        if not outcome.failures:
            raise
    return outcome
