"""The only option; it is a 32-bit number there, and is held to that here."""

from __future__ import annotations

import pytest

import fluxaorm as fx

assert 6 == fx.AsyncFlushOptions(topic_partitions=6).topic_partitions
with pytest.raises(fx.FluxaError, match="topic_partitions: must be at most 2147483647"):
    fx.AsyncFlushOptions(topic_partitions=2**31)
