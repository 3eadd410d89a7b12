"""``generate``: from an engine to a directory, the same bytes every time, thin and quick for hundreds of entities."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import pytest

import fluxaorm as fx
from fluxaorm import Engine, Entity, Field, Registry, UInt32, UInt64
from fluxaorm.errors import CodegenError
from tests.golden.cases import Case
from tests.support.insides import core

ROOT = Path(__file__).parents[3]


def _engine(*entities: type[Any]) -> Engine:
    registry = Registry()
    registry.register_mysql("root@tcp(localhost:3306)/app")
    registry.register_entity(*entities)
    return registry.validate(connect=False)


def _chain(count: int, *, step: int = 1) -> list[type[Any]]:
    """Entities of six columns; each, or every so many, refers to the one before."""
    made: list[type[Any]] = []
    for number in range(count):
        parent: Any = f"fx.Reference[Thing{number - 1}Entity] | None" if number and number % step == 0 else UInt32
        annotations: dict[str, Any] = {
            "id": UInt64,
            "name": Annotated[str, Field(unique=number % 2 == 0)],
            "count": UInt32,
            "price": Annotated[Decimal, Field(precision=10, scale=2)],
            "created_at": datetime,
            "parent": parent,
        }
        made.append(type(f"Thing{number}Entity", (Entity,), {"__annotations__": annotations}))
    return made


def test_the_package_is_written_and_found_up_to_date(tmp_path: Path, no_sockets: None) -> None:
    """No server is asked, and a second run has nothing to do."""
    engine = _engine(*Case("references").entities())
    written = fx.generate(engine, tmp_path / "entities")

    again = fx.generate(engine, str(tmp_path / "entities"))
    checked = fx.generate(engine, tmp_path / "entities", check=True)

    made = {path.name: path.read_text("utf-8") for path in (tmp_path / "entities").iterdir()}
    assert {f"expected/{name}": text for name, text in made.items()} == Case("references").committed()
    assert (set(made), True, "") == (set(written.written), again.up_to_date, checked.diff)


def test_a_registry_is_no_engine(tmp_path: Path) -> None:
    """The command line takes both, so both are given here."""
    registry: Any = Registry()

    with pytest.raises(CodegenError, match=r"not Registry: generate\(registry\.validate\(connect=False\), directory\)"):
        fx.generate(registry, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_checking_an_outdated_package_tells_the_difference_and_writes_nothing(tmp_path: Path) -> None:
    """The definition changed and nobody generated: the case that ``--check`` is for."""
    first, second, *_ = _chain(3)
    fx.generate(_engine(first), tmp_path)

    changes = fx.generate(_engine(first, second), tmp_path, check=True)

    assert ("__init__.py", "thing0_entity.py", "thing1_entity.py") == changes.written
    assert "+from .thing1_entity import Thing1Entity, Thing1EntityProvider" in changes.diff.splitlines()
    assert not (tmp_path / "thing1_entity.py").exists()


def test_the_same_definitions_give_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    """Whatever order hashing gives sets, or registration gives entities."""
    code = (
        "import hashlib, random\n"
        "from fluxaorm.codegen.render import render_package\n"
        "from tests.golden.cases import PACKAGES\n"
        "for case in PACKAGES:\n"
        "    schemas = list(case.schemas().items()); random.shuffle(schemas)\n"
        "    print(hashlib.sha256(repr(sorted(render_package(dict(schemas)).items())).encode()).hexdigest())"
    )

    outputs = [_run(code, PYTHONHASHSEED=seed) for seed in ("0", "1", "2")]

    assert [outputs[0]] * 3 == outputs
    assert "" != outputs[0]


def _run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_two_hundred_entities_are_quick_to_generate_and_fit_in_a_megabyte(tmp_path: Path) -> None:
    """Other generators write 30,000 lines for a dozen tables. Ours take half a second; other processes' time is not
    counted, and the bound leaves room for a slower machine. Options of each look-up by a unique index are 25 kB of it,
    and what docstrings say of errors and of what is written is some tens more.
    """
    engine = _engine(*_chain(200, step=2))
    started = time.process_time()

    changes = fx.generate(engine, tmp_path)

    assert time.process_time() - started < 4
    assert 201 == len(changes.written)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_150_000


def test_hundreds_of_entities_in_a_chain_import_without_nesting(tmp_path: Path) -> None:
    """Modules that imported each other would nest as deep as the chain is long, past Python's limit."""
    fx.generate(_engine(*_chain(300)), tmp_path / "chained")
    code = (
        "import chained.thing299_entity as last\n"
        "entity = last.Thing299EntityProvider.fields\n"
        "for _ in range(299): entity = entity.parent\n"
        "print(entity._entity_name, len(__import__('chained').ALL_PROVIDERS))"
    )

    output = _run(code, PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT / "src"), str(ROOT)]))

    assert "Thing0Entity 300\n" == output


def test_the_header_says_where_a_file_comes_from(tmp_path: Path) -> None:
    """Who finds a generated file must know what to change instead."""
    engine = _engine(*_chain(1))
    fx.generate(engine, tmp_path)

    first, second, third, *_ = (tmp_path / "thing0_entity.py").read_text("utf-8").splitlines()

    assert f"# Generated by FluxaORM {fx.__version__}; do not edit." == first
    fingerprint = core(engine).schemas["Thing0Entity"].fingerprint
    assert f"# Definition: {__name__}.Thing0Entity, fingerprint {fingerprint}." == second
    assert '"""Thing0Entity, table `Thing0Entity`."""' == third


def test_templates_are_part_of_the_package() -> None:
    """An installed wheel without them could not generate anything."""
    names = {entry.name for entry in (files("fluxaorm.codegen") / "templates").iterdir()}

    assert {"entity.py.j2", "enums.py.j2", "init.py.j2", "module.py.j2"} == names
