"""Which alters are not run, whatever the store: those nobody can run, and those that nobody allowed. Pure."""

from __future__ import annotations

from fluxaorm.alters.alter import Alter
from fluxaorm.errors import AlterError


def refuse(alter: Alter, *, allow_destructive: bool) -> None:
    """AlterError for a manual alter, and for a destructive one without ``allow_destructive``."""
    where = f"{alter.pool}.{alter.target}"
    if alter.safety == "manual":
        raise AlterError(f"{where}: cannot be done by itself: {alter.reason}")
    if alter.safety == "destructive" and not allow_destructive:
        what = f"{where}: {alter.description} may lose data or break code that runs now"
        raise AlterError(f"{what} ({alter.reason}); pass allow_destructive=True to do it")
