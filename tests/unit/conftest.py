"""What decides performs no I/O, and its tests show it: where they are, every socket refuses."""

from __future__ import annotations

import pytest

DECIDES = frozenset({"alters", "entity", "plans", "query"})


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest) -> None:
    if request.path.parent.name in DECIDES:
        request.getfixturevalue("no_sockets")
