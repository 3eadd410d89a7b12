"""The library's own tables, which are among the alters of each database."""

from __future__ import annotations

from collections.abc import Iterable

from fluxaorm.alters import Alter
from fluxaorm.entity.resolve.names import OURS


def without_own_tables(alters: Iterable[Alter]) -> list[Alter]:
    """Alters of the tables that a test is about."""
    return [alter for alter in alters if not alter.table.startswith(OURS)]
