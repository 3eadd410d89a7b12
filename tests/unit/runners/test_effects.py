"""What the runners do for each effect, and that failures reach the plan."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from fluxaorm.dialects import dialect_for
from fluxaorm.errors import (
    CommitUnknownError,
    ContextMisuseError,
    DeadlockError,
    FluxaError,
    MySQLConnectionError,
    MySQLError,
    UnknownPoolError,
)
from fluxaorm.plans.effects import (
    Begin,
    CallHandler,
    Commit,
    Effect,
    ExecResult,
    Execute,
    ExecuteBatch,
    FetchRows,
    Plan,
    RedisRoundTrip,
    Rollback,
    Session,
    ShieldedRedisRoundTrip,
    Sleep,
    Statement,
)
from tests.unit.runners.doubles import SyncWorld, Watching, World


def one(effect: Effect[Any]) -> Plan[Any]:
    """A plan of one effect."""
    return (yield from effect)


def outcome(effect: Effect[Any]) -> Plan[Any]:
    """A plan that returns the error of its effect."""
    try:
        return (yield from effect)
    except FluxaError as error:
        return error


def test_a_plan_without_effects_gives_its_result(world: World) -> None:
    """A cache hit costs no driver call."""

    def plan(hit: bool) -> Plan[int]:
        if not hit:
            yield from Sleep(0)
        return 42

    assert 42 == world.run(plan(hit=True))
    assert [] == world.script.asked


def test_rows_are_the_reply_and_the_connection_goes_back(world: World) -> None:
    """A read borrows a connection for as long as it lasts."""
    world.script.answers["fetch"] = [(1,)]

    reply = world.run(one(FetchRows("default", "SELECT ?", (1,))))

    assert [(1,)] == reply
    assert [("fetch", "SELECT ?", (1,))] == world.script.asked
    assert [True] == world.connections.kept


def test_a_transaction_keeps_one_connection_until_it_ends(world: World) -> None:
    """Statements of a session run on its connection, which comes back with COMMIT."""
    result = ExecResult(0, 1)
    world.script.answers |= {"fetch": [(1,)], "execute": result, "batch": [result]}

    def plan() -> Plan[list[Any]]:
        session = Session("default")
        yield from Begin(session, "serializable", read_only=True)
        out = world.connections.out
        rows = yield from FetchRows(session, "SELECT 1")
        executed = yield from Execute(session, "UPDATE a", (2,))
        batch = yield from ExecuteBatch(session, [Statement("UPDATE b"), Statement("UPDATE c")])
        yield from Commit(session)
        return [out, rows, executed, batch, session.connection]

    replies = world.run(plan())

    assert [1, [(1,)], result, [result], None] == replies
    assert [
        ("begin", "serializable", True),
        ("fetch", "SELECT 1", ()),
        ("execute", "UPDATE a", (2,)),
        ("batch", "UPDATE b", "UPDATE c"),
        ("commit",),
    ] == world.script.asked
    assert [True] == world.connections.kept


@pytest.mark.parametrize("effect", [Commit, lambda session: FetchRows(session, "SELECT 1")])
def test_a_transaction_that_is_over_takes_no_statement(world: World, effect: Any) -> None:
    """A session without a connection is an error, not a statement outside the transaction."""
    error = world.run(outcome(effect(Session("default"))))

    assert isinstance(error, MySQLError)
    assert "not open" in str(error)


def test_a_failed_begin_gives_its_connection_up(world: World) -> None:
    """Half a BEGIN may have been done: nobody else gets this connection."""
    world.script.answers["begin"] = MySQLError("no")

    error = world.run(outcome(Begin(Session("default"))))

    assert isinstance(error, MySQLError)
    assert [False] == world.connections.kept


def test_rollback_never_raises(world: World) -> None:
    """It is called while something else is being raised; closing the connection rolls back as well."""
    world.script.answers["rollback"] = MySQLConnectionError("lost")

    def plan() -> Plan[str]:
        session = Session("default")
        yield from Begin(session)
        yield from Rollback(session)
        yield from Rollback(session)
        return "done"

    assert "done" == world.run(plan())
    assert [False] == world.connections.kept


def test_a_lost_connection_is_not_rolled_back(world: World) -> None:
    """It would cost a time-out."""
    world.script.answers["execute"] = MySQLConnectionError("lost")

    def plan() -> Plan[None]:
        session = Session("default")
        yield from Begin(session)
        try:
            yield from Execute(session, "UPDATE a")
        finally:
            yield from Rollback(session)

    with pytest.raises(MySQLConnectionError):
        world.run(plan())
    assert ["begin", "execute"] == [name for name, *_ in world.script.asked]
    assert [False] == world.connections.kept


MYSQL = dialect_for("9.7.4")
LOST = MYSQL.map_error(2013, "lost", pool="default")
KILLED = MYSQL.map_error(1317, "killed", pool="default")
REFUSED = MYSQL.map_error(1213, "deadlock", pool="default")


@pytest.mark.parametrize(
    ("failure", "expected"),
    [(LOST, CommitUnknownError), (KILLED, CommitUnknownError), (REFUSED, DeadlockError)],
    ids=["lost", "killed", "refused"],
)
def test_a_commit_that_does_not_answer_is_unknown(world: World, failure: Exception, expected: type[Exception]) -> None:
    """Lost or killed it may be done; refused by the server it is not."""
    world.script.answers["commit"] = failure

    def plan() -> Plan[Exception | None]:
        session = Session("default")
        yield from Begin(session)
        try:
            yield from Commit(session)
        except FluxaError as error:
            return error
        return None

    error = world.run(plan())

    assert expected is type(error)
    assert [False] == world.connections.kept


@pytest.mark.parametrize(
    ("failure", "expected"),
    [(LOST, CommitUnknownError), (KILLED, CommitUnknownError), (REFUSED, DeadlockError)],
    ids=["lost", "killed", "refused"],
)
def test_a_lone_statement_has_the_rules_of_a_commit(
    world: World, failure: Exception, expected: type[Exception]
) -> None:
    """In autocommit the statement is its own transaction."""
    world.script.answers["execute"] = failure

    error = world.run(outcome(Execute("default", "UPDATE a")))

    assert expected is type(error)
    assert 0 == world.connections.out


def test_what_is_lost_inside_a_transaction_wrote_nothing(world: World) -> None:
    """Nothing was committed, so nothing is unknown."""
    world.script.answers["execute"] = LOST

    def plan() -> Plan[None]:
        session = Session("default")
        yield from Begin(session)
        yield from Execute(session, "UPDATE a")

    with pytest.raises(MySQLConnectionError):
        world.run(plan())


def test_a_connection_that_cannot_be_had_wrote_nothing(world: World) -> None:
    """The statement was not sent."""
    world.connections.failure = LOST

    error = world.run(outcome(Execute("default", "UPDATE a")))

    assert MySQLConnectionError is type(error)


def test_redis_commands_travel_together(world: World) -> None:
    """One effect is one round trip; clean-up is the same with a shield."""
    world.script.answers |= {"GET": b"1", "SET": b"OK"}

    def plan() -> Plan[list[Any]]:
        first = yield from RedisRoundTrip("default", (("GET", "a"), ("SET", "b", 1)))
        second = yield from ShieldedRedisRoundTrip("default", (("GET", "a"),))
        return [first.values, second.values, second.server]

    assert [[b"1", b"OK"], [b"1"], b"run repl"] == world.run(plan())
    assert [("redis", ("GET", "a"), ("SET", "b", 1)), ("redis", ("GET", "a"))] == world.script.asked


@pytest.mark.parametrize(
    "effect",
    [FetchRows("nowhere", "SELECT 1"), Execute("nowhere", "SELECT 1"), RedisRoundTrip("nowhere", (("GET", "a"),))],
)
def test_an_unknown_pool_is_named(world: World, effect: Effect[Any]) -> None:
    """The message lists those that are known."""
    error = world.run(outcome(effect))

    assert isinstance(error, UnknownPoolError)
    assert "'nowhere'" in str(error)
    assert "'other'" in str(error)


def test_the_plan_decides_what_a_failure_means(world: World) -> None:
    """The error is thrown in at the effect, and the plan goes on from there."""
    failures = iter([LOST, [(1,)]])
    world.script.answers["fetch"] = lambda *_: next(failures)

    def plan() -> Plan[Any]:
        try:
            return (yield from FetchRows("default", "SELECT 1"))
        except MySQLConnectionError:
            return (yield from FetchRows("default", "SELECT 2"))

    assert [(1,)] == world.run(plan())


def test_what_a_plan_raises_is_raised(world: World) -> None:
    """Also without any effect before it."""

    def plan(wrong: bool) -> Plan[None]:
        if wrong:
            raise LookupError("mine")
        yield from Sleep(0)

    with pytest.raises(LookupError, match="mine"):
        world.run(plan(wrong=True))


def test_handlers_get_their_arguments(world: World) -> None:
    """Their result is the reply, and what they raise reaches the plan."""

    def failing() -> None:
        raise ValueError("theirs")

    assert 3 == world.run(one(CallHandler(lambda a, b: a + b, (1, 2))))
    with pytest.raises(ValueError, match="theirs"):
        world.run(one(CallHandler(failing, ())))


def test_sleeping_takes_its_time(world: World) -> None:
    """Retries wait between attempts."""
    observed: list[int] = []

    world.run(one(Sleep(0.02)), Watching(lambda *told: observed.append(told[3])))

    assert 15_000 <= observed[0]


def test_the_observer_sees_each_effect_with_its_reply_or_error(world: World) -> None:
    """The query log is made of this."""
    seen: list[tuple[str, Any, str]] = []
    world.script.answers |= {"fetch": [(1,)], "execute": REFUSED}

    def plan() -> Plan[None]:
        yield from FetchRows("default", "SELECT 1")
        yield from Execute("default", "UPDATE a")

    def observe(
        effect: Effect[Any], reply: Any, error: BaseException | None, microseconds: int, started: float
    ) -> None:
        seen.append((type(effect).__name__, reply, type(error).__name__))

    with pytest.raises(DeadlockError):
        world.run(plan(), Watching(observe))
    assert [("FetchRows", [(1,)], "NoneType"), ("Execute", None, "DeadlockError")] == seen


def test_an_interruption_reaches_the_plan(world: World) -> None:
    """Plans clean up after KeyboardInterrupt as after anything else."""
    cleaned: list[bool] = []

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    world.script.answers["fetch"] = interrupted

    def plan() -> Generator[Effect[Any], Any, None]:
        try:
            yield from FetchRows("default", "SELECT 1")
        finally:
            cleaned.append(True)

    with pytest.raises(KeyboardInterrupt):
        world.run(plan())
    assert [True] == cleaned
    assert 0 == world.connections.out


@pytest.mark.parametrize("fails", [False, True])
def test_an_interrupted_observer_undoes_nothing(world: World, fails: bool) -> None:
    """Ctrl-C while a COMMIT is logged must not make it look as if it had failed; it ends the program all the same."""
    steps: list[Any] = []
    world.script.answers |= {"commit": REFUSED if fails else None}
    session = Session("default")

    def interrupted(effect: Effect[Any], *_: Any) -> None:
        if isinstance(effect, Commit):
            raise KeyboardInterrupt

    def plan() -> Plan[None]:
        yield from Begin(session)
        try:
            yield from Commit(session)
            steps.append("committed")
        except DeadlockError:
            steps.append("refused")
        yield from ShieldedRedisRoundTrip("default", (("DEL", "a"),))
        steps.append("released")
        try:
            yield from FetchRows("default", "SELECT 1")
        except KeyboardInterrupt:
            steps.append("interrupted")
            raise

    with pytest.raises(KeyboardInterrupt):
        world.run(plan(), Watching(interrupted))
    assert ["refused" if fails else "committed", "released", "interrupted"] == steps


@pytest.mark.parametrize("fails", [False, True])
def test_an_interrupted_observer_is_told_of_at_the_latest_when_a_plan_ends(world: World, fails: bool) -> None:
    """The last effect of a plan may be the one that is logged."""
    world.script.answers |= {"fetch": REFUSED if fails else [(1,)]}

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        world.run(one(FetchRows("default", "SELECT 1")), Watching(interrupted))
    assert (REFUSED if fails else None) is caught.value.__cause__


def test_a_coroutine_function_is_no_handler_for_threads() -> None:
    """Nobody would await it: the error says what to do instead."""

    async def handler() -> None:
        raise AssertionError("never started")

    with pytest.raises(ContextMisuseError, match="AsyncContext"):
        SyncWorld().run(one(CallHandler(handler, ())))
