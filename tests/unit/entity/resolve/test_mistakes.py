"""Every mistake of a definition gets one sentence that says where, what, and what to do: see ``mistakes.txt``."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluxaorm import Entity, UInt64
from fluxaorm.entity.resolve.definitions import resolve_entities
from tests.unit.entity.resolve.mistakes import load, problems_of

PARTS = list(load((Path(__file__).parent / "mistakes.txt").read_text()))


@pytest.mark.parametrize(("source", "expected"), [pytest.param(part[1], part[2], id=part[0]) for part in PARTS])
def test_a_mistake_is_told_in_these_words(source: str, expected: list[str]) -> None:
    """Users mend definitions by these sentences, so a change of one is seen in review."""
    assert expected == problems_of(source)


def test_one_wrong_entity_hides_no_other() -> None:
    """All problems of a registry are told at once, and what is right still resolves."""
    source = """
class AEntity(Entity):
    id: UInt64
    a: complex

class BEntity(Entity):
    name: str
"""

    problems = problems_of(source)

    assert ["AEntity.a", "BEntity"] == [problem.partition(":")[0] for problem in problems]


@pytest.mark.parametrize("name", ["None", "class", "1Entity"])
def test_a_class_has_a_name_that_code_can_write(name: str) -> None:
    """A definition that is made by type() may be called anything; generated code would not compile."""
    made = type(name, (Entity,), {"__annotations__": {"id": UInt64}})

    _, problems = resolve_entities([made])

    expected = f"{name}: the class's name is none that generated code can have; take a word of Python's that is free"
    assert [expected] == problems
