"""Every exception the library raises, in one tree.

This module decides names, messages and the data an error carries; it imports nothing of the library.
A message says where, what and what to do. Every error can be pickled and shows no password.

::

    FluxaError
    ├── ConfigError                  an address, option or YAML value is malformed
    ├── RegistryError                validate() found problems; lists all of them
    ├── EntityDefinitionError        one mistake in one definition
    ├── MissingExtraError            a driver is not installed
    ├── PoolConnectError             a server could not be reached at validate()
    ├── UnknownPoolError             (KeyError) no pool of this code
    ├── CodegenError                 the package could not be written
    ├── StaleGeneratedCodeError      generated code and definition differ
    ├── NotSupportedError            this server or mode cannot do that
    ├── QueryError                   a query makes no sense
    ├── AlterError                   an alter cannot be run
    │   ├── AlterLockedError         somebody else uses the table
    │   └── AlterRowsError           rows are in its way
    ├── FieldValueError              (ValueError) a value does not fit its field
    ├── EntityError
    │   ├── MissingValueError        a required field was not set
    │   ├── StoredValueError         (ValueError) what the store holds does not fit the field
    │   ├── EntityNotFoundError      must_get_... found nothing
    │   ├── EntityGoneError          the row is no longer there
    │   ├── StaleEntityError         optimistic lock: somebody else changed the row
    │   ├── ForeignEntityError       the entity belongs to another context
    │   ├── DanglingReferenceError   a flush would write a reference to no row
    │   ├── DetachedEntityError      the entity's context is closed
    │   ├── NotPersistedError        the entity is new
    │   ├── ReadOnlyEntityError      the entity is the snapshot that an after-handler got
    │   ├── UnsavedChangesError      the entity has changes that would be lost
    │   └── IdExhaustedError         the id type has no number left
    ├── ContextMisuseError           one context used by two flows at once
    │   ├── ContextClosedError       used after it was closed
    │   └── ReentrantFlushError      flushed from inside its own flush
    ├── ReferenceCycleError          rows of a flush point to each other by foreign keys
    ├── TryAgainError                nothing was written, and the same may succeed when it is begun anew
    │   ├── PendingAsyncWriteError   a row has asynchronous writes that are not applied yet
    │   └── DeadlineExceededError    (TimeoutError) and those marked with * below
    ├── MySQLError                   the server refused a statement; carries errno
    │   ├── DuplicateKeyError
    │   ├── DeadlockError *
    │   ├── MySQLConnectionError *   nothing was written
    │   │   └── PoolTimeoutError *   no connection became free in time
    │   ├── TransactionLostError *   the server ended the transaction before its block did
    │   └── CommitUnknownError       the outcome of a COMMIT is unknown
    ├── PartialCommitError           one pool committed, another did not
    ├── PostCommitError              rows are durable, something after the commit failed
    ├── BrokenRecordError            what was read from a topic is no record of an async flush
    ├── NewerRecordError             a record has a format that only a newer version knows
    ├── AsyncFlushStoppedError       a consumer has met such a record, and stopped before it
    ├── RedisError
    │   ├── RedisConnectionError *
    │   └── CacheUnavailableError *  a flush could not announce its changes to the cache
    ├── KafkaError                   Kafka refused something, or did not answer
    │   ├── KafkaUnavailableError *  no broker can be reached
    │   ├── KafkaBackpressureError * too many records wait to be sent
    │   └── KafkaPartitionsLostError the group gave partitions to another member
    └── AsyncFlushUnknownError       nobody knows whether the records of an async flush are stored
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final


class FluxaError(Exception):
    """Base of all errors of the library; attributes hold the data of the message."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by copying state: constructors differ from error to error."""
        return _restore, (type(self), self.args, self.__dict__)


def _restore(cls: type[FluxaError], args: tuple[Any, ...], state: dict[str, Any]) -> FluxaError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigError(FluxaError):
    """An address, an option or a YAML value is malformed."""


class RegistryError(FluxaError):
    """``validate()`` found problems. ``problems``: every one of them, a sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{count} problem{'' if count == 1 else 's'} in the registry:"
        super().__init__("\n".join([head, *(f"- {problem}" for problem in self.problems)]))


class EntityDefinitionError(FluxaError):
    """One mistake in one definition, ``Entity.field: what, and what to do``."""


class MissingExtraError(FluxaError):
    """A driver is not installed; the message names the ``pip install`` to run.

    ``what`` needs the ``module`` that ``install`` installs. ``cause``: why it does not load although it
    is installed, such as a system library that it lacks; else empty.
    """

    def __init__(self, what: str, module: str, install: str, cause: str = "") -> None:
        self.what, self.module, self.install, self.cause = what, module, install, cause
        need = f"{what} needs the module '{module}'"
        fix = f"run pip install '{install}'"
        if cause:
            need += f", which is installed but does not load ({cause})"
            fix = f"install what it lacks, or run pip install --force-reinstall '{install}'"
        super().__init__(f"{need}: {fix}")


class PoolConnectError(FluxaError):
    """A pool could not be connected at ``validate()``. ``pool``: its code; ``address``: no password; ``cause``."""

    def __init__(self, pool: str, address: str, cause: str) -> None:
        self.pool, self.address, self.cause = pool, address, cause
        super().__init__(f"pool '{pool}' ({address}): {cause}")


class UnknownPoolError(FluxaError, KeyError):
    """No pool of this ``kind`` has this ``code``. ``known``: those that there are."""

    def __init__(self, kind: str, code: str, known: Sequence[str]) -> None:
        self.kind, self.code, self.known = kind, code, tuple(known)
        listed = ", ".join(repr(name) for name in self.known) or "none is registered"
        super().__init__(f"no {kind} pool '{code}'; known: {listed}")

    def __str__(self) -> str:
        """KeyError would show the repr of the message."""
        return str(self.args[0])


class CodegenError(FluxaError):
    """The package could not be generated; nothing was changed."""


class StaleGeneratedCodeError(FluxaError):
    """The generated code of ``entity`` was made from another definition than the engine's."""

    def __init__(self, entity: str) -> None:
        self.entity = entity
        super().__init__(
            f"{entity}: the generated code does not match the definition; run `fluxaorm generate` "
            "(or fluxaorm.generate(engine, directory)) again"
        )


class NotSupportedError(FluxaError):
    """The server, or the mode it is in, cannot do what was asked; the message says why."""


def no_row_locks(entity: str, server: str) -> NotSupportedError:
    """For a search or look-up that asks for a row lock where there is none."""
    return NotSupportedError(
        f"{entity}: {server} locks no rows for update; leave the lock out there, or use MySQL or MariaDB"
    )


class QueryError(FluxaError):
    """A query makes no sense; raised before anything is sent."""


class AlterError(FluxaError):
    """An alter cannot be executed as asked."""


class AlterLockedError(AlterError):
    """Somebody else used the table all the time. ``holders``: what the server tells of them, a text each.

    ``seconds``: how long it was waited for; 0: as long as the pool waits for a lock.
    """

    def __init__(self, where: str, description: str, seconds: float, holders: Sequence[str] = ()) -> None:
        self.holders = tuple(holders)
        by = f"; held by {'; '.join(self.holders)}" if self.holders else ""
        waited = f"for {seconds:g} s" if seconds else "all the time"
        super().__init__(
            f"{where}: the table was in use {waited}, nothing was changed ({_shorten(description)}){by}; "
            "end that transaction, or run this again with a longer lock_timeout"
        )


class AlterRowsError(AlterError):
    """Rows are in the way of a change; nothing was changed. ``findings``: which, see ``Alter.precheck``."""

    def __init__(self, where: str, description: str, findings: Sequence[Any]) -> None:
        self.findings = tuple(findings)
        rows = "; ".join(map(str, self.findings))
        super().__init__(
            f"{where}: rows are in the way of '{_shorten(description)}', nothing was changed: {rows}; mend them first"
        )


class FieldValueError(FluxaError, ValueError):
    """A ``value`` does not fit the ``field`` of ``entity``. ``reason``: the rule it breaks.

    Of a secret field ``value`` is None.
    """

    def __init__(self, entity: str, field: str, value: object, reason: str, *, secret: bool = False) -> None:
        self.entity, self.field, self.reason = entity, field, reason
        self.value = None if secret else value
        shown = "the value (secret)" if secret else shown_value(value)
        super().__init__(f"{entity}.{field}: {shown}: {reason}")


class UnsettableFieldError(FieldValueError):
    """A name stands for no field that can be set here. ``value`` is None: what was meant for it may be a secret."""

    def __init__(self, entity: str, field: str, reason: str) -> None:
        super().__init__(entity, field, None, reason)
        self.args = (f"{entity}.{field} {reason}",)


def shown_value(value: object, limit: int = 80) -> str:
    """A value for a message, cut; of one whose ``repr`` fails, as an int of thousands of digits', what it is."""
    try:
        return _shorten(repr(value), limit)
    except Exception:  # noqa: BLE001 - a message must not fail by what it is about
        return f"<{type(value).__name__}>"


_SPOKEN_AS_YOU: Final = ("eu", "uni", "usa", "use", "uti", "uui")
"""Beginnings of names that are written with a vowel, and spoken with none."""


def named_with_article(name: str) -> str:
    """A class's name in a sentence: ``a str``, ``an AuthorEntity``, ``a UserEntity``."""
    bare = name.lstrip("_").lower()
    vowel = bare[:1] in {*"aeiou"} and not bare.startswith(_SPOKEN_AS_YOU)
    return f"{'an' if vowel else 'a'} {name}"


def with_article(value: object) -> str:
    """What a value is, for errors: ``a str``, ``an int``."""
    return named_with_article(type(value).__name__)


def described(value: object) -> str:
    """The same where somebody may have given nothing, or a class in the place of an object."""
    if value is None:
        return "None"
    return f"the class {value.__name__}" if isinstance(value, type) else with_article(value)


def no_context(where: str, given: object) -> ContextMisuseError:
    """For a call that is given something else in the place of a context."""
    return ContextMisuseError(
        f"{where} takes a context first, as engine.new_context() or engine.new_async_context() makes it, "
        f"not {described(given)}"
    )


def _shorten(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


class EntityError(FluxaError):
    """Base of errors about one entity. ``entity``: its class name; ``id``: its id or None."""

    def __init__(self, entity: str, id: int | None, message: str) -> None:
        self.entity, self.id = entity, id
        where = entity if id is None else f"{entity} {id}"
        super().__init__(f"{where}: {message}")


class MissingValueError(EntityError):
    """A field without a default was not set. ``fields``: their names.

    ``set_at_flush``: it is one that the flush sets, and was read before.
    """

    def __init__(self, entity: str, id: int | None, fields: Sequence[str], set_at_flush: bool = False) -> None:
        self.fields, self.set_at_flush = tuple(fields), set_at_flush
        names = ", ".join(self.fields)
        advice = (
            "the flush sets it; flush before you read it"
            if set_at_flush
            else "set it (to None where it may be NULL), or give the field a default"
        )
        super().__init__(entity, id, f"no value for {names}: {advice}")


class StoredValueError(EntityError, ValueError):
    """The store holds a value that the field has no form for. ``field``: its name; ``value``: as the store gave it.

    ``reason``: why it does not fit. Of a secret field ``value`` is None, and the message does not show it.
    """

    def __init__(
        self, entity: str, id: int | None, field: str, value: object, reason: str, *, secret: bool = False
    ) -> None:
        self.field = field
        self.value = None if secret else value
        self.reason = "it does not fit its type" if secret else reason
        shown = "a value (secret)" if secret else "NULL" if value is None else shown_value(value)
        super().__init__(
            entity,
            id,
            f"the database holds {shown} in {field}, which this definition has no form for: {self.reason}; "
            "assign another value and flush, or bring the definition and the table in line",
        )


class EntityNotFoundError(EntityError):
    """``must_get_...`` found no row. ``key``: the values looked for, by field; None for those of secret fields."""

    def __init__(
        self,
        entity: str,
        id: int | None = None,
        key: Mapping[str, object] | None = None,
        *,
        secret: frozenset[str] = frozenset(),
    ) -> None:
        self.key = {name: None if name in secret else value for name, value in (key or {}).items()}
        wanted = ", ".join(
            f"{name}={'(secret)' if name in secret else shown_value(value)}" for name, value in self.key.items()
        )
        super().__init__(entity, id, f"not found ({wanted})" if wanted else "not found")


class EntityGoneError(EntityError):
    """An UPDATE or reload matched no row, and nothing was written; or what has no row any more is changed."""

    def __init__(self, entity: str, id: int | None) -> None:
        super().__init__(entity, id, "the row is gone; nothing was written")


class StaleEntityError(EntityError):
    """Somebody else changed the row since it was loaded. ``expected``: the version this context had."""

    def __init__(self, entity: str, id: int | None, expected: int) -> None:
        self.expected = expected
        super().__init__(entity, id, f"changed by somebody else since version {expected}; reload it and try again")


class ForeignEntityError(EntityError):
    """The entity belongs to another context; as a reference only a new one is refused, which has no row yet."""

    def __init__(
        self, entity: str, id: int | None, reason: str = "belongs to another context; load it through this one"
    ) -> None:
        super().__init__(entity, id, reason)


class DanglingReferenceError(EntityError):
    """A flush would write a reference to a row that there is not, or not any more after it; nothing was written.

    ``field``: the reference's name; ``target`` and ``target_id``: what it refers to.
    """

    def __init__(self, entity: str, id: int | None, field: str, target: str, target_id: int, reason: str) -> None:
        self.field, self.target, self.target_id = field, target, target_id
        super().__init__(
            entity,
            id,
            f"{field} refers to {target} {target_id}, {reason}; nothing was written; refer to another row, or to none",
        )


class ReferenceCycleError(FluxaError):
    """Rows of one flush point to each other through foreign keys, so that none can be written first.

    ``rows``: (entity, id) of each, one pointing to the next; ``keys``: the names of the foreign keys.
    """

    def __init__(self, rows: Sequence[tuple[str, int]], keys: Sequence[str]) -> None:
        self.rows, self.keys = tuple(rows), tuple(keys)
        shown = " -> ".join(f"{entity} {id}" for entity, id in (*rows, *rows[:1]))
        names = ", ".join(sorted(set(keys)))
        super().__init__(
            f"{shown}: these rows point to each other through foreign keys ({names}), so none of them can be written "
            "first; flush once with one of the references empty (None) and once more with it set (of rows that are "
            "deleted, set it to None and flush before)"
        )


class DetachedEntityError(EntityError):
    """The entity's context is closed; loaded values can still be read."""

    def __init__(self, entity: str, id: int | None) -> None:
        super().__init__(entity, id, "its context is closed; load it again through an open one")


class NotPersistedError(EntityError):
    """The entity is new and has no row yet."""

    def __init__(self, entity: str, id: int | None) -> None:
        super().__init__(entity, id, "is new; flush it first")


class ReadOnlyEntityError(EntityError):
    """The entity is a snapshot of a write, made for after-handlers."""

    def __init__(self, entity: str, id: int | None) -> None:
        super().__init__(entity, id, "is a read-only snapshot of what was written; load the entity to change it")


class UnsavedChangesError(EntityError):
    """The entity has changes that the call would lose."""

    def __init__(self, entity: str, id: int | None) -> None:
        super().__init__(entity, id, "has unsaved changes; flush or discard them first")


class IdExhaustedError(EntityError):
    """The id type has no number left. ``maximum``: its largest."""

    def __init__(self, entity: str, maximum: int) -> None:
        self.maximum = maximum
        super().__init__(entity, None, f"no id left below {maximum}; use a wider id type")


class ContextMisuseError(FluxaError):
    """One context is used by two threads or tasks in a way it does not allow, or something else in its place."""


class ContextClosedError(ContextMisuseError):
    """The context was closed."""


class ReentrantFlushError(ContextMisuseError):
    """The context is in the middle of a flush; a handler uses ``ctx.clone()``."""


class TryAgainError(FluxaError):
    """Base of errors of the moment: nothing was written, and the same, begun anew, may succeed.

    Not of those that leave it open whether something was written (CommitUnknownError), nor of those that say that the
    data changed meanwhile (StaleEntityError).
    """


class PendingAsyncWriteError(TryAgainError):
    """Asynchronous writes of a row are published and not applied yet; nothing was written, and changes are kept.

    A flush waits for them, up to ``AsyncFlushOptions(pending_timeout=)``; one inside a transaction does not, since it
    has locked what they need; ``run_in_transaction`` waits after its rollback, and runs again. ``entity``; ``id``: the
    row's, None when Redis has lost what it knew of all of them; ``tokens``: of the flushes that are waited for.
    """

    _met: object = None
    """What a flush that can be repeated waits for; gone before it is shown to users."""

    def __init__(self, entity: str, id: int | None = None, tokens: Sequence[str] = ()) -> None:
        self.entity, self.id, self.tokens = entity, id, tuple(tokens)
        if id is None:
            what = f"{entity}: Redis has lost its memory, and not all asynchronous writes that it knew of are applied"
        else:
            named = f" ({', '.join(self.tokens)})" if self.tokens else ""
            what = f"{entity} {id}: asynchronous writes of this row are not applied yet{named}"
        super().__init__(f"{what}; try again, and look whether the consumer of asynchronous flushes runs")


class DeadlineExceededError(TryAgainError, TimeoutError):
    """The context's time ran out."""


class Unshown(str):
    """A text that whatever prints an error's attributes does not show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'...'"


class MySQLError(FluxaError):
    """The server refused a statement. ``errno``: its error number, 0 for none; ``pool``: the pool's code.

    ``reason``: what it said, and what to do; ``statement``: the SQL, "" where there is none.
    """

    _failed_statement: int | None = None
    """Which statement of a batch it was, counted from 0."""
    _ended_transaction = False
    """Whether the connection itself saw that the server has rolled the whole transaction back."""
    _transaction_goes_on = False
    """Whether a statement that met somebody's lock was given up alone, and its transaction is as it was."""
    _was_killed = False
    """Whether the server stopped the statement in the middle: a COMMIT may be done."""
    _hung_up = False
    """Whether the server has ended the connection."""
    _refused_login = False
    """Whether the server answered, but not for this user, or not for this database."""

    _told: str
    """The server's own words, which may hold values that ``reason`` does not show."""

    def __init__(self, message: str, *, errno: int = 0, pool: str = "", statement: str = "") -> None:
        self.errno, self.pool, self.statement = errno, pool, statement
        self.reason = message
        self._told = Unshown(message)
        where = f"pool '{pool}'" if pool else "MySQL"
        number = f" ({errno})" if errno else ""
        tail = f"; statement: {_shorten(statement, 200)}" if statement else ""
        super().__init__(f"{where}: {message}{number}{tail}")


class DuplicateKeyError(MySQLError):
    """A unique index holds these values already. ``entity``, ``index``, ``values`` (by field) say which."""

    def __init__(
        self,
        entity: str,
        index: str,
        values: Mapping[str, object] | None = None,
        *,
        errno: int = 0,
        pool: str = "",
        secret: bool = False,
        hint: str = "",
    ) -> None:
        self.entity, self.index = entity, index
        self.values: dict[str, object] = {} if secret else dict(values or {})
        shown = ", ".join(f"{name}={shown_value(value)}" for name, value in self.values.items())
        detail = f" ({shown})" if shown else ""
        tail = f"; {hint}" if hint else ""
        super().__init__(f"{entity}: index '{index}' already has these values{detail}{tail}", errno=errno, pool=pool)


class DeadlockError(MySQLError, TryAgainError):
    """The server chose this transaction as a deadlock's victim, or a lock wait timed out."""


class MySQLConnectionError(MySQLError, TryAgainError):
    """The connection was lost or could not be opened; nothing was written."""


class PoolTimeoutError(MySQLConnectionError):
    """No connection of the pool became free in time."""


class TransactionLostError(MySQLError, TryAgainError):
    """The server ended the transaction before its block did; nothing of it is written. The cause says why."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"the transaction is over, leave its block: {cause}")


class CommitUnknownError(MySQLError):
    """The connection was lost while a COMMIT or a lone statement was in flight: it may or may not be done.

    ``thread``: the connection's number at the server, None where there is none; ``server``: which one it was, empty
    when that is not known.
    """

    thread: int | None = None
    server: str = ""
    _opened: float = 0.0
    """When the connection was opened, in monotonic seconds."""


class PartialCommitError(FluxaError):
    """``committed``: pools whose transaction is durable; ``failed``: the pool that did not commit; ``cause``: why.

    Entities of the former are clean, and their callbacks were called; those of the others stay unsaved. ``failures``:
    what callbacks raised, and keys that could not be deleted. When a statement of the user's own ended the transaction,
    ``failed`` is the pool that did commit, and ``statements_done`` says how many of its queued statements were run.
    """

    def __init__(self, committed: Sequence[str], failed: str, cause: str) -> None:
        self.committed, self.failed, self.cause = tuple(committed), failed, cause
        self.failures: tuple[Exception, ...] = ()
        self.statements_done: int | None = None
        done = ", ".join(self.committed)
        ended = f"committed on {done}, with all that its transaction had written; the rest was not run: {cause}"
        super().__init__(ended if failed in committed else f"committed on {done}, but not on {failed}: {cause}")

    def _note_failures(self, failures: Sequence[Exception]) -> None:
        """Tell also what failed of what followed the commit."""
        self.failures = tuple(failures)
        for failure in failures:
            self.add_note(f"besides, after the commit: {type(failure).__name__}: {failure}")


class PostCommitError(FluxaError):
    """The rows are durable, but what follows a commit failed. ``failures``: the errors.

    Of an asynchronous flush: its records are stored, and will be applied.
    """

    def __init__(
        self, message: str, failures: Sequence[BaseException] = (), *, done: str = "the rows are committed"
    ) -> None:
        self.failures = tuple(failures)
        causes = "; ".join(str(failure) for failure in self.failures)
        super().__init__(f"{done}, but {message}{': ' + causes if causes else ''}")


class BrokenRecordError(FluxaError):
    """What was read from a topic is no record of an async flush. ``reason``: what is wrong with it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"this is no record of an async flush: {reason}")


class NewerRecordError(FluxaError):
    """A record of an async flush has a format that only a newer version knows.

    ``version``: of its format; ``known``: the newest one that is understood here.
    """

    def __init__(self, version: int, known: int) -> None:
        self.version, self.known = version, known
        super().__init__(
            f"the record has format {version}, and this version of fluxaorm understands up to {known}: "
            "deploy the newer version to the consumers first"
        )


class AsyncFlushStoppedError(FluxaError):
    """A consumer of async flushes has met a record of a newer format. It stopped before it; nothing is skipped.

    ``topic``, ``partition``, ``offset``: where the record is; ``version``: of its format.
    """

    def __init__(self, topic: str, partition: int, offset: int, version: int) -> None:
        self.topic, self.partition, self.offset, self.version = topic, partition, offset, version
        super().__init__(
            f"{topic}[{partition}] at offset {offset}: the record has format {version}, which this version of fluxaorm "
            "does not know: run the consumers with the version that wrote it"
        )


class RedisError(FluxaError):
    """A Redis server refused a command. ``pool``: the pool's code; ``reason``: what it said."""

    def __init__(self, message: str, *, pool: str = "") -> None:
        self.pool = pool
        self.reason = message
        super().__init__(f"Redis pool '{pool}': {message}" if pool else message)


class RedisConnectionError(RedisError, TryAgainError):
    """The connection was lost or could not be opened."""


class CacheUnavailableError(RedisError, TryAgainError):
    """A flush could not announce its changes to the cache; it was rolled back."""


class KafkaError(FluxaError):
    """Kafka refused something, or did not answer.

    ``pool``: the pool's code; ``code``: the error's name, as ``MSG_SIZE_TOO_LARGE``, with ``_`` before it when the
    client itself found it (``_MSG_TIMED_OUT``), empty for what is wrong with a call; ``reason``: what it means.
    """

    position: int | None = None
    """Of several records, which one it was, counted from 0."""

    def __init__(self, reason: str, *, pool: str = "", code: str = "") -> None:
        self.pool, self.code, self.reason = pool, code, reason
        where = f"Kafka pool '{pool}': " if pool else ""
        super().__init__(f"{where}{reason}{f' ({code})' if code else ''}")


class KafkaUnavailableError(KafkaError, TryAgainError):
    """No broker could be reached; nothing was stored."""


class KafkaBackpressureError(KafkaError, TryAgainError):
    """The pool has no room for a record: it was not taken, since too many wait to be sent already."""


class KafkaPartitionsLostError(KafkaError):
    """The group gave partitions to another member before their records were committed: it gets them again.

    ``partitions``: (topic, partition) of each.
    """

    def __init__(self, group: str, partitions: Sequence[tuple[str, int]], *, pool: str = "", code: str = "") -> None:
        self.group, self.partitions = group, tuple(partitions)
        listed = ", ".join(f"{topic}[{partition}]" for topic, partition in self.partitions)
        lost = f"consumer group '{group}' has lost {listed or 'its partitions'} to another member"
        super().__init__(f"{lost}, which gets the uncommitted records again", pool=pool, code=code)


class AsyncFlushUnknownError(FluxaError):
    """Nobody knows whether the records of an async flush are stored. It is not repeated: it may be applied twice then.

    ``pool``: the Kafka pool's code; ``reason``: what happened.
    """

    def __init__(self, reason: str, *, pool: str = "") -> None:
        self.pool, self.reason = pool, reason
        super().__init__(f"Kafka pool '{pool}': it is not known whether the async flush is stored: {reason}")


class UnflushedChangesWarning(UserWarning):
    """A context was left with changes that were not flushed, or in an open transaction: both are lost.

    Its ``with`` block ended, it was closed or forgotten. Not given when an exception is on its way, which tells already
    why nothing was flushed.
    """
