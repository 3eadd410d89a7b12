"""Providers without a build step: the modules that would be generated, compiled from the same templates on first use.

Each entity has a module of its own, kept out of ``sys.modules``; they refer to each other as the files of a package do.
The source is in ``linecache``, so tracebacks and debuggers show it. What is made here lives as long as the engine.
"""

from __future__ import annotations

import hashlib
import linecache
import threading
from collections.abc import Mapping
from functools import lru_cache
from types import CodeType, ModuleType
from typing import Any

from fluxaorm.codegen.naming import module_name
from fluxaorm.codegen.package_model import ClassNames, package_model
from fluxaorm.codegen.render import GeneratedSource, render_entity, render_enums
from fluxaorm.entity.schema import EntitySchema
from fluxaorm.runtime.lazy_module import LazyModule
from fluxaorm.runtime.provider import MemoryProvider

_PACKAGE = "fluxaorm.in_memory"


class MemoryPackage:
    """The generated package of one engine, in memory. Safe for threads."""

    def __init__(self, schemas: Mapping[str, EntitySchema]) -> None:
        """``schemas``: of all entities, by name. Raises CodegenError for names that clash."""
        self._model = package_model(schemas)
        self._entities = {module_name(name): name for name in schemas}
        self._modules: dict[str, ModuleType] = {}
        self._lock = threading.RLock()

    def reset_after_fork(self) -> None:
        """In a child process: another thread of the parent may have held the lock."""
        self._lock = threading.RLock()

    def provider(self, entity: str) -> MemoryProvider:
        """The provider of an entity, by its name; the same object each time. Raises CodegenError."""
        names = ClassNames(entity)
        provider: MemoryProvider = getattr(self.module(names.module), names.provider)
        return provider

    def module(self, name: str) -> ModuleType:
        """A module of the package: ``enums`` or that of an entity."""
        found = self._modules.get(name)
        if found is None:
            with self._lock:
                found = self._modules.get(name) or self._made(name)
        return found

    def _made(self, name: str) -> ModuleType:
        module = ModuleType(f"{_PACKAGE}.{name}")
        source = self._source(name)
        vars(module).update(self._namespace(source))
        _run(source.text, module)
        self._modules[name] = module
        return module

    def _source(self, name: str) -> GeneratedSource:
        if name == "enums":
            return render_enums(self._model)
        return render_entity(self._model, self._entities[name], in_memory=True)

    def _namespace(self, source: GeneratedSource) -> dict[str, Any]:
        """What the file's imports of the user's modules and of its own package would give it."""
        names = source.names
        namespace: dict[str, Any] = dict(names.objects)
        for module, local in names.siblings.items():
            namespace[local] = _MemoryModule(self, module)
        for item in names.imports.values():
            if item.module == ".enums":
                namespace[item.local] = getattr(self.module("enums"), item.name)
        return namespace


class _MemoryModule(LazyModule):
    """A reference from one module of the package to another."""

    def __init__(self, package: MemoryPackage, name: str) -> None:
        super().__init__(_PACKAGE, name)
        self._package, self._name = package, name

    def _load(self) -> Any:
        return self._package.module(self._name)


def _run(text: str, module: ModuleType) -> None:
    """Execute a module's source, and show it to whoever asks for its lines."""
    name = module.__name__.rpartition(".")[2]
    digest = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
    filename = f"<fluxaorm {name} {digest}>"
    module.__file__ = filename
    linecache.cache[filename] = len(text), None, text.splitlines(keepends=True), filename
    exec(_compiled(text, filename), vars(module))


@lru_cache(256)
def _compiled(text: str, filename: str) -> CodeType:
    """The same source is compiled once, however many engines use it."""
    return compile(text, filename, "exec", dont_inherit=True)
