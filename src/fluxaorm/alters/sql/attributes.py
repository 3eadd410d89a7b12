"""What a changed column keeps of what its definition does not say: all that the new column can have. Pure."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from fluxaorm.dialects.column_types import INTEGER_BYTES, parse_type
from fluxaorm.dialects.sql_names import names_in
from fluxaorm.dialects.tables import ColumnAttributes, ColumnDefinition

_TIMED: Final = frozenset({"datetime", "timestamp"})


def kept_attributes(
    old: ColumnDefinition, new: ColumnDefinition, keyed: AbstractSet[str], gone: AbstractSet[str]
) -> ColumnAttributes:
    """``keyed``: columns that an index will begin with; ``gone``: columns that are dropped."""
    had, kind = old.attributes, parse_type(new.type).name
    if had == ColumnAttributes():
        return had
    counts = kind in INTEGER_BYTES and not new.nullable and new.default is None and new.name in keyed
    # MariaDB lets no required column without a default be invisible; what it has already may stay
    hides = new.nullable or new.default is not None or (not old.nullable and old.default is None)
    return replace(
        had,
        invisible=had.invisible and (hides or counts),
        on_update=had.on_update and kind in _TIMED,
        auto_increment=had.auto_increment and counts,
        # on MariaDB a JSON's own check is what makes it one
        checks=() if kind == "json" else tuple(check for check in had.checks if gone.isdisjoint(names_in(check))),
    )
