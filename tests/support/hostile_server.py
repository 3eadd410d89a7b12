"""A server that speaks just enough of MySQL's protocol to ask a client for what it must not give.

What it decides: what is asked for, and it keeps what comes. With a TLS context it is encrypted, or takes back that it
could be.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CAPABILITIES = 0x1 | 0x2 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x10000 | 0x20000 | 0x80000
_TLS = 0x800
_OK = b"\x00\x00\x00\x02\x00\x00\x00"
_GREETING = b"\x0a8.4.0\0" + struct.pack("<I", 7) + b"A" * 8 + b"\0"


class HostileServer:
    """``login``: the way to log in it asks for; else it accepts everybody and asks for ``file`` at the first query."""

    def __init__(self, login: bytes = b"", file: bytes = b"", tls: ssl.SSLContext | None = None) -> None:
        self._login = login
        self._file = file
        self._tls = tls
        self.received: list[bytes] = []
        """Whatever clients sent after they had said who they are."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                self._clients.append(client)
                thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, EOFError):
            self._speak(client)
        with suppress(OSError):
            client.close()

    def _speak(self, client: socket.socket) -> None:
        capabilities = _CAPABILITIES | (_TLS if self._tls else 0)
        halves = struct.pack("<H", capabilities & 0xFFFF) + b"\x2d\x02\0" + struct.pack("<H", capabilities >> 16)
        _send(client, 0, _GREETING + halves + b"\x15" + b"\0" * 10 + b"B" * 12 + b"\0mysql_native_password\0")
        _read(client)
        if self._tls is not None:
            with self._tls.wrap_socket(client, server_side=True) as client:
                self._clients.append(client)
                _read(client)
                self._ask(client, 3)
        else:
            self._ask(client, 2)

    def _ask(self, client: socket.socket, position: int) -> None:
        if self._login:
            prompt = b"\x05Password: " if self._login == b"dialog" else b""
            _send(client, position, b"\xfe" + self._login + b"\0" + prompt)
            self.received.append(_read(client))
            return
        _send(client, position, _OK)
        _read(client)
        _send(client, 1, b"\xfb" + self._file)
        self.received.append(_read(client))

    def close(self) -> None:
        """Hang up on everybody."""
        for each in (self._listener, *self._clients):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._clients):
            each.close()


@contextmanager
def hostile_server(login: bytes = b"", file: bytes = b"", tls: ssl.SSLContext | None = None) -> Iterator[HostileServer]:
    """A server for the time of a test."""
    server = HostileServer(login, file, tls)
    try:
        yield server
    finally:
        server.close()


def _send(client: socket.socket, position: int, body: bytes) -> None:
    client.sendall(struct.pack("<I", len(body))[:3] + bytes([position]) + body)


def _read(client: socket.socket) -> bytes:
    header = _exactly(client, 4)
    return _exactly(client, int.from_bytes(header[:3], "little"))


def _exactly(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        if not (chunk := client.recv(count - len(data))):
            raise EOFError
        data += chunk
    return data
