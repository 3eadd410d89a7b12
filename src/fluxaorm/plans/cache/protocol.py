"""The coherence protocol as a table: what a key may hold, what readers and writers do to it, what that leaves there.

It performs nothing: the steps are functions of the server (``functions``) and one command (``lease_command``). The
tests hold those against this table on real servers, and the documentation shows it.

All is seen by one reader or writer: what bears its token is its own. What asynchronous flushes add is a table of its
own, ``AFTER_ASYNC``, seen from outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from fluxaorm.plans.state.keys import INTENT_MS, LEASE_MS


class Held(Enum):
    """What a key holds."""

    NOTHING = "nothing"
    VALUE = "a value"
    OWN_LEASE = "its own lease"
    OTHER_LEASE = "another's lease"
    OWN_INTENT = "its own intent"
    OTHER_INTENTS = "others' intents"
    ALL_INTENTS = "its own and others' intents"


class Step(Enum):
    """What is done to a key, each at once: the first four by readers, the last two by writers."""

    LOOK = "look"
    """Give what is there; lease the key when nothing is."""
    SWAP = "swap"
    """Turn the value that was found, and does not count, into a lease."""
    FILL = "fill"
    """Store a value in the place of one's own lease."""
    DROP = "drop"
    """Give one's own lease back without a value."""
    INTEND = "intend"
    """Announce a change, before it is committed."""
    RELEASE = "release"
    """Let go, after it was committed or rolled back."""


_CHANGES: Final[Mapping[Step, Mapping[Held, Held]]] = {
    Step.LOOK: {Held.NOTHING: Held.OWN_LEASE},
    Step.SWAP: {Held.VALUE: Held.OWN_LEASE},
    Step.FILL: {Held.OWN_LEASE: Held.VALUE},
    Step.DROP: {Held.OWN_LEASE: Held.NOTHING},
    Step.INTEND: {
        Held.NOTHING: Held.OWN_INTENT,
        Held.VALUE: Held.OWN_INTENT,
        Held.OWN_LEASE: Held.OWN_INTENT,
        Held.OTHER_LEASE: Held.OWN_INTENT,
        Held.OTHER_INTENTS: Held.ALL_INTENTS,
    },
    Step.RELEASE: {
        Held.VALUE: Held.NOTHING,
        Held.OWN_LEASE: Held.NOTHING,
        Held.OTHER_LEASE: Held.NOTHING,
        Held.OWN_INTENT: Held.NOTHING,
        Held.ALL_INTENTS: Held.OTHER_INTENTS,
    },
}

AFTER: Final[Mapping[Held, Mapping[Step, Held]]] = {
    held: {step: _CHANGES[step].get(held, held) for step in Step} for held in Held
}
"""What a key holds -> what is done -> what it holds then."""

LIFETIME_MS: Final[Mapping[Held, int]] = {
    Held.OWN_LEASE: LEASE_MS,
    Held.OTHER_LEASE: LEASE_MS,
    Held.OWN_INTENT: INTENT_MS,
    Held.OTHER_INTENTS: INTENT_MS,
    Held.ALL_INTENTS: INTENT_MS,
}
"""When it ends by itself, whatever happened to who made it; each intent has a time of its own, and its writer renews
it while it works. A value lasts as long as its entity says.
"""


class Pending(Enum):
    """What a key holds while one asynchronous flush and one other writer are at it."""

    NOTHING = "nothing"
    VALUE = "a value"
    LEASE = "a lease"
    INTENT = "an intent"
    MARKER = "a marker"
    ENTRY = "an entry"
    MARKER_AND_INTENT = "a marker and an intent"
    ENTRY_AND_INTENT = "an entry and an intent"


class AsyncStep(Enum):
    """What is done to a key, each at once: by the asynchronous flush, the consumer, and the other writer."""

    ANNOUNCE = "announce"
    """Mark a change that is about to be published."""
    CONFIRM = "confirm"
    """The marker becomes an entry: it was published, and lies there in the log."""
    WITHDRAW = "withdraw"
    """Take the marker back: it was not published."""
    TAKE_OUT = "take out"
    """By the consumer that has applied the change, with its own intent."""
    SWEEP = "sweep"
    """By a reader that has seen the change in the database."""
    INTEND = "intend"
    """As ``Step.INTEND``: beside what is pending, with the other writer's token."""
    RELEASE = "release"
    """As ``Step.RELEASE``, of that intent."""


_BESIDE: Final = {Pending.MARKER: Pending.MARKER_AND_INTENT, Pending.ENTRY: Pending.ENTRY_AND_INTENT}
_ALONE: Final = {beside: alone for alone, beside in _BESIDE.items()}

_ASYNC_CHANGES: Final[Mapping[AsyncStep, Mapping[Pending, Pending]]] = {
    AsyncStep.ANNOUNCE: {
        Pending.NOTHING: Pending.MARKER,
        Pending.VALUE: Pending.MARKER,
        Pending.LEASE: Pending.MARKER,
        Pending.INTENT: Pending.MARKER_AND_INTENT,
    },
    AsyncStep.CONFIRM: {
        Pending.MARKER: Pending.ENTRY,
        Pending.MARKER_AND_INTENT: Pending.ENTRY_AND_INTENT,
    },
    AsyncStep.WITHDRAW: {
        Pending.VALUE: Pending.NOTHING,
        Pending.LEASE: Pending.NOTHING,
        Pending.MARKER: Pending.NOTHING,
        Pending.ENTRY: Pending.NOTHING,
        Pending.MARKER_AND_INTENT: Pending.INTENT,
        Pending.ENTRY_AND_INTENT: Pending.INTENT,
    },
    AsyncStep.TAKE_OUT: {
        Pending.VALUE: Pending.NOTHING,
        Pending.LEASE: Pending.NOTHING,
        Pending.INTENT: Pending.NOTHING,
        Pending.MARKER: Pending.NOTHING,
        Pending.ENTRY: Pending.NOTHING,
        Pending.MARKER_AND_INTENT: Pending.NOTHING,
        Pending.ENTRY_AND_INTENT: Pending.NOTHING,
    },
    AsyncStep.SWEEP: {
        Pending.ENTRY: Pending.NOTHING,
        Pending.ENTRY_AND_INTENT: Pending.INTENT,
    },
    AsyncStep.INTEND: {
        Pending.NOTHING: Pending.INTENT,
        Pending.VALUE: Pending.INTENT,
        Pending.LEASE: Pending.INTENT,
        **_BESIDE,
    },
    AsyncStep.RELEASE: {
        Pending.VALUE: Pending.NOTHING,
        Pending.LEASE: Pending.NOTHING,
        Pending.INTENT: Pending.NOTHING,
        **_ALONE,
    },
}

AFTER_ASYNC: Final[Mapping[Pending, Mapping[AsyncStep, Pending]]] = {
    held: {
        step: _ASYNC_CHANGES[step].get(held, held)
        for step in AsyncStep
        if step is not AsyncStep.ANNOUNCE or held not in (Pending.ENTRY, Pending.ENTRY_AND_INTENT)
    }
    for held in Pending
}
"""As ``AFTER``; a flush whose marker was confirmed does not announce it again.

A reader that looks leases nothing while anything is there, and fills nothing.
"""
