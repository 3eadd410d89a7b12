"""What a context knows, for tests: the only place that looks behind its API."""

from __future__ import annotations

from typing import Any


def pending(ctx: Any) -> list[Any]:
    """The entities that its next flush would write."""
    return list(ctx._pending)


def known_ids(ctx: Any, provider: Any) -> set[int]:
    """Ids whose entity it has, and somebody holds."""
    identity_map = ctx._identity_map_of(provider)
    ids = {*identity_map.current, *identity_map.stale}
    return {id for id in ids if identity_map.known(id) is not None}
