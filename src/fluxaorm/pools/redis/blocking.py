"""The lean path to Redis for threads: packed bytes on redis-py's sockets, replies read by hiredis.

redis-py connects, logs in and finds the primary; after that its machinery for each command is not used.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import hiredis
from redis.exceptions import RedisError as DriverError

from fluxaorm.errors import RedisConnectionError, RedisError
from fluxaorm.plans.effects import RedisCommand, RedisReplies
from fluxaorm.pools.base.blocking import ConnectionPool
from fluxaorm.pools.base.forks import run_each
from fluxaorm.pools.base.ports import PoolStats
from fluxaorm.pools.base.sql_ports import PoolLimits
from fluxaorm.pools.base.watching import Watch, shut_down
from fluxaorm.pools.redis.wire import (
    CONFIRM_AFTER,
    CONFIRM_COMMAND,
    IDENTITY_COMMANDS,
    NOTHING_YET,
    Refusals,
    driver_reason,
    identity_from,
    identity_renewed,
    pack,
    packed,
    reply_reader,
)

READ_BYTES: Final = 65_536
_CONFIRMATION: Final = pack(CONFIRM_COMMAND)


class BlockingLink:
    """One connection. ``raw``: redis-py's, not yet connected. RedisConnectionError when it cannot be.

    ``seconds``: at most so long for each step until it is open, if they are fewer than the options'. From time to time
    it asks the server again who it is, along with what it is sent.
    """

    __slots__ = (
        "__weakref__",
        "_asked",
        "_confirming",
        "_feed",
        "_gets",
        "_poll",
        "_pool",
        "_raw",
        "_recv",
        "_refusals",
        "_send",
        "_server",
        "_socket",
        "expires",
        "taken",
        "touched",
        "usable",
    )

    def __init__(self, raw: Any, pool: str, seconds: float | None = None) -> None:
        self._confirming = False
        self._asked = float("inf")
        self._raw = raw
        self._pool = pool
        self.touched = False
        self.usable = True
        self.expires = float("inf")
        self.taken = 0.0
        usual = raw.socket_timeout
        if seconds is not None:
            raw.socket_timeout = _shorter(usual, seconds)
            raw.socket_connect_timeout = _shorter(raw.socket_connect_timeout, seconds)
        try:
            raw.connect()
        except (DriverError, OSError) as error:
            raise RedisConnectionError(driver_reason(error), pool=pool) from error
        self._socket: socket.socket = raw._sock
        self._send = self._socket.sendall
        self._recv = self._socket.recv
        _let_the_system_time_out(self._socket, raw.socket_timeout)
        self._poll = select.poll()
        self._poll.register(self._socket.fileno(), select.POLLIN)
        self._refusals = Refusals(pool)
        reader = reply_reader(self._refusals)
        self._feed = reader.feed
        self._gets = reader.gets
        self._server = b""
        asked = time.monotonic()
        self._server = self._identity()
        self._asked = asked
        if seconds is not None:
            raw.socket_timeout = usual
            _let_the_system_time_out(self._socket, usual)

    def _identity(self) -> bytes:
        try:
            return identity_from(self.round_trip(IDENTITY_COMMANDS).values)
        except RedisConnectionError:
            self.close()
            raise
        except RedisError as error:
            self.close()
            raise RedisConnectionError(f"the server does not say who it is: {error.reason}", pool=self._pool) from error

    def round_trip(self, commands: Sequence[RedisCommand]) -> RedisReplies:
        """See SyncRedis."""
        self.send(commands)
        return self.receive(len(commands))

    def send(self, commands: Sequence[RedisCommand]) -> None:
        """The first half of a round trip."""
        request = pack(commands[0]) if len(commands) == 1 else packed(commands)
        now = time.monotonic()
        if now - self._asked > CONFIRM_AFTER:
            self._asked = now
            self._confirming = True
            request = _CONFIRMATION + request
        try:
            self._send(request)
        except BaseException as error:
            self._give_up(error)
            raise

    def receive(self, count: int) -> RedisReplies:
        """The second half: the replies to that many commands."""
        gets = self._gets
        values: list[Any] = []
        try:
            for _ in range(count + self._confirming):
                reply = gets()
                while reply is NOTHING_YET:
                    received = self._recv(READ_BYTES)
                    if not received:
                        raise ConnectionError("the server closed the connection")
                    self._feed(received)
                    reply = gets()
                values.append(reply)
            if self._confirming:
                self._confirming = False
                self._server = identity_renewed(self._server, values.pop(0))
        except BaseException as error:
            self._give_up(error)
            raise
        if self._refusals.demoted:
            # the next connection finds out who is the primary now
            self.usable = False
        return RedisReplies(values, self._server)

    def _give_up(self, error: BaseException) -> None:
        """Raise what it means; whatever it was, what the server says next belongs to nobody."""
        self.usable = False
        match error:
            case BlockingIOError():
                reason = "the server did not answer in time"
            case OSError():
                reason = f"connection lost: {error}"
            case hiredis.ProtocolError():
                reason = f"what the server sends makes no sense: {error}"
            case RedisError():
                reason = f"the server does not say who it is: {error.reason}"
            case _:
                return
        raise RedisConnectionError(reason, pool=self._pool) from error

    def is_alive(self) -> bool:
        """A server that says something unasked, or hung up, is of no use."""
        return not self._poll.poll(0)

    def close(self) -> None:
        """Close it; never raises."""
        self.usable = False
        with suppress(DriverError, OSError):
            self._raw.disconnect()

    def abort(self) -> None:
        """From another thread: end the wait for the server, which the waiting thread sees as a lost connection."""
        self.usable = False
        shut_down(self._socket.fileno())

    def disown(self) -> None:
        """In a child process: close this process's end of the socket, which says nothing to the server."""
        self.usable = False
        self._socket.close()


def _shorter(usual: float | None, seconds: float) -> float:
    """Of two times; ``usual`` None: for ever. Sockets take none at all for for ever, too."""
    return max(0.001, seconds if usual is None else min(usual, seconds))


def _let_the_system_time_out(sock: socket.socket, seconds: float | None) -> None:
    """A time limit of Python's own costs a system call more with each read; the system's costs none."""
    if isinstance(sock, ssl.SSLSocket):
        # TLS wants Python's
        sock.settimeout(seconds)
        return
    # none at all is zero to the system
    whole, part = divmod(seconds or 0.0, 1)
    interval = struct.pack("ll", int(whole), int(part * 1e6))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, interval)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, interval)
    sock.settimeout(None)


class BlockingRedis:
    """The links of one pool, shared by threads."""

    def __init__(self, code: str, limits: PoolLimits, open_raw: Callable[[], Any]) -> None:
        self._code = code
        self._open_raw = open_raw
        self._links: ConnectionPool[BlockingLink] = ConnectionPool(limits, self._open, self._refusal)

    def _open(self, seconds: float | None) -> BlockingLink:
        return BlockingLink(self._open_raw(), self._code, seconds)

    def _refusal(self, reason: str, timed_out: bool) -> RedisConnectionError:
        return RedisConnectionError(reason, pool=self._code)

    def round_trip(self, commands: Sequence[RedisCommand], watch: Watch | None = None) -> RedisReplies:
        """See SyncRedis."""
        links = self._links
        link = links.take() or links.acquire(None if watch is None else max(0.0, watch.left))
        try:
            if watch is not None:
                watch.enter(link)
            link.send(commands)
            return link.receive(len(commands))
        finally:
            if watch is not None:
                watch.leave()
            if fate := links.put(link):
                links.hand_on(link, fate)

    def take(self) -> BlockingLink:
        """A link for the caller alone. RedisConnectionError."""
        return self._links.acquire()

    def give_back(self, link: BlockingLink) -> None:
        """The end of ``take``."""
        self._links.release(link)

    def stats(self) -> PoolStats:
        """See SyncRedis."""
        return self._links.stats()

    def close(self) -> None:
        """See SyncRedis."""
        self._links.close()

    def abandon(self) -> None:
        """In a child process: start anew."""
        run_each([link.disown for link in self._links.abandon()])
