"""The network as tests want it: counted and broken through a proxy, or not there at all.

What it decides: that proxies are closed at the end of the test that made them.
What it never does: patch anything beyond the test that asked.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NoReturn, Protocol

import pytest

from devstack.proxy import Proxy


class MakeProxy(Protocol):
    """`proxy_factory(server.address)` gives a proxy before that server; see `devstack.proxy.Proxy`."""

    def __call__(self, target: tuple[str, int], *, capture: bool = False) -> Proxy: ...


@pytest.fixture
def proxy_factory() -> Iterator[MakeProxy]:
    """Makes proxies that count round trips, delay, cut, stall and half-close."""
    with ExitStack() as proxies:

        def make(target: tuple[str, int], *, capture: bool = False) -> Proxy:
            return proxies.enter_context(Proxy(target, capture=capture))

        yield make


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every attempt to reach anything over a socket fail the test."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("this test may not use the network")

    for name in ("connect", "connect_ex", "sendto", "bind", "listen"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
