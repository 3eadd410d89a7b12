"""The imports of a generated module as source text, in Ruff's order: standard library, third party, own, siblings."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

from fluxaorm.codegen.names import Import
from fluxaorm.codegen.naming import by_kind_of_name, natural

_STANDARD, _THIRD_PARTY, _OWN, _SIBLINGS = range(4)


def import_block(imports: Iterable[Import], package: str, indent: int = 0) -> str:
    """Import statements in sections, an empty line between them. ``package``: the user's top-level package."""
    sections: dict[int, dict[tuple[str, str], list[Import]]] = {}
    for item in imports:
        alias = item.local if item.local != item.name else ""
        section = sections.setdefault(_section(item.module, package), {})
        section.setdefault((item.module, alias), []).append(item)
    return "\n\n".join(_section_text(sections[number], indent) for number in sorted(sections))


def _section(module: str, package: str) -> int:
    if module.startswith("."):
        return _SIBLINGS
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return _STANDARD
    return _OWN if top == package else _THIRD_PARTY


def _section_text(statements: Mapping[tuple[str, str], list[Import]], indent: int) -> str:
    """A name under another name stands in a statement of its own."""

    def order(statement: tuple[tuple[str, str], list[Import]]) -> tuple[object, ...]:
        (module, alias), items = statement
        first = min(by_kind_of_name(item.name) for item in items)
        return natural(module.lower()), natural(module), first, alias != "", alias

    lines = [f"{' ' * indent}{_statement(*key, items)}" for key, items in sorted(statements.items(), key=order)]
    return "\n".join(lines)


def _statement(module: str, alias: str, items: list[Import]) -> str:
    if alias:
        return f"from {module} import {items[0].name} as {alias}"
    return f"from {module} import {', '.join(sorted((item.name for item in items), key=by_kind_of_name))}"
