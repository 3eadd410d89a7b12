"""``Pager``: which page of a result, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from fluxaorm.errors import QueryError, shown_value


@dataclass(frozen=True, slots=True)
class Pager:
    """Page ``current_page`` (from 1) of pages of ``page_size`` rows. Raises QueryError when one is no positive int."""

    current_page: int = 1
    page_size: int = 20

    def __post_init__(self) -> None:
        check_count("current_page", self.current_page, 1)
        check_count("page_size", self.page_size, 1)

    @property
    def offset(self) -> int:
        """Rows before the page."""
        return (self.current_page - 1) * self.page_size

    def next(self) -> Pager:
        """The page after this one."""
        return Pager(self.current_page + 1, self.page_size)


def check_count(name: str, value: object, least: int) -> int:
    """``value``, when it is an int of at least ``least`` that a server can take; else QueryError."""
    if type(value) is not int or value < least:
        raise QueryError(f"{name} must be an int of at least {least}, got {shown_value(value)}")
    if value >= 2**63:
        raise QueryError(f"{name} is greater than a server can take, {2**63 - 1}: {shown_value(value)}")
    return value
