"""Processes are ended by identity: the right one surely, any other never."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import time

from devstack.process import ProcessId, stop, wait_until

IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
)


def test_a_process_that_ended_and_was_not_reaped_is_not_alive() -> None:
    """A zombie holds its pid and nothing else."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = ProcessId.of(child.pid)
    assert process.alive

    assert child.stdin is not None
    child.stdin.close()

    assert wait_until(lambda: not process.alive, 10)
    child.wait()


def test_another_start_is_another_process() -> None:
    """The same pid, started at another moment or in another boot, is left alone."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = ProcessId.of(child.pid)
    strangers = [dataclasses.replace(process, started=process.started - 1), dataclasses.replace(process, boot="x")]

    stop(strangers)
    for stranger in strangers:
        stranger.signal(signal.SIGKILL)

    assert process.alive
    assert child.poll() is None
    child.communicate()


def test_stop_kills_what_does_not_listen() -> None:
    """Taking down is bounded."""
    child = subprocess.Popen([sys.executable, "-c", IGNORES_SIGTERM], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    process = ProcessId.of(child.pid)

    before = time.monotonic()
    stop([process], timeout=0.2)

    assert not process.alive
    assert time.monotonic() - before < 10
    child.communicate()


def test_wait_until_is_bounded() -> None:
    """A condition that never comes true costs its timeout and is told."""
    assert wait_until(lambda: False, 0.05) is False
