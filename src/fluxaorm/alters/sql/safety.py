"""How safe a change is while the version that runs now goes on running, and what to say of it. Pure.

Safe: nothing is lost and no code that runs now breaks. Destructive: may lose data or break code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fluxaorm.alters.alter import Kind, Safety
from fluxaorm.alters.sql.wanted import WantedTable
from fluxaorm.alters.sql.widening import widens
from fluxaorm.dialects.changes import (
    AddColumn,
    AddIndex,
    Change,
    ChangeColumn,
    ChangePrimaryKey,
    ConvertTable,
    DropCheck,
    DropColumn,
    DropForeignKey,
    DropIndex,
    RebuildIndex,
    RenameColumn,
    Reorder,
    SetDefault,
)
from fluxaorm.dialects.tables import ColumnDefinition, IndexDefinition, TableDefinition


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be said of one change."""

    kind: Kind
    safety: Safety
    description: str
    reason: str


SAFE: Final[Safety] = "safe"
DESTRUCTIVE: Final[Safety] = "destructive"
MANUAL: Final[Safety] = "manual"


def judge(change: Change, wanted: WantedTable) -> Judgement:
    """What a change of a declared table is, by itself."""
    match change:
        case AddColumn(column):
            return _added_column(column, wanted)
        case ChangeColumn(old, new):
            return _changed_column(old, new, wanted)
        case SetDefault(_, new):
            to = "drop the default" if new.default is None else f"set the default to '{new.default}'"
            return Judgement("set_default", SAFE, f"{to} of `{new.name}`", _differs(wanted, new.name, "default"))
        case RenameColumn(old, new):
            return _renamed_column(old, new, wanted)
        case DropColumn(column):
            reason = f"{wanted.entity} has no such column; its values are lost"
            return Judgement("drop_column", DESTRUCTIVE, f"drop column `{column.name}` {column.type}", reason)
        case AddIndex(index):
            return _added_index(index, wanted)
        case RebuildIndex(old, new):
            return _rebuilt_index(old, new, wanted)
        case DropIndex(index):
            reason = f"{wanted.entity} has no such index; queries that use it become slow"
            return Judgement("drop_index", DESTRUCTIVE, f"drop {_shown(index)}", reason)
        case DropForeignKey(key):
            reason = "the server refuses another change as long as it is there"
            return Judgement(
                "drop_foreign_key", DESTRUCTIVE, f"drop foreign key `{key.name}` to `{key.target}`", reason
            )
        case DropCheck(check, name):
            reason = f"it names the column `{name}`, which goes"
            return Judgement("drop_check", DESTRUCTIVE, f"drop check `{check.name}` ({check.condition})", reason)
        case ChangePrimaryKey(_, new_key):
            description = f"make ({_names(new_key)}) the primary key"
            return Judgement("change_primary_key", DESTRUCTIVE, description, _differs(wanted, None, "primary key"))
        case Reorder(moves):
            names = ", ".join(f"`{column.name}`" for column, _ in moves)
            reason = f"{wanted.entity} declares its fields in this order"
            return Judgement("reorder_columns", SAFE, f"move columns {names}", reason)
        case ConvertTable(old_table, new_table):
            return _converted(old_table, new_table, wanted)


def _converted(old: TableDefinition, new: TableDefinition, wanted: WantedTable) -> Judgement:
    formats = old.row_format != new.row_format
    was, becomes = (_shape(table, formats) for table in (old, new))
    if old.engine.lower() == new.engine.lower() and formats:
        reason = f"an index that {wanted.entity} declares is too long for row format {old.row_format}"
    else:
        reason = _differs(wanted, None, "engine or default collation")
    return Judgement("convert_table", SAFE, f"convert from {was} to {becomes}", reason)


def _shape(table: TableDefinition, formats: bool) -> str:
    words = [table.engine, table.row_format if formats else "", table.collation]
    return " ".join(word for word in words if word)


def _differs(wanted: WantedTable, column: str | None, what: str) -> str:
    return f"{wanted.entity}{'' if column is None else f'.{column}'} declares another {what}"


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(f"`{column}`" for column in columns)


def _shown(index: IndexDefinition) -> str:
    return f"{'unique ' if index.unique else ''}index `{index.name}` ({_names(index.columns)})"


def _added_column(column: ColumnDefinition, wanted: WantedTable) -> Judgement:
    description = f"add column `{column.name}` {column.type}"
    if column.nullable or column.default is not None:
        return Judgement("add_column", SAFE, description, f"{wanted.entity}.{column.name} has no column yet")
    reason = (
        f"{wanted.entity}.{column.name} is required and has no constant default, so the version that runs now cannot "
        "insert; in two releases: add it as nullable, fill it, then require it"
    )
    return Judgement("add_column", DESTRUCTIVE, description, reason)


def _changed_column(old: ColumnDefinition, new: ColumnDefinition, wanted: WantedTable) -> Judgement:
    description = f"change column `{new.name}` from {_column(old)} to {_column(new)}"
    losses = list(_losses(old, new))
    if not losses:
        return Judgement("change_column", SAFE, description, _differs(wanted, new.name, "type"))
    reason = f"{_differs(wanted, new.name, 'type')}; {', '.join(losses)}"
    return Judgement("change_column", DESTRUCTIVE, description, reason)


def _column(column: ColumnDefinition) -> str:
    words = [column.type, column.collation or "", "NULL" if column.nullable else "NOT NULL", column.extra]
    if column.default is not None:
        words.append(f"DEFAULT '{column.default}'")
    return " ".join(word for word in words if word)


def _losses(old: ColumnDefinition, new: ColumnDefinition) -> list[str]:
    found: list[str] = []
    if not widens(old.type, new.type):
        found.append("values may not fit the new type")
    if old.nullable and not new.nullable:
        found.append("rows may hold NULL")
    if old.collation and new.collation and old.collation != new.collation:
        found.append("another collation compares differently")
    gone = [word for word in (old.extra, *old.attributes.lost(new.attributes)) if word]
    found += [f"'{word}' goes" for word in gone]
    return found


def _renamed_column(old: str, new: str, wanted: WantedTable) -> Judgement:
    reason = (
        f"{wanted.entity}.{new} is declared as renamed from `{old}`; the version that runs now knows the old name "
        "only; in two releases: add the new column, copy, then drop the old one"
    )
    return Judgement("rename_column", DESTRUCTIVE, f"rename column `{old}` to `{new}`", reason)


def _added_index(index: IndexDefinition, wanted: WantedTable) -> Judgement:
    if not index.unique:
        return Judgement("add_index", SAFE, f"add {_shown(index)}", f"{wanted.entity} declares it")
    reason = f"{wanted.entity} declares it; fails when rows have the same values, and then refuses such rows"
    return Judgement("add_unique_index", DESTRUCTIVE, f"add {_shown(index)}", reason)


def _rebuilt_index(old: IndexDefinition, new: IndexDefinition, wanted: WantedTable) -> Judgement:
    description = f"rebuild index `{new.name}` from {_shown(old)} to {_shown(new)}"
    reason = f"{wanted.entity} declares it so"
    if (not old.unique and not new.unique) or _only_adds_soft_delete(old, new, wanted):
        return Judgement("rebuild_index", SAFE, description, reason)
    return Judgement("rebuild_index", DESTRUCTIVE, description, f"{reason}; what is unique changes")


def _only_adds_soft_delete(old: IndexDefinition, new: IndexDefinition, wanted: WantedTable) -> bool:
    """The same values stay unique among rows that are not deleted."""
    return old.unique and new.unique and not old.detail and new.columns == (*old.columns, wanted.soft_delete_column)
