"""Checks on an entity's columns taken together: names that meet, the size of a row. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fluxaorm.entity.columns import ColumnCollector
from fluxaorm.entity.problems import Problems
from fluxaorm.entity.schema import ColumnSchema
from fluxaorm.entity.storage import PAGE_ROW_LIMIT, SERVER_ROW_LIMIT, page_row, room_of_column, server_row

MOST_COLUMNS: Final = 1017


def check_table(collector: ColumnCollector) -> None:
    """Note what is wrong with the columns of an entity taken together."""
    name, columns, problems = collector.name, collector.columns, collector.problems
    _refuse_same_columns(name, columns, problems)
    _refuse_same_properties(collector)
    _refuse_renames(name, columns, problems)
    _refuse_size(name, columns, problems)
    versions = [column.field for column in columns if column.auto == "version"]
    if len(versions) > 1:
        problems.add(name, f"has {len(versions)} version fields, {', '.join(versions)}; keep one")


def _refuse_same_columns(name: str, columns: Sequence[ColumnSchema], problems: Problems) -> None:
    owners: dict[str, ColumnSchema] = {}
    for column in columns:
        other = owners.setdefault(column.name.lower(), column)
        if other is not column:
            problems.add(f"{name}.{column.field}", f"column '{column.name}' is that of '{other.field}' already")


def _refuse_same_properties(collector: ColumnCollector) -> None:
    """Properties and methods that the generated class gets."""
    makers = {group.name: group.name for group in collector.groups}
    for column in collector.columns:
        for made in _made_of(column):
            other = makers.setdefault(made, f"{column.index} {column.field}").partition(" ")
            if other[0] != str(column.index):
                told = f"'{made}' of the generated class is made for '{other[2] or other[0]}' already"
                collector.problems.add(f"{collector.name}.{column.field}", told)


def _made_of(column: ColumnSchema) -> tuple[str, ...]:
    if column.kind == "reference":
        return (column.field, column.attribute, f"get_{column.field}", f"must_get_{column.field}")
    if column.kind == "references":
        return (column.field, column.attribute, f"get_{column.field}")
    return (column.attribute,)


def _refuse_renames(name: str, columns: Sequence[ColumnSchema], problems: Problems) -> None:
    owners = {column.name.lower(): column.field for column in columns}
    renamed: dict[str, str] = {}
    for column in columns:
        if column.renamed_from is None:
            continue
        before = column.renamed_from.lower()
        if before in owners:
            told = f"renamed_from='{column.renamed_from}' is the column of '{owners[before]}'"
            problems.add(f"{name}.{column.field}", told)
        elif renamed.setdefault(before, column.field) != column.field:
            told = f"renamed_from='{column.renamed_from}' is what '{renamed[before]}' is renamed from"
            problems.add(f"{name}.{column.field}", told)


def _refuse_size(name: str, columns: Sequence[ColumnSchema], problems: Problems) -> None:
    rooms = [room_of_column(column) for column in columns]
    nullable = sum(column.nullable for column in columns)
    if len(columns) > MOST_COLUMNS:
        problems.add(name, f"has {len(columns)} columns; InnoDB allows {MOST_COLUMNS}")
    if (size := server_row(rooms, nullable)) > SERVER_ROW_LIMIT:
        advice = 'make str fields shorter, or length="max"'
        problems.add(name, f"a row takes up to {size} bytes (4 a character); MySQL allows {SERVER_ROW_LIMIT}: {advice}")
    elif (size := page_row(rooms, nullable)) >= PAGE_ROW_LIMIT:
        problems.add(
            name, f"a row takes {size} bytes of its page; InnoDB allows {PAGE_ROW_LIMIT - 1}: split the entity"
        )
