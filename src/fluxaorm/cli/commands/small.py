"""``fluxaorm config-schema`` and ``fluxaorm version``: what needs no application."""

from __future__ import annotations

import json as json_module
import platform

import fluxaorm
from fluxaorm.config import config_schema


def print_config_schema() -> None:
    """The JSON Schema of the YAML on stdout."""
    print(json_module.dumps(config_schema(), indent=2))


def print_version(*, json: bool) -> None:
    """The library's version on stdout; as JSON with Python's."""
    if json:
        print(json_module.dumps({"fluxaorm": fluxaorm.__version__, "python": platform.python_version()}))
    else:
        print(f"fluxaorm {fluxaorm.__version__}")
