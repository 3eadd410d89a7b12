"""What templates print for a column: its types, how its getter knows a decoded value, its field object, its words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fluxaorm.codegen.enum_model import EnumModel
from fluxaorm.codegen.layout import LINE_LENGTH
from fluxaorm.codegen.names import Names
from fluxaorm.entity.schema import ColumnSchema, EnumSchema

_FIELD_CLASSES: Final = {
    "int": "IntField",
    "uint": "IntField",
    "float": "FloatField",
    "float32": "FloatField",
    "decimal": "DecimalField",
    "bool": "BoolField",
    "str": "StringField",
    "bytes": "BytesField",
    "date": "DateField",
    "datetime": "DateTimeField",
    "time": "TimeField",
    "timedelta": "TimeDeltaField",
    "enum": "EnumField",
    "set": "SetField",
    "json": "JsonField",
    "references": "ReferencesField",
    "uuid": "UUIDField",
    "ipv4": "IPv4Field",
    "ipv6": "IPv6Field",
}
_AUTOMATIC: Final = {
    "created_at": "set on insert unless you set it",
    "updated_at": "set on every write",
    "version": "counts the writes of the row",
}
_LONGEST_LIST: Final = 200
"""Characters of an enum's members in a docstring."""
JSON_KINDS: Final = frozenset({"json", "references"})


@dataclass(frozen=True, slots=True)
class Getter:
    """How a property reads its value.

    ``form``: "inline" (one expression says whether the cell is decoded already and decodes it), "branch" (the same in
    several statements, for long names), "json", "group".
    """

    form: str
    test: str = ""
    """Whether ``value``, the cell, is decoded already."""
    declared: str = ""
    """Of ``value``; "" when the test says it, or when the test makes ``value`` itself."""


@dataclass(frozen=True, slots=True)
class Property:
    """One property of the entity."""

    name: str
    position: int
    """In the row; of a group: among the groups."""
    type: str
    takes: str
    """What the setter takes; "" without a setter."""
    getter: Getter
    doc: str


@dataclass(frozen=True, slots=True)
class FieldObject:
    """One field object for queries: ``name: annotation = value``."""

    name: str
    annotation: str
    value: str


@dataclass(frozen=True, slots=True)
class Sibling:
    """The entity a reference refers to, as the module of the referring one calls it and its parts."""

    entity: str
    provider: str
    reference: str
    """The class of its field objects, in code."""
    reference_type: str
    """The same in an annotation."""


class Columns:
    """Makes the parts of one entity's columns."""

    def __init__(self, names: Names, siblings: Mapping[int, Sibling], enums: Mapping[str, EnumModel]) -> None:
        """``siblings``: by the position of the reference; ``enums``: the generated ones, by name."""
        self._names = names
        self._siblings = siblings
        self._enums = enums

    def property(self, column: ColumnSchema) -> Property:
        """The property of a column."""
        takes = "" if column.auto == "version" else self.takes(column)
        words = description_of(column)
        return Property(column.attribute, column.index, self.type_of(column), takes, self._getter(column), words)

    def type_of(self, column: ColumnSchema) -> str:
        """The type of what a column holds."""
        return self._optional(column, self._type(column))

    def takes(self, column: ColumnSchema) -> str:
        """The type of what can be assigned to a column."""
        return self._optional(column, self._accepted(column))

    def _optional(self, column: ColumnSchema, type_: str) -> str:
        return f"{type_} | None" if column.nullable else type_

    def _accepted(self, column: ColumnSchema) -> str:
        names = self._names
        if column.index in self._siblings:
            one = f"{names.int} | {self._siblings[column.index].entity}"
            return f"{names.Iterable}[{one}]" if column.kind == "references" else one
        if column.enum is not None:
            one = self._member(column.enum)
            if column.enum.python_class is None:
                one = f"{one} | {names.use('.enums', self._enums[column.enum.name].text)}"
            return f"{names.Iterable}[{one}]" if column.kind == "set" else one
        return f"{names.Decimal} | {names.int}" if column.kind == "decimal" else self._type(column)

    def _type(self, column: ColumnSchema) -> str:
        if column.enum is None:
            return self._names.annotation(column.annotation, column.imports)
        member = self._member(column.enum)
        return f"{self._names.frozenset}[{member}]" if column.kind == "set" else member

    def _member(self, enum: EnumSchema) -> str:
        if enum.python_class is None:
            return self._names.use(".enums", enum.name)
        return self._names.user_class(enum.python_class)

    def _getter(self, column: ColumnSchema) -> Getter:
        if column.kind in JSON_KINDS:
            return Getter("json")
        cell = f"self._row[{column.index}]"
        is_set = column.kind == "set"
        exact = self._names.frozenset if is_set else self._type(column)
        declared = f"value: {self.type_of(column)} = {cell}" if is_set else f"value = {cell}"
        tests = list(self._tests(column, exact, "value"))
        if not is_set:
            first = next(self._tests(column, exact, f"(value := {cell})"))
            if _fits(first, column):
                return Getter("inline", first)
        fitting = [test for test in tests if _fits(test, column)]
        return Getter("inline", fitting[0], declared) if fitting else Getter("branch", tests[0], declared)

    def _tests(self, column: ColumnSchema, exact: str, cell: str) -> Iterator[str]:
        """Expressions that say whether a cell is decoded, the fullest first. ``cell``: as it is first mentioned."""
        type_ = self._names.type
        if column.nullable and column.kind != "datetime":
            yield f"{cell} is None or {type_}(value) is {exact}"
        test = f"{type_}({cell.removeprefix('(').removesuffix(')')}) is {exact}"
        yield f"{test} and value.tzinfo" if column.kind == "datetime" else test

    def field_object(self, column: ColumnSchema) -> FieldObject:
        """The field object of a column."""
        if column.kind == "reference":
            return self._reference(column, self._siblings[column.index])
        name = f"{'Nullable' if column.nullable else ''}{_FIELD_CLASSES[column.kind]}"
        made = f"{self._names.fields}.{name}"
        argument = self._argument(column)
        return FieldObject(column.field, f"{made}[{argument}]" if argument else "", f"{made}()")

    def _argument(self, column: ColumnSchema) -> str:
        if column.enum is not None:
            return self._member(column.enum)
        return self._type(column) if column.kind == "json" else ""

    def _reference(self, column: ColumnSchema, sibling: Sibling) -> FieldObject:
        names, nullable = self._names, ", nullable=True" if column.nullable else ""
        annotation = f"{sibling.reference_type}[{names.int} | None]"
        if not column.nullable:
            annotation = f"{names.fields}.RequiredReference[{sibling.reference_type}[{names.int}], {annotation}]"
        value = f"{names.fields}.reference(lambda: {sibling.reference}{nullable})"
        return FieldObject(column.field, annotation, value)


def _fits(test: str, column: ColumnSchema) -> bool:
    return len(f"        return value if {test} else self._decoded({column.index})") <= LINE_LENGTH


def description_of(column: ColumnSchema) -> str:
    """A column in words: its MySQL type, unit or range, and who sets it."""
    parts = [_members(column.kind, column.enum) if column.enum is not None else _stored(column)]
    if column.auto in _AUTOMATIC:
        parts.append(_AUTOMATIC[column.auto])
    if column.secret:
        parts.append("secret: not shown in messages")
    return f"{'; '.join(parts)}."


def _stored(column: ColumnSchema) -> str:
    told = not column.description or column.description.lower() == column.mysql_type
    return column.mysql_type if told else f"{column.mysql_type}: {column.description}"


def _members(kind: str, enum: EnumSchema) -> str:
    listed = ", ".join(enum.members)
    return f"{kind}: {listed}" if len(listed) <= _LONGEST_LIST else f"{kind} of {len(enum.members)} members"
