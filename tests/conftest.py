"""Where the fixtures come from: one module of `tests/support` for each concern; this file decides nothing.

Unit tests start no server: every fixture that needs one asks for it when it is first used.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.support.fixed_examples import forget_local_constants

pytest_plugins = [
    "tests.support.passwords",
    "tests.support.command_line",
    "tests.support.session_stack",
    "tests.support.sql_servers",
    "tests.support.redis_servers",
    "tests.support.private_servers",
    "tests.support.kafka_brokers",
    "tests.support.small_disks",
    "tests.support.network",
    "tests.support.raw_stores",
    "tests.support.shells",
    "tests.support.kafka_engines",
    "tests.support.shop_engines",
    "tests.support.driven_pools",
    "tests.support.fragile",
    "tests.support.cached",
    "tests.support.measured",
    "tests.support.flush_records",
    "tests.support.async_apps",
]

# A run that draws new cases each time would one day fail a change that did not cause it;
# `HYPOTHESIS_PROFILE=search` looks for new ones.
# How long a case takes is the machine's affair: a busy one would fail cases that are right.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", _PATIENT, derandomize=True)
settings.register_profile("search", _PATIENT, max_examples=2_000)
_PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "repeatable")
settings.load_profile(_PROFILE)
if _PROFILE == "repeatable":
    forget_local_constants()
