"""Definitions -> ``EntitySchema``s, and everything that is wrong with them as sentences. No I/O, no pools.

``resolve_entities`` is the only way schemas are made. It never raises for what a definition says: each mistake is one
sentence that begins with the entity, and the field where there is one.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from fluxaorm.entity.checks import int_check
from fluxaorm.entity.class_options import DEFAULT_POOL, ClassOptions, read_options
from fluxaorm.entity.columns import ColumnCollector
from fluxaorm.entity.decoders import decode_int
from fluxaorm.entity.definition import Entity
from fluxaorm.entity.encoders import as_is
from fluxaorm.entity.field import FieldOptions
from fluxaorm.entity.field_types import field_type_of
from fluxaorm.entity.fingerprint import fingerprint_of
from fluxaorm.entity.hints import DeclaredField, HintError, declared_fields, own_annotations
from fluxaorm.entity.indexes import build_indexes
from fluxaorm.entity.problems import Problems
from fluxaorm.entity.schema import ColumnSchema, EntitySchema, GroupSchema
from fluxaorm.entity.shape import shape_of
from fluxaorm.entity.storage import PAGE_ROW_LIMIT, SERVER_ROW_LIMIT, page_row, room_of, server_row
from fluxaorm.entity.world import World

FAKE_DELETE: Final = "fake_delete"
MOST_COLUMNS: Final = 1017


def resolve_entities(classes: Iterable[type[Any]]) -> tuple[dict[str, EntitySchema], list[str]]:
    """Schemas by class name, of the definitions that have one, and the problems of all of them.

    ``classes``: every definition of a registry: references lead from one to another.
    """
    problems = Problems()
    definitions = _definitions(classes, problems)
    world = World(definitions, problems)
    for cls in definitions.values():
        _note_id_type(cls, world)
    schemas: dict[str, EntitySchema] = {}
    for name, cls in definitions.items():
        before = len(problems)
        schema = _schema(cls, world)
        if len(problems) == before:
            schemas[name] = schema
    _refuse_same_tables(schemas, problems)
    return schemas, problems.sentences


def _definitions(classes: Iterable[type[Any]], problems: Problems) -> dict[str, type[Any]]:
    found: dict[str, type[Any]] = {}
    for cls in classes:
        if not isinstance(cls, type) or not issubclass(cls, Entity) or cls is Entity:
            name = getattr(cls, "__name__", repr(cls))
            problems.add(name, "is not a definition; derive it from fluxaorm.Entity")
            continue
        known = found.setdefault(cls.__name__, cls)
        if known is cls:
            continue
        problems.add(cls.__name__, f"is the name of two entities, in {known.__module__} and in {cls.__module__}")
    return found


def _note_id_type(cls: type[Any], world: World) -> None:
    """References take the type of the id they hold, so ids come first."""
    declared = declared_fields(cls).get("id")
    if declared is None:
        return
    try:
        shape = shape_of(declared.hint, world.namespace(declared.owner, cls).evaluate)
        found = field_type_of(shape)
    except (HintError, ValueError):
        return
    if found.kind == "uint":
        world.id_types[cls.__name__] = found.argument


def _schema(cls: type[Any], world: World) -> EntitySchema:
    name, problems = cls.__name__, world.problems
    _check_bases(cls, problems)
    options = read_options(name, cls.__dict__.get("__fluxa_options__", {}), problems)
    collector = ColumnCollector(cls, world)
    collector.add_all(_ordered_fields(cls, problems))
    columns = collector.columns
    soft_delete = _add_fake_delete(name, columns, options, problems)
    _check_columns(name, columns, collector.groups, problems)
    indexes = build_indexes(
        name, cls.indexes, columns, collector.groups, collector.references, collector.indexed, soft_delete, problems
    )
    _check_options(name, options, columns, indexes, problems)
    schema = EntitySchema(
        name=name,
        table=options.table,
        mysql_pool=options.mysql,
        columns=tuple(columns),
        indexes=indexes,
        references=tuple(collector.references),
        groups=tuple(collector.groups),
        cache=options.cache,
        fingerprint="",
        definition=cls,
        id_maximum=(columns[0].maximum or 0) if columns else 0,
        soft_delete=options.soft_delete,
        soft_delete_position=soft_delete,
        version_position=_position_of(columns, "version"),
        created_at_position=_position_of(columns, "created_at"),
        updated_at_position=_position_of(columns, "updated_at"),
        id_pool=options.id_pool,
        id_block=options.id_block,
        redis_search_pool=_search_pool(options, columns),
        debezium_pool=options.debezium,
        events_pool=options.events,
        shard_key=options.shard_key,
        renamed_from=options.renamed_from,
        doc=inspect.cleandoc(cls.__doc__ or ""),
        by_field=MappingProxyType({column.field: column for column in columns}),
        by_attribute=MappingProxyType({column.attribute: column for column in columns}),
    )
    return replace(schema, fingerprint=fingerprint_of(schema))


def _check_bases(cls: type[Any], problems: Problems) -> None:
    for base in cls.__mro__[1:]:
        if issubclass(base, Entity) and base is not Entity:
            problems.add(
                cls.__name__,
                f"inherits from the entity {base.__name__}; put what they share into a plain mixin class",
            )
            return
    annotated = {name for base in cls.__mro__ for name in own_annotations(base)}
    for name, value in vars(cls).items():
        if isinstance(value, FieldOptions) and name not in annotated:
            problems.add(f"{cls.__name__}.{name}", "has no annotation; write its type, as name: str = Field(...)")


def _ordered_fields(cls: type[Any], problems: Problems) -> list[DeclaredField]:
    """The id first, also when a mixin declares it."""
    fields = declared_fields(cls)
    id = fields.get("id")
    if id is None:
        problems.add(cls.__name__, "has no id; its first field must be an unsigned integer, as id: UInt64")
        return list(fields.values())
    first = next(iter(fields))
    if first != "id" and id.owner is fields[first].owner:
        problems.add(f"{cls.__name__}.id", f"must be the first field, before '{first}'")
    return [id, *(declared for name, declared in fields.items() if name != "id")]


def _add_fake_delete(name: str, columns: list[ColumnSchema], options: ClassOptions, problems: Problems) -> int | None:
    if not options.soft_delete or not columns:
        return None
    id, position = columns[0], len(columns)
    if any(FAKE_DELETE in (column.field.lower(), column.name.lower()) for column in columns):
        problems.add(f"{name}.{FAKE_DELETE}", "soft_delete=True makes this column itself; remove the field")
        return None
    columns.append(
        ColumnSchema(
            index=position,
            name=FAKE_DELETE,
            field=FAKE_DELETE,
            attribute=FAKE_DELETE,
            kind="uint",
            annotation="int",
            imports=(),
            nullable=False,
            mysql_type=id.mysql_type,
            check=int_check(0, id.maximum or 0),
            encode=as_is,
            decode=decode_int,
            default=0,
            minimum=0,
            maximum=id.maximum,
            auto="fake_delete",
            description="0 while the row is alive, its id once deleted",
        )
    )
    return position


def _check_columns(name: str, columns: list[ColumnSchema], groups: list[GroupSchema], problems: Problems) -> None:
    _refuse_same_names(name, columns, groups, problems)
    versions = [column.field for column in columns if column.auto == "version"]
    if len(versions) > 1:
        problems.add(name, f"has {len(versions)} version fields, {', '.join(versions)}; keep one")
    if len(columns) > MOST_COLUMNS:
        problems.add(name, f"has {len(columns)} columns; InnoDB allows {MOST_COLUMNS}")
    rooms = [room_of(column.mysql_type, len(column.enum.members) if column.enum else 0) for column in columns]
    nullable = sum(column.nullable for column in columns)
    if (size := server_row(rooms, nullable)) > SERVER_ROW_LIMIT:
        problems.add(
            name,
            f"a row may take {size} bytes (4 a character); MySQL allows {SERVER_ROW_LIMIT}: "
            'make str fields shorter or length="max"',
        )
    elif (size := page_row(rooms, nullable)) >= PAGE_ROW_LIMIT:
        problems.add(
            name, f"a row takes {size} bytes of its page; InnoDB allows {PAGE_ROW_LIMIT - 1}: split the entity"
        )


def _refuse_same_names(name: str, columns: list[ColumnSchema], groups: list[GroupSchema], problems: Problems) -> None:
    """Columns in the table, and properties and methods of the generated class."""
    in_table: dict[str, str] = {}
    in_class: dict[str, str] = {group.name: group.name for group in groups}
    for column in columns:
        other = in_table.setdefault(column.name.lower(), column.field)
        if other != column.field or column is not columns[_first_of(columns, column.field)]:
            problems.add(f"{name}.{column.field}", f"column '{column.name}' is that of the field '{other}' already")
        for made in _made_names(column):
            taken = in_class.setdefault(made, column.field)
            if taken != column.field or made in {group.name for group in groups}:
                problems.add(f"{name}.{column.field}", f"'{made}' on the generated class is made by '{taken}' already")


def _first_of(columns: list[ColumnSchema], field: str) -> int:
    return next(position for position, column in enumerate(columns) if column.field == field)


def _made_names(column: ColumnSchema) -> tuple[str, ...]:
    if column.kind == "reference":
        return (column.field, column.attribute, f"get_{column.field}", f"must_get_{column.field}")
    if column.kind == "references":
        return (column.field, column.attribute, f"get_{column.field}")
    return (column.attribute,)


def _check_options(
    name: str, options: ClassOptions, columns: list[ColumnSchema], indexes: Iterable[Any], problems: Problems
) -> None:
    if options.cache.redis != "on":
        for index in indexes:
            if index.cached:
                problems.add(name, f"index '{index.name}' has cached=True, which needs redis_cache=True on the class")
    fields = {column.field for column in columns}
    if options.shard_key is not None and options.shard_key not in fields:
        problems.add(name, f"shard_key='{options.shard_key}' is not a field")
    if options.redis_search is not None and not any(column.searchable for column in columns):
        problems.add(name, "redis_search= needs a field with Field(searchable=True)")
    if columns and options.id_block > (columns[0].maximum or 0):
        problems.add(name, f"id_block={options.id_block}: there are only {columns[0].maximum} ids")
    names = {column.name.lower() for column in columns}
    for column in columns:
        if column.renamed_from is not None and column.renamed_from.lower() in names:
            problems.add(
                f"{name}.{column.field}", f"renamed_from='{column.renamed_from}' is the name of a column that is there"
            )


def _position_of(columns: list[ColumnSchema], auto: str) -> int | None:
    return next((column.index for column in columns if column.auto == auto), None)


def _search_pool(options: ClassOptions, columns: list[ColumnSchema]) -> str | None:
    if not any(column.searchable for column in columns):
        return None
    cached = options.cache.redis_pool if options.cache.redis == "on" else DEFAULT_POOL
    return options.redis_search or cached


def _refuse_same_tables(schemas: dict[str, EntitySchema], problems: Problems) -> None:
    owners: dict[tuple[str, str], str] = {}
    for schema in schemas.values():
        other = owners.setdefault((schema.mysql_pool, schema.table.lower()), schema.name)
        if other != schema.name:
            problems.add(
                schema.name, f"table '{schema.table}' of pool '{schema.mysql_pool}' is that of {other} already"
            )
    for schema in schemas.values():
        if schema.renamed_from is None:
            continue
        other = owners.setdefault((schema.mysql_pool, schema.renamed_from.lower()), schema.name)
        problems.add(schema.name, f"renamed_from='{schema.renamed_from}' is the table of {other}") if (
            other != schema.name or schema.renamed_from == schema.table
        ) else None
