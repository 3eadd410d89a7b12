"""Alters are asked for by one query a pool and run only as far as was allowed. Scripted, without a server."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from fluxaorm.alters import Alter
from fluxaorm.dialects import SQLITE, dialect_for
from fluxaorm.errors import AlterError, MySQLError
from fluxaorm.plans.effects import Begin, Commit, Effect, Execute, ExecuteBatch, FetchRows, Parallel, Plan, Rollback
from fluxaorm.plans.tables.alter_runs import run_alter_plan
from fluxaorm.plans.tables.alters import get_alters_plan
from tests.support.schemas import make_column, make_schema

MYSQL = dialect_for("9.7.4")
SHRINK = Alter(
    "drop column `a` int", "no such column", "default", "E", "E", "drop_column", "destructive", ("one", "two")
)
GROW = Alter("add column `a` int", "no column yet", "default", "E", "E", "add_column", "safe", ("one", "two"))
MANUAL = Alter("reorder", "move the rows yourself", "default", None, "E", "convert_table", "manual")


def _effects(plan: Plan[Any], failing: type[Effect[Any]] | None = None) -> list[Effect[Any]]:
    """What a plan does when every reply is None; ``failing``: the kind of effect that raises."""
    done: list[Effect[Any]] = []
    step = plan.send
    value: Any = None
    while True:
        try:
            effect = step(value)
        except StopIteration:
            return done
        done.append(effect)
        if failing is not None and isinstance(effect, failing):
            step, value = plan.throw, MySQLError("refused")
        else:
            step, value = plan.send, None


def test_a_destructive_alter_runs_only_when_that_is_allowed() -> None:
    """The error says what it would do, why, and how to allow it."""
    with pytest.raises(AlterError, match=r"drop column `a` int may lose data .*allow_destructive=True"):
        _effects(run_alter_plan(SHRINK, MYSQL, False, 10))

    allowed = _effects(run_alter_plan(SHRINK, MYSQL, True, 10))

    assert ["one", "two"] == [effect.sql for effect in allowed if isinstance(effect, Execute)][1:-1]


def test_a_manual_alter_never_runs() -> None:
    """It says what to do instead."""
    with pytest.raises(AlterError, match="move the rows yourself"):
        _effects(run_alter_plan(MANUAL, MYSQL, True, 10))


def test_statements_run_one_by_one_where_ddl_commits_by_itself() -> None:
    """A transaction around MySQL's DDL would only look like one."""
    effects = _effects(run_alter_plan(GROW, MYSQL, False, 10))

    assert [Begin, Execute, Execute, Execute, Execute, Commit] == [type(effect) for effect in effects]


def test_statements_run_as_one_transaction_where_ddl_can_be_rolled_back() -> None:
    """SQLite's rebuild of a table happens as a whole or not at all."""
    effects = _effects(run_alter_plan(GROW, SQLITE, False, 10))

    assert [Begin, ExecuteBatch, Commit] == [type(effect) for effect in effects]


def test_a_rebuild_that_fails_is_rolled_back() -> None:
    """The old table stays."""
    plan = run_alter_plan(GROW, SQLITE, False, 10)
    done: list[Effect[Any]] = []

    with pytest.raises(MySQLError, match="refused"):
        done += _effects(_recorded(plan, done), failing=ExecuteBatch)

    assert [Begin, ExecuteBatch, Rollback] == [type(effect) for effect in done]


def _recorded(plan: Plan[Any], done: list[Effect[Any]]) -> Plan[Any]:
    step, value = plan.send, None
    while True:
        effect = step(value)
        done.append(effect)
        try:
            value = yield effect
            step = plan.send
        except MySQLError as error:
            step, value = plan.throw, error


def test_every_pool_is_asked_once_and_all_at_the_same_time() -> None:
    """500 tables in two pools are two queries, not a thousand."""
    pools = {
        code: SimpleNamespace(
            dialect=MYSQL, collation="utf8mb4_bin", ignored_tables=frozenset(), drops_unknown_tables=False
        )
        for code in "ab"
    }
    schemas = {name: _in_pool(name, pool) for name, pool in [("One", "a"), ("Two", "a"), ("Three", "b")]}
    plan = get_alters_plan(SimpleNamespace(schemas=schemas, mysql_pools=pools))

    asked = plan.send(None)
    with pytest.raises(StopIteration) as stop:
        plan.send([[], []])

    assert isinstance(asked, Parallel)
    assert ["a", "b"] == [effect.target for effect in asked.effects if isinstance(effect, FetchRows)]
    assert [("a", "One"), ("a", "Two"), ("b", "Three")] == [(alter.pool, alter.table) for alter in stop.value.value]


def _in_pool(name: str, pool: str) -> Any:
    return replace(make_schema(name, [make_column("a", "int")]), mysql_pool=pool)
