"""Waiting for the library's own threads to end."""

from __future__ import annotations

import threading


def wait_for_end(thread: threading.Thread | None, seconds: float) -> None:
    """Wait so long at most. No thread waits for itself: an engine may be collected in one of its own."""
    if thread is not None and thread is not threading.current_thread():
        thread.join(seconds)
