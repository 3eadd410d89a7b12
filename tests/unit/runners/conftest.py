"""Each test of runners is run on both of them."""

from __future__ import annotations

import pytest

from tests.unit.runners.doubles import AsyncWorld, SyncWorld, World


@pytest.fixture(params=[SyncWorld, AsyncWorld], ids=["sync", "asyncio"])
def world(request: pytest.FixtureRequest) -> World:
    """A runner over pools that perform nothing."""
    made: World = request.param()
    return made


@pytest.fixture
def async_world() -> AsyncWorld:
    """The asyncio runner alone, for what only tasks can do."""
    return AsyncWorld()
