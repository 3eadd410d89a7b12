"""Servers that go away while ``validate()`` looks at them."""

from __future__ import annotations

import pytest

from fluxaorm import Registry
from fluxaorm.errors import (
    FluxaError,
    KafkaUnavailableError,
    MySQLConnectionError,
    MySQLError,
    PoolConnectError,
    RedisConnectionError,
)
from fluxaorm.registry.servers import lost_servers
from tests.support.insides import core


@pytest.mark.parametrize(
    ("error", "address"),
    [
        (MySQLConnectionError("it went away", pool="default"), "mysql:3306"),
        (RedisConnectionError("it went away", pool="default"), "redis:6379"),
        (KafkaUnavailableError("it went away", pool="default"), "kafka:9092"),
        (MySQLConnectionError("it went away", pool="another"), "unknown"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_kind_is_a_pool_that_could_not_be_connected(error: FluxaError, address: str) -> None:
    """Pools of several kinds may have one code: the address says which it was."""
    registry = Registry()
    registry.register_mysql("root@tcp(mysql:3306)/db")
    registry.register_redis("redis:6379")
    registry.register_kafka(["kafka:9092"])

    with (
        registry.validate(connect=False) as engine,
        pytest.raises(PoolConnectError) as caught,
        lost_servers(core(engine)),
    ):
        raise error

    assert ("it went away", error) == (caught.value.cause, caught.value.__cause__)
    assert address in caught.value.address


def test_what_a_server_refuses_is_told_as_it_is() -> None:
    """It is there: nobody who waits for it should go on waiting."""
    refused = MySQLError("no", errno=1142, pool="default")

    with Registry().validate(connect=False) as engine, pytest.raises(MySQLError) as caught, lost_servers(core(engine)):
        raise refused

    assert refused is caught.value
