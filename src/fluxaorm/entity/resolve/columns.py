"""Turns the fields of one definition into columns, groups and references; mistakes become problems."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, get_args

from fluxaorm.entity.declare.definition import Entity
from fluxaorm.entity.declare.hints import DeclaredField, HintError
from fluxaorm.entity.declare.shape import own_options, shape_of
from fluxaorm.entity.resolve.definition_set import DefinitionSet
from fluxaorm.entity.resolve.field_options import allowed_for, column_problems, misplaced, option_problems
from fluxaorm.entity.resolve.field_types import FieldType, NotAColumnError, describe, field_type_of
from fluxaorm.entity.resolve.groups import add_embedded, add_list, is_embedded, is_list
from fluxaorm.entity.resolve.initial import Initial, InitialError, checked_initial, initial_of
from fluxaorm.entity.resolve.names import camel_case, field_problem, identifier_problem
from fluxaorm.entity.resolve.place import FieldRequest, Place, RefusedError
from fluxaorm.entity.resolve.problems import Problems, did_you_mean
from fluxaorm.entity.schema import AutoValue, ColumnSchema, EnumSchema, GroupSchema, ReferenceSchema
from fluxaorm.entity.values.kinds import KINDS, ColumnType, OptionError, Target, id_type
from fluxaorm.entity.values.type_source import Source, class_source, source_of

_TIMESTAMPS: Final[Mapping[str, AutoValue]] = {"created_at": "created_at", "updated_at": "updated_at"}
_NO_ID: Final = "must be an integer type and never None, as id: UInt64"
_ATTRIBUTE_SUFFIX: Final = {"reference": "_id", "references": "_ids"}


@dataclass(frozen=True, slots=True)
class OwnIndex:
    """The index that ``Field(unique=True)`` or ``Field(index=True)`` gives a column alone."""

    position: int
    unique: bool
    cached: bool


class ColumnCollector:
    """The columns of one entity, in order."""

    def __init__(self, cls: type[Any], world: DefinitionSet) -> None:
        self._cls, self._world = cls, world
        self.name = cls.__name__
        self.problems: Problems = world.problems
        self.fields: set[str] = set()
        """Names of the entity's own fields, wrong ones too."""
        self.columns: list[ColumnSchema] = []
        self.groups: list[GroupSchema] = []
        self.references: list[ReferenceSchema] = []
        self.indexed: list[OwnIndex] = []

    def add_all(self, fields: Iterable[DeclaredField]) -> None:
        """The fields of the entity itself."""
        for declared in fields:
            self.fields.add(declared.name)
            group = self.add(declared, Place(self.name))
            if isinstance(group, GroupSchema):
                self.groups.append(group)

    def add(self, declared: DeclaredField, place: Place) -> int | GroupSchema | None:
        """A field at this place: the position of its column, or its group; None when it is ignored or wrong."""
        where = f"{place.path}.{declared.name}"
        given = own_options(declared)
        if given.get("ignore") is True:
            self._check_ignored(given, where, place)
            return None
        try:
            shape = shape_of(declared.hint, self.evaluator(declared, where))
            options = {**shape.options, **given} if shape.options else given
            if options.get("ignore") is True:
                self._check_ignored(options, where, place)
                return None
            self.note(where, option_problems(options))
            name = self._property_name(declared, where, place)
            return self._added(FieldRequest(declared, where, name, shape, options, place))
        except RefusedError:
            return None

    def _check_ignored(self, options: Mapping[str, Any], where: str, place: Place) -> None:
        if place.inside and "default" not in options and "default_factory" not in options:
            self.problems.add(where, "Field(ignore=True) in an Embedded needs a default")

    def _added(self, request: FieldRequest) -> int | GroupSchema:
        if request.name == "id":
            return self.add_column(request)
        if is_list(request.shape):
            return add_list(self, request)
        if is_embedded(request.shape):
            return add_embedded(self, request)
        return self.add_column(request)

    def fields_of(self, cls: type[Any]) -> dict[str, DeclaredField]:
        """The fields of an Embedded."""
        return self._world.fields(cls)

    def refuse(self, where: str, what: str) -> RefusedError:
        """Note a problem; raise the result to give the field up."""
        self.problems.add(where, what)
        return RefusedError()

    def note(self, where: str, sentences: Iterable[str]) -> None:
        """Note problems that do not keep the field from being looked at further."""
        for sentence in sentences:
            self.problems.add(where, sentence)

    def evaluator(self, declared: DeclaredField, where: str) -> Callable[[Any], Any]:
        """What turns text in the field's hint into types."""
        namespace = self._world.namespace(declared.owner, self._cls)

        def evaluate(hint: Any) -> Any:
            try:
                return namespace.evaluate(hint)
            except HintError as error:
                raise self.refuse(where, self._explained(error)) from None

        return evaluate

    def _explained(self, error: HintError) -> str:
        advice = ""
        if error.missing:
            advice = did_you_mean(error.missing, self._world.definitions) or "; import it, or register the entity"
        return f"'{error.text}' is not a type: {error}{advice}"

    def _property_name(self, declared: DeclaredField, where: str, place: Place) -> str:
        name = place.prefix + declared.name
        if name == "id" and place.inside:
            raise self.refuse(where, "'id' is the primary key of the entity; give the Embedded a prefix")
        if name != "id" and (problem := field_problem(name)):
            raise self.refuse(where, problem)
        return name

    def own_initial(self, request: FieldRequest) -> Initial:
        """What a field starts from: its group's start, else its own."""
        if request.place.initial.given:
            return request.place.initial
        try:
            return initial_of(request.options, request.secret)
        except InitialError as error:
            raise self.refuse(request.where, str(error)) from None

    def add_column(self, request: FieldRequest) -> int:
        """The column of a field that is one column."""
        field_type = self._field_type(request)
        kind = KINDS[field_type.kind]
        if request.options:
            self.note(request.where, misplaced(request.options, allowed_for(kind), _spoken(field_type)))
        enum = self._enum(field_type, request)
        column_type = self._column_type(field_type, enum, request)
        if request.options:
            self.note(request.where, column_problems(request.options, kind, column_type))
        initial = self._column_initial(column_type, request)
        source = _annotation(field_type, enum)
        column = ColumnSchema(
            index=len(self.columns),
            name=self._column_name(request),
            field=request.name,
            attribute=request.name + _ATTRIBUTE_SUFFIX.get(kind.name, ""),
            kind=kind.name,
            annotation=source.text,
            imports=source.imports,
            nullable=request.shape.nullable,
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
            auto=self._auto(kind.name, request),
            secret=request.secret,
            searchable=request.options.get("searchable", False),
            sortable=request.options.get("sortable", False),
            renamed_from=request.renamed_from,
            description=column_type.description,
        )
        self.columns.append(column)
        self._note_relations(column, field_type, request.options)
        return column.index

    def _note_relations(self, column: ColumnSchema, field_type: FieldType, options: Mapping[str, Any]) -> None:
        if isinstance(field_type.argument, Target):
            many, target = column.kind == "references", field_type.argument.name
            self.references.append(ReferenceSchema(column.field, target, column.index, many, column.nullable))
        unique = options.get("unique") is True
        if unique or options.get("index") is True:
            self.indexed.append(OwnIndex(column.index, unique, options.get("cached") is True))

    def _field_type(self, request: FieldRequest) -> FieldType:
        if request.shape.type is list:
            raise self.refuse(
                request.where, "type 'list' is not a column type; say of what: list[str], Json[list[str]]"
            )
        try:
            found = field_type_of(request.shape)
        except NotAColumnError as error:
            raise self.refuse(request.where, _NO_ID if request.name == "id" else str(error)) from None
        if request.name == "id":
            self._check_id(found, request)
        if found.kind in ("reference", "references"):
            return replace(found, argument=self._target(found, request))
        return replace(found, argument=self._evaluated(found.argument, request)) if found.kind == "json" else found

    def _check_id(self, found: FieldType, request: FieldRequest) -> None:
        if found.kind not in ("uint", "int") or request.shape.nullable:
            raise self.refuse(request.where, _NO_ID)
        if "default" in request.options or "default_factory" in request.options:
            raise self.refuse(request.where, "has no default: new() gives ids")

    def _target(self, found: FieldType, request: FieldRequest) -> Target:
        alias = "Reference" if found.kind == "reference" else "References"
        cls = self.evaluator(request.declared, request.where)(found.argument)
        said = f"{alias}[{describe(cls)}]: {describe(cls)}"
        if not (isinstance(cls, type) and issubclass(cls, Entity)):
            raise self.refuse(request.where, f"{said} is not an entity")
        target = self._world.target(cls)
        if target is None:
            raise self.refuse(request.where, f"{said} is not registered; give it to register_entity()")
        return target

    def _evaluated(self, hint: Any, request: FieldRequest) -> Any:
        namespace = self._world.namespace(request.declared.owner, self._cls)
        try:
            json_type = namespace.evaluate_deep(hint)
        except HintError as error:
            raise self.refuse(request.where, self._explained(error)) from None
        if json_type is type(None) or type(None) in get_args(json_type):
            raise self.refuse(request.where, "a None in Json cannot be told from NULL; write Json[...] | None")
        return json_type

    def _enum(self, field_type: FieldType, request: FieldRequest) -> EnumSchema | None:
        if field_type.kind not in ("enum", "set"):
            return None
        enum_name, cls = request.options.get("enum_name"), field_type.enum_class
        if cls is not None:
            if enum_name is not None:
                self.problems.add(request.where, f"Field(enum_name=) is for Literal[...]; {cls.__name__} has a name")
            return self._world.user_enum(EnumSchema(cls.__name__, field_type.members, cls))
        if enum_name is not None and not (isinstance(enum_name, str) and not field_problem(enum_name)):
            raise self.refuse(request.where, f"Field(enum_name={enum_name!r}): must be a name that a class can have")
        in_list = request.name != request.place.prefix + request.declared.name
        base = request.name.rpartition("_")[0] if in_list else request.name
        generated = self.name.removesuffix("Entity") + camel_case(base)
        return self._world.generated_enum(
            EnumSchema(enum_name or generated, field_type.members, None), request.where, enum_name is not None
        )

    def _column_type(self, field_type: FieldType, enum: EnumSchema | None, request: FieldRequest) -> ColumnType:
        if request.name == "id":
            return id_type(field_type.argument)
        try:
            return KINDS[field_type.kind].make(request.options, field_type.argument if enum is None else enum)
        except OptionError as error:
            raise self.refuse(request.where, str(error)) from None

    def _column_initial(self, column_type: ColumnType, request: FieldRequest) -> Initial:
        initial = self.own_initial(request)
        try:
            return checked_initial(initial, column_type.check, request.shape.nullable, request.secret)
        except InitialError as error:
            raise self.refuse(request.where, str(error)) from None

    def _auto(self, kind: str, request: FieldRequest) -> AutoValue:
        inside = bool(request.place.inside)
        if request.options.get("version") is True and kind == "uint":
            given = {"default", "default_factory"} & set(request.options)
            if inside or given or request.shape.nullable or request.name == "id":
                advice = "a version is a field of the entity itself, not its id, never None, and without a default"
                self.problems.add(request.where, advice)
            return "version"
        return _TIMESTAMPS.get(request.name, "") if kind == "datetime" and not inside else ""

    def _column_name(self, request: FieldRequest) -> str:
        own = request.options.get("column")
        name = request.place.prefix + own if isinstance(own, str) else request.name
        wrong = isinstance(own, str) and identifier_problem(own) != ""
        if not wrong and (problem := identifier_problem(name)):
            self.problems.add(request.where, f"the column's name {problem}; give it another with Field(column=)")
        return name


_SPOKEN: Final = {"float32": "Float32", "enum": "an enum", "set": "a set", "json": "Json", "uuid": "UUID"}


def _spoken(field_type: FieldType) -> str:
    """A type in sentences about options."""
    if isinstance(field_type.argument, Target):
        return f"{'Reference' if field_type.kind == 'reference' else 'References'}[{field_type.argument.name}]"
    if field_type.kind in ("int", "uint"):
        return str(field_type.argument.name)
    return _SPOKEN.get(field_type.kind) or KINDS[field_type.kind].annotation


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
