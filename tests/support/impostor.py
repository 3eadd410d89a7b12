"""A TCP proxy that makes a server say something else: another version, as long as the true one.

What it decides: nothing but to replace texts in what the server sends; both texts of a pair have the same length, so
that no protocol's counts change.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def impostor(target: tuple[str, int], *replacements: tuple[bytes, bytes]) -> Iterator[tuple[str, int]]:
    """The host and port of a server that is `target` but for the replaced texts."""
    assert all(len(true) == len(false) for true, false in replacements)
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def forward(source: socket.socket, sink: socket.socket, *, lies: bool) -> None:
        with suppress(OSError):
            while chunk := source.recv(1 << 16):
                for true, false in replacements if lies else ():
                    chunk = chunk.replace(true, false)
                sink.sendall(chunk)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def start(source: socket.socket, sink: socket.socket, *, lies: bool) -> None:
        threads.append(threading.Thread(target=forward, args=(source, sink), kwargs={"lies": lies}, daemon=True))
        threads[-1].start()

    def accept() -> None:
        with suppress(OSError):
            while True:
                client = listener.accept()[0]
                server = socket.create_connection(target)
                sockets.extend((client, server))
                start(client, server, lies=False)
                start(server, client, lies=True)

    listener = socket.create_server(("127.0.0.1", 0))
    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield listener.getsockname()[:2]
    finally:
        # a blocked accept() is woken by shutdown, not by close
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        for each in sockets:
            each.close()
