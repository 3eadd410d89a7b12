"""`validate()` reaches the brokers by every door, and says what keeps it out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import fluxaorm as fx
from devstack.state import KafkaAddress
from tests.support.kafka_brokers import Kafka
from tests.support.kafka_engines import POOL
from tests.support.passwords import new_password

pytestmark = pytest.mark.usefixtures("kafka_client")

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def address_of(kafka: Kafka) -> KafkaAddress:
    assert kafka.address is not None
    return kafka.address


def validate(port: int, options: fx.KafkaPoolOptions | None = None) -> fx.Engine:
    registry = fx.Registry()
    registry.register_kafka([f"127.0.0.1:{port}"], POOL, options)
    return registry.validate()


def failure(port: int, options: fx.KafkaPoolOptions | None = None) -> fx.PoolConnectError:
    with pytest.raises(fx.PoolConnectError) as caught:
        validate(port, options)
    assert (POOL, f"127.0.0.1:{port}") == (caught.value.pool, caught.value.address)
    return caught.value


@pytest.mark.parametrize("mechanism", ["", *MECHANISMS])
@pytest.mark.parametrize("tls", [False, True])
def test_records_go_through_every_door(kafka: Kafka, mechanism: str, tls: bool) -> None:
    """Logging in and encrypting are for what is sent and what is read, and not for `validate()` alone."""
    at = address_of(kafka)
    ports = {(False, False): at.port, (True, False): at.sasl_port, (False, True): at.tls_port}
    options = fx.KafkaPoolOptions(
        sasl_mechanism=mechanism,  # type: ignore[arg-type] # one of the names
        sasl_user=at.user if mechanism else "",
        sasl_password=at.password if mechanism else "",
        tls=fx.TLSOptions(ca_file=at.authority) if tls else False,
    )
    topic = kafka.topic()

    with (
        validate(ports.get((bool(mechanism), tls), at.sasl_tls_port), options) as engine,
        engine.new_context() as ctx,
    ):
        engine.kafka(POOL).produce_sync(ctx, fx.KafkaRecord(topic, value=b"value"))
        shown = f"{engine.kafka(POOL).settings} {engine.kafka(POOL)!r} {options!r}"

    assert [b"value"] == kafka.values(topic)
    assert not mechanism or at.password not in shown


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_wrong_password_is_told_and_not_shown(kafka: Kafka, mechanism: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is the user that is refused, and not the network: whoever reads that looks in the right place."""
    at, password = address_of(kafka), new_password()
    options = fx.KafkaPoolOptions(
        sasl_mechanism=mechanism,  # type: ignore[arg-type] # one of the names
        sasl_user=at.user,
        sasl_password=password,
    )

    error = failure(at.sasl_port, options)

    assert f"the broker refuses the user '{at.user}' or its password ({mechanism})" in error.cause
    assert password not in f"{error} {caplog.text}"


def test_nobody_at_the_address_is_told_at_once() -> None:
    """A deployment with a wrong address fails in a second, and not after ten."""
    assert "no broker can be reached" in failure(1).cause


def test_a_certificate_of_somebody_unknown_is_refused(kafka: Kafka) -> None:
    """TLS without a check of the certificate would be worth little."""
    assert "TLS fails" in failure(address_of(kafka).tls_port, fx.KafkaPoolOptions(tls=True)).cause


def test_tls_where_the_broker_speaks_none_is_told(kafka: Kafka) -> None:
    """Both sides wait for each other else, until time is over."""
    assert "TLS fails" in failure(address_of(kafka).port, fx.KafkaPoolOptions(tls=True)).cause


def test_certificates_that_are_not_checked_are_taken(kafka: Kafka) -> None:
    """For a broker of one's own, on one's own machine."""
    validate(address_of(kafka).tls_port, fx.KafkaPoolOptions(tls=fx.TLSOptions(verify=False))).close()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """librdkafka says that something is wrong with some certificate."""
    missing = str(tmp_path / "ca.pem")

    with pytest.raises(fx.ConfigError, match=r"Kafka pool 'events': .* cannot be read: .*ca\.pem"):
        validate(1, fx.KafkaPoolOptions(tls=fx.TLSOptions(ca_file=missing)))


def test_a_file_that_is_no_certificate_is_told(tmp_path: Path) -> None:
    """The same for what can be read and is something else."""
    wrong = tmp_path / "ca.pem"
    wrong.write_text("no certificate")

    with pytest.raises(fx.ConfigError, match="librdkafka does not take its settings"):
        validate(1, fx.KafkaPoolOptions(tls=fx.TLSOptions(ca_file=str(wrong))))


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is in the error, which comes when the pool is used and not when it is registered."""
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)

    with pytest.raises(fx.MissingExtraError, match=r"pip install.* 'fluxaorm\[kafka\]'"):
        validate(1)
