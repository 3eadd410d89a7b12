"""A server that does not come up is told with the end of its log, and leaves nothing running."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devstack import stack
from devstack.__main__ import main
from devstack.components import Component, Started
from devstack.errors import DevstackError, ServerFailedError, UnobtainableError
from devstack.ports import HOST, free_port
from devstack.server import Server, recorded, started
from devstack.state import RedisAddress, load

ENDS = "print('cannot read my data'); raise SystemExit(3)"
HANGS = "import time; print('still thinking', flush=True); time.sleep(600)"
SERVES = "import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(600)"
CHOOSY = "import socket; socket.create_server(('127.0.0.1', {port})); print('Address already in use')"


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path: Path) -> object:
    yield
    stack.end(tmp_path)


def _never(_: Server) -> str:
    raise OSError("not there")


def _listens(server: Server) -> str:
    with contextlib.closing(socket.create_connection((server.host, server.port), timeout=5)):
        return "1.0"


def make(directory: Path, program: str, answer: Callable[[Server], str] = _never, port: int = 0) -> Server:
    """A server that is a line of Python."""
    port = port or free_port()
    return Server("fake", [sys.executable, "-c", program.format(port=port)], directory, port, answer)


def test_a_server_that_ends_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    """What it complained of is what whoever started it must read."""
    with pytest.raises(ServerFailedError, match="fake ended while starting") as caught:
        make(tmp_path, ENDS).start()

    assert f"log: {tmp_path / 'logs' / 'fake.log'}\ncannot read my data" in str(caught.value)
    assert {} == recorded(tmp_path)


def test_a_server_that_never_answers_is_killed_and_told_with_its_log(tmp_path: Path) -> None:
    """Waiting has an end, and so has the process."""
    server = make(tmp_path, HANGS)

    # as long as a busy machine may need to start Python
    with pytest.raises(ServerFailedError, match="fake did not answer within 3 s") as caught:
        server.start(timeout=3)

    assert "still thinking" in str(caught.value)
    assert (False, {}) == (server.running, recorded(tmp_path))


def test_a_port_that_a_stranger_took_is_left_to_it(tmp_path: Path) -> None:
    """Between choosing a free port and listening on it somebody else may be quicker."""
    ports: list[int] = []

    def next_try(port: int) -> Server:
        ports.append(port)
        return make(tmp_path, CHOOSY if len(ports) == 1 else SERVES, _listens if len(ports) > 1 else _never, port)

    server = started(next_try)

    assert (True, 2) == (server.running, len(ports))
    server.kill()


def component(name: str, start: Callable[[Path], Started], *, optional: bool = False) -> Component:
    """One that only these tests know."""
    return Component(name, lambda: None, start, optional)


def serve(directory: Path) -> Started:
    """Start one that serves, in the place of Redis."""
    server = started(lambda port: make(directory, SERVES, _listens, port))
    return Started(RedisAddress(HOST, server.port, server.version), (server,))


def refuse(directory: Path) -> Started:
    """What happens where a server's packages cannot be had."""
    raise UnobtainableError("mysql", "the mirror has moved on")


@pytest.mark.parametrize("optional", [True, False])
def test_a_stack_goes_on_without_an_optional_server_only(
    optional: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """CI says loudly what it could not test; without a server that every test needs it takes the others down again."""
    parts = (component("mysql", refuse, optional=optional), component("redis", serve))
    monkeypatch.setattr(stack, "COMPONENTS", parts)
    up = pytest.raises(DevstackError, match="the mirror has moved on") if not optional else contextlib.nullcontext()

    with up:
        stack.up(tmp_path, tmp_path / "devstack.json", ["mysql", "redis"])

    described = load(tmp_path / "devstack.json")
    assert optional == ("mysql IS MISSING" in capsys.readouterr().err)
    assert optional == bool(recorded(tmp_path))
    assert optional == (described is not None and "the mirror has moved on" in described.missing["mysql"])


@pytest.mark.parametrize("content", ["", "[]", '{"directory": "/tmp", "cluster": null}', '{"mysql": 1}'])
def test_a_description_that_cannot_be_read_is_told(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk cuts files short, and another branch may know other servers; neither is worth a traceback."""
    path = tmp_path / "devstack.json"
    path.write_text(content)

    codes = [main([word, "--state", str(path), "--dir", str(tmp_path)]) for word in ("up", "status", "down")]

    lines = capsys.readouterr().err.splitlines()
    assert [1, 1, 1] == codes
    assert 3 == len(lines)
    assert all(line.startswith(f"devstack: {path} is damaged, or of another version") for line in lines)
