"""What decides performs no I/O, and its tests show it: where they are, every socket refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
DECIDES = frozenset({"alters", "entity", "plans", "query"})


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest) -> None:
    if request.path.relative_to(HERE).parts[0] in DECIDES:
        request.getfixturevalue("no_sockets")
