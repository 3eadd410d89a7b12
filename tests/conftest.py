"""Where the fixtures come from: one module of `tests/support` for each concern; this file decides nothing.

Unit tests start no server: every fixture that needs one asks for it when it is first used.
"""

from __future__ import annotations

pytest_plugins = [
    "tests.support.session_stack",
    "tests.support.sql_servers",
    "tests.support.redis_servers",
    "tests.support.private_servers",
    "tests.support.network",
    "tests.support.raw_stores",
    "tests.support.shells",
    "tests.support.shop_engines",
    "tests.support.driven_pools",
]
