"""Publishing one record: what its delivery report means, with a producer whose reports the test gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

import fluxaorm as fx
from tests.support.waiting import wait_until

confluent_kafka = pytest.importorskip("confluent_kafka", reason="there is no confluent-kafka for this Python")

RECORD = fx.KafkaRecord("t", value=b"0")


class ScriptedClient:
    """Answers, or does not, when it is asked what topics there are."""

    def __init__(self, answers: bool) -> None:
        self.answers = answers
        self.asked = 0

    def list_topics(self, timeout: float) -> None:
        self.asked += 1
        if not self.answers:
            raise confluent_kafka.KafkaException(error("_TRANSPORT"))


class ScriptedProducer:
    """Keeps the reports of what it has taken."""

    def __init__(self, *, answers: bool = True) -> None:
        self.client = ScriptedClient(answers)
        self.unreachable: fx.KafkaError | None = None
        self.reports: list[Callable[[Any, Any], None]] = []
        self.retired = False

    def take(self, record: fx.KafkaRecord, report: Callable[[Any, Any], None]) -> bool:
        self.reports.append(report)
        return True

    def send(self, record: fx.KafkaRecord, report: Callable[[Any, Any], None], seconds: float) -> None:
        self.take(record, report)

    def note_reached(self) -> None:
        self.unreachable = None

    def retire(self) -> None:
        self.retired = True

    def close(self, seconds: float) -> None:
        """Nothing is open."""


def error(name: str, **flags: bool) -> Any:
    return confluent_kafka.KafkaError(getattr(confluent_kafka.KafkaError, name), "said", **flags)


def opened(*producers: ScriptedProducer) -> Any:
    from fluxaorm.pools.kafka.publishing import Publisher

    left = [*producers]
    return Publisher("events", lambda: cast("Any", left.pop(0)), {}, 1.0)


def failed(reply: Any) -> Any:
    with pytest.raises(fx.FluxaError) as told:
        reply.result(30)
    return told.value


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("_MSG_TIMED_OUT", fx.AsyncFlushUnknownError),
        ("NOT_ENOUGH_REPLICAS_AFTER_APPEND", fx.AsyncFlushUnknownError),
        ("_TRANSPORT", fx.AsyncFlushUnknownError),
        ("MSG_SIZE_TOO_LARGE", fx.KafkaError),
        ("TOPIC_AUTHORIZATION_FAILED", fx.KafkaError),
    ],
)
def test_only_what_was_refused_is_certain(code: str, expected: type[fx.FluxaError]) -> None:
    """A record that was sent may be stored, unless the broker has said that it will not."""
    producer = ScriptedProducer()
    publisher = opened(producer)

    publishing = publisher.publish([RECORD])
    wait_until(lambda: producer.reports)
    producer.reports[0](error(code), None)

    assert expected is type(failed(publishing))
    publisher.close(1)


def test_what_is_published_while_no_broker_answers_is_not_taken() -> None:
    """So its failure means that nothing is stored; as soon as one answers, records are taken again."""
    producer = ScriptedProducer(answers=False)
    publisher = opened(producer)

    first = failed(publisher.publish([RECORD]))
    taken = len(producer.reports)
    producer.client.answers = True
    publisher.publish([RECORD])
    wait_until(lambda: producer.reports)
    producer.unreachable = fx.KafkaError("all are down")
    producer.client.answers = False
    later = failed(publisher.publish([RECORD]))

    assert (fx.KafkaUnavailableError, fx.KafkaUnavailableError) == (type(first), type(later))
    assert (0, 1) == (taken, len(producer.reports))
    publisher.close(1)


def test_a_fatal_error_makes_another_producer_once() -> None:
    """Each record that the old one had reports the error; the new one is not given up for it."""
    old, new = ScriptedProducer(), ScriptedProducer()
    publisher = opened(old, new)
    publishing = publisher.publish([RECORD]), publisher.publish([RECORD])
    wait_until(lambda: len(old.reports) == 2)

    for report in old.reports:
        report(error("_FATAL", fatal=True), None)
    publisher.publish([RECORD])
    wait_until(lambda: new.reports)

    assert [fx.AsyncFlushUnknownError] * 2 == [type(failed(each)) for each in publishing]
    assert (True, False) == (old.retired, new.retired)
    publisher.close(1)
