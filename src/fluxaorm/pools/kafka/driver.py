"""The driver, imported when a pool is first used."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from fluxaorm.errors import MissingExtraError


def require_driver(code: str) -> Any:
    """confluent-kafka. MissingExtraError when it is not there."""
    try:
        return importlib.import_module("confluent_kafka")
    except ImportError as error:
        cause = "" if importlib.util.find_spec("confluent_kafka") is None else str(error)
        raise MissingExtraError(f"Kafka pool '{code}'", "confluent_kafka", "fluxaorm[kafka]", cause) from None
