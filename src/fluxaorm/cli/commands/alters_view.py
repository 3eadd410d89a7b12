"""What ``fluxaorm alters`` says: the alters with their SQL for people, and all that is known of them as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from fluxaorm.alters import Alter, split_alters
from fluxaorm.cli.commands.alter_runs import AlterOutcome, Failure, Known
from fluxaorm.cli.terminal import lines, one_line


def as_json(outcome: AlterOutcome, file: str | None) -> dict[str, Any]:
    """``file``: the migration file that was written, if any."""
    return {
        "applied": list(map(_as_json, outcome.applied)),
        "needless": list(map(_as_json, outcome.needless)),
        "failed": list(map(_failure, outcome.failures)),
        "pending": list(map(_as_json, outcome.left)),
        "file": file,
    }


def _as_json(known: Known) -> dict[str, Any]:
    names = ("description", "reason", "store", "pool", "entity", "table", "kind", "kinds", "safety", "sql")
    return {
        **{name: getattr(known.alter, name) for name in names},
        "target": known.alter.target,
        "findings": [asdict(finding) for finding in known.findings],
    }


def _failure(failure: Failure) -> dict[str, Any]:
    return {**_as_json(failure.known), "error": failure.reason}


def as_text(outcome: AlterOutcome, *, applying: bool, matching: str) -> Iterator[str]:
    """Lines. ``applying``: whether alters were to be run; ``matching``: what is said when none is pending."""
    for known in outcome.applied:
        yield from _shown("applied", known)
    for known in outcome.needless:
        yield f"-- made by somebody else meanwhile, {head(known.alter)}"
        yield ""
    for failure in outcome.failures:
        yield f"-- FAILED, {head(failure.known.alter)}"
        yield from (f"--   {one_line(line)}" for line in failure.reason.splitlines())
        yield ""
    for known in outcome.left:
        yield from _shown(known.alter.safety, known)
    yield _summary(outcome, applying=applying, matching=matching)


def _shown(what: str, known: Known) -> Iterator[str]:
    yield f"-- {what}, {head(known.alter)}"
    yield from (f"--   {one_line(line)}" for line in findings(known))
    if known.alter.sql:
        yield lines(known.alter.sql.rstrip().rstrip(";")) + ";"
    elif known.alter.safety == "manual":
        yield "-- not something to execute"
    yield ""


def head(alter: Alter) -> str:
    """Where, what and why, in one line."""
    reason = f" ({alter.reason})" if alter.reason else ""
    return one_line(f"pool {alter.pool}, {alter.target}: {alter.description}{reason}")


def findings(known: Known) -> Iterator[str]:
    """What an alter would lose or break, and what is in its way; a line each."""
    for finding in known.findings:
        yield f"{'in its way' if finding.blocking else 'loses' if finding.rows else 'breaks'}: {finding}"


def _summary(outcome: AlterOutcome, *, applying: bool, matching: str) -> str:
    left = [known.alter for known in outcome.left]
    if outcome.failures:
        return f"{len(outcome.applied)} applied and kept, {len(outcome.failures)} failed, {len(left)} pending now"
    if not outcome.applied and not left:
        return matching
    if applying:
        return f"{len(outcome.applied)} applied{_left(left)}"
    safe, rest = split_alters(left)
    return f"{len(left)} pending: {len(safe)} safe (run with --apply), {len(rest)} not"


def _left(left: Sequence[Alter]) -> str:
    return f"; {len(left)} left that are not safe" if left else ""
