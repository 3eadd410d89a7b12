"""The result as JSON, a Markdown table and an SVG plot of ratios to the floor."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.measure import Measurement

FLOOR = "raw"
PACKAGES = (
    "fluxaorm", "mysqlclient", "PyMySQL", "asyncmy", "redis", "hiredis", "SQLAlchemy", "Django", "peewee",
    "tortoise-orm", "django-cacheops", "msgspec", "uvloop", "confluent-kafka",
)  # fmt: skip


def write(
    directory: Path, measurements: Sequence[Measurement], weights: Mapping[str, float], servers: dict[str, str]
) -> str:
    """Write ``latest.json``, ``latest.md`` and ``latest.svg``; the Markdown is returned."""
    directory.mkdir(parents=True, exist_ok=True)
    rows = [row.as_dict() for row in measurements]
    document = {"environment": _environment(servers), "rows": rows, "sizes": dict(weights)}
    (directory / "latest.json").write_text(json.dumps(document, indent=1) + "\n")
    text = markdown(measurements) + _weights(weights)
    (directory / "latest.md").write_text(text)
    (directory / "latest.svg").write_text(svg(measurements))
    return text


def _environment(servers: dict[str, str]) -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {"commit": commit, "python": platform.python_version(), "servers": servers, "packages": _versions()}


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "-"
    return found


def markdown(measurements: Sequence[Measurement]) -> str:
    """A table a piece of work: wall, CPU, spread, and ratios to the floor and to ours."""
    lines: list[str] = []
    for work, rows in _by_work(measurements).items():
        floor = next((row for row in rows if row.subject == FLOOR), None)
        lines += [f"### {work}", "", "| subject | wall us | spread | CPU us | x floor | x floor CPU |"]
        lines += ["| --- | ---: | ---: | ---: | ---: | ---: |"]
        for row in sorted(rows, key=lambda row: row.wall_us):
            wall = f"{row.wall_us / floor.wall_us:.2f}" if floor else "-"
            cpu = f"{row.cpu_us / floor.cpu_us:.2f}" if floor else "-"
            lines.append(
                f"| {row.subject} | {row.wall_us:.1f} | {row.spread:.1f} | {row.cpu_us:.1f} | {wall} | {cpu} |"
            )
        lines.append("")
    return "\n".join(lines)


def _weights(weights: Mapping[str, float]) -> str:
    if not weights:
        return ""
    lines = [f"| {name.replace('_', ' ')} | {value:,.10g} |" for name, value in weights.items()]
    return "\n".join(["", "### sizes", "", "| what | figure |", "| --- | ---: |", *lines, ""])


def _by_work(measurements: Sequence[Measurement]) -> dict[str, list[Measurement]]:
    works: dict[str, list[Measurement]] = {}
    for row in measurements:
        works.setdefault(row.work, []).append(row)
    return works


def svg(measurements: Sequence[Measurement]) -> str:
    """Horizontal bars of wall time as a ratio to the floor, a group a piece of work."""
    bar, left, width = 16, 190, 560
    parts: list[str] = []
    y = 30
    for work, rows in _by_work(measurements).items():
        floor = next((row.wall_us for row in rows if row.subject == FLOOR), rows[0].wall_us)
        most = max(row.wall_us for row in rows) / floor
        parts.append(f'<text x="8" y="{y}" font-weight="bold">{work}</text>')
        y += 8
        for row in sorted(rows, key=lambda row: row.wall_us):
            ratio = row.wall_us / floor
            colour = {"fluxaorm": "#2a7f62", FLOOR: "#888888"}.get(row.subject, "#c2a05a")
            length = max(1.0, ratio / most * width)
            parts.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{row.subject}</text>')
            parts.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 3}" fill="{colour}"/>')
            parts.append(f'<text x="{left + length + 6:.1f}" y="{y + 12}">{ratio:.2f}</text>')
            y += bar
        y += 28
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="820" height="{y}" font-family="sans-serif" font-size="12">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])
