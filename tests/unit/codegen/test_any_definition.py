"""Whatever a definition says, its generated code compiles, runs, and is as Ruff would format it."""

from __future__ import annotations

import builtins
import subprocess
import sys
import tempfile
import typing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from hypothesis import Phase, assume, given, reject, settings
from hypothesis import strategies as st

import fluxaorm
from fluxaorm import Entity, Field, Json, UInt8, UInt32, UniqueIndex
from fluxaorm.codegen.memory import MemoryPackage
from fluxaorm.codegen.names import LIBRARY
from fluxaorm.codegen.package_writer import write_package
from fluxaorm.codegen.render import render_package
from fluxaorm.entity.resolve.definitions import resolve_entities
from fluxaorm.entity.schema import EntitySchema
from fluxaorm.errors import CodegenError

TELLING = sorted({*dir(builtins), *typing.__all__, *LIBRARY, "date", "datetime", "UUID", "value", "fields", "ctx"})
FIELD = st.one_of(
    st.sampled_from(TELLING),
    st.from_regex(r"[a-z][a-z0-9_]{0,20}[a-z0-9]", fullmatch=True),
    st.from_regex(r"[a-z][a-z_]{45,61}[a-z]", fullmatch=True),
)
ENTITY = st.one_of(
    st.from_regex(r"[A-Z][a-z]{2,8}([A-Z][a-z]{2,8}){0,2}(Entity)?", fullmatch=True),
    st.from_regex(r"[A-Z][a-z]{50,60}", fullmatch=True),
)
MEMBERS = st.lists(st.from_regex(r"[!-~]{1,12}", fullmatch=True), min_size=1, max_size=6, unique_by=str.casefold)
PLAIN: list[Any] = [
    *(int, UInt8, float, bool, str, bytes, date, datetime, time, timedelta, UUID, IPv4Address, IPv6Address),
    Annotated[Decimal, Field(precision=10, scale=2)],
    Json[dict[str, list[int]]],
    f"{fluxaorm.__name__}.References[Target]",
    f"{fluxaorm.__name__}.Reference[Target]",
]


@st.composite
def hints(draw: st.DrawFn) -> Any:
    """The type of a field."""
    kind = draw(st.integers(0, len(PLAIN) + 3))
    if kind < len(PLAIN):
        hint = PLAIN[kind]
        nullable = draw(st.booleans())
        return f"{hint} | None" if nullable and isinstance(hint, str) else hint | None if nullable else hint
    if kind == len(PLAIN):
        return Annotated[list[str | None], Field(size=draw(st.integers(1, 3)))]
    members = tuple(draw(MEMBERS))
    if kind == len(PLAIN) + 1 and not any("," in member for member in members):
        return frozenset[Literal[members]]  # type: ignore[valid-type]  # made at run time
    return Literal[members]


@st.composite
def definitions(draw: st.DrawFn) -> list[type[Any]]:
    """An entity with any fields, and one that it may refer to."""
    fields = draw(st.dictionaries(FIELD, hints(), max_size=8))
    unique = [name for name, hint in fields.items() if hint in (int, UInt8, bool, UUID)]
    annotations = {"id": UInt32, **fields}
    indexes = (UniqueIndex(*unique),) if unique else ()
    doc = draw(st.text(max_size=300))
    target = type("Target", (Entity,), {"__annotations__": {"id": UInt32}})
    body = {"__module__": __name__, "__annotations__": annotations, "indexes": indexes, "__doc__": doc}
    made = type(draw(ENTITY), (Entity,), body, table="things")
    return [target, made]


def _rendered(schemas: dict[str, EntitySchema]) -> dict[str, str]:
    try:
        return render_package(schemas)
    except CodegenError:
        reject()


def _ruff(directory: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--no-cache", "--target-version", "py311"]
    done = subprocess.run([*command, str(directory)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@settings(max_examples=25, phases=[Phase.generate])
@given(definitions())
def test_any_definition_becomes_a_package_that_runs_and_that_ruff_leaves_alone(entities: list[type[Any]]) -> None:
    """Names that hide types, long names, and enum values and docstrings with anything in them."""
    schemas, problems = resolve_entities(entities)
    assume(not problems)
    files = _rendered(schemas)

    with tempfile.TemporaryDirectory() as name:
        directory = Path(name) / "package"
        write_package(directory, files)
        complaints = [
            *(_ruff(directory, "format", "--diff", "--line-length", width) for width in ("88", "120")),
            _ruff(directory, "check", "--select", "E4,E7,E9,F,I", "--ignore", "E741"),
        ]

    assert ["", "", ""] == complaints
    package = MemoryPackage(schemas)
    assert list(schemas) == [package.provider(name).entity_name for name in schemas]
