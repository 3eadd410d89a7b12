"""The tree of errors: what a caller may catch by one name."""

from __future__ import annotations

import pytest

import fluxaorm as fx
from fluxaorm import errors
from fluxaorm.errors import named_with_article


@pytest.mark.parametrize(
    "kind",
    ["MySQLConnectionError", "PoolTimeoutError", "DeadlockError", "DeadlineExceededError", "CacheUnavailableError",
     "RedisConnectionError", "TransactionLostError", "PendingAsyncWriteError"],
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


def test_every_error_is_among_the_public_names() -> None:
    """Nobody has to know a module to catch one."""
    kinds = [name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)]

    assert [] == [name for name in kinds if name not in fx.__all__ or getattr(fx, name) is not getattr(errors, name)]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("str", "a str"),
        ("int", "an int"),
        ("AuthorEntity", "an AuthorEntity"),
        ("_AuthorProvider", "an _AuthorProvider"),
        ("UserEntity", "a UserEntity"),
        ("UnitEntity", "a UnitEntity"),
        ("UpdateEntity", "an UpdateEntity"),
    ],
)
def test_a_name_has_its_article(name: str, told: str) -> None:
    """Users read these sentences; most of them have a UserEntity."""
    assert told == named_with_article(name)
