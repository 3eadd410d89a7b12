"""``fluxaorm alters``: what the stores lack, as a list or a migration file, and running it.

Runs nothing unless it is told to, and nothing that may lose data unless it is told that as well.
"""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import fluxaorm as fx
from fluxaorm.alters import Alter
from fluxaorm.cli.application import open_engine
from fluxaorm.cli.commands.alter_runs import AlterOutcome, Failure, apply, looked_into
from fluxaorm.cli.commands.alters_view import as_json, as_text
from fluxaorm.cli.commands.migration import migration_sql
from fluxaorm.cli.exits import DONE, FOUND, UsageError, exit_code
from fluxaorm.cli.files import refuse_existing, write_new
from fluxaorm.cli.terminal import lines


@dataclass(frozen=True, slots=True)
class AlterWishes:
    """What the command was told."""

    store: str | None = None
    pool: str | None = None
    apply: bool = False
    allow_destructive: bool = False
    sql: Path | None = None
    check: bool = False
    json: bool = False

    def refuse_nonsense(self) -> None:
        """UsageError for options that contradict each other, before anything is done."""
        if self.apply and self.sql is not None:
            raise UsageError("--sql writes alters down for review and --apply runs them; choose one")
        if self.allow_destructive and not self.apply and self.sql is None:
            raise UsageError("--allow-destructive says what --apply may run or --sql writes out; add one of them")
        if self.sql is not None and self.store not in (None, "mysql"):
            raise UsageError(f"--sql writes a migration of MySQL, and alters of {self.store} are no SQL; leave one out")
        if self.sql is not None:
            refuse_existing(self.sql)

    @property
    def stores(self) -> tuple[str, ...]:
        """The kinds of store that are looked at; a migration file is of MySQL only."""
        if self.store is not None:
            return (self.store,)
        return ("mysql",) if self.sql is not None else ("mysql", "kafka")


def run(name: str | None, wishes: AlterWishes) -> None:
    """Print the pending alters; run them, or write them to a file, when asked to.

    Exits 1 with ``check`` when any is left, and when some failed: then what was done, what failed and what is left is
    said. Raises UsageError, PoolConnectError when a server does not answer, MySQLError or KafkaError when it cannot be
    asked.
    """
    wishes.refuse_nonsense()
    with open_engine(name, connect=True) as engine, engine.new_context() as ctx:
        _refuse_unknown_pool(engine, wishes)

        def pending() -> list[Alter]:
            return _of_stores(ctx, wishes)

        alters = pending()
        if wishes.apply:
            outcome = apply(ctx, alters, pending, allow_destructive=wishes.allow_destructive)
        else:
            outcome = AlterOutcome(left=looked_into(ctx, alters))
        file = _written(engine, outcome, wishes)
        matching = _all_matches(engine, wishes)
    if wishes.json:
        print(json_module.dumps(as_json(outcome, file), indent=2))
    else:
        print("\n".join(as_text(outcome, applying=wishes.apply, matching=matching)))
        if wishes.sql is not None:
            print(f"written to {file}" if file else "nothing to write")
    if outcome.failures:
        _fail(outcome.failures, len(alters))
    sys.exit(FOUND if wishes.check and outcome.left else DONE)


def _refuse_unknown_pool(engine: fx.Engine, wishes: AlterWishes) -> None:
    """UnknownPoolError when no store that is looked at has such a pool."""
    core, pool = engine._core, wishes.pool
    if pool is None or ("kafka" in wishes.stores and pool in core.kafka_pools):
        return
    _ = core.mysql_pool(pool) if "mysql" in wishes.stores else core.kafka_pool(pool)


def _of_stores(ctx: fx.Context, wishes: AlterWishes) -> list[Alter]:
    alters: list[Alter] = []
    if "mysql" in wishes.stores:
        alters += fx.get_alters(ctx)
    if "kafka" in wishes.stores:
        alters += fx.get_kafka_alters(ctx)
    return [alter for alter in alters if wishes.pool in (None, alter.pool)]


def _all_matches(engine: fx.Engine, wishes: AlterWishes) -> str:
    """What is said when nothing is pending, of the stores that were looked at."""
    declared = any(each.all_topics for each in engine._core.wanted_kafka.values())
    topics = ["the topics match what is registered"] if "kafka" in wishes.stores and declared else []
    tables = ["the tables match the entities"] if "mysql" in wishes.stores else []
    return ", and ".join([*tables, *topics]) or "no topic is registered"


def _written(engine: fx.Engine, outcome: AlterOutcome, wishes: AlterWishes) -> str | None:
    """The path of the migration file, which holds the alters of one pool: clients run a file on one database."""
    if wishes.sql is None or not outcome.left:
        return None
    codes = sorted({known.alter.pool for known in outcome.left})
    if len(codes) > 1:
        raise UsageError(f"a file is for one database, and alters are pending in {', '.join(codes)}; add --pool")
    pool = engine._core.mysql_pool(codes[0])
    now, allow = engine.clock(), wishes.allow_destructive
    text = migration_sql(pool.code, pool.address, pool.dialect, outcome.left, now, allow_destructive=allow)
    write_new(wishes.sql, text)
    return str(wishes.sql)


def _fail(failures: Sequence[Failure], count: int) -> NoReturn:
    """The exit code is that of the first failure."""
    reasons = "\n  ".join(lines(failure.reason) for failure in failures)
    print(f"fluxaorm: {len(failures)} of {count} alters failed: {reasons}", file=sys.stderr)
    error = failures[0].error
    sys.exit(FOUND if error is None else exit_code(error))
