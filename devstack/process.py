"""Processes by identity: a pid together with the moment its process started, so that a reused pid is never mistaken.

What it decides: whether a process is the one that was started, and how it is ended: SIGTERM, a bounded wait, SIGKILL.
What it never does: look a process up by name, or signal one whose start does not match.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process of this boot: `started` is in clock ticks since the boot named `boot`."""

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        """The identity of a process that is there now, reaped or not; raises ProcessLookupError when there is none."""
        return cls(pid, _stat(pid)[1], _boot())

    @property
    def alive(self) -> bool:
        """True while this very process runs; one that has ended and waits to be reaped does not."""
        try:
            state, started = _stat(self.pid)
        except ProcessLookupError:
            return False
        return started == self.started and state not in "ZX" and _boot() == self.boot

    def signal(self, number: int) -> None:
        """Sends a signal when the process still is this one, and nothing otherwise."""
        with contextlib.suppress(ProcessLookupError):
            # the descriptor pins the process: between the check and the signal its pid cannot pass to another
            descriptor = os.pidfd_open(self.pid)
            try:
                if self.alive:
                    signal.pidfd_send_signal(descriptor, number)
            finally:
                os.close(descriptor)


def stop(processes: Iterable[ProcessId], timeout: float = 20.0) -> None:
    """Ends processes together and waits for them: asked first, killed when `timeout` seconds have passed."""
    running = [process for process in processes if process.alive]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in running:
            process.signal(number)
        wait_until(functools.partial(_all_ended, running), timeout)
        running = [process for process in running if process.alive]


def _all_ended(processes: list[ProcessId]) -> bool:
    if any(process.alive for process in processes):
        return False
    for process in processes:
        # those that are this process's own children would stay as zombies
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)
    return True


def wait_until(done: Callable[[], bool], timeout: float) -> bool:
    """Polls `done` until it is true; False when `timeout` seconds passed before."""
    deadline = time.monotonic() + timeout
    pause = 0.002
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return True


def _stat(pid: int) -> tuple[str, int]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(pid) from None
    # the second field is the name in parentheses and may itself hold spaces and parentheses
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
