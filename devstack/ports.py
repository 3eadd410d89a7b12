"""Free ports on 127.0.0.1.

What it decides: ports come from below the range that the kernel gives to outgoing connections, so that a server that
was killed finds its port still free when it starts again.
What it never does: reserve one; the caller tries another when a stranger was quicker.
"""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"
_RANGE = range(20_000, 32_000)


def free_port() -> int:
    """A port nothing listens on at this moment."""
    for port in random.sample(_RANGE, 200):
        with socket.socket() as probe:
            # as the servers do: a port in TIME_WAIT is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OSError("no free port found")
