"""Listens in the background for changes that other processes publish, and evicts the rows from this process's caches.

What it decides: when the caches may be trusted. They are, for ``OVERDUE`` seconds from each answered heartbeat;
a heartbeat that comes late, and a new connection, begin with empty caches. While nobody listens they are shut.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from fluxaorm.errors import RedisError
from fluxaorm.plans.state.keys import read_changes
from fluxaorm.plans.state.local_rows import LocalRows, Trust
from fluxaorm.pools.base.redis_ports import MESSAGE, PONG, Subscription
from fluxaorm.pools.base.threads import wait_for_end

HEARTBEAT: Final = 0.5
OVERDUE: Final = 3 * HEARTBEAT
DEAD: Final = 5.0
"""Seconds without an answer after which the connection is given up."""
RECONNECT: Final = 0.2


class ChangeListener:
    """One thread and one connection for the local caches of one engine on one Redis pool."""

    def __init__(
        self,
        pool: str,
        channels: Sequence[str],
        subscription: Callable[[], Subscription],
        own_source: Callable[[], str],
        on_outage: Callable[[str, BaseException], None],
    ) -> None:
        """Make it; ``start`` begins to listen.

        ``subscription``: opens one, RedisError; ``own_source``: of this process, whose changes were evicted already;
        ``on_outage(pool, error)``: told of each failure.
        """
        self.trust = Trust()
        self._pool = pool
        self._channels = tuple(channels)
        self._open = subscription
        self._own_source = own_source
        self._on_outage = on_outage
        self._locals: dict[str, LocalRows] = {}
        self._begin()

    def _begin(self) -> None:
        # reentrant: an engine may be collected, and this be stopped, at any step of its own thread
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._subscription: Subscription | None = None

    def add(self, channel: str, local: LocalRows) -> None:
        """Evict from this cache what the channel says; before anything is put into it."""
        self._locals[channel] = local

    def start(self) -> None:
        """Listen, if nobody does yet. Does not wait: until the connection stands the caches are shut."""
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(target=self._run, name=f"fluxaorm-changes-{self._pool}", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Shut the caches and end the thread, for good."""
        with self._lock:
            self._stopped.set()
            thread, subscription = self._thread, self._subscription
        if subscription is not None:
            subscription.interrupt()
        wait_for_end(thread, 1.0)

    def reset_after_fork(self) -> None:
        """In a child process, which has no such thread: shut, until it is started again."""
        inherited, stopped = self._subscription, self._stopped.is_set()
        self._begin()
        self.trust.until = 0.0
        if stopped:
            self._stopped.set()
        if inherited is not None:
            inherited.disown()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._listen()
            except RedisError as error:
                if not self._stopped.is_set():
                    self._on_outage(self._pool, error)
            finally:
                self.trust.until = 0.0
            self._stopped.wait(RECONNECT)

    def _listen(self) -> None:
        subscription = self._open()
        try:
            with self._lock:
                self._subscription = subscription
            if not self._stopped.is_set():
                subscription.subscribe(self._channels)
                self._follow(subscription)
        finally:
            with self._lock:
                self._subscription = None
            subscription.close()

    def _follow(self, subscription: Subscription) -> None:
        asked, answered = time.monotonic(), False
        subscription.ping()
        while not self._stopped.is_set():
            said = subscription.read(max(0.0, asked + HEARTBEAT - time.monotonic()) if answered else HEARTBEAT)
            if said is None:
                if answered:
                    asked, answered = time.monotonic(), False
                    subscription.ping()
                elif time.monotonic() - asked > DEAD:
                    raise RedisError("the server does not answer heartbeats", pool=self._pool)
            elif said[0] == MESSAGE:
                self._evict(said[1].decode(), said[2])
            elif said[0] == PONG:
                answered = True
                self._trust_from(asked)

    def _evict(self, channel: str, message: bytes) -> None:
        local = self._locals.get(channel)
        sender, ids = read_changes(message)
        if local is None or sender == self._own_source():
            return
        if ids:
            local.evict(ids)
        else:
            local.clear()

    def _trust_from(self, asked: float) -> None:
        if self.trust.until < time.monotonic():
            for local in list(self._locals.values()):
                local.clear()
        self.trust.until = asked + OVERDUE
