"""Moving slots between the primaries of a running cluster, as an operator's tools do it, step by step."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from devstack.cluster import Cluster, node_id
from devstack.server import Server
from devstack.wire import WireError, redis_command


def slot_of(cluster: Cluster, key: str) -> int:
    """The slot of a key, as the server says."""
    server = cluster.primaries[0]
    return int(str(redis_command(server.host, server.port, "CLUSTER", "KEYSLOT", key)))


def owner_of(cluster: Cluster, slot: int) -> Server:
    """The server that says it owns a slot."""
    for server in cluster.servers:
        with suppress(OSError):
            nodes = str(redis_command(server.host, server.port, "CLUSTER", "NODES"))
            (own,) = [line for line in nodes.splitlines() if "myself" in line]
            if "master" in own and any(_covers(words, slot) for words in own.split()[8:]):
                return server
    raise AssertionError(f"nobody owns slot {slot}")


def _covers(words: str, slot: int) -> bool:
    if words.startswith("["):
        return False
    first, _, last = words.partition("-")
    return int(first) <= slot <= int(last or first)


def move_slot(
    cluster: Cluster, slot: int, target: Server, halfway: Callable[[], object] = lambda: None, *, keep: int = 0
) -> None:
    """Move a slot with its keys; ``halfway`` is called while it is on its way, with all but ``keep`` keys moved."""
    source = owner_of(cluster, slot)
    _command(target, "CLUSTER", "SETSLOT", str(slot), "IMPORTING", node_id(source))
    _command(source, "CLUSTER", "SETSLOT", str(slot), "MIGRATING", node_id(target))
    _move_keys(source, target, slot, keep)
    halfway()
    _move_keys(source, target, slot, 0)
    # the target first, so that nobody is sent in a circle
    _command(target, "CLUSTER", "SETSLOT", str(slot), "NODE", node_id(target))
    _command(source, "CLUSTER", "SETSLOT", str(slot), "NODE", node_id(target))


def _move_keys(source: Server, target: Server, slot: int, keep: int) -> None:
    while True:
        keys = _command(source, "CLUSTER", "GETKEYSINSLOT", str(slot), "100")
        assert isinstance(keys, list)
        if len(keys) <= keep:
            return
        for key in keys[keep:]:
            with suppress(WireError):
                # a key that expires meanwhile is no loss
                _command(source, "MIGRATE", target.host, str(target.port), str(key), "0", "5000")


def _command(server: Server, *words: str) -> object:
    return redis_command(server.host, server.port, *words)
