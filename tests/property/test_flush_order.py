"""Random changes of rows that point to each other by foreign keys and have unique values: written, or impossible."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxaorm.errors import DuplicateKeyError, ReferenceCycleError
from tests.support.insides import core
from tests.support.pointing_rows import (
    COLUMNS,
    FOREIGN_KEYS,
    LeafEntity,
    NodeEntity,
    State,
    Transition,
    engine_of,
    states,
)
from tests.support.shells import open_shell
from tests.support.shop_engines import Shop
from tests.support.sql_servers import SqlServer


@pytest.mark.parametrize("shell_name", ["sync", "asyncio"])
def test_any_change_of_rows_that_can_be_written_one_by_one_is_written(mysql_server: SqlServer, shell_name: str) -> None:
    """The flush finds an order whenever there is one, and else says why there is none and writes nothing."""
    database = mysql_server.create_database()
    with open_shell(shell_name) as shell:
        shop = Shop(engine_of(database.url, NodeEntity, LeafEntity), shell, database.url)
        for key in FOREIGN_KEYS:
            database.execute(key)

        @settings(max_examples=60, deadline=None)
        @given(states(), states(), st.randoms(use_true_random=False))
        def writes(before: State, after: State, random: Any) -> None:
            transition = Transition(before, after)
            fill(shop, before)
            ctx = shop.context()
            change(shop, ctx, transition, random)

            failure: Exception | None = None
            try:
                shop.do(ctx.flush())
            except (ReferenceCycleError, DuplicateKeyError) as error:
                failure = error
                ctx.clear_flush()

            expected = (
                None
                if transition.is_possible(labels=True)
                else (DuplicateKeyError if transition.is_possible(labels=False) else ReferenceCycleError)
            )
            assert expected is (None if failure is None else type(failure)), failure
            assert dict(before if failure else after) == stored(shop)

        try:
            writes()
        finally:
            shell.close(shop.engine)
            database.drop()


def fill(shop: Shop, state: State) -> None:
    """Put these rows, and no others, into the tables."""
    pool = core(shop.engine).mysql_pools["default"].sync
    connection = pool.acquire()
    try:
        connection.execute("SET foreign_key_checks = 0", ())
        for table, columns in COLUMNS.items():
            connection.execute(f"DELETE FROM {table}", ())
            for (_, id), values in [row for row in state.items() if row[0][0] == table]:
                places = ", ".join("?" * (len(columns) + 1))
                connection.execute(f"INSERT INTO {table} (id, {', '.join(columns)}) VALUES ({places})", (id, *values))
        connection.execute("SET foreign_key_checks = 1", ())
    finally:
        pool.release(connection)


def change(shop: Shop, ctx: Any, transition: Transition, random: Any) -> None:
    """Make the changes in a context, in any order."""
    providers = {"node": shop.engine.provider(NodeEntity), "leaf": shop.engine.provider(LeafEntity)}
    rows = transition.changed()
    random.shuffle(rows)
    for row in rows:
        table, id = row
        provider: Any = providers[table]
        values = dict(zip(COLUMNS[table], transition.after.get(row, ()), strict=False))
        if row not in transition.before:
            shop.do(provider.new_with_id(ctx, id, **values))
            continue
        entity = shop.do(provider.must_get_by_id(ctx, id))
        if row in transition.after:
            entity.set(**values)
        else:
            entity.delete()


def stored(shop: Shop) -> dict[tuple[str, int], tuple[Any, ...]]:
    """What the tables hold."""

    def value_of(name: str, text: str | None) -> Any:
        return text if text is None or name == "label" else int(text)

    return {
        (table, int(id)): tuple(map(value_of, columns, texts))
        for table, columns in COLUMNS.items()
        for id, *texts in shop.sql(f"SELECT id, {', '.join(columns)} FROM {table}")
    }
