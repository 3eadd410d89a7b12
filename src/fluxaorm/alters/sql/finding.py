"""A finding: what an alter would lose, break or run against in what is there. Plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Some rows of a table, and what an alter does to them or they to it; or what else it breaks."""

    what: str
    """In words: ``NULL in column `name`, which becomes NOT NULL``."""
    rows: int
    """How many rows, or records of a topic, it is about; 0: it is about a trigger, a view, or who uses it."""
    examples: tuple[str, ...]
    """Some of them: ``id 7``, or of equal ones ``name='Ann': ids 1, 2``; empty where rows have no single-column key."""
    blocking: bool = False
    """Whether the alter fails as long as these rows are as they are."""
    ids: tuple[int | str, ...] = ()
    """Keys of the rows in ``examples``."""
    unit: str = "row"
    """What ``rows`` counts: ``row``, or ``record`` of a topic."""

    def __str__(self) -> str:
        if not self.rows:
            return self.what
        shown = ", ".join(self.examples) if len(self.examples) < 2 else "; ".join(self.examples)
        more = ", ..." if shown and len(self.ids) < self.rows else ""
        rows = f"{self.rows} {self.unit}{'' if self.rows == 1 else 's'}"
        return f"{self.what}: {rows}" + (f" ({shown}{more})" if shown else "")
