"""A process of one version of an application: increments counters until it is told to stop, and says what it did.

``python rolling_worker.py VERSION DIRECTORY MYSQL REDIS NAMESPACE``: the directory has the definitions as
``VERSION_models.py`` and the generated package ``VERSION_generated``. Each attempt belongs to the phase that the file
``phase`` there names when it starts. Writes a line an attempt: the phase and the counter's id, or ``!`` and the error.
"""

from __future__ import annotations

import importlib
import random
import sys
from pathlib import Path
from typing import Any

import fluxaorm as fx
from fluxaorm.errors import FluxaError, StaleEntityError

COUNTERS = 3


def main(version: str, directory: Path, mysql: str, redis: str, namespace: str) -> None:
    """Run until the phase is ``stop``."""
    sys.path.insert(0, str(directory))
    models = importlib.import_module(f"{version}_models")
    registry = fx.Registry()
    registry.register_mysql(mysql)
    registry.register_redis(redis, 0, options=fx.RedisOptions(namespace=namespace))
    registry.register_entity(models.CounterEntity)
    provider = importlib.import_module(f"{version}_generated").CounterEntityProvider
    with registry.validate() as engine:
        while (phase := (directory / "phase").read_text()) != "stop":
            number = random.randint(1, COUNTERS)
            try:
                _increment(engine, provider, number)
            except FluxaError as error:
                said = str(error).replace("\n", " ")
                _say(f"{phase} ! {type(error).__name__} {said}")
            else:
                _say(f"{phase} {number}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _increment(engine: fx.Engine, provider: Any, number: int) -> None:
    while True:
        with engine.new_context() as ctx:
            counter = provider.must_get_by_id(ctx, number)
            counter.hits = counter.hits + 1
            try:
                ctx.flush()
            except StaleEntityError:
                ctx.clear_flush()
            else:
                return


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
