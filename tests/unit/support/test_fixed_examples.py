"""Property tests are repeatable: what they draw depends on nothing but themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = """
import importlib, sys
sys.path.insert(0, {root!r})
import tests.conftest
from hypothesis import given, strategies as st
drawn = []
for name in {modules!r}:
    importlib.import_module(name)

@given(number=st.integers(), share=st.floats(), text=st.text())
def draw(number, share, text):
    drawn.append((number, repr(share), text))

draw()
print(drawn)
"""


def test_examples_do_not_depend_on_what_else_is_imported() -> None:
    """Else a number in one module, or the tests that a process ran before, would change what all others are asked."""
    drawn = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM.format(root=str(ROOT), modules=modules)],
            capture_output=True, text=True, check=True, cwd=ROOT,
        ).stdout
        for modules in ((), ("fluxaorm.dialects.mysql.errors",))
    }  # fmt: skip

    assert 1 == len(drawn)
