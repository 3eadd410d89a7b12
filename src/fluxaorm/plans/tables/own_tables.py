"""The alters of the library's own tables: they are made as all others, so that an application's user needs no CREATE.

Never changed nor dropped. No I/O.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fluxaorm.alters import Alter, Finding
from fluxaorm.dialects import ASYNC_OFFSETS_TABLE, IDS_TABLE, META_TABLE
from fluxaorm.errors import RegistryError
from fluxaorm.plans.cache.identity import IdentityPort, identity_problems_plan
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.tables.alter_runs import SQLAlterPlans

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect


@dataclass(frozen=True, slots=True)
class MetaAlterPlans:
    """The database has an identity from here on: its namespaces in Redis get it at once."""

    engine: IdentityPort
    of_statements: SQLAlterPlans

    def run(self, alter: Alter, *, allow_destructive: bool, lock_timeout: float) -> Plan[None]:
        """Run it. RegistryError when a namespace is another database's: what follows would mix the two up."""
        yield from self.of_statements.run(alter, allow_destructive=allow_destructive, lock_timeout=lock_timeout)
        problems = yield from identity_problems_plan(self.engine, alter.pool)
        if problems:
            raise RegistryError(problems)

    def precheck(self, alter: Alter) -> Plan[list[Finding]]:
        """Nothing is lost."""
        return self.of_statements.precheck(alter)


def own_table_alters(
    engine: IdentityPort, pool: str, dialect: Dialect, actual: Collection[str], async_flush: bool = False
) -> list[Alter]:
    """Those of the library's tables that a pool with entities lacks. ``actual``: names of the tables it has.

    ``async_flush``: records of async flushes may be applied here.
    """
    plans = SQLAlterPlans(dialect)
    alters: list[Alter] = []
    if IDS_TABLE not in actual:
        reason = "the library notes there which ids were given out"
        alters.append(_create(pool, IDS_TABLE, reason, (dialect.ids_table_ddl(),), plans))
    if META_TABLE not in actual:
        reason = "the library tells by it which database this is"
        statements = (dialect.meta_table_ddl(), dialect.meta_first_row())
        alters.append(_create(pool, META_TABLE, reason, statements, MetaAlterPlans(engine, plans)))
    if async_flush and ASYNC_OFFSETS_TABLE not in actual:
        reason = "the library notes there which async flushes were applied"
        alters.append(_create(pool, ASYNC_OFFSETS_TABLE, reason, (dialect.async_offsets_table_ddl(),), plans))
    return alters


def _create(
    pool: str, table: str, reason: str, statements: tuple[str, ...], plans: SQLAlterPlans | MetaAlterPlans
) -> Alter:
    return Alter(
        f"create table `{table}`",
        reason,
        pool,
        None,
        table,
        "create_table",
        "safe",
        statements,
        ("create_table",),
        _plans=plans,
    )
