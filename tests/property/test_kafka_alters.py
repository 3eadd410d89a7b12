"""Whatever is declared of topics, the alters bring real brokers there and then have nothing left to say."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fluxaorm as fx
from tests.support.kafka_brokers import Kafka, new_namespace

_NUMBERS = st.sampled_from(["-1", "1", "+60000", " 3600000 ", "9223372036854775807"])
_POSITIVE = st.sampled_from(["1", "+60000", " 3600000 ", "1000000000"])
_SWITCHES = st.sampled_from(["true", "false", "TRUE", " False "])
_POLICIES = st.sampled_from(["delete", "compact", "compact,delete", "delete, compact"])
_RATIOS = st.sampled_from(["0", "1", ".5", "0.50", "0.1"])
SETTINGS: dict[str, st.SearchStrategy[str]] = {
    "retention.ms": _NUMBERS,
    "retention.bytes": _NUMBERS,
    "max.message.bytes": _POSITIVE,
    "segment.ms": _POSITIVE,
    "cleanup.policy": _POLICIES,
    "preallocate": _SWITCHES,
    "unclean.leader.election.enable": _SWITCHES,
    "min.cleanable.dirty.ratio": _RATIOS,
    "compression.type": st.sampled_from(["producer", "gzip", "snappy", "lz4", "zstd", "uncompressed"]),
    "message.timestamp.type": st.sampled_from(["CreateTime", "LogAppendTime"]),
}


@st.composite
def topics(draw: st.DrawFn) -> tuple[int, dict[str, str]]:
    """Partitions and settings of a topic; 0 and nothing: what the broker likes."""
    names = draw(st.lists(st.sampled_from(sorted(SETTINGS)), unique=True, max_size=6))
    return draw(st.integers(0, 4)), {name: draw(SETTINGS[name]) for name in names}


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(releases=st.lists(topics(), min_size=2, max_size=2))
def test_any_topic_turns_into_any_other(kafka: Kafka, releases: list[tuple[int, dict[str, str]]]) -> None:
    """Asking again gives nothing but what only people can do, or every deployment would alter for ever."""
    name = f"{kafka.namespace}-{new_namespace()}"
    for partitions, configs in releases:
        registry = fx.Registry()
        registry.register_kafka([kafka.bootstrap], "events")
        registry.register_kafka_topic(fx.KafkaTopic(name, "events", partitions=partitions, configs=configs))

        with registry.validate() as engine, engine.new_context() as ctx:
            alters = fx.get_kafka_alters(ctx)
            manual = [alter for alter in alters if alter.safety == "manual"]
            for alter in alters:
                if alter not in manual:
                    alter.exec(ctx, allow_destructive=True)
            left = fx.get_kafka_alters(ctx)

        assert manual == left
        assert ["add_partitions"] * len(manual) == [alter.kind for alter in manual]
