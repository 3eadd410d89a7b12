"""Figures that tests measure and do not assert, shown at the end of the run: ``measured("delay", "3 ms")``.

They travel with the test's report, so that xdist's workers show them too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

_PROPERTY = "measured"
Measured = Callable[[str, str], None]


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Measured:
    """Notes a figure by a name."""

    def note(name: str, figure: str) -> None:
        record_property(_PROPERTY, f"{name}: {figure}")

    return note


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Shows what was measured."""
    reports = [report for report in terminalreporter.getreports("passed") if report.when == "call"]
    lines = [
        f"{report.nodeid}: {figure}"
        for report in reports
        for name, figure in report.user_properties
        if name == _PROPERTY
    ]
    if lines:
        terminalreporter.section("measured")
    for line in lines:
        terminalreporter.line(line)
