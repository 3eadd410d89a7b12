"""Shops whose servers are behind proxies that tests may cut and stall.

What it decides: that connections are small in number, so that a test may use them up, and that everything goes on and
is closed at the end.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstack.proxy import Proxy
from tests.support.network import MakeProxy
from tests.support.redis_servers import RedisServer
from tests.support.shells import Shell
from tests.support.shop_engines import Shop, open_engine
from tests.support.sql_servers import Database


class Fragile(Shop):
    """A shop behind proxies; ``database`` is the way past them."""

    mysql: Proxy
    redis: Proxy
    database: Database


@pytest.fixture
def fragile(mysql_database: Database, valkey: RedisServer, proxy_factory: MakeProxy, shell: Shell) -> Iterator[Fragile]:
    """On MySQL and MariaDB, in both shells."""
    mysql, redis = proxy_factory(mysql_database.server.address), proxy_factory(valkey.address)
    url = mysql_database.server.url(mysql_database.name, mysql.port)
    engine = open_engine(url, f"{redis.host}:{redis.port}", valkey.namespace, max_open_connections=5)
    shop = Fragile(engine, shell, url)
    shop.mysql, shop.redis, shop.database = mysql, redis, mysql_database
    yield shop
    mysql.intercept = redis.intercept = None
    for proxy in (mysql, redis):
        proxy.resume()
        proxy.accept()
    shell.close(shop.engine)
