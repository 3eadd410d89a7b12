"""Passwords of the suite: each can be told from everything else, so that nothing the suite prints may hold one.

What it decides: that a test fails when anything that was printed or logged while it ran shows a password. Tests take
the passwords of users they make, or pretend to be, from here.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator
from typing import Final

import pytest

MARK: Final = "hunter2"
"""In every password that a test makes up."""


def new_password(more: str = "") -> str:
    """A fresh one; ``more``: what it shall hold besides."""
    return f"{MARK}-{secrets.token_hex(6)}{more}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look through what was captured."""
    report = yield
    shown = [title for title, text in report.sections if MARK in text]
    if shown and report.passed:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: a password is shown in: {', '.join(shown)}"
    return report
