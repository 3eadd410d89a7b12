"""``fluxaorm cache reset``: empties the namespaces of Redis that an application uses, and takes them over."""

from __future__ import annotations

import json as json_module

from fluxaorm.cli.application import find_application
from fluxaorm.engine import Engine
from fluxaorm.plans.cache.identity import take_over_plan
from fluxaorm.registry.build import build_engine


def reset(name: str | None, *, json: bool) -> None:
    """Say what was removed, a line a namespace. Raises RedisError, MySQLError, and what making the engine raises.

    The engine is made here without the question whose the namespaces are: an application that makes its own could not
    even start.
    """
    application = find_application(name)
    if isinstance(application, Engine):
        engine = application
    else:
        engine = build_engine(application.registered, connect=True, whose=False)
    with engine:
        removed = {
            space: engine._core.sync_runner.run(take_over_plan(engine._core, space))
            for space in engine._core.namespaces
        }
    if json:
        found = [{"pool": space.redis_pool, "namespace": space.name, "keys": keys} for space, keys in removed.items()]
        print(json_module.dumps(found))
        return
    for space, keys in removed.items():
        print(f"{space.redis_pool}: {keys} key{'' if keys == 1 else 's'} of namespace '{space.name}' removed")
