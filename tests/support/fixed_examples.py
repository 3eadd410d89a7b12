"""Property tests draw the same examples wherever and beside whatever they run.

Hypothesis takes constants out of every local module that is imported by then, so what it draws would depend on which
other tests a process has run, on each number anybody writes anywhere, and on what a test itself imports in the midst of
an example, of which Hypothesis says that its data were generated inconsistently.
"""

from __future__ import annotations

from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants


def forget_local_constants() -> None:
    """Let it draw no constants of ours. There is no setting for that; AttributeError when its insides have changed."""
    nothing = Constants()
    assert callable(providers._get_local_constants)
    providers._get_local_constants = lambda: nothing
