"""Compare topics and consumer groups of every Kafka pool with what is declared. No I/O; ``kafka_alter_runs`` acts."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, overload

from fluxaorm.alters import KafkaAlter
from fluxaorm.alters.kafka.pool_diff import KafkaDiff
from fluxaorm.alters.kafka.state import KafkaState
from fluxaorm.alters.kafka.wanted import WantedKafka
from fluxaorm.errors import AlterError, KafkaError, no_context
from fluxaorm.plans.effects import Effect, Parallel, Plan
from fluxaorm.plans.streams.admin_effects import DescribeKafka
from fluxaorm.plans.streams.kafka_alter_runs import RIGHTS, KafkaAlterPlans, is_missing_right

if TYPE_CHECKING:
    from fluxaorm.plans.state.unit_of_work import AsyncUnitOfWork, SyncUnitOfWork

_PLANS: Final = KafkaAlterPlans()


class KafkaDeclarationsPort(Protocol):
    """What is asked of an engine."""

    @property
    def wanted_kafka(self) -> Mapping[str, WantedKafka]:
        """What is declared of each Kafka pool, by its code."""
        ...


@overload
def get_kafka_alters(ctx: SyncUnitOfWork) -> list[KafkaAlter]: ...
@overload
def get_kafka_alters(ctx: AsyncUnitOfWork) -> Coroutine[Any, Any, list[KafkaAlter]]: ...
def get_kafka_alters(ctx: SyncUnitOfWork | AsyncUnitOfWork) -> Any:
    """What has to be done so that every Kafka pool has the topics that are declared, ordered for execution.

    Nothing is changed; each alter runs by ``alter.exec(ctx)``. Empty when all is as declared. The topics of features
    that are registered, as of async flush, are among them. Topics and consumer groups that nobody registered are left
    alone, unless ``KafkaPoolOptions(unknown_topics="drop")`` or ``unknown_consumer_groups="drop"`` says otherwise.
    Raises AlterError when the pool's user may not look, KafkaUnavailableError, KafkaError.
    """
    return ctx._run(get_kafka_alters_plan(_declarations_of(ctx)))


def _declarations_of(ctx: Any) -> KafkaDeclarationsPort:
    """The engine of a context. ContextMisuseError for what is none."""
    try:
        engine: KafkaDeclarationsPort = ctx._engine
    except AttributeError:
        raise no_context("get_kafka_alters()", ctx) from None
    return engine


def get_kafka_alters_plan(engine: KafkaDeclarationsPort) -> Plan[list[KafkaAlter]]:
    """The alters of all pools of which anything is declared, asked for at once."""
    wanted = {code: each for code, each in engine.wanted_kafka.items() if each.all_topics}
    if not wanted:
        return []
    questions: list[Effect[Any]] = [_question(code, each) for code, each in wanted.items()]
    try:
        answers: list[KafkaState] = yield from Parallel(questions)
    except KafkaError as error:
        if not is_missing_right(error):
            raise
        raise AlterError(f"{error}; {RIGHTS}") from error
    alters: list[KafkaAlter] = []
    for (code, each), state in zip(wanted.items(), answers, strict=True):
        alters += KafkaDiff(code, _PLANS).alters(each, state)
    return alters


def _question(code: str, wanted: WantedKafka) -> DescribeKafka:
    names = [topic.name for topic in wanted.all_topics]
    return DescribeKafka(code, names, all_topics=wanted.looks_at_all_topics, all_groups=wanted.looks_at_all_groups)
