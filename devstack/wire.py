"""Protocols spoken just far enough to know that a server truly answers: MySQL's, Redis's and Kafka's.

What it decides: nothing; it logs in as a user without a password, asks one thing and returns the answer.
What it never does: retry, pool or interpret; OSError and WireError tell that the server is not (yet) there.
"""

from __future__ import annotations

import io
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

# LONG_PASSWORD, PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH
_CAPABILITIES = 0x1 | 0x200 | 0x8000 | 0x80000
_UTF8MB4 = 45
_NO_PASSWORD_SWITCH = 0xFE
_ERROR = 0xFF

Reply = str | int | None | list["Reply"]


class WireError(OSError):
    """The server answered something else than hoped for."""


def mysql_value(host: str, port: int, sql: str, user: str = "root", timeout: float = 5.0) -> str:
    """The first column of the only row that `sql` returns, as text."""
    with socket.create_connection((host, port), timeout=timeout) as connection:
        packets = _MySQLPackets(connection)
        packets.log_in(user)
        packets.send(b"\x03" + sql.encode(), sequence=0)
        columns = packets.receive()[0]
        for _ in range(columns + 1):  # the columns' definitions and the packet that ends them
            packets.receive()
        row = packets.receive()
        packets.receive()
        packets.send(b"\x01", sequence=0)
        return row[1 : 1 + row[0]].decode()


class _MySQLPackets:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._input = connection.makefile("rb")
        self._sequence = 0

    def log_in(self, user: str) -> None:
        greeting = self.receive()
        if greeting[0] != 10:
            raise WireError(f"protocol {greeting[0]}")
        head = _CAPABILITIES.to_bytes(4, "little") + (1 << 24).to_bytes(4, "little") + bytes([_UTF8MB4]) + bytes(23)
        self.send(head + user.encode() + b"\0\0" + b"caching_sha2_password\0", sequence=1)
        if self.receive()[0] == _NO_PASSWORD_SWITCH:
            self.send(b"", sequence=self._sequence + 1)
            self.receive()

    def send(self, payload: bytes, sequence: int) -> None:
        self._connection.sendall(len(payload).to_bytes(3, "little") + bytes([sequence]) + payload)

    def receive(self) -> bytes:
        head = self._input.read(4)
        payload = self._input.read(int.from_bytes(head[:3], "little"))
        if len(head) < 4 or not payload:
            raise WireError("the server closed the connection")
        if payload[0] == _ERROR:
            raise WireError(payload[9:].decode(errors="replace"))
        self._sequence = head[3]
        return payload


def redis_command(host: str, port: int, *words: str, timeout: float = 5.0) -> Reply:
    """The reply to one command; an error reply raises WireError."""
    request = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
    with socket.create_connection((host, port), timeout=timeout) as connection:
        connection.sendall(request.encode())
        with connection.makefile("rb") as answers:
            return _redis_reply(answers.readline, answers.read)


def redis_info(host: str, port: int, section: str) -> dict[str, str]:
    """One section of INFO as a dictionary."""
    reply = redis_command(host, port, "INFO", section)
    return dict(line.split(":", 1) for line in str(reply).splitlines() if ":" in line)


def _redis_reply(line: Callable[[], bytes], exactly: Callable[[int], bytes]) -> Reply:
    head = line().rstrip(b"\r\n").decode()
    kind, rest = head[:1], head[1:]
    if kind == "-":
        raise WireError(rest)
    if kind == "+":
        return rest
    if kind == ":":
        return int(rest)
    if kind == "$":
        return None if rest == "-1" else exactly(int(rest) + 2)[:-2].decode(errors="replace")
    if kind == "*":
        return None if rest == "-1" else [_redis_reply(line, exactly) for _ in range(int(rest))]
    raise WireError(f"not a reply: {head!r}")


@dataclass(frozen=True, slots=True)
class KafkaMetadata:
    """What a broker says of its cluster: its id, and the id, host and port of each broker in it."""

    cluster: str
    brokers: tuple[tuple[int, str, int], ...]


def kafka_metadata(host: str, port: int, timeout: float = 5.0) -> KafkaMetadata:
    """What the broker at a plaintext listener knows."""
    # Metadata, version 5: of no topic, and none is to be created
    answer = _KafkaAnswer(host, port, 3, 5, struct.pack(">i?", 0, False), timeout)
    answer.number(">i")  # how long it was held back
    brokers: list[tuple[int, str, int]] = []
    for _ in range(answer.number(">i")):
        brokers.append((answer.number(">i"), answer.text(), answer.number(">i")))
        answer.text()  # its rack
    return KafkaMetadata(answer.text(), tuple(brokers))


def kafka_coordinator(host: str, port: int, name: str, kind: int, timeout: float = 5.0) -> int:
    """The id of the broker that coordinates a group (`kind` 0) or transactional id (1); WireError while none does."""
    # FindCoordinator, version 1
    body = struct.pack(">h", len(name)) + name.encode() + struct.pack(">b", kind)
    answer = _KafkaAnswer(host, port, 10, 1, body, timeout)
    answer.number(">i")
    error, message = answer.number(">h"), answer.text()
    if error:
        raise WireError(f"no coordinator: {message or error}")
    return answer.number(">i")


def kafka_producer_id(host: str, port: int, timeout: float = 5.0) -> int:
    """An id of the broker's for an idempotent producer; WireError while it has none to give."""
    # InitProducerId, version 0: without a transactional id
    answer = _KafkaAnswer(host, port, 22, 0, struct.pack(">hi", -1, 1_000), timeout)
    answer.number(">i")
    if error := answer.number(">h"):
        raise WireError(f"no producer id: {error}")
    return answer.number(">q")


class _KafkaAnswer:
    """One request on a connection of its own, and its answer to read from."""

    def __init__(self, host: str, port: int, api: int, version: int, body: bytes, timeout: float) -> None:
        client = b"devstack"
        request = struct.pack(">hhih", api, version, 1, len(client)) + client + body
        with socket.create_connection((host, port), timeout=timeout) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as answers:
                self._read = answers.read
                length = self.number(">i")
                self._read = io.BytesIO(self._exactly(length)).read
        self.number(">i")  # the request's number

    def number(self, form: str) -> int:
        return int(struct.unpack(form, self._exactly(struct.calcsize(form)))[0])

    def text(self) -> str:
        length = self.number(">h")
        return self._exactly(length).decode() if length >= 0 else ""

    def _exactly(self, length: int) -> bytes:
        got = self._read(length)
        if len(got) < length:
            raise WireError("the server closed the connection")
        return got
