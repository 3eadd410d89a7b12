"""One round trip to a Redis Cluster: what goes to which node, and what becomes of its answers. Decides; no I/O.

Plans yield a ``Wave`` (commands by node, to be sent to all of them before any answer is awaited) or seconds to wait,
and are sent what the nodes answered. A redirected command was not executed, so it is sent again where it belongs;
what a lost connection had taken is never repeated. Publications leave when all else is answered, since what they tell
of must be in place on whatever node it belongs to.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeAlias, TypeVar

from fluxaorm.errors import RedisConnectionError, RedisError
from fluxaorm.plans.cache.functions import is_ours
from fluxaorm.plans.effects import RedisCommand, RedisReplies
from fluxaorm.pools.redis.cluster.routes import Part, found, joined, parts_of
from fluxaorm.pools.redis.cluster.slots import Node, SlotMap, node_from, slot_of

T = TypeVar("T")
Wave: TypeAlias = "dict[Node, list[RedisCommand]]"
Answers: TypeAlias = "Mapping[Node, RedisReplies | RedisConnectionError]"
ClusterPlan: TypeAlias = Generator["Wave | float", Any, T]
"""Sent ``Answers`` for a wave, None for a pause."""

TRIES: Final = 8
"""How often a command is sent at most; each time the cluster has changed meanwhile."""
RETRY_PAUSE: Final = 0.02
AGREEMENT_TRIES: Final = 20
AGREEMENT_PAUSE: Final = 0.1
_ASKING: Final[RedisCommand] = ("ASKING",)


class Redirection(Enum):
    """What a node that did not execute a command says of it; see ``_redirected`` for what is done then."""

    MOVED = "MOVED"
    """Another node owns the slot."""
    ASK = "ASK"
    """The slot is on its way to another node, which is to be asked for this key; the owner stays."""
    TRYAGAIN = "TRYAGAIN"
    """The slot is on its way, and some of the keys are here, others there."""
    CLUSTERDOWN = "CLUSTERDOWN"
    """The node believes that nobody owns the slot, or that the cluster is down."""


_REDIRECTIONS: Final = {each.value: each for each in Redirection}


def redirection_of(reply: Any) -> Redirection | None:
    """None: the command was executed, or refused for good."""
    if not isinstance(reply, RedisError):
        return None
    return _REDIRECTIONS.get(reply.reason.partition(" ")[0])


def undone_by(command: RedisCommand, reply: Any) -> Redirection | None:
    """The same of a command that may be one of our functions.

    One that lost its key while the slot is moved has done nothing yet: a key that has expired still counts when the
    node decides to run it, and no more when it looks at it.
    """
    if not isinstance(reply, RedisError):
        return None
    if "non local key in a cluster" in reply.reason and is_ours(command):
        return Redirection.TRYAGAIN
    return redirection_of(reply)


def trip_plan(
    slots: SlotMap, pool: str, commands: Sequence[RedisCommand], undone: tuple[Node, Any] | None = None
) -> ClusterPlan[RedisReplies]:
    """The replies in order. RedisConnectionError when no node that was needed could be reached.

    ``undone``: what a node has replied already to the only command.
    """
    yield from up_to_date_plan(slots, pool)
    if len(commands) == 1 and commands[0][0] == "SCAN":
        return (yield from scan_plan(slots, pool, commands[0]))
    if len(commands) == 1 and commands[0][0] == "MGET" and len(commands[0]) > 1:
        owned = _positions_by_owner(slots, commands[0][1:])
        if owned is not None:
            return (yield from _look_plan(slots, pool, commands[0][1:], owned))
    parts = parts_of(commands, slots.members, pool)
    if undone is not None:
        parts[0].answered_by, parts[0].reply = undone
    yield from _deliver_plan(slots, pool, [part for part in parts if not part.publishes])
    yield from _deliver_plan(slots, pool, [part for part in parts if part.publishes])
    lost = [part.reply for part in parts if isinstance(part.reply, RedisConnectionError)]
    if not parts:
        return RedisReplies([], b"")
    if len(lost) == len(parts):
        raise lost[0]
    return joined(commands, parts)


def _positions_by_owner(slots: SlotMap, keys: RedisCommand) -> dict[Node, list[int]] | None:
    """Where in ``keys`` the keys of each node stand; None when one has no owner."""
    positions: dict[Node, list[int]] = {}
    for position, key in enumerate(keys):
        node = slots.owner(slot_of(key))
        if node is None:
            return None
        positions.setdefault(node, []).append(position)
    return positions


def _look_plan(
    slots: SlotMap, pool: str, keys: RedisCommand, positions: Mapping[Node, list[int]]
) -> ClusterPlan[RedisReplies]:
    """One MGET, the commonest of batches, with as little ado as it takes; the keys that moved go the long way."""
    answers: Answers = yield {node: [("GET", keys[at]) for at in own] for node, own in positions.items()}
    values: list[Any] = [None] * len(keys)
    servers = [b""] * len(keys)
    for node, own in positions.items():
        answer = answers[node]
        if isinstance(answer, RedisConnectionError):
            slots.doubt(node)
            replies, server = [answer] * len(own), b""
        else:
            replies, server = answer.values, answer.server
        for position, value in zip(own, replies, strict=True):
            values[position], servers[position] = value, server
    refused = {
        position: node
        for node, own in positions.items()
        for position in own
        if isinstance(values[position], RedisError)
    }
    if refused:
        yield from _look_again_plan(slots, pool, keys, refused, values, servers)
    return RedisReplies([values], servers[0], [servers])


def _look_again_plan(
    slots: SlotMap, pool: str, keys: RedisCommand, refused: Mapping[int, Node], values: list[Any], servers: list[bytes]
) -> ClusterPlan[None]:
    """Ask for what was redirected. RedisConnectionError when nothing could be reached."""
    lost = [values[position] for position in refused if isinstance(values[position], RedisConnectionError)]
    if len(lost) == len(values):
        raise lost[0]
    parts: list[Part] = []
    for position, node in refused.items():
        values[position] = found(values[position])
        if redirection_of(values[position]) is not None:
            part = Part(position, ("GET", keys[position]), slot_of(keys[position]))
            part.answered_by, part.reply = node, values[position]
            parts.append(part)
    yield from _deliver_plan(slots, pool, parts)
    for part in parts:
        values[part.position], servers[part.position] = found(part.reply), part.server


def up_to_date_plan(slots: SlotMap, pool: str) -> ClusterPlan[None]:
    """Ask who owns what, if that is in doubt. RedisConnectionError when nothing is known and no node tells."""
    if not slots.take_turn():
        return
    error: RedisError | None = None
    for node in slots.sources():
        answers: Answers = yield {node: [("CLUSTER", "SLOTS")]}
        answer = answers[node]
        reply = answer if isinstance(answer, RedisConnectionError) else answer.values[0]
        if isinstance(reply, RedisError):
            error = reply
            continue
        slots.learn(reply, node)
        return
    if error is not None and not slots.primaries:
        raise RedisConnectionError(f"no node says how the cluster is made up: {error.reason}", pool=pool)


def _deliver_plan(slots: SlotMap, pool: str, parts: list[Part]) -> ClusterPlan[None]:
    """Give each part its reply."""
    waiting = [part for part in parts if part.reply is None or _goes_on(slots, part)]
    for _ in range(TRIES):
        if not waiting:
            return
        if any(part.pauses for part in waiting):
            yield RETRY_PAUSE
        yield from up_to_date_plan(slots, pool)
        wave, sent = _addressed(slots, pool, waiting)
        if wave:
            _take_answers(slots, sent, (yield wave))
        waiting = [part for part in waiting if _goes_on(slots, part)]


def _addressed(slots: SlotMap, pool: str, parts: Sequence[Part]) -> tuple[Wave, dict[Node, list[Part]]]:
    wave: Wave = {}
    sent: dict[Node, list[Part]] = {}
    for part in parts:
        node = part.node or slots.owner(part.slot)
        if node is None:
            part.reply = RedisError("CLUSTERDOWN no node owns the slot", pool=pool)
            continue
        commands = wave.setdefault(node, [])
        if part.asking:
            commands.append(_ASKING)
        commands.append(part.command)
        sent.setdefault(node, []).append(part)
    return wave, sent


def _take_answers(slots: SlotMap, sent: Mapping[Node, Sequence[Part]], answers: Answers) -> None:
    for node, parts in sent.items():
        answer = answers[node]
        if isinstance(answer, RedisConnectionError):
            slots.doubt(node)
            for part in parts:
                part.reply = answer
            continue
        replies = iter(answer.values)
        for part in parts:
            if part.asking:
                next(replies)
            part.reply, part.server, part.answered_by = next(replies), answer.server, node


def _goes_on(slots: SlotMap, part: Part) -> bool:
    """Whether a part is to be sent again, and where."""
    part.pauses = False
    redirection = undone_by(part.command, part.reply)
    return redirection is not None and _redirected(slots, part, redirection)


def _redirected(slots: SlotMap, part: Part, redirection: Redirection) -> bool:
    """Send a part where its reply says; whether that is worth a try."""
    match redirection:
        case Redirection.MOVED:
            slots.moved(part.slot, _named_node(part))
            part.node, part.asking = None, False
        case Redirection.ASK:
            part.node, part.asking = _named_node(part), True
            slots.met(part.node)
        case Redirection.TRYAGAIN:
            part.pauses = True
        case Redirection.CLUSTERDOWN:
            slots.doubt()
            part.node, part.asking = None, False
            # once: it may be only one node that has not heard yet
            again, part.was_down = not part.was_down, True
            return again
    return True


def _named_node(part: Part) -> Node:
    """``MOVED 3999 127.0.0.1:6381``; without a host it is the one that answered."""
    return node_from(part.reply.reason.split()[2], part.answered_by)


def scan_plan(slots: SlotMap, pool: str, command: RedisCommand) -> ClusterPlan[RedisReplies]:
    """A page of the keys of all primaries, one after the other; the cursor says of which.

    Slots that changed their owner meanwhile make it begin anew; while some stay on their way it ends in a RedisError,
    since keys that move may be missed.
    """
    cursor = command[1].decode() if isinstance(command[1], bytes) else str(command[1])
    if cursor == "0":
        version, node, place = slots.version, slots.primaries[0], "0"
    else:
        first, host, port, place = cursor.split("|")
        version, node = int(first), (host, int(port))
    answers: Answers = yield {node: [("SCAN", place, *command[2:])]}
    answer = answers[node]
    if isinstance(answer, RedisConnectionError):
        slots.doubt(node)
        raise answer
    if isinstance(answer.values[0], RedisError):
        return answer
    place, keys = answer.values[0]
    later = [each for each in slots.primaries if each > node]
    if place != b"0":
        following = _cursor(version, node, place.decode())
    elif later:
        following = _cursor(version, later[0], "0")
    else:
        yield from _agreed_slots_plan(slots, pool)
        following = b"0" if slots.version == version else _cursor(slots.version, slots.primaries[0], "0")
    return RedisReplies([[following, keys]], answer.server)


def _cursor(version: int, node: Node, place: str) -> bytes:
    return f"{version}|{node[0]}|{node[1]}|{place}".encode()


def _agreed_slots_plan(slots: SlotMap, pool: str) -> ClusterPlan[None]:
    """Wait until no slot is on its way and all primaries agree on who owns what. RedisError when that takes long."""
    for _ in range(AGREEMENT_TRIES):
        answers = yield from each_primary_plan(slots, pool, [("CLUSTER", "SLOTS"), ("CLUSTER", "NODES")])
        replies = [(node, *answer.values) for node, answer in answers.items()]
        for _, *values in replies:
            for value in values:
                if isinstance(value, RedisError):
                    raise value
        node, owners, _ = replies[0]
        slots.learn(owners, node)
        if all(slots.agrees(owners, node) and not _has_open_slots(nodes) for node, owners, nodes in replies):
            return
        yield AGREEMENT_PAUSE
    reason = "slots are being moved, so that keys may have been missed; do it again when that is over"
    raise RedisError(reason, pool=pool)


def _has_open_slots(nodes: bytes) -> bool:
    return any(b"myself" in line and b" [" in line for line in nodes.splitlines())


def each_primary_plan(
    slots: SlotMap, pool: str, commands: Sequence[RedisCommand]
) -> ClusterPlan[dict[Node, RedisReplies]]:
    """What every primary answers. RedisConnectionError when one cannot be reached."""
    yield from up_to_date_plan(slots, pool)
    answers: Answers = yield {node: list(commands) for node in slots.primaries}
    replies: dict[Node, RedisReplies] = {}
    for node, answer in answers.items():
        if isinstance(answer, RedisConnectionError):
            slots.doubt(node)
            raise answer
        replies[node] = answer
    return replies
