"""Where the commands of a round trip belong in a cluster: to the slot of their key, cut where they have many. No I/O.

A command without a key has no owner: a FUNCTION goes to every primary, a PUBLISH to any, another is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fluxaorm.errors import RedisError
from fluxaorm.plans.effects import RedisCommand, RedisReplies
from fluxaorm.plans.state.keys import PUBLISH
from fluxaorm.pools.redis.cluster.slots import Node, slot_of

_CUT: Final = {"MGET": "GET", "DEL": "DEL", "UNLINK": "UNLINK", "EXISTS": "EXISTS", "TOUCH": "TOUCH"}
"""Commands on any number of keys -> the same on one."""
_KEY_COUNT_AT: Final[dict[str, int]] = {
    **dict.fromkeys(("FCALL", "FCALL_RO", "EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO"), 2),
    **dict.fromkeys(("ZUNION", "ZINTER", "ZDIFF", "ZINTERCARD", "SINTERCARD", "LMPOP", "ZMPOP"), 1),
}
"""Where the number of keys is, behind which they follow."""
_KEY_AT: Final[dict[str, int]] = {"BITOP": 2, "OBJECT": 2, "XGROUP": 2, "XINFO": 2, "MEMORY": 2}
_SOLE_KEY_AT: Final[dict[bytes | str | int, int]] = {"GET": 1, "SET": 1, "FCALL": 3}
_KEYLESS: Final = frozenset(
    {
        "ACL", "BGREWRITEAOF", "BGSAVE", "CLUSTER", "COMMAND", "CONFIG", "DBSIZE", "DEBUG", "ECHO", "FAILOVER",
        "FLUSHALL", "FLUSHDB", "INFO", "KEYS", "LASTSAVE", "LATENCY", "LOLWUT", "MODULE", "PING", "PUBSUB", "RANDOMKEY",
        "READONLY", "READWRITE", "REPLICAOF", "ROLE", "SAVE", "SCAN", "SCRIPT", "SHUTDOWN", "SLAVEOF", "SLOWLOG",
        "SWAPDB", "TIME",
    }
)  # fmt: skip


class Part:
    """A command for one node, and what came of it."""

    __slots__ = (
        "answered_by",
        "asking",
        "command",
        "node",
        "pauses",
        "position",
        "publishes",
        "reply",
        "server",
        "slot",
        "was_down",
    )

    def __init__(self, position: int, command: RedisCommand, slot: int, node: Node | None = None) -> None:
        """``position``: of the command that it is part of; ``node``: where it goes, else to the owner of its slot."""
        self.position = position
        self.command = command
        self.slot = slot
        self.node = node
        self.asking = False
        self.reply: Any = None
        self.server = b""
        self.answered_by: Node = ("", 0)
        self.publishes = False
        self.pauses = False
        self.was_down = False


def sole_slot(commands: Sequence[RedisCommand]) -> int | None:
    """The slot that the commonest of round trips go to, those with one command of the cache; None: look closer."""
    if len(commands) == 1:
        at = _SOLE_KEY_AT.get(commands[0][0])
        if at is not None:
            return slot_of(commands[0][at])
    return None


def key_of(command: RedisCommand) -> bytes | str | int | None:
    """The first key of a command; None when it has none."""
    name = _name(command)
    if name in _KEYLESS or len(command) < 2:
        return None
    if name in ("XREAD", "XREADGROUP"):
        words = [_text(word).upper() for word in command]
        at = words.index("STREAMS") + 1 if "STREAMS" in words else len(command)
    elif name in _KEY_COUNT_AT:
        counted = _KEY_COUNT_AT[name]
        has_keys = len(command) > counted and _text(command[counted]) != "0"
        at = counted + 1 if has_keys else len(command)
    else:
        at = _KEY_AT.get(name, 1)
    return command[at] if at < len(command) else None


def parts_of(commands: Sequence[RedisCommand], primaries: Sequence[Node], pool: str) -> list[Part]:
    """The parts, in order; one that has no owner has its refusal as its reply already."""
    parts: list[Part] = []
    for position, command in enumerate(commands):
        name = _name(command)
        if name in _CUT and len(command) > 1:
            parts += [Part(position, (_CUT[name], key), slot_of(key)) for key in command[1:]]
        elif name == "FUNCTION":
            parts += [Part(position, command, 0, node) for node in primaries]
        elif name == "PUBLISH":
            parts.append(Part(position, command, 0, primaries[0]))
        else:
            parts.append(_single(position, command, pool))
        parts[-1].publishes = name in ("PUBLISH", PUBLISH)
    return parts


def _single(position: int, command: RedisCommand, pool: str) -> Part:
    key = key_of(command)
    part = Part(position, command, 0 if key is None else slot_of(key))
    if key is None:
        reason = (
            f"{_name(command)} names no key, so no node of the cluster is its own; engine.redis(pool).client runs it"
        )
        part.reply = RedisError(reason, pool=pool)
    return part


def joined(commands: Sequence[RedisCommand], parts: Sequence[Part]) -> RedisReplies:
    """The replies of the commands from those of their parts."""
    if len(parts) == len(commands):
        # nothing was cut
        values, servers = [part.reply for part in parts], [part.server for part in parts]
        if "MGET" not in {command[0] for command in commands}:
            return RedisReplies(values, servers[0], servers)
    by_position: list[list[Part]] = [[] for _ in commands]
    for part in parts:
        by_position[part.position].append(part)
    replies = [_whole(_name(command), own) for command, own in zip(commands, by_position, strict=True)]
    return RedisReplies([value for value, _ in replies], parts[0].server, [server for _, server in replies])


def _whole(name: str, parts: Sequence[Part]) -> tuple[Any, bytes | list[bytes]]:
    if name == "MGET":
        return [found(part.reply) for part in parts], [part.server for part in parts]
    if name == "FUNCTION":
        taken = [part.reply for part in parts if not isinstance(part.reply, RedisError)]
        return (taken or [part.reply for part in parts])[0], parts[0].server
    refused = [part.reply for part in parts if isinstance(part.reply, RedisError)]
    if refused:
        return refused[0], parts[0].server
    return (parts[0].reply if len(parts) == 1 else sum(part.reply for part in parts)), parts[0].server


def found(reply: Any) -> Any:
    """MGET finds nothing where GET would complain of the type."""
    return None if isinstance(reply, RedisError) and reply.reason.startswith("WRONGTYPE") else reply


def _name(command: RedisCommand) -> str:
    return _text(command[0]).upper()


def _text(word: bytes | str | int) -> str:
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)
