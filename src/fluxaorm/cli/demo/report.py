"""Shows a run: Rich tables for people, one JSON object for programs. Decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from rich.console import Console
from rich.table import Table

from fluxaorm.cli.demo.tally import Counts, Tally, TourStep
from fluxaorm.cli.demo.tour import Findings

Json: TypeAlias = "dict[str, Any]"


def show_load(console: Console, steps: Iterable[TourStep]) -> None:
    """What each table took to load."""
    table = _table("Loading", "Table", ">Rows", ">Seconds", ">Rows/s", ">SQL round trips", ">Redis round trips")
    for step in steps:
        seconds = step.counts.seconds
        table.add_row(
            step.name.removeprefix("load "),
            f"{step.rows:,}" if step.rows else "was there",
            f"{seconds:.2f}",
            f"{step.rows / seconds:,.0f}" if step.rows else "",
            f"{step.counts.round_trips['mysql']:,}",
            f"{step.counts.round_trips['redis']:,}",
        )
    console.print(table)


def show_steps(console: Console, steps: Iterable[TourStep]) -> None:
    """What each step took, and who had the rows."""
    columns = ("Step", ">Rows", ">process", ">Redis", ">SQL", ">Trips", ">ms", ">µs/row")
    table = _table("Reading, searching, writing: where rows came from; round trips, Redis + SQL", *columns)
    for step in steps:
        counts = step.counts
        table.add_row(
            step.name,
            f"{step.rows:,}",
            _count(step.in_process if not counts.rows_written else 0),
            _count(step.from_redis),
            _count(counts.rows_read),
            _trips(counts),
            f"{counts.seconds * 1e3:,.1f}",
            f"{counts.seconds * 1e6 / step.rows:,.1f}" if step.rows else "",
        )
    console.print(table)


def show_findings(console: Console, findings: Findings) -> None:
    """What the searches found."""
    title = f"The latest of {findings.delayed:,} flights that arrived more than two hours late"
    table = _table(title, "=Flight", "=Scheduled (UTC)", "Airline", "=From", "To", "Plane", ">Minutes late")
    for row in findings.latest:
        table.add_row(*row)
    console.print(table)
    table = _table("Mean delay by airline, the latest five", "Airline", ">Flights", ">Minutes late")
    for airline, flights, delay in findings.punctuality[:5]:
        table.add_row(airline, f"{flights:,}", f"{delay:.1f}")
    console.print(table)
    console.print(
        f"{findings.old_planes:,} flights were flown in planes built before 1970; "
        f"those of more than 2,500 miles took {findings.far_hours:,.0f} hours.\n"
    )


def show_log(console: Console, steps: Iterable[TourStep]) -> None:
    """The last entries of the query log of some steps, each."""
    for step in steps:
        table = _table(f"Query log: {step.name}", "=Store", "Query", ">Rows", ">ms")
        for entry in step.excerpt:
            rows = "" if entry.rows is None else f"{entry.rows:,}"
            table.add_row(entry.store, _short(entry.query), rows, f"{entry.microseconds / 1e3:.2f}")
        console.print(table)


def show_totals(console: Console, tally: Tally, statements: Counter[str] | None, commands: Counter[str]) -> None:
    """What the library counted, beside what the servers counted."""
    total = tally.total
    table = _table("Counted", "", ">By the library", ">By the servers")
    for verb, count in sorted(total.statements.items()):
        table.add_row(verb, f"{count:,}", "" if statements is None else f"{statements[verb]:,}")
    table.add_section()
    served: Counter[str] = Counter()
    for name, count in commands.items():
        # the server says which FUNCTION it was, as in FUNCTION|LOAD
        served[name.partition("|")[0]] += count
    for command, count in sorted(total.commands.items()):
        table.add_row(command, f"{count:,}", f"{served[command]:,}")
    table.add_section()
    table.add_row("Redis hits", f"{total.hits:,}")
    table.add_row("Redis misses", f"{total.misses:,}")
    table.add_row("Rows written", f"{total.rows_written:,}")
    console.print(table)
    console.print("Redis counts what its functions run, too: SET is most of what they do.")


def as_json(tally: Tally, statements: Counter[str] | None, commands: Counter[str], rows: dict[str, int]) -> Json:
    """Counters and timings of a run; times in seconds."""
    return {
        "rows": rows,
        "counters": _counters(tally.total),
        "servers": {
            "mysql": None if statements is None else _nonzero(statements),
            "redis": _nonzero(commands),
        },
        "steps": [
            {"name": step.name, "rows": step.rows, "seconds": round(step.counts.seconds, 6), **_counters(step.counts)}
            for step in tally.steps
        ],
    }


def _counters(counts: Counts) -> Json:
    return {
        "mysql": {
            "round_trips": counts.round_trips["mysql"],
            "statements": dict(sorted(counts.statements.items())),
            "errors": dict(counts.errors),
            "rows_read": counts.rows_read,
            "rows_written": counts.rows_written,
        },
        "redis": {
            "round_trips": counts.round_trips["redis"],
            "commands": dict(sorted(counts.commands.items())),
            "hits": counts.hits,
            "misses": counts.misses,
        },
    }


def _nonzero(counted: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in sorted(counted.items()) if count}


def _table(title: str, *columns: str) -> Table:
    """A column with ``>`` is aligned to the right; only those without a mark are broken into lines."""
    table = Table(title=title, title_justify="left", title_style="bold", expand=False)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column.startswith(">") else "left"
        table.add_column(column.lstrip(">="), justify=justify, no_wrap=column.startswith((">", "=")))
    return table


def _trips(counts: Counts) -> str:
    redis, sql = counts.round_trips["redis"], counts.round_trips["mysql"]
    return f"{redis:,} + {sql:,}" if redis or sql else "·"


def _count(number: int) -> str:
    return f"{number:,}" if number else "·"


def _short(query: str, limit: int = 75) -> str:
    text = " ".join(query.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
