"""Providers compiled in memory: the same code as on disk, one package an engine, with source that debuggers show."""

from __future__ import annotations

import linecache
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import Any, Literal

import pytest

from fluxaorm import Embedded, Entity, Json, Query, Reference, Registry, UInt8
from fluxaorm.codegen.memory import MemoryPackage
from fluxaorm.codegen.render import GeneratedSource, render_entity
from fluxaorm.entity.resolve.definitions import resolve_entities
from fluxaorm.errors import CodegenError
from tests.golden.cases import PACKAGES, Case
from tests.support.insides import entity_class_of, enum_classes_of, fingerprint_of


def _package(*entities: type[Any]) -> MemoryPackage:
    schemas, problems = resolve_entities(entities)
    assert problems == []
    return MemoryPackage(schemas)


class CarEntity(Entity):
    """Refers ahead."""

    id: UInt8
    name: str
    owner: Reference[OwnerEntity]
    colour: Literal["red", "blue"] = "red"


class OwnerEntity(Entity):
    """Refers back."""

    id: UInt8
    car: Reference[CarEntity] | None = None
    colour: Literal["green", "grey"] = "green"


@pytest.mark.parametrize("case", PACKAGES, ids=lambda case: case.name)
def test_every_golden_package_also_compiles_in_memory(case: Case) -> None:
    """One set of templates: what works on disk works without a build step."""
    schemas = case.schemas()

    package = MemoryPackage(schemas)

    providers = {name: package.provider(name) for name in schemas}
    assert {name: schema.fingerprint for name, schema in schemas.items()} == {
        name: fingerprint_of(provider) for name, provider in providers.items()
    }


def test_providers_of_a_package_refer_to_each_other() -> None:
    """A reference must lead to the same provider that the user gets, or identity maps would split."""
    package = _package(CarEntity, OwnerEntity)
    car, owner = package.provider("CarEntity"), package.provider("OwnerEntity")

    module = package.module("car_entity")

    assert owner is module.owner_entity.OwnerEntityProvider
    assert car is package.module("owner_entity").car_entity.CarEntityProvider
    assert car is package.provider("CarEntity")
    assert "CarEntity.owner.car.colour == ?" in repr(Query().filter(car.fields.owner.car.colour == "red"))


def test_an_entity_is_compiled_when_it_is_first_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application of hundreds of entities uses a few of them in a script."""
    package = _package(CarEntity, OwnerEntity)
    rendered: list[str] = []

    def render(model: Any, name: str, *, in_memory: bool) -> GeneratedSource:
        rendered.append(name)
        return render_entity(model, name, in_memory=in_memory)

    monkeypatch.setattr("fluxaorm.codegen.memory.render_entity", render)
    package.provider("CarEntity")

    assert ["CarEntity"] == rendered


def test_enums_of_a_package_are_shared_by_its_modules() -> None:
    """A member is one object, whichever module it is reached through."""
    package = _package(CarEntity, OwnerEntity)

    provider = package.provider("CarEntity")

    enums: Any = package.module("enums")
    assert [enums.CarColour] == enum_classes_of(provider)
    assert ["green", "grey"] == list(enums.OwnerColour)


def test_definitions_made_in_a_function_work() -> None:
    """Notebooks and tests define entities where no module could import them from."""

    class Mode(StrEnum):
        FAST = "fast"

    class Place(Embedded):
        city: str = ""

    class RideEntity(Entity):
        id: UInt8
        mode: Mode
        place: Place
        places: Json[list[int]]

    provider = _package(RideEntity).provider("RideEntity")

    assert ("RideEntity", "RideEntity") == (provider.entity_name, entity_class_of(provider).__name__)


def test_tracebacks_show_the_source() -> None:
    """An error inside generated code must not end at an invisible line."""
    provider: Any = _package(CarEntity, OwnerEntity).provider("CarEntity")
    entity_class: Any = entity_class_of(provider)
    entity = entity_class.__new__(entity_class)

    with pytest.raises(AttributeError) as caught:
        _ = entity.name

    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert "return value if type(value := self._row[1]) is str else self._decoded(1)" == frame.line
    assert frame.filename.startswith("<fluxaorm car_entity ")
    linecache.checkcache()
    assert linecache.getline(frame.filename, frame.lineno or 0).strip() == frame.line


def test_nothing_is_put_where_others_could_import_it_from() -> None:
    """Two engines with entities of one name must not share modules."""
    before = set(sys.modules)

    first, second = _package(CarEntity, OwnerEntity), _package(CarEntity, OwnerEntity)

    assert first.provider("CarEntity") is not second.provider("CarEntity")
    assert entity_class_of(first.provider("CarEntity")) is not entity_class_of(second.provider("CarEntity"))
    assert set() == {name for name in set(sys.modules) - before if "car_entity" in name or "enums" in name}


def test_threads_that_ask_at_once_get_one_provider() -> None:
    """Two entity classes of one entity would not know each other's objects."""
    package = _package(CarEntity, OwnerEntity)
    together = threading.Barrier(8)

    def ask(number: int) -> object:
        together.wait()
        return package.provider("CarEntity" if number % 2 else "OwnerEntity")

    with ThreadPoolExecutor(8) as threads:
        providers = list(threads.map(ask, range(8)))

    assert 2 == len(set(map(id, providers)))


def test_an_engine_compiles_a_package_of_its_own() -> None:
    """``engine.provider`` gives the same object each time, and another engine another."""
    registry = Registry()
    registry.register_mysql("root@tcp(localhost:3306)/app")
    registry.register_entity(CarEntity, OwnerEntity)
    first, second = registry.validate(connect=False), registry.validate(connect=False)

    provider = first.provider(CarEntity)

    assert provider is first.provider(CarEntity)
    assert provider is not second.provider(CarEntity)


def test_names_that_clash_are_told_before_anything_is_compiled() -> None:
    """The in-memory package has the same names as the one on disk, and the same limits."""

    class CarEntityProvider(Entity):
        id: UInt8

    with pytest.raises(CodegenError, match="would both be called CarEntityProvider"):
        _package(CarEntity, OwnerEntity, CarEntityProvider)
