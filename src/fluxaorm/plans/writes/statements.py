"""Running the statements of a flush inside a transaction, and what their errors and counts mean. Decides; no I/O."""

from __future__ import annotations

from collections.abc import Sequence

from fluxaorm.errors import EntityGoneError, MySQLError, StaleEntityError
from fluxaorm.plans.effects import ExecResult, ExecuteBatch, FetchRows, Plan, Session, Statement
from fluxaorm.plans.writes.duplicates import explained_plan
from fluxaorm.plans.writes.entity_write import StatementTag
from fluxaorm.plans.writes.pipelines import PipelineHandle


def statements_plan(
    session: Session, statements: Sequence[Statement], before: Sequence[str] = (), after: Sequence[str] = ()
) -> Plan[None]:
    """Run the statements of a flush; ``before``, ``after``: what is sent around them in the same packet.

    Raises DuplicateKeyError, StaleEntityError, EntityGoneError and what the server refuses; some may be done by then.
    """
    ahead = len(before)
    try:
        results = yield from ExecuteBatch(session, [*map(Statement, before), *statements, *map(Statement, after)])
    except MySQLError as error:
        position = error._failed_statement
        if position is None or not ahead <= position < ahead + len(statements):
            raise
        raise (yield from explained_plan(session, error, statements[position - ahead].tag)) from error
    for statement, result in zip(statements, results[ahead : ahead + len(statements)], strict=True):
        if problem := problem_of(statement, result):
            raise problem
        tag = statement.tag
        if isinstance(tag, StatementTag) and tag.verb == "update" and result.rows_affected < len(tag.entities):
            raise (yield from _gone_plan(session, tag))


def problem_of(statement: Statement, result: ExecResult) -> Exception | None:
    """What a statement's count of rows says: an UPDATE of entities that found none is an error."""
    tag: StatementTag | PipelineHandle[ExecResult] = statement.tag
    if isinstance(tag, PipelineHandle):
        tag._keep(result)
        return None
    version = tag.binding.schema.version_position
    if result.rows_affected or tag.verb == "insert" or (tag.verb == "delete" and version is None):
        return None
    entity = tag.entities[0]
    if version is not None:
        return StaleEntityError(tag.binding.schema.name, entity._row[0], entity._decoded(version))
    return EntityGoneError(tag.binding.schema.name, entity._row[0])


def _gone_plan(session: Session, tag: StatementTag) -> Plan[EntityGoneError]:
    """Which of the rows that an UPDATE did not find is gone."""
    binding = tag.binding
    ids = [entity._row[0] for entity in tag.entities]
    places = ", ".join("?" * len(ids))
    sql = f"SELECT {binding.quoted_id} FROM {binding.quoted_table} WHERE {binding.quoted_id} IN ({places})"
    found = {int(row[0]) for row in (yield from FetchRows(session, sql, ids))}
    return EntityGoneError(binding.schema.name, next((id for id in ids if id not in found), None))
