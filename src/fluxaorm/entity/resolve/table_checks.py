"""Checks on an entity's columns taken together: names that meet, the size of a row. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from fluxaorm.entity.resolve.columns import ColumnCollector
from fluxaorm.entity.resolve.problems import Problems
from fluxaorm.entity.schema import ColumnSchema, GroupSchema
from fluxaorm.entity.values.storage import PAGE_ROW_LIMIT, SERVER_ROW_LIMIT, page_row, room_of_column, server_row

MOST_COLUMNS: Final = 1017


def check_table(collector: ColumnCollector) -> None:
    """Note what is wrong with the columns of an entity taken together."""
    name, columns, problems = collector.name, collector.columns, collector.problems
    owners = _owners(collector)
    _refuse_same_columns(name, columns, owners, problems)
    _refuse_same_properties(collector, owners)
    _refuse_renames(name, columns, problems)
    _refuse_size(name, columns, problems)
    versions = [column.field for column in columns if column.auto == "version"]
    if len(versions) > 1:
        problems.add(name, f"has {len(versions)} version fields, {', '.join(versions)}; keep one")


def _owners(collector: ColumnCollector) -> dict[int, str]:
    """Position -> the entity's own field that made the column."""
    owners = {column.index: column.field for column in collector.columns}
    for group in collector.groups:
        owners.update(dict.fromkeys(_positions(group), group.name))
    return owners


def _positions(group: GroupSchema) -> Iterator[int]:
    for _, member in group.members:
        if isinstance(member, GroupSchema):
            yield from _positions(member)
        else:
            yield member


def _refuse_same_columns(
    name: str, columns: Sequence[ColumnSchema], owners: Mapping[int, str], problems: Problems
) -> None:
    seen: dict[str, int] = {}
    for column in columns:
        other = seen.setdefault(column.name.lower(), column.index)
        if other != column.index:
            told = f"the column '{column.name}' is made by '{owners[other]}' already"
            problems.add(f"{name}.{owners[column.index]}", told)


def _refuse_same_properties(collector: ColumnCollector, owners: Mapping[int, str]) -> None:
    """Properties and methods that the generated class gets."""
    makers: dict[str, tuple[int, str]] = {group.name: (-1, group.name) for group in collector.groups}
    for column in collector.columns:
        for made in _made_of(column):
            position, other = makers.setdefault(made, (column.index, owners[column.index]))
            if position != column.index:
                told = f"'{made}' of the generated class is made by '{other}' already"
                collector.problems.add(f"{collector.name}.{owners[column.index]}", told)


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
