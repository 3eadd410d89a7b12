"""Several alters one after the other: which may still run when one failed, and which failure is none. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fluxaorm.alters.alter import Alter


def may_run_after(alter: Alter, failed: Iterable[Alter]) -> bool:
    """Whether an alter may run though others failed.

    A destructive one may not when one of its own table failed, or of a table that a foreign key ties to it: what it
    counts on may be missing. A safe one loses nothing.
    """
    return alter.safety == "safe" or not any(_are_tied(alter, other) for other in failed)


def _are_tied(one: Alter, other: Alter) -> bool:
    same = one.target == other.target or one.table in other._neighbours or other.table in one._neighbours
    return (one.store, one.pool) == (other.store, other.pool) and same


def was_needless(failed: Alter, coming: Sequence[Alter], pending: Sequence[Alter]) -> bool:
    """Whether an alter failed only because somebody else had done it, or another alter on the way.

    ``coming``: those that were to follow it; ``pending``: what the database still needs now.
    """
    expected = {(_place(alter), alter.description) for alter in coming}
    left = (alter for alter in pending if _place(alter) == _place(failed))
    return all((_place(alter), alter.description) in expected for alter in left)


def _place(alter: Alter) -> tuple[str, str, str]:
    return alter.store, alter.pool, alter.target
