"""Whether work that has certainly written nothing is tried again, and when. Decides; the runner waits."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, TypeVar

from fluxaorm.errors import DeadlockError, MySQLConnectionError, PoolTimeoutError
from fluxaorm.plans.effects import Plan, Sleep

T = TypeVar("T")
DEADLOCK_RETRIES: Final = 3
CONNECTION_RETRIES: Final = 1


class Retries:
    """Whether work that certainly committed nothing is tried again: after a deadlock, or a connection lost too early.

    A deadlock: three times, after a pause that grows and differs from one to the other; a lost connection: once.
    """

    def __init__(self) -> None:
        self._deadlocks = 0
        self._losses = 0

    def pause_plan(self, error: BaseException) -> Plan[bool]:
        """Wait before the next try; False: there is none."""
        if isinstance(error, DeadlockError):
            self._deadlocks += 1
            if self._deadlocks > DEADLOCK_RETRIES:
                return False
            yield from Sleep(random.uniform(0.5, 1.5) * 0.01 * 4**self._deadlocks)
            return True
        # a pool that was waited for as long as it allows: waiting again would only double that
        if isinstance(error, MySQLConnectionError) and not isinstance(error, PoolTimeoutError):
            self._losses += 1
            return self._losses <= CONNECTION_RETRIES
        return False


def retried_plan(attempt: Callable[[], Plan[T]]) -> Plan[T]:
    """Run a plan, again after what certainly wrote nothing: a deadlock, or a connection lost before its COMMIT."""
    retries = Retries()
    while True:
        try:
            return (yield from attempt())
        except (DeadlockError, MySQLConnectionError) as error:
            if not (yield from retries.pause_plan(error)):
                raise
