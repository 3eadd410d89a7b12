"""What inspection found, as a value, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from fluxaorm.alters import Alter
from fluxaorm.cli.terminal import one_line
from fluxaorm.introspect.drafts import EntityDraft, Exclusions
from fluxaorm.introspect.layout import module_source
from fluxaorm.introspect.read import Database
from fluxaorm.introspect.tables import table_refusal
from fluxaorm.introspect.trial import accepted_drafts, alters_of


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is no entity, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"`{self.name}`: {self.reason}"


@dataclass(frozen=True, slots=True)
class Inspection:
    """The module of definitions and what there is to say of it."""

    database: str
    source: str
    entities: tuple[EntityDraft, ...]
    refused: tuple[Refusal, ...]
    alters: tuple[Alter, ...]
    """What would follow from registering the definitions on this database."""
    own_collation: str = ""
    """The collation of most tables, where it is of utf8mb4 or utf8mb3 and not the one that the library would take."""

    def alters_of(self, table: str) -> list[Alter]:
        """Those of one table."""
        return [alter for alter in self.alters if alter.table == table]


def inspect_database(database: Database, chosen: Sequence[str]) -> Inspection:
    """The definitions of the tables and views with these names, and of all when there is no name."""
    tables = {name: database.tables[name] for name in chosen if name in database.tables}
    excluded = Exclusions(tables={name: why for name, table in tables.items() if (why := table_refusal(table))})
    accepted = accepted_drafts(tables, excluded)
    views = {name: f"it is a {what}" for name, what in database.others.items() if name in chosen}
    refused = tuple(Refusal(name, why) for name, why in sorted({**excluded.tables, **views}.items()))
    title = f"Entities of the database `{database.name}`, as `fluxaorm inspect` found it."
    # foreign keys of tables that were not chosen still bear on what is safe
    others = database.tables.keys() - tables.keys()
    alters = alters_of(accepted.schemas, database.tables, database.dialect, database.collation, others)
    drafts = tuple(
        replace(draft, omissions=(*draft.omissions, *database.untold.get(draft.table, ()))) for draft in accepted.drafts
    )
    source = module_source(title, drafts, list(map(str, refused)))
    own = _own_collation(database, [draft.table for draft in drafts])
    return Inspection(database.name, source, drafts, refused, tuple(alters), own)


def _own_collation(database: Database, tables: Sequence[str]) -> str:
    counts = Counter(database.tables[name].collation for name in tables)
    most = counts.most_common(1)[0][0] if counts else ""
    return most if most.startswith("utf8") and most != database.collation else ""


def _kept_by(collation: str) -> str:
    """How the library is told to use this collation."""
    charset = collation.partition("_")[0]
    if charset == "utf8mb4":
        return f"with ?collation={collation} in the address, or MySQLOptions(default_collate={collation!r})"
    options = f"MySQLOptions(default_encoding={charset!r}, default_collate={collation!r})"
    return f"with ?charset={charset}&collation={collation} in the address, or {options}"


def as_text(found: Inspection) -> Iterator[str]:
    """Lines to read, which hold nothing that a terminal would act on."""
    return map(one_line, _lines(found))


def _lines(found: Inspection) -> Iterator[str]:
    count = len(found.entities)
    yield f"{count} entit{'y' if count == 1 else 'ies'}; {len(found.refused)} not"
    for entity in found.entities:
        yield f"`{entity.table}` is {entity.name}"
        for field in entity.fields:
            if field.note:
                yield f"  check: {field.name}: {field.note}"
        for omission in entity.omissions:
            yield f"  left out: {omission.what} `{omission.name}`: {omission.reason}"
        yield from _alter_lines(found.alters_of(entity.table))
    for refusal in found.refused:
        yield f"`{refusal.name}` is no entity: {refusal.reason}"
        yield from _alter_lines(found.alters_of(refusal.name))
    if not found.alters:
        yield "no alter would follow"
    if found.own_collation:
        yield f"most tables are in {found.own_collation}: {_kept_by(found.own_collation)}, they would keep it"


def _alter_lines(alters: Iterable[Alter]) -> Iterator[str]:
    """A line for each change of each alter."""
    for alter in alters:
        yield from (f"  alter, {alter.safety}: {change}" for change in alter.description.split("; "))


def as_json(found: Inspection) -> dict[str, Any]:
    """The same for programs."""
    return {
        "database": found.database,
        "own_collation": found.own_collation,
        "module": found.source,
        "entities": [_entity(entity, found.alters_of(entity.table)) for entity in found.entities],
        "refused": [
            {"name": refusal.name, "reason": refusal.reason, "alters": _alters(found.alters_of(refusal.name))}
            for refusal in found.refused
        ],
    }


def _entity(entity: EntityDraft, alters: Iterable[Alter]) -> dict[str, Any]:
    return {
        "table": entity.table,
        "name": entity.name,
        "fields": {field.name: field.column for field in entity.fields},
        "check": {field.name: field.note for field in entity.fields if field.note},
        "left_out": list(map(asdict, entity.omissions)),
        "alters": _alters(alters),
    }


def _alters(alters: Iterable[Alter]) -> list[dict[str, Any]]:
    names = ("kind", "safety", "description", "reason", "sql")
    return [{name: getattr(alter, name) for name in names} for alter in alters]
