"""What the answers to a commit mean, which no broker can be made to give on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

import fluxaorm as fx

confluent_kafka = pytest.importorskip("confluent_kafka", reason="there is no confluent-kafka for this Python")

RECORDS = [fx.KafkaRecord("t", value=b"0"), fx.KafkaRecord("t", value=b"1")]


def raised(name: str, **flags: bool) -> Exception:
    error = confluent_kafka.KafkaError(getattr(confluent_kafka.KafkaError, name), "said", **flags)
    exception: Exception = confluent_kafka.KafkaException(error)
    return exception


class Message:
    """What a delivery report has."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset


class ScriptedProducer:
    """Answers each commit with the next of ``commits``, None: done. Records are acknowledged when it is flushed."""

    commits: ClassVar[list[Exception | None]] = []
    begin_fails: ClassVar[list[Exception]] = []
    made: ClassVar[list[ScriptedProducer]] = []

    def __init__(self, settings: dict[str, Any], **_: Any) -> None:
        self.settings = settings
        self.calls: list[str] = []
        self._reports: list[Callable[[Any, Any], None]] = []
        self.made.append(self)

    def init_transactions(self, timeout: float) -> None:
        self.calls.append("init")
        if self.begin_fails:
            raise self.begin_fails.pop(0)

    def begin_transaction(self) -> None:
        self.calls.append("begin")

    def produce(self, *_: Any, on_delivery: Callable[[Any, Any], None], **__: Any) -> None:
        self._reports.append(on_delivery)

    def flush(self, timeout: float) -> int:
        reports, self._reports = self._reports, []
        for offset, report in enumerate(reports):
            report(None, Message(offset))
        return 0

    def commit_transaction(self, timeout: float) -> None:
        self.calls.append("commit")
        if (answer := self.commits.pop(0)) is not None:
            raise answer

    def abort_transaction(self, timeout: float) -> None:
        self.calls.append("abort")

    def purge(self, **_: Any) -> None:
        self.calls.append("purge")

    def poll(self, timeout: float) -> int:
        return 0


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Publishes two records in one transaction and gives their places, or the error."""
    from fluxaorm.pools.kafka import transactions

    monkeypatch.setattr(transactions, "open_producer", lambda _pool, settings: ScriptedProducer(settings))
    monkeypatch.setattr(ScriptedProducer, "made", [])
    monkeypatch.setattr(ScriptedProducer, "begin_fails", [])
    opened = transactions.Transactions("events", {})

    def publish_now(*commits: Exception | None) -> Any:
        monkeypatch.setattr(ScriptedProducer, "commits", [*commits])
        try:
            return opened.publish(RECORDS).result(30)
        except fx.FluxaError as error:
            return error

    yield publish_now

    opened.close(5)


def test_a_commit_that_is_to_be_repeated_is(publish: Callable[..., Any]) -> None:
    """Its coordinator was busy: that is no doubt yet."""
    places = publish(raised("_TIMED_OUT", retriable=True), None)

    assert [(0, 0), (0, 1)] == places
    assert ["init", "begin", "commit", "commit"] == ScriptedProducer.made[0].calls


def test_a_commit_nobody_answers_is_unknown(publish: Callable[..., Any]) -> None:
    """It may have been done; the next publish has a producer, and a transactional id, of its own."""
    error = publish(raised("_TRANSPORT"))
    after = publish(None)

    assert isinstance(error, fx.AsyncFlushUnknownError)
    assert 2 == len(after)
    first, second = ScriptedProducer.made
    assert first.settings["transactional.id"] != second.settings["transactional.id"]
    assert (10_000, 10_000) == (first.settings["transaction.timeout.ms"], second.settings["transaction.timeout.ms"])


@pytest.mark.parametrize(
    ("answer", "calls"),
    [
        (raised("TRANSACTION_ABORTABLE", txn_requires_abort=True), ["init", "begin", "commit", "abort"]),
        (raised("INVALID_PRODUCER_EPOCH", fatal=True), ["init", "begin", "commit", "purge"]),
        (raised("_FENCED", fatal=True), ["init", "begin", "commit", "purge"]),
        (raised("INVALID_TXN_STATE", fatal=True), ["init", "begin", "commit", "purge"]),
    ],
)
def test_a_commit_of_what_was_aborted_stored_nothing(
    publish: Callable[..., Any], answer: Exception, calls: list[str]
) -> None:
    """A process that slept past the broker's patience may publish again, and must not doubt."""
    error = publish(answer)

    assert isinstance(error, fx.KafkaUnavailableError)
    assert calls == ScriptedProducer.made[0].calls


def test_without_a_coordinator_nothing_is_begun(publish: Callable[..., Any]) -> None:
    """Whatever fails before the commit leaves nothing."""
    ScriptedProducer.begin_fails.append(raised("_TIMED_OUT", retriable=True))

    error = publish(None)

    assert isinstance(error, fx.KafkaUnavailableError)
    assert ["init"] == ScriptedProducer.made[0].calls
