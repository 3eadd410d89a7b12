"""``fluxaorm alters``: what the tables lack, and running what is safe. Never runs a destructive alter."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Sequence
from typing import Any

import fluxaorm as fx
from fluxaorm.alters import Alter, split_alters
from fluxaorm.cli.application import open_engine
from fluxaorm.cli.exits import DONE, FOUND


def run(name: str | None, *, apply: bool, check: bool, json: bool) -> None:
    """Print the pending alters; with ``apply`` run the safe ones first. Exits 1 with ``check`` when any is left.

    Raises PoolConnectError when a server does not answer, MySQLError when it refuses an alter.
    """
    with open_engine(name, connect=True) as engine, engine.new_context() as ctx:
        pending = fx.get_alters(ctx)
        applied: list[Alter] = []
        if apply:
            applied, pending = split_alters(pending)
            for alter in applied:
                alter.exec(ctx)
    if json:
        content = {"applied": _as_json(applied), "pending": _as_json(pending)}
        print(json_module.dumps(content, indent=2))
    else:
        _show(applied, pending, apply=apply)
    sys.exit(FOUND if check and pending else DONE)


def _as_json(alters: Sequence[Alter]) -> list[dict[str, Any]]:
    names = ("description", "reason", "pool", "entity", "table", "kind", "safety", "sql")
    return [{name: getattr(alter, name) for name in names} for alter in alters]


def _show(applied: Sequence[Alter], pending: Sequence[Alter], *, apply: bool) -> None:
    for alter in applied:
        print(f"-- applied, {_head(alter)}\n{_sql(alter)}\n")
    for alter in pending:
        print(f"-- {alter.safety}, {_head(alter)}\n{_sql(alter)}\n")
    print(_summary(applied, pending, apply=apply))


def _head(alter: Alter) -> str:
    reason = f" ({alter.reason})" if alter.reason else ""
    return f"pool {alter.pool}, {alter.table}: {alter.description}{reason}"


def _sql(alter: Alter) -> str:
    return alter.sql.rstrip().rstrip(";") + ";" if alter.sql else "-- not something to execute"


def _summary(applied: Sequence[Alter], pending: Sequence[Alter], *, apply: bool) -> str:
    if not applied and not pending:
        return "the tables match the entities"
    if apply:
        left = f"; {len(pending)} left that are not safe" if pending else ""
        return f"{len(applied)} applied{left}"
    safe, rest = split_alters(pending)
    return f"{len(pending)} pending: {len(safe)} safe (run with --apply), {len(rest)} not"
