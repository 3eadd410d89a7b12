"""The driver, imported when a pool is first used."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from fluxaorm.errors import ConfigError, MissingExtraError

client_log: Final = logging.getLogger("fluxaorm.kafka.client")
"""What librdkafka itself has to say."""


@contextmanager
def taken_settings(code: str) -> Generator[None, None, None]:
    """A client is made in the block. ConfigError for settings that librdkafka does not take, as of files it cannot use.

    What it says names settings, and shows no secret.
    """
    from confluent_kafka import KafkaException

    try:
        yield
    except KafkaException as error:
        raise ConfigError(
            f"Kafka pool '{code}': librdkafka does not take its settings: {error.args[0].str()}"
        ) from None


def require_driver(code: str) -> Any:
    """confluent-kafka. MissingExtraError when it is not there."""
    try:
        return importlib.import_module("confluent_kafka")
    except ImportError as error:
        cause = "" if importlib.util.find_spec("confluent_kafka") is None else str(error)
        raise MissingExtraError(f"Kafka pool '{code}'", "confluent_kafka", "fluxaorm[kafka]", cause) from None
