"""Definitions -> ``EntitySchema``s, and everything that is wrong with them as sentences. No I/O, no pools.

``resolve_entities`` is the only way schemas are made. It never raises for what a definition says: each mistake is one
sentence that begins with the entity, and the field where there is one.
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from fluxaorm.entity.declare.definition import Entity
from fluxaorm.entity.declare.field import FieldOptions
from fluxaorm.entity.declare.hints import DeclaredField, HintError, own_annotations
from fluxaorm.entity.declare.shape import shape_of
from fluxaorm.entity.resolve.class_options import DEFAULT_POOL, ClassOptions, read_options
from fluxaorm.entity.resolve.columns import ColumnCollector
from fluxaorm.entity.resolve.definition_set import DefinitionSet
from fluxaorm.entity.resolve.field_types import field_type_of
from fluxaorm.entity.resolve.fingerprint import fingerprint_of
from fluxaorm.entity.resolve.indexes import build_indexes
from fluxaorm.entity.resolve.names import identifier_problem
from fluxaorm.entity.resolve.problems import Problems
from fluxaorm.entity.resolve.table_checks import check_table
from fluxaorm.entity.schema import ColumnSchema, EntitySchema, IndexSchema
from fluxaorm.entity.values.checks import int_check
from fluxaorm.entity.values.decoders import decode_int
from fluxaorm.entity.values.encoders import as_is
from fluxaorm.entity.values.guards import is_class

FAKE_DELETE: Final = "fake_delete"


def resolve_entities(classes: Iterable[object]) -> tuple[dict[str, EntitySchema], list[str]]:
    """Schemas by class name, of the definitions that have no problem, and the problems of all of them.

    ``classes``: every definition of a registry, since references lead from one to another.
    """
    problems = Problems()
    world = DefinitionSet(_definitions(classes, problems), problems)
    for cls in world.definitions.values():
        _note_id_type(cls, world)
    schemas: dict[str, EntitySchema] = {}
    for name, cls in world.definitions.items():
        before = len(problems)
        schema = _schema(cls, world)
        if len(problems) == before:
            schemas[name] = schema
    world.refuse_clashes()
    _refuse_same_tables(schemas.values(), problems)
    return schemas, problems.sentences


def _definitions(classes: Iterable[object], problems: Problems) -> dict[str, type[Any]]:
    found: dict[str, type[Any]] = {}
    for cls in classes:
        if not (is_class(cls) and issubclass(cls, Entity)) or cls is Entity:
            name: str = getattr(cls, "__name__", "") or repr(cls)
            problems.add(name, "is not a definition; derive it from fluxaorm.Entity")
            continue
        known = found.setdefault(cls.__name__, cls)
        if known is not cls:
            told = f"two entities have this name, in {known.__module__} and in {cls.__module__}; rename one"
            problems.add(cls.__name__, told)
    return found


def _note_id_type(cls: type[Any], world: DefinitionSet) -> None:
    """References take the type of the id they hold, so ids come first."""
    declared = world.fields(cls).get("id")
    if declared is None:
        return
    try:
        found = field_type_of(shape_of(declared.hint, world.namespace(declared.owner, cls).evaluate))
    except (HintError, ValueError):
        return
    if found.kind in ("uint", "int"):
        world.id_types[cls.__name__] = found.argument


def _schema(cls: type[Any], world: DefinitionSet) -> EntitySchema:
    name, problems = cls.__name__, world.problems
    _check_class(cls, problems)
    options = read_options(name, cls.__dict__.get("__fluxa_options__", {}), problems)
    collector = ColumnCollector(cls, world)
    collector.add_all(_ordered_fields(cls, world))
    columns = collector.columns
    soft_delete = _add_fake_delete(collector) if options.soft_delete and columns else None
    check_table(collector)
    indexes = build_indexes(collector, cls.indexes, soft_delete)
    _check_options(collector, options, indexes)
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
        id_maximum=_largest_id(columns),
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


def _check_class(cls: type[Any], problems: Problems) -> None:
    name = cls.__name__
    if problem := identifier_problem(name):
        problems.add(name, f"the class's name {problem}")
    elif not name.isidentifier() or keyword.iskeyword(name):
        problems.add(
            name, "the class's name is none that generated code can have; take a word of Python's that is free"
        )
    for base in cls.__mro__[1:]:
        if issubclass(base, Entity) and base is not Entity:
            problems.add(
                name, f"inherits from the entity {base.__name__}; put what they share into a plain mixin class"
            )
            break
    annotated = {field for base in cls.__mro__ for field in own_annotations(base)}
    for field, value in vars(cls).items():
        if isinstance(value, FieldOptions) and field not in annotated:
            problems.add(f"{name}.{field}", f"has no annotation; say its type, as {field}: str = Field(...)")


def _ordered_fields(cls: type[Any], world: DefinitionSet) -> list[DeclaredField]:
    """The id first, also when a mixin declares it."""
    fields, problems = world.fields(cls), world.problems
    id = fields.get("id")
    if id is None:
        problems.add(cls.__name__, "has no id; its first field must be an integer, as id: UInt64")
        return list(fields.values())
    first = next(iter(fields))
    if first != "id" and id.owner is fields[first].owner:
        problems.add(f"{cls.__name__}.id", f"must be the first field, before '{first}'")
    return [id, *(declared for name, declared in fields.items() if name != "id")]


def _add_fake_delete(collector: ColumnCollector) -> int | None:
    columns = collector.columns
    id, position = columns[0], len(columns)
    least = min(0, id.minimum or 0)
    if any(FAKE_DELETE in (column.field.lower(), column.name.lower()) for column in columns):
        told = "soft_delete=True makes this column itself; remove the field"
        collector.problems.add(f"{collector.name}.{FAKE_DELETE}", told)
        return None
    columns.append(
        ColumnSchema(
            index=position,
            name=FAKE_DELETE,
            field=FAKE_DELETE,
            attribute=FAKE_DELETE,
            kind=id.kind,
            annotation="int",
            imports=(),
            nullable=False,
            mysql_type=id.mysql_type,
            check=int_check(least, _largest_id(columns)),
            encode=as_is,
            decode=decode_int,
            default=0,
            minimum=least,
            maximum=id.maximum,
            auto="fake_delete",
            description="0 while the row is alive, its id once deleted",
        )
    )
    return position


def _largest_id(columns: Sequence[ColumnSchema]) -> int:
    return (columns[0].maximum or 0) if columns else 0


def _check_options(collector: ColumnCollector, options: ClassOptions, indexes: Iterable[IndexSchema]) -> None:
    name, columns, problems = collector.name, collector.columns, collector.problems
    if options.cache.redis != "on":
        for index in indexes:
            if index.cached:
                problems.add(name, f"index '{index.name}' has cached=True, which needs redis_cache=True on the class")
    known = {*(column.field for column in columns), *collector.fields} - {group.name for group in collector.groups}
    if options.shard_key is not None and options.shard_key not in known:
        problems.add(name, f"shard_key='{options.shard_key}' is not a field")
    if options.redis_search is not None and not any(column.searchable for column in columns):
        problems.add(name, "redis_search= needs a field with Field(searchable=True)")
    if columns and options.id_block > _largest_id(columns):
        problems.add(name, f"id_block={options.id_block}: there are only {_largest_id(columns)} ids")


def _position_of(columns: Sequence[ColumnSchema], auto: str) -> int | None:
    return next((column.index for column in columns if column.auto == auto), None)


def _search_pool(options: ClassOptions, columns: Sequence[ColumnSchema]) -> str | None:
    if not any(column.searchable for column in columns):
        return None
    cached = options.cache.redis_pool if options.cache.redis == "on" else DEFAULT_POOL
    return options.redis_search or cached


def _refuse_same_tables(schemas: Iterable[EntitySchema], problems: Problems) -> None:
    owners: dict[tuple[str, str], EntitySchema] = {}
    for schema in schemas:
        other = owners.setdefault((schema.mysql_pool, schema.table.lower()), schema)
        if other is not schema:
            told = f"table '{schema.table}' of the MySQL pool '{schema.mysql_pool}' is that of {other.name} already"
            problems.add(schema.name, told)
    _refuse_same_renames([schema for schema in schemas if schema.renamed_from is not None], owners, problems)


def _refuse_same_renames(
    schemas: Iterable[EntitySchema], owners: dict[tuple[str, str], EntitySchema], problems: Problems
) -> None:
    renamed: dict[tuple[str, str], EntitySchema] = {}
    for schema in schemas:
        key = (schema.mysql_pool, (schema.renamed_from or "").lower())
        if key in owners:
            problems.add(schema.name, f"renamed_from='{schema.renamed_from}' is the table of {owners[key].name}")
        elif renamed.setdefault(key, schema) is not schema:
            problems.add(schema.name, f"renamed_from='{schema.renamed_from}' is that of {renamed[key].name} already")
