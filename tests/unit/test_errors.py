"""The tree of errors: what a caller may catch by one name."""

from __future__ import annotations

import pytest

import fluxaorm as fx
from fluxaorm import errors


@pytest.mark.parametrize(
    "kind",
    ["MySQLConnectionError", "PoolTimeoutError", "DeadlockError", "DeadlineExceededError", "CacheUnavailableError",
     "RedisConnectionError", "TransactionLostError"],
)  # fmt: skip
def test_errors_of_the_moment_have_one_base(kind: str) -> None:
    """Who repeats a request wants one name for all that may go away by itself."""
    assert issubclass(getattr(errors, kind), fx.TryAgainError)


@pytest.mark.parametrize(
    "kind",
    ["CommitUnknownError", "PartialCommitError", "PostCommitError", "StaleEntityError", "DuplicateKeyError",
     "EntityGoneError"],
)  # fmt: skip
def test_errors_that_may_have_written_are_none_of_them(kind: str) -> None:
    """To repeat what may be done writes it twice."""
    assert not issubclass(getattr(errors, kind), fx.TryAgainError)
