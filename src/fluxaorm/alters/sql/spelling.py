"""A table as it is there, with its names spelled as the definition spells them where the server takes both for one.

Pure. Columns and indexes have no case to any server. What differs in case alone is therefore no difference: no
statement ever has to say it, and a table that somebody else made keeps its spelling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from fluxaorm.alters.sql.wanted import WantedTable
from fluxaorm.dialects.changes import renamed_columns
from fluxaorm.dialects.tables import IndexDefinition, TableDefinition


def spelled_as(wanted: WantedTable, actual: TableDefinition, key: Callable[[str], str]) -> TableDefinition:
    """``actual`` in the spelling of ``wanted``. ``key``: what the server compares names of columns and indexes by."""
    declared = [*wanted.renamed_columns.values(), *(column.name for column in wanted.table.columns)]
    columns = _spellings(declared, (column.name for column in actual.columns), key)
    indexes = _spellings((i.name for i in wanted.table.indexes), (i.name for i in actual.indexes), key)
    spelled = renamed_columns(actual, columns)
    return replace(spelled, indexes=tuple(_named(index, indexes) for index in spelled.indexes)) if indexes else spelled


def _spellings(declared: Iterable[str], there: Iterable[str], key: Callable[[str], str]) -> dict[str, str]:
    """The declared spelling of each name that is there in another one."""
    by_key = {key(name): name for name in declared}
    return {name: by_key[key(name)] for name in there if by_key.get(key(name), name) != name}


def _named(index: IndexDefinition, names: Mapping[str, str]) -> IndexDefinition:
    return replace(index, name=names.get(index.name, index.name))
