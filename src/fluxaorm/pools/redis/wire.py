"""What travels to and from a Redis server: commands as bytes, replies as values, and who the server is. No I/O.

RESP2 throughout, so that a reply is bytes, int, None, a list of these, or a ``RedisError`` where a command was refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import hiredis

from fluxaorm.errors import RedisError
from fluxaorm.plans.effects import RedisCommand
from fluxaorm.pools.base.redis_ports import RedisServer

IDENTITY_COMMANDS: Final[tuple[RedisCommand, ...]] = (("INFO", "server"), ("INFO", "replication"))
"""What a fresh connection asks, so that every reply can be told apart from those of another server or another run."""
CONFIRM_COMMAND: Final[RedisCommand] = ("INFO", "replication")
CONFIRM_AFTER: Final = 0.5
"""Seconds after which a connection asks the server again who it is, ahead of its next commands and in the same round
trip: it may have been demoted and promoted, which tells connections nothing. Where anything is lost by it that takes
longer, for others must have missed the primary for a while, and functions that store look for themselves."""
SERVER_COMMANDS: Final[tuple[RedisCommand, ...]] = (("INFO", "server"), ("INFO", "modules"), ("INFO", "memory"))
_FIELD: Final = re.compile(rb"^(\w+):(.*?)\r?$", re.MULTILINE)
_MODULE: Final = re.compile(r"^module:name=([^,\r\n]+)", re.MULTILINE)

pack: Callable[[RedisCommand], bytes] = hiredis.pack_command  # type: ignore[assignment]  # its stub says tuples of one


def packed(commands: Sequence[RedisCommand]) -> bytes:
    """Commands as the server reads them."""
    if len(commands) == 1:
        return pack(commands[0])
    return b"".join([pack(command) for command in commands])


class Refusals:
    """Makes the values for refused commands.

    ``demoted``: the server said that it is no primary any more, or not that of a key.
    """

    __slots__ = ("demoted", "pool")

    def __init__(self, pool: str) -> None:
        self.pool = pool
        self.demoted = False

    def __call__(self, message: str) -> RedisError:
        """The error of a refusal; what tells that the server is no primary any more is noted."""
        if message.startswith(("READONLY", "MOVED ")):
            self.demoted = True
        return RedisError(without_arguments(message), pool=self.pool)


NOTHING_YET: Final[Any] = object()
"""What a reader gives while a reply is incomplete."""


def reply_reader(refusals: Refusals) -> hiredis.Reader:
    """A parser of replies."""
    # hiredis raises whatever protocolError makes when the bytes are no RESP at all
    return hiredis.Reader(replyError=refusals, notEnoughData=NOTHING_YET)


def without_arguments(message: str) -> str:
    """What a server says of a command that it does not know, without what it was sent: passwords and rows, too."""
    return message.partition(", with args beginning with")[0]


def driver_reason(error: Exception) -> str:
    """What an error of redis-py says, without the objects of its own that it spells out when Sentinels are down.

    The error itself, which becomes the cause of ours, shows no more of what the server was sent.
    """
    error.args = tuple(without_arguments(each) if isinstance(each, str) else each for each in error.args)
    text, _, details = str(error).partition(" : <redis.")
    if not details:
        return text
    return f"{text}; Sentinels that did not answer: {details.count('client.Redis(')}"


def identity_from(replies: Sequence[Any]) -> bytes:
    """``<run_id> <master_replid>`` from the replies to IDENTITY_COMMANDS. RedisError when the server did not tell."""
    for reply in replies:
        if isinstance(reply, RedisError):
            raise reply
    server, replication = (_fields(reply) for reply in replies)
    return server[b"run_id"] + b" " + replication[b"master_replid"]


def identity_renewed(identity: bytes, reply: Any) -> bytes:
    """The same server's identity as the reply to CONFIRM_COMMAND has it. RedisError when it did not tell."""
    if isinstance(reply, RedisError):
        raise reply
    return identity.partition(b" ")[0] + b" " + _fields(reply)[b"master_replid"]


def server_from(replies: Sequence[Any]) -> RedisServer:
    """What the server is, from the replies to SERVER_COMMANDS. RedisError when it did not tell."""
    for reply in replies:
        if isinstance(reply, RedisError):
            raise reply
    server, memory = _fields(replies[0]), _fields(replies[2])
    # Valkey calls itself Redis 7.2.4 besides
    product = "valkey" if b"valkey_version" in server else "redis"
    version = server.get(b"valkey_version") or server[b"redis_version"]
    return RedisServer(
        product=product,
        version=tuple(int(part) for part in re.findall(rb"\d+", version)[:3]),
        modules=frozenset(_MODULE.findall(replies[1].decode())),
        maxmemory_policy=memory.get(b"maxmemory_policy", b"").decode(),
        cluster=b"cluster" in (server.get(b"server_mode"), server.get(b"redis_mode")),
    )


def _fields(info: bytes) -> dict[bytes, bytes]:
    return dict(_FIELD.findall(info))
