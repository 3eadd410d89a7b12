"""Turns tables into drafts of entities. Pure; what the library refuses of a draft is told by ``trial``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from fluxaorm.codegen.layout import quoted
from fluxaorm.codegen.naming import enum_member_names
from fluxaorm.dialects.tables import ColumnDefinition, IndexDefinition, TableDefinition
from fluxaorm.entity.resolve.definitions import FAKE_DELETE
from fluxaorm.entity.resolve.names import identifier_problem
from fluxaorm.introspect.code import Code
from fluxaorm.introspect.drafts import EntityDraft, EnumDraft, Exclusions, FieldDraft, Omission
from fluxaorm.introspect.field_types import UNSHOWN, DraftType, NoFieldError, field_type, long_text
from fluxaorm.introspect.layout import field_line, fits
from fluxaorm.introspect.names import DraftNames, FieldNames
from fluxaorm.introspect.tables import id_type, is_soft_deleted, key_of, references_of, unreferred


def draft_entities(tables: Mapping[str, TableDefinition], excluded: Exclusions) -> list[EntityDraft]:
    """A draft of every table that is not excluded, in the order given."""
    chosen = {name: table for name, table in tables.items() if name not in excluded.tables}
    names = DraftNames()
    classes = {name: names.entity(name) for name in chosen}
    return [_Drafting(table, chosen, classes, names, excluded).draft() for table in chosen.values()]


class _Drafting:
    """One entity while it is made."""

    def __init__(
        self,
        table: TableDefinition,
        entities: Mapping[str, TableDefinition],
        classes: Mapping[str, str],
        enum_names: DraftNames,
        excluded: Exclusions,
    ) -> None:
        self._table, self._entities, self._classes = table, entities, classes
        self._enum_names, self._excluded = enum_names, excluded
        self._name = classes[table.name]
        self._references = references_of(table, entities)
        self._soft_delete = is_soft_deleted(table)
        self._omissions: list[Omission] = []
        self._enums: list[EnumDraft] = []
        self._field_names = self._named_fields()

    def draft(self) -> EntityDraft:
        fields = {field.column: field for field in self._fields()}
        indexes = list(self._indexes(fields))
        self._omissions += unreferred(self._table, self._entities)
        return EntityDraft(
            self._name,
            self._table.name,
            tuple(fields.values()),
            tuple(indexes),
            tuple(self._enums),
            self._soft_delete,
            tuple(self._omissions),
        )

    def _named_fields(self) -> dict[str, str]:
        """Names by column; plain columns choose first, so that a reference gives way to them."""
        names = FieldNames(self._classes.values())
        key = key_of(self._table).name
        found = {key: "id"}
        columns = [column.name for column in self._table.columns if column.name != key]
        for column in columns:
            if column not in self._references and not identifier_problem(column):
                found[column] = FAKE_DELETE if self._is_fake_delete(column) else names.plain(column)
        for column in self._references:
            found[column] = names.reference(column)
        return found

    def _is_fake_delete(self, column: str) -> bool:
        return self._soft_delete and column == FAKE_DELETE

    def _fields(self) -> Iterator[FieldDraft]:
        key = key_of(self._table)
        yield FieldDraft("id", key.name, Code(id_type(key), (id_type(key),)), options=_renamed("id", key.name))
        for column in self._table.columns:
            if column.name == key.name or self._is_fake_delete(column.name):
                continue
            try:
                yield self._field(column)
            except NoFieldError as refusal:
                self._omissions.append(Omission("column", column.name, f"{column.type}: {refusal}{_required(column)}"))

    def _field(self, column: ColumnDefinition) -> FieldDraft:
        reason = self._excluded.columns.get((self._table.name, column.name))
        if reason is None and (problem := identifier_problem(column.name)):
            reason = f"its name {problem}"
        if reason is not None:
            raise NoFieldError(reason)
        name = self._field_names[column.name]
        renamed = _renamed(name, column.name)
        target = self._references.get(column.name)
        if target is not None:
            entity = self._classes[target]
            field = FieldDraft(name, column.name, Code(f"Reference[{entity}]", ("Reference",)), column.nullable)
            return replace(field, options=renamed, default=_none_of(column))
        kind = field_type(column)
        if (self._table.name, column.name) in self._excluded.long_texts:
            kind = long_text()
        field = FieldDraft(name, column.name, kind.annotation, column.nullable, note=kind.note)
        field = replace(field, options=(*renamed, *kind.options))
        return self._enum_field(field, kind, column) if kind.members else _with_default(field, kind, column)

    def _enum_field(self, field: FieldDraft, kind: DraftType, column: ColumnDefinition) -> FieldDraft:
        """A ``Literal`` while it fits into the line, else a StrEnum."""
        generated, name = self._enum_names.enum(self._name, field.name)
        listed = ", ".join(map(quoted, kind.members))
        literal = replace(
            field,
            annotation=_perhaps_set(Code(f"Literal[{listed}]", ("Literal",)), kind),
            default=_enum_default({member: quoted(member) for member in kind.members}, kind, column),
            options=field.options if generated == name else (*field.options, ("enum_name", quoted(name))),
        )
        if fits(field_line(literal)):
            return literal
        self._enums.append(EnumDraft(name, kind.members, f"{self._table.name}.{column.name}"))
        names = enum_member_names(kind.members)
        sources = {member: f"{name}.{own}" for member, own in zip(kind.members, names, strict=True)}
        annotation = _perhaps_set(Code(name), kind)
        return replace(field, annotation=annotation, default=_enum_default(sources, kind, column))

    def _indexes(self, fields: dict[str, FieldDraft]) -> Iterator[Code]:
        for index in self._table.indexes:
            columns = self._declared_columns(index)
            reason = self._index_refusal(index, columns, fields)
            if reason:
                self._omissions.append(Omission("index", index.name, reason))
            elif not self._is_implicit(index):
                names = [self._field_names[column] for column in columns]
                if [index.name] == names:
                    field = fields[columns[0]]
                    option = ("unique" if index.unique else "index", "True")
                    fields[columns[0]] = replace(field, options=(option, *field.options))
                else:
                    yield _index_code(index, names)

    def _declared_columns(self, index: IndexDefinition) -> tuple[str, ...]:
        """Without ``fake_delete``, which soft delete appends to unique indexes by itself."""
        if index.unique and len(index.columns) > 1 and self._is_fake_delete(index.columns[-1]):
            return index.columns[:-1]
        return index.columns

    def _index_refusal(self, index: IndexDefinition, columns: Sequence[str], fields: Mapping[str, FieldDraft]) -> str:
        if index.detail:
            return f"{index.detail}: only plain indexes over whole columns can be declared"
        for column in columns:
            if column not in fields and not self._is_fake_delete(column):
                return f"its column `{column}` is left out"
        return self._excluded.indexes.get((self._table.name, index.name), "")

    def _is_implicit(self, index: IndexDefinition) -> bool:
        """Whether the library makes the index by itself."""
        if index.unique or len(index.columns) != 1:
            return False
        column = index.columns[0]
        if self._is_fake_delete(column):
            return index.name == FAKE_DELETE
        return column in self._references and index.name == self._field_names[column]


def _required(column: ColumnDefinition) -> str:
    """What leaving a column out means for new rows."""
    has_value = column.nullable or column.default is not None or "DEFAULT" in column.extra or "AS (" in column.extra
    return "" if has_value else "; rows cannot be inserted without it, since it is NOT NULL and has no default"


def _renamed(name: str, column: str) -> tuple[tuple[str, str], ...]:
    return () if name == column else (("column", quoted(column)),)


def _none_of(column: ColumnDefinition) -> Code | None:
    return Code("None") if column.nullable else None


def _with_default(field: FieldDraft, kind: DraftType, column: ColumnDefinition) -> FieldDraft:
    if column.default is None:
        return replace(field, default=_none_of(column))
    try:
        default = None if kind.default is None else kind.default(column.default)
    except ValueError:
        default = None
    unshown = "?" in column.default and default is not None and default.text.startswith(("'", '"'))
    return replace(field, default=default, note=f"the default {UNSHOWN}" if unshown else field.note)


def _perhaps_set(annotation: Code, kind: DraftType) -> Code:
    return replace(annotation, text=f"frozenset[{annotation.text}]") if kind.is_set else annotation


def _enum_default(sources: Mapping[str, str], kind: DraftType, column: ColumnDefinition) -> Code | None:
    """``sources``: how each member is written."""
    if column.default is None:
        return _none_of(column)
    if not kind.is_set:
        source = sources.get(column.default)
        return None if source is None else Code(source)
    chosen = column.default.split(",") if column.default else []
    if not chosen:
        return Code("frozenset()")
    if not sources.keys() >= set(chosen):
        return None
    return Code(f"frozenset({{{', '.join(sources[member] for member in chosen)}}})")


def _index_code(index: IndexDefinition, fields: Sequence[str]) -> Code:
    kind = "UniqueIndex" if index.unique else "Index"
    name = "" if index.name == "_".join(fields) else f", name={quoted(index.name)}"
    return Code(f"{kind}({', '.join(map(quoted, fields))}{name})", (kind,))
