"""A connection that listens: subscribed channels, their messages, and heartbeats in the same stream. For one thread.

redis-py connects, logs in and finds the primary; a heartbeat is a PING that the server answers after everything it said
before, so an answer proves that nothing published earlier is still on its way.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import hiredis
from redis.exceptions import RedisError as DriverError

from fluxaorm.errors import RedisConnectionError, RedisError
from fluxaorm.pools.base.redis_ports import MESSAGE
from fluxaorm.pools.redis.wire import NOTHING_YET, Refusals, driver_reason, pack, reply_reader

READ_BYTES: Final = 65_536


class RedisSubscription:
    """``raw``: redis-py's connection, not yet connected. Everything raises RedisConnectionError when it is lost."""

    def __init__(self, raw: Any, pool: str) -> None:
        self._raw = raw
        self._pool = pool
        try:
            raw.connect()
        except (DriverError, OSError) as error:
            raise RedisConnectionError(driver_reason(error), pool=pool) from error
        self._socket: socket.socket = raw._sock
        self._reader = reply_reader(Refusals(pool))
        self._said: deque[Any] = deque()

    def fileno(self) -> int:
        """Of its socket."""
        return self._socket.fileno()

    def subscribe(self, channels: Sequence[str]) -> None:
        """Ask for the messages of these channels."""
        # each alone: on a cluster a command may name one slot only
        self._send(b"".join([pack(("SSUBSCRIBE", channel)) for channel in channels]))

    def ping(self) -> None:
        """Ask for a ``PONG``."""
        self._send(pack(("PING",)))

    def _send(self, request: bytes) -> None:
        try:
            self._socket.sendall(request)
        except OSError as error:
            raise self._lost(f"connection lost: {error}") from error

    def read(self, seconds: float) -> tuple[bytes, ...] | None:
        """What the server said next: see Subscription; None: nothing."""
        deadline = time.monotonic() + seconds
        while not self._said:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self.receive(left)
        said = self._said.popleft()
        if isinstance(said, RedisError):
            raise self._lost(f"the server refuses to let this process listen: {said.reason}") from said
        if said[0] == b"sunsubscribe":
            raise self._lost(f"{said[1].decode()} is published by another primary now")
        return (MESSAGE, *said[1:]) if said[0] == b"smessage" else tuple(said)

    def receive(self, seconds: float) -> None:
        """Take in what arrives within that time, for ``read``."""
        try:
            self._socket.settimeout(seconds)
            received = self._socket.recv(READ_BYTES)
            if not received:
                raise self._lost("the server closed the connection")
            self._reader.feed(received)
            while isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
                self._reader.feed(self._socket.recv(READ_BYTES))
            while (reply := self._reader.gets()) is not NOTHING_YET:
                self._said.append(reply)
        except TimeoutError:
            return
        except OSError as error:
            raise self._lost(f"connection lost: {error}") from error
        except hiredis.ProtocolError as error:
            raise self._lost(f"what the server sends makes no sense: {error}") from error

    def _lost(self, reason: str) -> RedisConnectionError:
        return RedisConnectionError(reason, pool=self._pool)

    def interrupt(self) -> None:
        """From another thread: end what ``read`` waits for."""
        with suppress(OSError):
            # the plain one: TLS has a good-bye that the reading thread must not see half-done
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it; never raises."""
        with suppress(DriverError, OSError):
            self._raw.disconnect()

    def disown(self) -> None:
        """In a child process: close this process's end of the socket, which says nothing to the server."""
        self._socket.close()
