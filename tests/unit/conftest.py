"""What decides performs no I/O, and its tests show it: where they are, every socket refuses; servers are nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).parent
DECIDES = frozenset({"alters", "entity", "plans", "query"})


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest) -> None:
    if request.path.relative_to(HERE).parts[0] in DECIDES:
        request.getfixturevalue("no_sockets")


@pytest.fixture(scope="session")
def stack() -> NoReturn:
    """In place of the servers: a test that asks for one would make `make unit` start them all."""
    pytest.fail("a test that needs a server has its place in tests/integration")
