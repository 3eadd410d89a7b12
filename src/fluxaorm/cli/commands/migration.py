"""A migration file: pending alters as SQL for review, in a form that the server's own client runs. Pure.

What is not safe stands in comments unless it was allowed. Text from the database stands in comments one line at a time,
so that nothing in it can become a statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from fluxaorm.alters.alter import LOCK_TIMEOUT
from fluxaorm.cli.commands.alter_runs import Known
from fluxaorm.cli.commands.alters_view import findings
from fluxaorm.dialects.port import Dialect
from fluxaorm.version import VERSION


def migration_sql(
    pool: str, address: str, dialect: Dialect, pending: Sequence[Known], now: datetime, *, allow_destructive: bool
) -> str:
    """The file's text. ``address``: of the pool, without a password; ``pending``: of this pool alone."""
    commented = [known for known in pending if not _runs(known, allow_destructive)]
    head = [
        f"Migration of the MySQL pool '{pool}' ({address}),",
        f"written by fluxaorm {VERSION} at {now:%Y-%m-%d %H:%M:%S} UTC. Review it before you run it.",
        f"Alters: {len(pending)}; in comments, since they may lose data or break code that runs now: {len(commented)}.",
    ]
    lines = [*_comment(head), ""]
    lines += [f"{statement};" for statement in _setup(dialect)]
    for number, known in enumerate(pending, start=1):
        lines += ["", *_alter(known, f"{number} of {len(pending)}", dialect, allow_destructive)]
    return "\n".join(lines) + "\n"


def _runs(known: Known, allow_destructive: bool) -> bool:
    return known.alter.safety == "safe" or (allow_destructive and known.alter.safety == "destructive")


def _setup(dialect: Dialect) -> list[str]:
    """What the library's own connections say first, so that the file does the same in another client."""
    limited, _ = dialect.lock_timeout_statements(LOCK_TIMEOUT)
    return [*dialect.charset_statements(), *dialect.session_statements(), *limited]


def _alter(known: Known, number: str, dialect: Dialect, allow_destructive: bool) -> Iterator[str]:
    alter = known.alter
    yield from _comment([f"{number}, {alter.safety}: {alter.description}", f"why: {alter.reason}"])
    yield from _comment(findings(known))
    # a client cannot ask again for less when the server refuses an algorithm, so nothing is asked
    statements = [f"{dialect.ddl_spellings(statement)[-1].rstrip().rstrip(';')};" for statement in alter.statements]
    if dialect.transactional_ddl and len(statements) > 1:
        statements = ["BEGIN;", *statements, "COMMIT;"]
    yield from statements if _runs(known, allow_destructive) else _comment(statements)


def _comment(lines: Sequence[str] | Iterator[str]) -> Iterator[str]:
    for text in lines:
        for line in text.splitlines():
            yield f"-- {''.join(character if character.isprintable() else '?' for character in line)}"
