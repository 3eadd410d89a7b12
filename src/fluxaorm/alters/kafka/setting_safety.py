"""How safe a changed setting of a topic is: which values lose records, or stop those who write or read now. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fluxaorm.alters.kafka.setting_values import number_of, words_of

UNLIMITED: Final = -1

_SHORTER: Final = {
    "retention.ms": "records older than that are deleted",
    "retention.bytes": "the oldest records of a partition that is larger are deleted",
    "delete.retention.ms": "a reader that is slower than that misses deletions",
    "min.compaction.lag.ms": "a reader that is slower than that misses values that others followed",
}
"""Settings of which less loses something, and what."""
_SMALLER: Final = {
    "max.message.bytes": "larger records, which can be written now, are refused",
    "message.timestamp.before.max.ms": "older records, which can be written now, are refused",
    "message.timestamp.after.max.ms": "records from further ahead, which can be written now, are refused",
}
"""Settings of which less refuses something, and what."""
_POLICIES: Final = {
    "delete": "cleanup.policy=delete deletes records past the retention",
    "compact": "cleanup.policy=compact keeps the last record of each key, and refuses those without one",
}


def why_unsafe(name: str, old: str, new: str, replicas: int) -> str:
    """What a new value of a setting loses or stops, with the name in it; empty: nothing. ``replicas``: of the topic."""
    if name in _SHORTER:
        return f"{name}={new}: {_SHORTER[name]}" if _is_less(old, new) else ""
    if name in _SMALLER:
        return f"{name}={new}: {_SMALLER[name]}" if _is_less(old, new) else ""
    judge = _JUDGES.get(name)
    return "" if judge is None else judge(old, new, replicas)


def _is_less(old: str, new: str) -> bool:
    before, after = number_of(old), number_of(new)
    if before is None or after is None or after == UNLIMITED:
        return False
    return before == UNLIMITED or after < before


def _cleanup_policy(old: str, new: str, replicas: int) -> str:
    added = sorted(set(words_of(new)) - set(words_of(old)))
    return "; ".join(_POLICIES[policy] for policy in added if policy in _POLICIES)


def _min_insync_replicas(old: str, new: str, replicas: int) -> str:
    before, after = number_of(old) or 1, number_of(new) or 1
    if after < before:
        return f"min.insync.replicas={new}: a record counts as written with fewer copies"
    if replicas > 1 and after >= replicas:
        return f"min.insync.replicas={new}: nothing can be written while one of the {replicas} replicas is away"
    return ""


def _unclean_election(old: str, new: str, replicas: int) -> str:
    return "unclean.leader.election.enable=true: written records may be lost" if _turned(old, new, "true") else ""


def _remote_storage(old: str, new: str, replicas: int) -> str:
    what = "remote.storage.enable=false: what is stored remotely cannot be read any more"
    return what if _turned(old, new, "false") else ""


def _turned(old: str, new: str, value: str) -> bool:
    return new.strip().casefold() == value != old.strip().casefold()


_JUDGES: Final[dict[str, Callable[[str, str, int], str]]] = {
    "cleanup.policy": _cleanup_policy,
    "min.insync.replicas": _min_insync_replicas,
    "unclean.leader.election.enable": _unclean_election,
    "remote.storage.enable": _remote_storage,
}
