"""A server that speaks Redis's protocol and knows no command, and says so as Redis does: with what it was sent.

Proxies and servers with renamed commands answer so to AUTH.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def _serve(client: socket.socket) -> None:
    with suppress(OSError), client:
        while asked := client.recv(65_536):
            words = re.findall(rb"\$\d+\r\n([^\r]*)\r\n", asked)
            told = b" ".join(b"'%s'" % word for word in words[1:])
            answer = b"-ERR unknown command '%s', with args beginning with: %s\r\n" % (words[0], told)
            client.sendall(answer * len(re.findall(rb"(?:^|\n)\*\d+\r\n", asked)))


@contextmanager
def forgetful_redis() -> Iterator[str]:
    """Its ``host:port``."""

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=_serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join()
