"""Tries the definitions out: what the library says of them, and which alters would follow. No I/O.

The library's own checks decide what cannot be declared: an index that is too long, a name that is taken, a row that is
too wide. What they refuse is left out, with their sentence as the reason, until nothing is refused.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from fluxaorm.alters import Alter, PoolDiff, wanted_table
from fluxaorm.dialects.port import Dialect
from fluxaorm.dialects.tables import TableDefinition
from fluxaorm.entity import Entity
from fluxaorm.entity.resolve.definitions import resolve_entities
from fluxaorm.entity.schema import EntitySchema
from fluxaorm.introspect.drafting import draft_entities
from fluxaorm.introspect.drafts import EntityDraft, Exclusions
from fluxaorm.introspect.layout import module_source
from fluxaorm.introspect.tables import key_of

_PROBLEM: Final = re.compile(r"(?P<entity>\w+)(?:\.(?P<field>\w+))?: (?P<what>.*)", re.DOTALL)
_INDEX: Final = re.compile(r"index '(?P<name>[^']*)' (?P<what>.*)", re.DOTALL)
_TOO_WIDE: Final = "a row takes "
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Drafts that the library takes, and the schemas it makes of them, by the entity's name."""

    drafts: tuple[EntityDraft, ...]
    schemas: Mapping[str, EntitySchema]


def accepted_drafts(tables: Mapping[str, TableDefinition], excluded: Exclusions) -> Accepted:
    """Drafts of all tables that are not excluded; what the library refuses is added to ``excluded``."""
    while True:
        drafts = draft_entities(tables, excluded)
        schemas, problems = resolved(module_source("Tried out.", drafts, ()))
        if not problems:
            return Accepted(tuple(drafts), schemas)
        by_name = {draft.name: draft for draft in drafts}
        for problem in problems:
            _exclude(problem, by_name, tables, excluded)


def resolved(source: str) -> tuple[dict[str, EntitySchema], list[str]]:
    """The schemas of the entities that a module of definitions defines, and everything that is wrong with them.

    Runs the source, which holds nothing of the database but names that were checked and quoted texts.
    """
    # hints are evaluated with the names of the module they stand in
    name = f"_fluxaorm_inspected_{next(_numbers)}"
    module = sys.modules[name] = ModuleType(name)
    try:
        exec(compile(source, f"<{name}>", "exec"), vars(module))
        classes: list[Any] = [value for value in vars(module).values() if isinstance(value, type)]
        return resolve_entities([cls for cls in classes if issubclass(cls, Entity) and cls is not Entity])
    finally:
        del sys.modules[name]


def _exclude(
    problem: str, drafts: Mapping[str, EntityDraft], tables: Mapping[str, TableDefinition], excluded: Exclusions
) -> None:
    """Leave out what a problem is about: an index, a column, else the whole table."""
    found = _PROBLEM.fullmatch(problem)
    draft = drafts.get(found["entity"]) if found else None
    if found is None or draft is None:
        raise AssertionError(f"a problem of none of the drafts: {problem}")
    table, what = draft.table, found["what"]
    if index := _INDEX.fullmatch(what):
        excluded.indexes[table, index["name"]] = index["what"]
        return
    if what.startswith(_TOO_WIDE) and (widest := _longest_text(draft)) is not None:
        excluded.long_texts.add((table, widest))
        return
    column = next((field.column for field in draft.fields if field.name == found["field"]), None)
    if column is None or column == key_of(tables[table]).name:
        excluded.tables[table] = what
    else:
        excluded.columns[table, column] = what


def _longest_text(draft: EntityDraft) -> str | None:
    """The column of the longest varchar."""
    lengths = {field.column: dict(field.options).get("length", "") for field in draft.fields}
    varchars = {column: int(length) for column, length in lengths.items() if length.isdigit()}
    return max(varchars, key=lambda column: varchars[column], default=None)


def alters_of(
    schemas: Mapping[str, EntitySchema],
    tables: Mapping[str, TableDefinition],
    dialect: Dialect,
    collation: str,
    ignored: Collection[str],
) -> list[Alter]:
    """What bringing these tables in line with the definitions would do, in the order of execution."""
    wanted = [wanted_table(schema, dialect, collation) for schema in schemas.values()]
    return PoolDiff("default", dialect).alters(wanted, tables, ignored)
