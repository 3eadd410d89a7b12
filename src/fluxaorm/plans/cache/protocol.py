"""The coherence protocol as a table: what a key may hold, what readers and writers do to it, what that leaves there.

It performs nothing: the steps are functions of the server (``functions``) and one command (``lease_command``). The
tests hold those against this table on real servers, and the documentation shows it.

All is seen by one reader or writer: what bears its token is its own.
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
