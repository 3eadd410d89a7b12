"""The source of a module of definitions, laid out as Ruff would. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from fluxaorm.codegen.layout import LINE_LENGTH, docstring, fitted, quoted
from fluxaorm.codegen.naming import enum_member_names
from fluxaorm.introspect.code import Code, imports
from fluxaorm.introspect.drafts import EntityDraft, EnumDraft, FieldDraft

_INDENT = "    "


def module_source(title: str, entities: Sequence[EntityDraft], refused: Sequence[str]) -> str:
    """The module's text. ``title``: the first line of its docstring; ``refused``: a sentence on each that is none."""
    about = [title]
    if refused:
        about += ["", "Not entities:"]
        for sentence in refused:
            about += textwrap.wrap(
                sentence, LINE_LENGTH, initial_indent="- ", subsequent_indent="  ", break_long_words=False
            )
    head = f"{docstring(chr(10).join(about), 0)}\n\nfrom __future__ import annotations\n"
    body = [*map(_enum_class, [enum for entity in entities for enum in entity.enums]), *map(_entity_class, entities)]
    names = [name for entity in entities for name in _names(entity)]
    needed = f"\n{_each_fitted(imports(names))}\n" if names else ""
    return f"{head}{needed}" + "".join(f"\n\n{text}\n" for text in body)


def field_line(field: FieldDraft) -> str:
    """A field in one line, however long."""
    annotation = f"{field.annotation.text} | None" if field.nullable else field.annotation.text
    value = _value(field)
    return f"{_INDENT}{field.name}: {annotation}{'' if value is None else f' = {value}'}"


def fits(line: str) -> bool:
    """Whether Ruff leaves the line as it is."""
    return len(line) <= LINE_LENGTH


def _value(field: FieldDraft) -> str | None:
    default = None if field.default is None else field.default.text
    if not field.options:
        return default
    given = [("default", default), *field.options] if default is not None else field.options
    return f"Field({', '.join(f'{name}={value}' for name, value in given)})"


def _names(entity: EntityDraft) -> Iterator[str]:
    yield "Entity"
    if entity.enums:
        yield "StrEnum"
    for field in entity.fields:
        yield from field.annotation.names
        yield from field.default.names if field.default else ()
        if field.options:
            yield "Field"
    for index in entity.indexes:
        yield from index.names


def _each_fitted(text: str) -> str:
    return "\n".join(fitted(line) for line in text.split("\n"))


def _enum_class(enum: EnumDraft) -> str:
    names = enum_member_names(enum.members)
    members = [fitted(f"{_INDENT}{name} = {quoted(text)}") for name, text in zip(names, enum.members, strict=True)]
    about = docstring(f"What `{enum.place}` holds.", len(_INDENT))
    return "\n".join([f"class {enum.name}(StrEnum):", f"{_INDENT}{about}", "", *members])


def _entity_class(entity: EntityDraft) -> str:
    bases = ["Entity"]
    if entity.table != entity.name:
        bases.append(f"table={quoted(entity.table)}")
    if entity.soft_delete:
        bases.append("soft_delete=True")
    about = docstring(f"A row of `{entity.table}`.", len(_INDENT))
    lines = [fitted(f"class {entity.name}({', '.join(bases)}):"), f"{_INDENT}{about}", ""]
    for field in entity.fields:
        if field.note:
            lines += _comment(field.note)
        lines.append(fitted(field_line(field)))
    lines += _index_lines(entity.indexes)
    for omission in entity.omissions:
        lines += _comment(f"left out: {omission.what} `{omission.name}`: {omission.reason}")
    return "\n".join(lines)


def _index_lines(indexes: Sequence[Code]) -> Iterator[str]:
    if not indexes:
        return
    if len(indexes) == 1 and fits(line := f"{_INDENT}indexes = ({indexes[0].text},)"):
        yield line
        return
    yield f"{_INDENT}indexes = ("
    for index in indexes:
        yield f"{fitted(f'{_INDENT * 2}{index.text}')},"
    yield f"{_INDENT})"


def _comment(text: str) -> list[str]:
    clean = "".join(character if character.isprintable() else "?" for character in text)
    start = f"{_INDENT}# "
    return textwrap.wrap(
        clean,
        LINE_LENGTH,
        initial_indent=start,
        subsequent_indent=start,
        break_long_words=False,
        break_on_hyphens=False,
    )
