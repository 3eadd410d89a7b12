"""EntitySchema -> what the template of an entity's module prints. Decides names and types; writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fluxaorm.codegen.columns import JSON_KINDS, Columns, FieldObject, Getter, Property, Sibling
from fluxaorm.codegen.names import Names
from fluxaorm.codegen.naming import is_name, name_of
from fluxaorm.codegen.package_model import ClassNames, PackageModel
from fluxaorm.entity.schema import ColumnSchema, EntitySchema, GroupSchema, IndexSchema, ReferenceSchema
from fluxaorm.entity.values.type_source import class_source
from fluxaorm.errors import CodegenError
from fluxaorm.runtime.entity import EntityBase

_OR_NONE: Final = " | None"


@dataclass(frozen=True, slots=True)
class Value:
    """A keyword of ``new`` and ``set``."""

    name: str
    type: str
    computed: str = ""
    """What an expression for it gives; "" when there can be none."""
    repeats: bool = False
    """Whether it is another name of the one before."""

    def settable(self, fields: str) -> str:
        """What ``update_where`` takes: a value, or an expression that gives one."""
        if not self.computed:
            return self.type
        own = self.computed.removesuffix(_OR_NONE)
        others = self.type.removesuffix(_OR_NONE).removeprefix(own)
        return f"{fields}.Settable[{self.computed}]{others}"


@dataclass(frozen=True, slots=True)
class Unique:
    """A look-up by unique index."""

    index: str
    method: str
    words: str
    """The fields in words."""
    parameters: tuple[tuple[str, str], ...]
    """Name and type."""

    @property
    def arguments(self) -> str:
        """The parameters as a tuple."""
        names = [name for name, _ in self.parameters]
        return f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})"


@dataclass(frozen=True, slots=True)
class Look:
    """The methods of a reference field."""

    field: str
    position: int
    many: bool
    nullable: bool
    target: Sibling


@dataclass(frozen=True, slots=True)
class EntityModel:
    """Everything an entity's module prints but its imports."""

    schema: EntitySchema
    names: Names
    classes: ClassNames
    is_referred_to: bool
    values: tuple[Value, ...]
    properties: tuple[Property, ...]
    references: tuple[Look, ...]
    uniques: tuple[Unique, ...]
    fields: tuple[FieldObject, ...]
    enum_classes: tuple[tuple[int, str], ...]


def entity_model(schema: EntitySchema, package: PackageModel) -> EntityModel:
    """The model of one entity. Raises CodegenError for names that cannot stand in the module."""
    return _Maker(schema, package).model()


class _Maker:
    def __init__(self, schema: EntitySchema, package: PackageModel) -> None:
        self.schema, self.package = schema, package
        self.classes = ClassNames(schema.name)
        user_package = schema.definition.__module__.partition(".")[0]
        self.names = Names(self.classes.all, _members_of(schema, self.classes), user_package)
        self.siblings = {reference.position: self._sibling(reference) for reference in schema.references}
        self.columns = Columns(self.names, self.siblings, package.enums)

    def _sibling(self, reference: ReferenceSchema) -> Sibling:
        target = ClassNames(reference.target)
        if target == self.classes:
            return Sibling(target.entity, target.provider, target.reference, target.reference)
        module = f".{target.module}"
        place = self.names.sibling(target.module)
        entity = self.names.use(module, target.entity, typing_only=True)
        fields = "" if reference.many else self.names.use(module, target.reference, typing_only=True)
        return Sibling(entity, f"{place}.{target.provider}", f"{place}.{target.reference}", fields)

    def model(self) -> EntityModel:
        schema = self.schema
        return EntityModel(
            schema=schema,
            names=self.names,
            classes=self.classes,
            is_referred_to=schema.name in self.package.referred_to,
            values=tuple(self._values()),
            properties=tuple(self._properties()),
            references=tuple(self._look(reference) for reference in schema.references),
            uniques=tuple(self._uniques()),
            fields=tuple(self.columns.field_object(column) for column in schema.columns),
            enum_classes=tuple(
                (column.index, self.names.use(".enums", column.enum.name))
                for column in schema.columns
                if column.enum is not None and column.enum.python_class is None
            ),
        )

    def _values(self) -> Iterator[Value]:
        for part in self._parts():
            if isinstance(part, GroupSchema):
                yield Value(part.name, self._group_takes(part))
            elif part.auto != "version":
                takes = self.columns.takes(part)
                is_plain = part.enum is None and part.kind not in JSON_KINDS
                computed = self.columns.type_of(part) if is_plain else ""
                yield Value(part.field, takes, computed)
                if part.attribute != part.field:
                    yield Value(part.attribute, takes, repeats=True)

    def _properties(self) -> Iterator[Property]:
        for part in self._parts():
            if isinstance(part, GroupSchema):
                types = self._group_type(part), self._group_takes(part)
                position = self.schema.groups.index(part)
                yield Property(part.name, position, *types, Getter("group"), _group_words(part))
            else:
                yield self.columns.property(part)

    def _parts(self) -> list[ColumnSchema | GroupSchema]:
        """Columns that users see, and before the first of a group the group."""
        groups = {_first_position(group): group for group in reversed(self.schema.groups)}
        parts: list[ColumnSchema | GroupSchema] = []
        for column in self.schema.columns[1:]:
            if column.index in groups:
                parts.append(groups[column.index])
            if column.auto != "fake_delete":
                parts.append(column)
        return parts

    def _group_type(self, group: GroupSchema) -> str:
        if group.python_class is not None:
            return self._class(group.python_class)
        (_, item), *_ = group.members
        inside = self._group_type(item) if isinstance(item, GroupSchema) else self.columns.type_of(self._column(item))
        return f"{self.names.tuple}[{inside}, ...]"

    def _group_takes(self, group: GroupSchema) -> str:
        if group.python_class is not None:
            return self._class(group.python_class)
        (_, item), *_ = group.members
        inside = self._group_takes(item) if isinstance(item, GroupSchema) else self.columns.takes(self._column(item))
        return f"{self.names.Sequence}[{inside}]"

    def _class(self, cls: type[Any]) -> str:
        source = class_source(cls)
        return self.names.annotation(source.text, source.imports)

    def _column(self, position: int) -> ColumnSchema:
        return self.schema.columns[position]

    def _look(self, reference: ReferenceSchema) -> Look:
        target = self.siblings[reference.position]
        return Look(reference.field, reference.position, reference.many, reference.nullable, target)

    def _uniques(self) -> Iterator[Unique]:
        for index in self.schema.unique_indexes:
            columns = [self._column(position) for position in index.positions]
            parameters = tuple((_parameter(column.field), self.columns.takes(column)) for column in columns)
            yield Unique(index.name, _look_up_name(index), " and ".join(index.fields), parameters)


def _first_position(group: GroupSchema) -> int:
    (_, member), *_ = group.members
    return _first_position(member) if isinstance(member, GroupSchema) else member


def _group_words(group: GroupSchema) -> str:
    """A group in words: the columns it stands for."""
    if group.python_class is None:
        return f"{len(group.members)} columns in a row; a shorter list leaves the rest unset."
    return f"Columns {', '.join(name for name, _ in group.members)}."


def _parameter(field: str) -> str:
    return f"{field}_" if field in ("self", "ctx") else field


def _look_up_name(index: IndexSchema) -> str:
    return f"get_by_{name_of(index.name)}"


def _members_of(schema: EntitySchema, classes: ClassNames) -> set[str]:
    """Every name that the classes of an entity's module define. CodegenError for a clash."""
    owners = dict.fromkeys(dir(EntityBase), "every entity") | dict.fromkeys(classes.all, "the module")
    members: set[str] = set()
    for name, owner in _defined(schema):
        if not is_name(name):
            raise CodegenError(f"{schema.name}: {owner} needs the name '{name}', which Python cannot use; rename it")
        other = owners.setdefault(name, owner)
        if other != owner:
            raise CodegenError(f"{schema.name}: {owner} and {other} both need the name '{name}'; rename one")
        members.add(name)
    return members


def _defined(schema: EntitySchema) -> Iterator[tuple[str, str]]:
    for column in schema.columns[1:]:
        yield column.field, f"field '{column.field}'"
        yield column.attribute, f"field '{column.field}'"
    for group in schema.groups:
        yield group.name, f"field '{group.name}'"
    for reference in schema.references:
        for name in (f"get_{reference.field}", f"must_get_{reference.field}"):
            yield name, f"the reference '{reference.field}'"
    yield "set", "every entity"
    if schema.soft_delete:
        yield "force_delete", "soft delete"
        yield "restore", "soft delete"
