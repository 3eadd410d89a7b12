"""A TCP proxy that tests own: it forwards to one server, counts, and misbehaves on demand.

What it decides: what a round trip on the wire is: a client has sent one or more chunks and then the server answers;
what a server says unasked (MySQL's greeting, a published message) is none. An answer is counted before it is forwarded,
so whoever has read it sees it counted.
What it never does: understand a protocol, or lose a byte unless it is told to.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self, TypeVar

from devstack.ports import HOST

T = TypeVar("T")
_CHUNK = 1 << 16
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Direction(Enum):
    """Which way a chunk goes."""

    REQUEST = "client to server"
    ANSWER = "server to client"


class Verdict(Enum):
    """What becomes of a chunk: it is forwarded, or swallowed, or its connection is cut in its place."""

    FORWARD = "forward"
    DROP = "drop"
    CUT = "cut"


Intercept = Callable[[Direction, bytes], Verdict]


@dataclass(eq=False, slots=True)
class _Connection:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    asked: bool = False
    half_closed: bool = False

    def cut(self, *, reset: bool) -> None:
        for writer in (self.client, self.server):
            if reset:
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()


class Proxy:
    """Forwards `host:port` (its own) to `target`; its methods may be called from any thread and act before they return.

    `farewells` counts the connections that the server has ended, once the client can see it.

    `latency` is added to each answer, in seconds; `intercept`, when set, is asked about each chunk, on the proxy's own
    thread; `capture` keeps what clients send in `commands`; what is in `uncounted`, heartbeats say, asks for nothing.
    """

    host = HOST

    def __init__(self, target: tuple[str, int], *, capture: bool = False) -> None:
        self.port = 0
        self.target = target
        self.latency = 0.0
        self.intercept: Intercept | None = None
        self.capture = capture
        self.uncounted: frozenset[bytes] = frozenset()
        self.reset()
        self._connections: dict[asyncio.Task[None], _Connection] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._listening: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()
        self._call(self._listen())

    def reset(self) -> None:
        """Sets the counters to zero and forgets captured commands."""
        self.round_trips = 0
        self.connections_made = 0
        self.farewells = 0
        self.bytes_sent = 0
        self.bytes_received = 0
        self.commands: list[bytes] = []

    @property
    def open_connections(self) -> int:
        """How many clients are connected now."""
        return len(self._connections)

    def cut(self, *, reset: bool = False) -> None:
        """Closes every connection at once, at both ends; with `reset`, by RST, as a crashed machine would."""
        self._call(self._cut(reset))

    def half_close(self) -> None:
        """Ends the stream towards every client (it reads end of file) while it may still send."""
        self._call(self._half_close())

    def refuse(self) -> None:
        """Cuts everything and stops listening: new connections are refused until `accept`."""
        self._call(self._refuse())

    def accept(self) -> None:
        """Listens again, on the same port."""
        self._call(self._listen())

    def stall(self) -> None:
        """Stops forwarding in both directions while all sockets stay open; new connections hang too."""
        self._call(self._set_flowing(False))

    def resume(self) -> None:
        """Forwards again, what had piled up first."""
        self._call(self._set_flowing(True))

    def close(self) -> None:
        """Cuts everything and ends the thread; safe to call twice."""
        if self._thread.is_alive():
            self._call(self._refuse())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, action: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(action, self._loop).result()

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(_cancel_others())
        self._loop.close()

    async def _listen(self) -> None:
        if self._listening is None:
            self._listening = socket.create_server((self.host, self.port), backlog=1024)
            self._listening.setblocking(False)
            self.port = self._listening.getsockname()[1]
            self._loop.add_reader(self._listening, self._accept_one, self._listening)

    def _accept_one(self, listening: socket.socket) -> None:
        # not asyncio.start_server: what it is just accepting when it is closed, it leaves open
        try:
            client, _ = listening.accept()
        except OSError:
            return
        client.setblocking(False)
        task = self._loop.create_task(self._serve(client))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        # a task that is cancelled before its first step closes nothing
        task.add_done_callback(lambda _: client.close())

    async def _serve(self, client: socket.socket) -> None:
        async with contextlib.AsyncExitStack() as closing:
            await self._flowing.wait()
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(sock=client, limit=_CHUNK)
                closing.push_async_callback(_closed, writer)
                server_reader, server_writer = await asyncio.open_connection(*self.target, limit=_CHUNK)
                closing.push_async_callback(_closed, server_writer)
                await self._join(_Connection(writer, server_writer), reader, server_reader)

    async def _join(self, connection: _Connection, client: asyncio.StreamReader, server: asyncio.StreamReader) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = connection
        self.connections_made += 1
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(connection, Direction.REQUEST, client, connection.server))
                pumps.create_task(self._pump(connection, Direction.ANSWER, server, connection.client))
        finally:
            del self._connections[task]

    async def _pump(
        self, connection: _Connection, way: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                if not await self._forward(connection, way, chunk, writer):
                    return
            await self._flowing.wait()
            if not (writer.is_closing() or (way is Direction.ANSWER and connection.half_closed)):
                writer.write_eof()
            self.farewells += way is Direction.ANSWER

    async def _forward(
        self, connection: _Connection, way: Direction, chunk: bytes, writer: asyncio.StreamWriter
    ) -> bool:
        await self._flowing.wait()
        self._count(connection, way, chunk)
        if way is Direction.ANSWER and self.latency:
            await asyncio.sleep(self.latency)
        verdict = self.intercept(way, chunk) if self.intercept else Verdict.FORWARD
        if verdict is Verdict.CUT:
            connection.cut(reset=False)
            return False
        if verdict is Verdict.FORWARD and not (way is Direction.ANSWER and connection.half_closed):
            writer.write(chunk)
            await writer.drain()
        return True

    def _count(self, connection: _Connection, way: Direction, chunk: bytes) -> None:
        if way is Direction.REQUEST:
            connection.asked = connection.asked or chunk not in self.uncounted
            self.bytes_sent += len(chunk)
            if self.capture:
                self.commands.append(chunk)
        else:
            self.round_trips += connection.asked
            connection.asked = False
            self.bytes_received += len(chunk)

    async def _cut(self, reset: bool) -> None:
        for connection in self._connections.values():
            connection.cut(reset=reset)
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _half_close(self) -> None:
        for connection in self._connections.values():
            connection.half_closed = True
            connection.client.write_eof()

    async def _refuse(self) -> None:
        if self._listening is not None:
            self._loop.remove_reader(self._listening)
            self._listening.close()
            self._listening = None
        await self._cut(reset=False)

    async def _set_flowing(self, flowing: bool) -> None:
        if flowing:
            self._flowing.set()
        else:
            self._flowing.clear()


async def _cancel_others() -> None:
    """Ends what `close` found halfway."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # a transport says good-bye one step after it was closed
    await asyncio.sleep(0)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
