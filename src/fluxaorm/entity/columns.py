"""Turns the fields of one definition into columns, groups and references; mistakes become problems."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, get_args, get_origin

from fluxaorm.entity.definition import Entity
from fluxaorm.entity.embedded import Embedded
from fluxaorm.entity.field import FieldOptions
from fluxaorm.entity.field_options import (
    NOT_OF_LISTS,
    OF_EMBEDDED,
    allowed_for,
    column_problems,
    misplaced,
    option_problems,
)
from fluxaorm.entity.field_types import FieldType, NotAColumnError, describe, field_type_of
from fluxaorm.entity.hints import DeclaredField, HintError, declared_fields
from fluxaorm.entity.initial import Initial, InitialError, checked_initial, initial_of
from fluxaorm.entity.kinds import KINDS, ColumnType, OptionError, Target, id_type
from fluxaorm.entity.names import camel_case, field_problem, identifier_problem
from fluxaorm.entity.problems import did_you_mean
from fluxaorm.entity.schema import UNSET, AutoValue, ColumnSchema, EnumSchema, GroupSchema, ReferenceSchema
from fluxaorm.entity.shape import Shape, shape_of
from fluxaorm.entity.type_source import Source, class_source, source_of
from fluxaorm.entity.world import World

LONGEST_LIST: Final = 100
_TIMESTAMPS: Final[Mapping[str, AutoValue]] = {"created_at": "created_at", "updated_at": "updated_at"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field stands: in the entity itself, or inside a group."""

    path: str
    """``UserEntity.home``, for problems."""
    prefix: str = ""
    """Of field and column names."""
    renamed_prefix: str | None = None
    secret: bool = False
    initial: Initial = field(default_factory=Initial)
    """What the group starts from, the part of this field."""
    inside: tuple[type[Any], ...] = ()
    """Embedded classes around it."""


@dataclass(frozen=True, slots=True)
class ColumnFlags:
    """What ``Field()`` says of a column's own index."""

    position: int
    unique: bool
    cached: bool


class _Refused(Exception):
    """The field has a problem, which was noted."""


class ColumnCollector:
    """The columns of one entity, in order."""

    def __init__(self, cls: type[Any], world: World) -> None:
        self._cls, self._world = cls, world
        self.name = cls.__name__
        self.columns: list[ColumnSchema] = []
        self.groups: list[GroupSchema] = []
        self.references: list[ReferenceSchema] = []
        self.indexed: list[ColumnFlags] = []

    def add_all(self, fields: Iterable[DeclaredField]) -> None:
        """The fields of the entity itself."""
        for declared in fields:
            group = self._add(declared, Place(self.name))
            if isinstance(group, GroupSchema):
                self.groups.append(group)

    def _refuse(self, where: str, what: str) -> _Refused:
        self._world.problems.add(where, what)
        return _Refused()

    def _add(self, declared: DeclaredField, place: Place) -> int | GroupSchema | None:
        """Position of the column, or the group; None for what is no column, or wrong."""
        where = f"{place.path}.{declared.name}"
        given = declared.default.given if isinstance(declared.default, FieldOptions) else {"default": declared.default}
        if given.get("ignore") is True:
            return None
        try:
            shape = self._shape(declared, where)
            options = {**shape.options, **{name: value for name, value in given.items() if value is not UNSET}}
            if options.get("ignore") is True:
                return None
            self._note(where, option_problems(options))
            return self._dispatch(declared, shape, options, replace(place, path=where))
        except _Refused:
            return None

    def _note(self, where: str, sentences: Iterable[str]) -> None:
        for sentence in sentences:
            self._world.problems.add(where, sentence)

    def _shape(self, declared: DeclaredField, where: str) -> Shape:
        return shape_of(declared.hint, self._evaluator(declared, where))

    def _evaluator(self, declared: DeclaredField, where: str) -> Callable[[Any], Any]:
        namespace = self._world.namespace(declared.owner, self._cls)

        def evaluate(hint: Any) -> Any:
            try:
                return namespace.evaluate(hint)
            except HintError as error:
                raise self._refuse(where, self._explained(error)) from None

        return evaluate

    def _explained(self, error: HintError) -> str:
        near = did_you_mean(error.missing, self._world.definitions) if error.missing else ""
        advice = near or "; import it, or register the entity" if error.missing else ""
        return f"'{error.text}' is not a type: {error}{advice}"

    def _dispatch(
        self, declared: DeclaredField, shape: Shape, options: dict[str, Any], place: Place
    ) -> int | GroupSchema | None:
        hint = shape.type
        if shape.marker is None and get_origin(hint) is list:
            return self._add_list(declared, shape, options, place)
        if isinstance(hint, type) and issubclass(hint, Embedded) and shape.marker is None:
            return self._add_embedded(declared, shape, options, place)
        name = self._property_name(declared.name, place)
        self._refuse_size(hint, options, place)
        return self._add_column(declared, name, shape, options, place)

    def _property_name(self, name: str, place: Place) -> str:
        full = place.prefix + name
        problem = field_problem(full) if full != "id" else ""
        if problem:
            raise self._refuse(place.path, problem)
        return full

    def _refuse_size(self, hint: Any, options: dict[str, Any], place: Place) -> None:
        if hint is list:
            raise self._refuse(
                place.path, "type 'list' is not a column type; say of what, as list[str] or Json[list[str]]"
            )

    # groups

    def _add_embedded(
        self, declared: DeclaredField, shape: Shape, options: dict[str, Any], place: Place, number: str = ""
    ) -> GroupSchema:
        cls: type[Embedded] = shape.type
        if shape.nullable:
            raise self._refuse(place.path, f"an Embedded is never None; make the fields of {cls.__name__} nullable")
        if cls in place.inside:
            raise self._refuse(place.path, f"{cls.__name__} contains itself")
        self._note(place.path, misplaced(options, OF_EMBEDDED, "an Embedded"))
        name = self._property_name(declared.name + number, place)
        inner = self._place_in(cls, name, options, place)
        members: list[tuple[str, int | GroupSchema]] = []
        for member in declared_fields(cls).values():
            taken = inner.initial.part(lambda value, at=member.name: getattr(value, at, UNSET))
            added = self._add(member, replace(inner, initial=taken))
            if added is not None:
                members.append((member.name, added))
        if not members and not len(self._world.problems):
            raise self._refuse(place.path, f"{cls.__name__} has no fields")
        source = class_source(cls)
        return GroupSchema(name, cls, tuple(members), source.text, source.imports)

    def _place_in(self, cls: type[Embedded], name: str, options: dict[str, Any], place: Place) -> Place:
        prefix = self._prefix(name, options, place)
        renamed = options.get("renamed_from")
        return Place(
            place.path,
            prefix,
            f"{renamed}_" if isinstance(renamed, str) else place.renamed_prefix and f"{place.renamed_prefix}{name}_",
            place.secret or options.get("secret") is True,
            self._embedded_initial(cls, options, place),
            (*place.inside, cls),
        )

    def _prefix(self, name: str, options: dict[str, Any], place: Place) -> str:
        own = options.get("prefix")
        if own is None:
            return f"{name}_"
        if own != "" and (problem := identifier_problem(own)):
            raise self._refuse(place.path, f"Field(prefix=) {problem}")
        return place.prefix + str(own)

    def _embedded_initial(self, cls: type[Embedded], options: dict[str, Any], place: Place) -> Initial:
        initial = self._own_initial(options, place)
        if initial.factory is cls:
            return Initial()
        value = self._sample(initial, place)
        if value is not UNSET and not isinstance(value, cls):
            raise self._refuse(place.path, f"the default {value!r} must be a {cls.__name__}")
        return initial

    def _own_initial(self, options: dict[str, Any], place: Place) -> Initial:
        if place.initial.given:
            return place.initial
        try:
            return initial_of(options)
        except InitialError as error:
            raise self._refuse(place.path, str(error)) from None

    def _sample(self, initial: Initial, place: Place) -> Any:
        if initial.factory is None:
            return initial.constant
        try:
            return initial.factory()
        except Exception as error:  # noqa: BLE001 - a factory is the user's code
            raise self._refuse(place.path, f"its default_factory raised {type(error).__name__}: {error}") from None

    def _add_list(self, declared: DeclaredField, shape: Shape, options: dict[str, Any], place: Place) -> GroupSchema:
        size = self._size(shape, options, place)
        name = self._property_name(declared.name, place)
        if shape.nullable:
            raise self._refuse(place.path, "a list is never None; make its items nullable, as list[str | None]")
        self._note(
            place.path, misplaced(options, frozenset(options) - NOT_OF_LISTS, "a list; name its columns in indexes")
        )
        item = shape_of(get_args(shape.type)[0], self._evaluator(declared, place.path))
        initial = self._list_initial(item, options, size, place)
        of_list = ("size", "default", "default_factory")
        own = {**item.options, **{option: value for option, value in options.items() if option not in of_list}}
        before = len(self._world.problems)
        members: list[tuple[str, int | GroupSchema]] = []
        for number in range(1, size + 1):
            inner = replace(place, initial=initial.part(lambda value, at=number: _item(value, at)))
            added = self._add_item(declared, item, own, inner, number)
            if len(self._world.problems) > before or added is None:
                raise _Refused
            members.append((str(number), added))
        return self._list_group(name, members)

    def _size(self, shape: Shape, options: dict[str, Any], place: Place) -> int:
        size = options.get("size")
        if size is None:
            text = source_of(shape.type).text
            raise self._refuse(place.path, f"{text} needs Field(size=N), its number of columns; or use Json[{text}]")
        if type(size) is not int or not 1 <= size <= LONGEST_LIST:
            raise self._refuse(place.path, f"Field(size={size!r}): must be 1 to {LONGEST_LIST}")
        return size

    def _list_initial(self, item: Shape, options: dict[str, Any], size: int, place: Place) -> Initial:
        initial = self._own_initial(options, place)
        value = self._sample(initial, place)
        if value is UNSET or (initial.factory is not None and value is not None and not len(value)):
            return Initial(()) if item.nullable else Initial()
        if not isinstance(value, list | tuple):
            raise self._refuse(place.path, f"the default {value!r} must be a tuple or a list")
        if len(value) > size or (len(value) < size and not item.nullable and len(value)):
            raise self._refuse(place.path, f"the default {value!r} has {len(value)} items for {size} columns")
        return initial if item.nullable or len(value) else Initial()

    def _add_item(
        self, declared: DeclaredField, item: Shape, options: dict[str, Any], place: Place, number: int
    ) -> int | GroupSchema | None:
        if get_origin(item.type) is list and item.marker is None:
            raise self._refuse(place.path, "a list of lists; use Json")
        if isinstance(item.type, type) and issubclass(item.type, Embedded) and item.marker is None:
            if item.nullable:
                raise self._refuse(
                    place.path, f"an Embedded is never None; make the fields of {item.type.__name__} nullable"
                )
            return self._add_embedded(declared, item, options, place, f"_{number}")
        numbered = {
            option: f"{value}_{number}" if option in ("column", "renamed_from") and isinstance(value, str) else value
            for option, value in options.items()
        }
        name = f"{place.prefix}{declared.name}_{number}"
        return self._add_column(declared, name, item, numbered, place)

    def _list_group(self, name: str, members: list[tuple[str, int | GroupSchema]]) -> GroupSchema:
        first = members[0][1]
        if isinstance(first, GroupSchema):
            inner = Source(first.annotation, first.imports)
        else:
            column = self.columns[first]
            inner = Source(column.annotation + (" | None" if column.nullable else ""), column.imports)
        return GroupSchema(name, None, tuple(members), f"tuple[{inner.text}, ...]", inner.imports)

    # columns

    def _add_column(
        self, declared: DeclaredField, name: str, shape: Shape, options: dict[str, Any], place: Place
    ) -> int:
        field_type = self._field_type(declared, name, shape, options, place)
        kind = KINDS[field_type.kind]
        top = not place.inside
        self._note(place.path, misplaced(options, allowed_for(kind), field_type_name(field_type, kind.annotation)))
        enum = self._enum(field_type, declared, name, options, place)
        column_type = self._column_type(field_type, enum, options, place)
        if name == "id":
            column_type = id_type(field_type.argument)
        self._note(place.path, column_problems(options, kind, column_type))
        auto = self._auto(field_type.kind, name, options, top, shape.nullable, place)
        initial = self._column_initial(column_type, options, shape, place)
        source = _annotation(field_type, enum)
        position = len(self.columns)
        self.columns.append(
            ColumnSchema(
                index=position,
                name=self._column_name(name, declared, options, place),
                field=name,
                attribute=_attribute(name, field_type.kind),
                kind=kind.name,
                annotation=source.text,
                imports=source.imports,
                nullable=shape.nullable,
                mysql_type=column_type.mysql_type,
                check=column_type.check,
                encode=column_type.encode,
                decode=column_type.decode,
                default=initial.constant,
                default_factory=initial.factory,
                length=column_type.length,
                minimum=column_type.minimum,
                maximum=column_type.maximum,
                reference=field_type.argument.name if kind.name == "reference" else None,
                enum=enum,
                json_type=_json_type(field_type),
                auto=auto,
                secret=place.secret or options.get("secret") is True,
                searchable=options.get("searchable", False),
                sortable=options.get("sortable", False),
                renamed_from=_renamed_from(declared, options, place),
                description=column_type.description,
            )
        )
        self._note_relations(self.columns[-1], field_type, options)
        return position

    def _note_relations(self, column: ColumnSchema, field_type: FieldType, options: dict[str, Any]) -> None:
        if isinstance(field_type.argument, Target):
            many = column.kind == "references"
            self.references.append(
                ReferenceSchema(column.field, field_type.argument.name, column.index, many, column.nullable)
            )
        unique = options.get("unique") is True
        if unique or options.get("index") is True:
            self.indexed.append(ColumnFlags(column.index, unique, options.get("cached") is True))

    def _field_type(
        self, declared: DeclaredField, name: str, shape: Shape, options: dict[str, Any], place: Place
    ) -> FieldType:
        try:
            found = field_type_of(shape)
        except NotAColumnError as error:
            raise self._refuse(place.path, str(error)) from None
        if name == "id" and found.kind != "uint":
            raise self._refuse(place.path, f"must be an unsigned integer, as UInt64, not {found.kind}")
        if found.kind in ("reference", "references"):
            return replace(found, argument=self._target(found, declared, place))
        if found.kind == "json":
            return replace(found, argument=self._json_type(found.argument, declared, place))
        return found

    def _target(self, found: FieldType, declared: DeclaredField, place: Place) -> Target:
        alias = "Reference" if found.kind == "reference" else "References"
        cls = self._evaluator(declared, place.path)(found.argument)
        if not (isinstance(cls, type) and issubclass(cls, Entity)):
            raise self._refuse(place.path, f"{alias}[{describe(cls)}]: {describe(cls)} is not an entity")
        target = self._world.target(cls)
        if target is None:
            raise self._refuse(place.path, f"{alias}[{cls.__name__}]: {cls.__name__} is not registered")
        return target

    def _json_type(self, hint: Any, declared: DeclaredField, place: Place) -> Any:
        namespace = self._world.namespace(declared.owner, self._cls)
        try:
            json_type = namespace.evaluate_deep(hint)
        except HintError as error:
            raise self._refuse(place.path, self._explained(error)) from None
        if type(None) in get_args(json_type):
            raise self._refuse(place.path, "a None inside Json could not be told from NULL; write Json[...] | None")
        return json_type

    def _enum(
        self, field_type: FieldType, declared: DeclaredField, name: str, options: dict[str, Any], place: Place
    ) -> EnumSchema | None:
        if field_type.kind not in ("enum", "set"):
            return None
        if field_type.enum_class is not None:
            if "enum_name" in options:
                self._note(place.path, ["Field(enum_name=) makes no sense for a StrEnum, which has a name"])
            return EnumSchema(field_type.enum_class.__name__, field_type.members, field_type.enum_class)
        enum_name = options.get("enum_name")
        if enum_name is not None and not (isinstance(enum_name, str) and not field_problem(enum_name)):
            raise self._refuse(place.path, f"Field(enum_name={enum_name!r}): must be a name a class can have")
        base = name.rpartition("_")[0] if name != place.prefix + declared.name else name
        generated = self.name.removesuffix("Entity") + camel_case(base)
        enum = EnumSchema(enum_name or generated, field_type.members, None)
        self._world.add_enum(enum, place.path, enum_name is not None)
        return enum

    def _column_type(
        self, field_type: FieldType, enum: EnumSchema | None, options: dict[str, Any], place: Place
    ) -> ColumnType:
        argument = field_type.argument if enum is None else enum
        try:
            return KINDS[field_type.kind].make(options, argument)
        except OptionError as error:
            raise self._refuse(place.path, str(error)) from None
        except Exception as error:  # noqa: BLE001 - msgspec looks into classes of the user's
            raise self._refuse(place.path, f"Json[{describe(argument)}]: msgspec cannot decode it: {error}") from None

    def _column_initial(self, column_type: ColumnType, options: dict[str, Any], shape: Shape, place: Place) -> Initial:
        initial = self._own_initial(options, place)
        if initial.given and place.path == f"{self.name}.id":
            raise self._refuse(place.path, "has no default: new() gives ids")
        try:
            return checked_initial(initial, column_type.check, shape.nullable)
        except InitialError as error:
            raise self._refuse(place.path, str(error)) from None

    def _auto(
        self, kind: str, name: str, options: dict[str, Any], top: bool, nullable: bool, place: Place
    ) -> AutoValue:
        if options.get("version") is True and kind == "uint":
            if not top or nullable or name == "id" or "default" in options or "default_factory" in options:
                self._note(place.path, ["a version is a plain field of the entity, not None and without a default"])
            return "version"
        if top and kind == "datetime":
            return _TIMESTAMPS.get(name, "")
        return ""

    def _column_name(self, name: str, declared: DeclaredField, options: dict[str, Any], place: Place) -> str:
        own = options.get("column")
        if isinstance(own, str):
            return place.prefix + own
        if problem := identifier_problem(name):
            self._note(place.path, [f"the column's name {problem}; give it a shorter one with Field(column=)"])
        return name


def field_type_name(field_type: FieldType, annotation: str) -> str:
    """A kind's name in sentences about options."""
    if isinstance(field_type.argument, Target):
        return f"{'Reference' if field_type.kind == 'reference' else 'References'}[{field_type.argument.name}]"
    name: str = getattr(field_type.argument, "name", "")
    return name or {"float32": "Float32", "enum": "an enum", "set": "a set", "json": "Json"}.get(
        field_type.kind, annotation
    )


def _item(value: Any, number: int) -> Any:
    return value[number - 1] if number <= len(value) else None


def _attribute(name: str, kind: str) -> str:
    return {"reference": f"{name}_id", "references": f"{name}_ids"}.get(kind, name)


def _json_type(field_type: FieldType) -> Any:
    if field_type.kind == "references":
        return list[int]
    return field_type.argument if field_type.kind == "json" else None


def _annotation(field_type: FieldType, enum: EnumSchema | None) -> Source:
    if field_type.kind == "json":
        return source_of(field_type.argument)
    if enum is None:
        kind = KINDS[field_type.kind]
        return Source(kind.annotation, kind.imports)
    source = Source(enum.name) if enum.python_class is None else class_source(enum.python_class)
    return source if field_type.kind == "enum" else Source(f"frozenset[{source.text}]", source.imports)


def _renamed_from(declared: DeclaredField, options: dict[str, Any], place: Place) -> str | None:
    own = options.get("renamed_from")
    if isinstance(own, str):
        return place.prefix + own
    return None if place.renamed_prefix is None else place.renamed_prefix + declared.name
