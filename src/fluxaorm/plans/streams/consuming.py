"""Reading records as a member of a consumer group. No I/O."""

from __future__ import annotations

from typing import Final

from fluxaorm.errors import KafkaError, shown_value
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.streams.effects import CommitOffsets, GroupMember, PollRecords
from fluxaorm.plans.streams.records import Fetches

LONGEST_POLL: Final = 1_000_000.0
"""Seconds."""


def poll_plan(member: GroupMember, max_records: int, timeout: float) -> Plan[Fetches]:
    """Up to so many records, after ``timeout`` seconds at most. KafkaError for what are no such numbers."""
    if type(max_records) is not int or max_records < 1:
        raise KafkaError(f"max_records is a number from 1, got {shown_value(max_records)}", pool=member.pool)
    if type(timeout) not in (int, float) or not 0 <= timeout <= LONGEST_POLL:
        raise KafkaError(f"timeout is a number of seconds from 0, got {shown_value(timeout)}", pool=member.pool)
    return (yield from PollRecords(member, max_records, timeout))


def commit_plan(member: GroupMember) -> Plan[None]:
    """Commit what was polled."""
    yield from CommitOffsets(member)
