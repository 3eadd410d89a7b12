"""What a user of Redis lacks of what the library needs, a sentence each, with the rule that gives it. Writes nothing.

What a right is for is tried on a key that nobody has, in a form that changes nothing; channels are asked for by
ACL DRYRUN, where the user may run that. Whatever a right was given by, the server decides it.
"""

from __future__ import annotations

from typing import Any, Final

from fluxaorm.errors import RedisConnectionError, RedisError
from fluxaorm.plans.cache.identity import RedisNamespace
from fluxaorm.plans.effects import Plan, RedisRoundTrip
from fluxaorm.plans.state.keys import PUBLISH, channel_of

_NO_RIGHT: Final = "NOPERM"
_SUBSCRIBE: Final = "SSUBSCRIBE"


def redis_problems_plan(pool: str, spaces: list[RedisNamespace]) -> Plan[list[str]]:
    """Of one pool; ``spaces``: what the entities use of it. A server that does not answer is one problem, too."""
    problems: list[str] = []
    try:
        for prefix in [space.prefix for space in spaces] or ["fx:"]:
            problems += yield from _commands_plan(pool, prefix)
            problems += yield from _channels_plan(pool, prefix)
    except RedisConnectionError as error:
        return [f"Redis pool '{pool}' does not answer: {error.reason}"]
    except RedisError as error:
        return [f"Redis pool '{pool}' refuses to answer: {error.reason}"]
    return problems


def _commands_plan(pool: str, prefix: str) -> Plan[list[str]]:
    key = f"{prefix}_fluxa_meta:probe"
    probes: dict[str, tuple[Any, ...]] = {
        "get": ("GET", key),
        "mget": ("MGET", key),
        # only a key that is there
        "set": ("SET", key, "", "XX"),
        "del": ("DEL", key),
        "unlink": ("UNLINK", key),
        # no function of that name, no library in that text
        "fcall": ("FCALL", "fluxaorm_probe", 1, key),
        "function|load": ("FUNCTION", "LOAD", ""),
    }
    replies = yield from RedisRoundTrip(pool, tuple(probes.values()))
    problems: list[str] = []
    for right, reply in zip(probes, replies.values, strict=True):
        if isinstance(reply, RedisError) and reply.reason.startswith(_NO_RIGHT):
            rule = f"~{prefix}*" if " key" in reply.reason else f"+{right}"
            problems.append(_problem(pool, reply.reason, rule))
        elif isinstance(reply, RedisError) and reply.reason.startswith(("NOAUTH", "LOADING", "MASTERDOWN")):
            raise reply
    return problems


def _channels_plan(pool: str, prefix: str) -> Plan[list[str]]:
    """[] as well when the user may not ask, and of a cluster, whose nodes have a user's rights each."""
    channel = channel_of(f"{prefix}_fluxa_meta:")
    (user,) = (yield from RedisRoundTrip(pool, (("ACL", "WHOAMI"),))).values
    if isinstance(user, RedisError):
        return []
    asked = {"ssubscribe": (_SUBSCRIBE, channel), PUBLISH.lower(): (PUBLISH, channel, "")}
    replies = yield from RedisRoundTrip(pool, tuple(("ACL", "DRYRUN", user, *each) for each in asked.values()))
    problems: list[str] = []
    for right, reply in zip(asked, replies.values, strict=True):
        if isinstance(reply, bytes) and reply != b"OK":
            reason = reply.decode("utf-8", "replace")
            problems.append(_problem(pool, reason, f"&{prefix}*" if " channel" in reason else f"+{right}"))
    return problems


def _problem(pool: str, reason: str, rule: str) -> str:
    return f"Redis pool '{pool}': {reason.removeprefix(_NO_RIGHT).strip()}; give its user {rule} (ACL SETUSER)"
