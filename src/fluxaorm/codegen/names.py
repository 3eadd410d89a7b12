"""The names a generated module imports, and what each is called in it.

A class body may hide a name that its annotations need: a field called ``date`` hides the type ``date`` from every later
annotation of the class. Such a type is imported under another name, ``_date``. So is a class of the user's that has the
name of something else in the module.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from fluxaorm.entity.values.type_source import class_source

LIBRARY: Final = {
    "Any": "typing",
    "AnyContext": "fluxaorm.runtime",
    "Decimal": "decimal",
    "EntityBase": "fluxaorm.runtime",
    "Iterable": "collections.abc",
    "LazyModule": "fluxaorm.runtime",
    "Literal": "typing",
    "MappingProxyType": "types",
    "LookUp": "fluxaorm.runtime",
    "Provider": "fluxaorm.runtime",
    "Query": "fluxaorm.query",
    "Self": "typing",
    "Sequence": "collections.abc",
    "StrEnum": "enum",
    "TYPE_CHECKING": "typing",
    "TypedDict": "typing",
    "Unpack": "typing",
    "fields": "fluxaorm.query",
    "sync_or_async": "fluxaorm.runtime",
}
"""What templates use, by name: its module."""

Pairs = tuple[tuple[str, str], ...]

_BUILTINS: Final = frozenset(dir(builtins))
_WORD: Final = re.compile(r"\w+")


@dataclass(slots=True)
class Import:
    """One imported name. ``typing_only``: no code needs it, so it is imported for type checkers alone."""

    module: str
    name: str
    local: str
    typing_only: bool


class Names:
    """The imports of one module, collected while its parts are made."""

    def __init__(self, own: Iterable[str], hidden: Iterable[str] = (), package: str = "") -> None:
        """``own``: names the module defines; ``hidden``: what its classes define; ``package``: the user's top-level."""
        self.package = package
        self.imports: dict[tuple[str, str], Import] = {}
        self.objects: dict[str, Any] = {}
        """The user's objects that code needs, by local name."""
        self.siblings: dict[str, str] = {}
        """Modules of the generated package that are imported on first use: name -> local name."""
        self._own = frozenset(own)
        self._hidden = frozenset(hidden)
        self._used: set[str] = set()
        self._annotations: dict[tuple[str, Pairs], str] = {}

    def __getattr__(self, name: str) -> str:
        """``names.Decimal``: what the library's or Python's own ``Decimal`` is called here. For templates."""
        if name in LIBRARY:
            return self.use(LIBRARY[name], name)
        if name in _BUILTINS:
            return self.builtin(name)
        raise AttributeError(name)

    def use(self, module: str, name: str, *, typing_only: bool = False) -> str:
        """What the module calls this name; it is imported from now on."""
        found = self.imports.get((module, name))
        if found is None:
            local = self._local(name.rpartition(".")[2], ours=LIBRARY.get(name) == module)
            found = self.imports[module, name] = Import(module, name, local, typing_only)
        found.typing_only &= typing_only
        return found.local

    def export(self, module: str, name: str) -> None:
        """Import what the module itself offers under the same name."""
        self.imports[module, name] = Import(module, name, name, typing_only=False)

    def builtin(self, name: str) -> str:
        """What the module calls a builtin."""
        hidden = name in self._hidden or name in self._own
        return self.use("builtins", name) if hidden else name

    def sibling(self, module: str) -> str:
        """What the module calls another module of its package, which it needs in code that runs later."""
        if module not in self.siblings:
            self.siblings[module] = self._local(module)
        return self.siblings[module]

    def user_class(self, cls: type[Any]) -> str:
        """What the module calls a class of the user's that its code needs."""
        source = class_source(cls)
        for module, name in source.imports:
            local = self.use(module, name)
            inside = "<locals>" not in name
            self.objects[local] = getattr(sys.modules[module], name) if inside else cls
        return self._renamed(source.text, source.imports)

    def annotation(self, text: str, imports: Pairs) -> str:
        """The source of a type, given in the names it has in its own module, in the names it has in this one."""
        found = self._annotations.get((text, imports))
        if found is None:
            for module, name in imports:
                self.use(module, name, typing_only=module not in sys.stdlib_module_names)
            found = self._annotations[text, imports] = self._renamed(text, imports)
        return found

    def _local(self, name: str, *, ours: bool = False) -> str:
        """A name nothing else in the module has; ``ours``: one that is kept free for this."""
        local, number = name, 1
        while not self._is_free(local) or (local in LIBRARY and not ours):
            local = f"_{name}" if number == 1 else f"_{name}{number}"
            number += 1
        self._used.add(local)
        return local

    def _is_free(self, local: str) -> bool:
        return not (local in self._hidden or local in self._own or local in self._used or local in _BUILTINS)

    def _renamed(self, text: str, imports: Pairs) -> str:
        renamed = {name.rpartition(".")[2]: self.imports[module, name].local for module, name in imports}
        for word in _BUILTINS & (self._hidden | self._own) & set(_WORD.findall(text)) - renamed.keys():
            renamed[word] = self.builtin(word)
        if all(old == new for old, new in renamed.items()):
            return text
        return _replaced(text, renamed)


def _replaced(text: str, renamed: dict[str, str]) -> str:
    source = text.encode()
    names = [node for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)]
    for node in sorted(names, key=lambda node: -node.col_offset):
        new = renamed.get(node.id, node.id).encode()
        source = source[: node.col_offset] + new + source[node.end_col_offset :]
    return source.decode()
