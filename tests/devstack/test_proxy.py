"""The proxy's counts and faults are what the fault tests and the round-trip budgets stand on."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from devstack.ports import HOST
from devstack.process import wait_until
from devstack.proxy import Direction, Proxy, Verdict
from tests.support.network import MakeProxy

GREETING = b"hello\n"


class LineServer:
    """Greets like MySQL, then answers each line with itself in capitals."""

    def __init__(self) -> None:
        self.socket = socket.create_server((HOST, 0))
        self.address: tuple[str, int] = self.socket.getsockname()
        self._clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self._threads[0].join()
        for client in self._clients:
            client.close()
        for thread in self._threads:
            thread.join()

    def hang_up(self) -> None:
        """End every conversation."""
        for client in self._clients:
            client.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self._clients.append(client)
            self._threads.append(threading.Thread(target=self._talk, args=(client,)))
            self._threads[-1].start()

    def _talk(self, client: socket.socket) -> None:
        try:
            client.sendall(GREETING)
            with client.makefile("rb") as lines:
                for line in lines:
                    client.sendall(line.upper())
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


class Client:
    """Connects, reads the greeting, and asks."""

    def __init__(self, proxy: Proxy) -> None:
        self.socket = socket.create_connection((proxy.host, proxy.port), timeout=5)
        self.lines = self.socket.makefile("rb")

    def ask(self, line: bytes) -> bytes:
        self.socket.sendall(line + b"\n")
        return self.lines.readline().rstrip(b"\n")

    def close(self) -> None:
        self.lines.close()
        self.socket.close()


@pytest.fixture
def line_server() -> Iterator[LineServer]:
    """A server whose protocol the tests can read."""
    with closing(LineServer()) as server:
        yield server


@pytest.fixture
def proxy(line_server: LineServer, proxy_factory: MakeProxy) -> Proxy:
    """A proxy before the line server."""
    return proxy_factory(line_server.address, capture=True)


@pytest.fixture
def client(proxy: Proxy) -> Iterator[Client]:
    """A client that has read its greeting through the proxy."""
    with closing(Client(proxy)) as client:
        assert client.lines.readline() == GREETING
        yield client


def test_a_greeting_is_no_round_trip(proxy: Proxy, client: Client) -> None:
    """A server that speaks first has answered nothing."""
    assert proxy.round_trips == 0
    assert proxy.connections_made == 1


def test_each_answered_request_is_one_round_trip(proxy: Proxy, client: Client) -> None:
    """The count is there as soon as the answer is read."""
    for expected in (1, 2, 3):
        assert client.ask(b"x") == b"X"
        assert proxy.round_trips == expected


def test_several_chunks_before_the_answer_are_one_round_trip(proxy: Proxy, client: Client) -> None:
    """How a request is cut into segments does not matter."""
    client.socket.sendall(b"in ")
    assert wait_until(lambda: proxy.commands == [b"in "], 5)

    assert client.ask(b"parts") == b"IN PARTS"

    assert proxy.round_trips == 1
    assert b"".join(proxy.commands) == b"in parts\n"


def test_a_pipeline_answered_at_once_is_one_round_trip(proxy: Proxy, client: Client) -> None:
    """A pipeline's point is that it costs one."""
    proxy.stall()
    client.socket.sendall(b"a\nb\nc\n")
    proxy.resume()

    answers = [client.lines.readline() for _ in range(3)]

    assert answers == [b"A\n", b"B\n", b"C\n"]
    assert proxy.round_trips == 1


def test_connections_are_counted_apart(proxy: Proxy, client: Client) -> None:
    """A request on one connection and an answer on another are not a round trip."""
    with closing(Client(proxy)) as other:
        other.lines.readline()

        client.ask(b"a")
        other.ask(b"b")

    assert proxy.round_trips == 2
    assert proxy.connections_made == 2


def test_reset_starts_the_counts_anew(proxy: Proxy, client: Client) -> None:
    """Budgets are counted around one call of a longer test."""
    client.ask(b"a")

    proxy.reset()

    counts = (proxy.round_trips, proxy.bytes_sent, proxy.bytes_received, proxy.commands)
    assert counts == (0, 0, 0, [])


def test_latency_is_added_to_each_answer(proxy: Proxy, client: Client) -> None:
    """Slow networks are simulated, not waited for."""
    proxy.latency = 0.05

    before = time.monotonic()
    client.ask(b"a")

    assert time.monotonic() - before >= 0.05


@pytest.mark.parametrize("reset", [False, True])
def test_cut_ends_every_connection_at_once(proxy: Proxy, client: Client, reset: bool) -> None:
    """The client sees the end without sending anything first."""
    proxy.cut(reset=reset)

    assert proxy.open_connections == 0
    if reset:
        with pytest.raises(ConnectionResetError):
            client.lines.readline()
    else:
        assert client.lines.readline() == b""


def test_stall_keeps_sockets_open_and_silent_until_resume(proxy: Proxy, client: Client) -> None:
    """The worst network fault is the one that tells nobody."""
    proxy.stall()
    client.socket.settimeout(0.05)

    client.socket.sendall(b"a\n")
    with pytest.raises(TimeoutError):
        client.socket.recv(1)
    assert proxy.open_connections == 1

    client.socket.settimeout(5)
    proxy.resume()
    assert client.socket.recv(10) == b"A\n"


def test_half_close_ends_the_stream_towards_the_client_only(proxy: Proxy, client: Client) -> None:
    """A client that has read end of file may still be able to send."""
    proxy.half_close()

    assert client.lines.readline() == b""
    client.socket.sendall(b"still here\n")
    assert wait_until(lambda: proxy.commands == [b"still here\n"], 5)


def test_refuse_and_accept_keep_the_port(proxy: Proxy, client: Client) -> None:
    """A server that comes back is found where it was."""
    proxy.refuse()
    assert client.lines.readline() == b""
    with pytest.raises(ConnectionRefusedError):
        Client(proxy)

    proxy.accept()
    with closing(Client(proxy)) as again:
        assert again.lines.readline() == GREETING


def test_intercept_can_lose_an_answer(proxy: Proxy, client: Client) -> None:
    """The request was carried out, and the client cannot know: what a lost COMMIT reply looks like."""

    def lose_answers(direction: Direction, chunk: bytes) -> Verdict:
        return Verdict.CUT if direction is Direction.ANSWER else Verdict.FORWARD

    proxy.intercept = lose_answers

    assert client.ask(b"commit") == b""
    assert proxy.round_trips == 1


def test_intercept_can_swallow_a_request(proxy: Proxy, client: Client) -> None:
    """The server never hears of it while the connection lives."""

    def swallow_first(direction: Direction, chunk: bytes) -> Verdict:
        return Verdict.DROP if chunk == b"first\n" else Verdict.FORWARD

    proxy.intercept = swallow_first

    client.socket.sendall(b"first\n")
    assert wait_until(lambda: proxy.bytes_sent == 6, 5)
    assert client.ask(b"second") == b"SECOND"


def test_a_server_that_leaves_is_told_when_the_client_can_see_it(
    proxy: Proxy, client: Client, line_server: LineServer
) -> None:
    """Tests of connections that died while nobody looked wait for that."""
    before = proxy.farewells

    line_server.hang_up()

    assert wait_until(lambda: proxy.farewells == 1, 20)
    client.socket.setblocking(False)
    assert (0, b"") == (before, client.socket.recv(1))


def test_a_server_that_is_not_there_closes_the_client(proxy_factory: MakeProxy, line_server: LineServer) -> None:
    """The proxy stays up before a server that is down."""
    with socket.create_server((HOST, 0)) as unused:
        nobody: tuple[str, int] = unused.getsockname()
    proxy = proxy_factory(nobody)

    with closing(Client(proxy)) as client:
        assert client.lines.readline() == b""


def test_close_ends_its_thread_also_while_stalled(proxy: Proxy, client: Client) -> None:
    """A test that fails while the network is stalled must not hang the suite."""
    proxy.stall()
    with closing(Client(proxy)):
        proxy.close()
        proxy.close()

    assert client.lines.readline() == b""
    assert "proxy" not in {thread.name for thread in threading.enumerate()}
