"""What a round trip to a cluster sends where, and what it makes of redirections and losses. No server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fluxaorm.errors import RedisConnectionError, RedisError
from fluxaorm.plans.effects import RedisCommand, RedisReplies
from fluxaorm.plans.state.keys import PUBLISH
from fluxaorm.pools.redis.cluster.plans import TRIES, Wave, trip_plan
from fluxaorm.pools.redis.cluster.routes import key_of
from fluxaorm.pools.redis.cluster.slots import SLOTS, Node, SlotMap, node_from, slot_of

A, B, C = ("a", 1), ("b", 2), ("c", 3)
ONE, TWO, THREE = "{one}", "{two}", "{three}"
OPEN = b"id a:1@2 myself,master - 0 0 1 connected 0-16383 [5->-other]\n"
Script = Callable[[Node, RedisCommand], Any]


def slots_reply() -> list[Any]:
    """All slots are A's but those of two keys."""
    reply: list[Any] = []
    owned = {slot_of(TWO): B, slot_of(THREE): C}
    first = 0
    for slot in sorted(owned):
        reply.append([first, slot - 1, [b"a", 1, b"id"]])
        node = owned[slot]
        reply.append([slot, slot, [node[0].encode(), node[1], b"id"]])
        first = slot + 1
    return [*reply, [first, SLOTS - 1, [b"a", 1, b"id"]]]


def error(reason: str) -> RedisError:
    return RedisError(reason)


class Run:
    """A trip driven by a script of what nodes answer; ``waves`` is what was sent."""

    def __init__(self, commands: list[RedisCommand], script: Script, slots: SlotMap | None = None) -> None:
        self.slots = slots or SlotMap([A])
        self.waves: list[Wave] = []
        self.pauses = 0
        plan = trip_plan(self.slots, "cache", commands)
        try:
            step = next(plan)
            while True:
                if not isinstance(step, dict):
                    self.pauses += 1
                    step = plan.send(None)
                    continue
                if [("CLUSTER", "SLOTS")] not in step.values():
                    self.waves.append(step)
                step = plan.send({node: self._answer(node, sent, script) for node, sent in step.items()})
        except StopIteration as done:
            self.replies: RedisReplies = done.value

    def _answer(self, node: Node, commands: list[RedisCommand], script: Script) -> Any:
        values = [_layout(command, script) or script(node, command) for command in commands]
        lost = [value for value in values if isinstance(value, RedisConnectionError)]
        return lost[0] if lost else RedisReplies(values, node[0].encode())


def _layout(command: RedisCommand, script: Script) -> Any:
    if command == ("CLUSTER", "SLOTS"):
        return slots_reply()
    if command == ("CLUSTER", "NODES"):
        return OPEN if script(A, command) is OPEN else b"id a:1@2 myself,master - 0 0 1 connected 0-16383\n"
    return None


def ok(node: Node, command: RedisCommand) -> Any:
    return node[0]


def test_a_batch_goes_to_all_owners_at_once_and_comes_back_in_order() -> None:
    """One wave, each command where its slot is, each reply with its own primary's identity."""
    run = Run([("GET", TWO), ("SET", ONE, "x"), ("GET", THREE), ("FCALL", "fx_fill", 1, TWO)], ok)

    assert [{A: [("SET", ONE, "x")], B: [("GET", TWO), ("FCALL", "fx_fill", 1, TWO)], C: [("GET", THREE)]}] == run.waves
    assert ["b", "a", "c", "b"] == run.replies.values
    assert [b"b", b"a", b"c", b"b"] == [run.replies.server_of(position) for position in range(4)]


def test_mget_is_cut_and_joined() -> None:
    """A key of another type is nothing, as for a server's MGET."""
    run = Run([("MGET", ONE, TWO, THREE)], lambda node, _: error("WRONGTYPE no") if node == B else node[0])

    assert ([["a", None, "c"]], 1) == (run.replies.values, len(run.waves))
    assert [b"a", b"b", b"c"] == run.replies.servers_of_keys(0, 3)


def test_publications_leave_when_all_else_is_answered() -> None:
    """An intent on one node must stand before listeners of another are told to look."""
    run = Run([("FCALL", "fx_intend", 1, ONE), (PUBLISH, TWO, b"x"), ("FCALL", "fx_intend", 1, THREE)], ok)

    assert [[A, C], [B]] == [sorted(wave) for wave in run.waves]
    assert ["a", "b", "c"] == run.replies.values


def test_a_moved_key_is_followed_and_remembered() -> None:
    """The others' replies are kept: nothing is asked twice."""
    run = Run(
        [("GET", ONE), ("GET", TWO)], lambda node, _: error(f"MOVED {slot_of(TWO)} c:3") if node == B else node[0]
    )

    assert [{A: [("GET", ONE)], B: [("GET", TWO)]}, {C: [("GET", TWO)]}] == run.waves
    assert ["a", "c"] == run.replies.values
    assert C == run.slots.owner(slot_of(TWO))


def test_a_key_of_mget_that_moved_is_asked_for_alone() -> None:
    """The others' values stand, and so do their servers."""
    run = Run([("MGET", ONE, TWO)], lambda node, _: error(f"MOVED {slot_of(TWO)} c:3") if node == B else node[0])

    assert [{A: [("GET", ONE)], B: [("GET", TWO)]}, {C: [("GET", TWO)]}] == run.waves
    assert ([["a", "c"]], [b"a", b"c"]) == (run.replies.values, run.replies.servers_of_keys(0, 2))


def test_a_key_on_its_way_is_asked_for_once_where_it_goes() -> None:
    """ASK says nothing about the next time."""
    run = Run([("GET", TWO)], lambda node, _: error(f"ASK {slot_of(TWO)} c:3") if node == B else "there")

    assert [{B: [("GET", TWO)]}, {C: [("ASKING",), ("GET", TWO)]}] == run.waves
    assert ["there"] == run.replies.values
    assert B == run.slots.owner(slot_of(TWO))


def test_a_node_that_takes_over_its_first_slot_is_given_the_functions() -> None:
    """It owns nothing yet, and runs them all the same."""
    slots = SlotMap([A])
    Run([("GET", TWO)], lambda node, _: error(f"ASK {slot_of(TWO)} d:4") if node == B else "there", slots)

    run = Run([("FUNCTION", "LOAD", "REPLACE", "source")], ok, slots)

    assert [A, B, C, ("d", 4)] == sorted(run.waves[0])


def test_a_key_that_cannot_be_served_yet_is_tried_again_after_a_pause() -> None:
    """TRYAGAIN passes by itself; so does one of our functions' keys that expired on its way."""
    answers = iter([error("TRYAGAIN"), error("ERR Attempted to access a non local key in a cluster node"), "done"])

    run = Run([("FCALL", "fx_fill_0", 1, ONE)], lambda *_: next(answers))

    assert (["done"], 2) == (run.replies.values, run.pauses)


def test_a_users_script_that_failed_halfway_is_not_repeated() -> None:
    """It may have done something already."""
    run = Run([("EVAL", "source", 1, ONE)], lambda *_: error("ERR Attempted to access a non local key in a cluster"))

    assert 1 == len(run.waves)


@pytest.mark.parametrize(("refusal", "waves"), [(f"MOVED {slot_of(ONE)} a:1", TRIES), ("CLUSTERDOWN", 2)])
def test_what_does_not_end_is_given_up(refusal: str, waves: int) -> None:
    """The refusal is the reply, which callers take for an outage of the cache."""
    run = Run([("GET", ONE)], lambda *_: error(refusal))

    assert waves == len(run.waves)
    assert refusal == run.replies.values[0].reason


def test_what_was_lost_with_one_node_is_not_repeated_and_leaves_the_others() -> None:
    """Two thirds of the rows still come from the cache."""
    run = Run([("MGET", ONE, TWO, THREE)], lambda node, _: RedisConnectionError("lost") if node == B else node[0])

    first, second, third = run.replies.values[0]
    assert (1, "a", "c") == (len(run.waves), first, third)
    assert isinstance(second, RedisConnectionError)


def test_a_trip_to_lost_nodes_alone_is_lost() -> None:
    """As a single server's would be."""
    with pytest.raises(RedisConnectionError, match="lost"):
        Run([("GET", TWO)], lambda *_: RedisConnectionError("lost"))


def scanned(slots: SlotMap, script: Script) -> list[bytes]:
    """All keys that pages of SCAN give."""
    cursor, seen = b"0", []
    while True:
        cursor, keys = Run([("SCAN", cursor, "COUNT", 10)], script, slots).replies.values[0]
        seen += keys
        if cursor == b"0":
            return seen


def page(node: Node, command: RedisCommand) -> Any:
    """Two pages a node."""
    return [b"7" if command[1] == "0" else b"0", [f"{node[0]}{command[1]!s}".encode()]]


ONCE = [b"a0", b"a7", b"b0", b"b7", b"c0", b"c7"]


def test_scan_goes_through_all_primaries() -> None:
    """Its cursor is a word that means nothing to anybody else, and 0 at the end."""
    assert scanned(SlotMap([A]), page) == ONCE


def test_scan_begins_anew_when_a_slot_has_moved_meanwhile() -> None:
    """Its keys may have gone from a node not yet looked at to one that was."""
    slots = SlotMap([A])

    def moved_once(node: Node, command: RedisCommand) -> Any:
        if node == C and slots.version == 1:
            slots.moved(slot_of(ONE), C)
        return page(node, command)

    assert scanned(slots, moved_once) == ONCE * 2


def test_scan_says_when_keys_may_have_been_missed() -> None:
    """A slot that stays on its way is nobody's whole."""
    with pytest.raises(RedisError, match="slots are being moved"):
        scanned(SlotMap([A]), lambda node, command: page(node, command) if command[0] == "SCAN" else OPEN)


def test_a_node_that_does_not_know_its_own_host_is_where_it_was_asked() -> None:
    """A node in a fresh container says so; a redirection may leave the host out as well."""
    slots = SlotMap([A])

    slots.learn([[0, SLOTS - 1, [None, 7, b"id"]]], A)

    assert (("a", 7),) == slots.primaries
    assert (("a", 8), ("c", 3)) == (node_from(":8", A), node_from("c:3", A))


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (("HSET", "k", "f", 1), "k"),
        (("EVALSHA", "sha", 2, "k", "l"), "k"),
        (("EVAL", "source", "0"), None),
        (("ZUNION", 2, "k", "l"), "k"),
        (("XREAD", "COUNT", 1, b"STREAMS", "k", "0"), "k"),
        (("object", "ENCODING", "k"), "k"),
        (("PING",), None),
        (("FLUSHALL",), None),
    ],
)
def test_the_key_of_a_command(command: RedisCommand, key: str | None) -> None:
    """The usual place is behind the name; the others are known."""
    assert key == key_of(command)
