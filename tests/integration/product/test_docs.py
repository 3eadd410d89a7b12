"""The documentation is run: every block of code in an empty directory, and what it prints is what the page shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.pages import REPOSITORY, Page, read_page, run_page
from tests.support.redis_servers import RedisServer
from tests.support.sql_servers import Database

PAGES = [read_page(REPOSITORY / "README.md"), *map(read_page, sorted((REPOSITORY / "docs").rglob("*.md")))]
EMBEDDED = [page for page in PAGES if not page.servers]
ON_SERVERS = [page for page in PAGES if page.servers]


@pytest.fixture
def servers(mysql_database: Database, valkey: RedisServer) -> Iterator[tuple[str, str]]:
    """An empty database and a Redis server; what a page puts into Redis goes with it."""
    yield mysql_database.url, valkey.host_port
    # the namespace of an engine's keys is the name of its database
    replace(valkey, namespace=mysql_database.name).clean()


@pytest.mark.parametrize("page", EMBEDDED, ids=lambda page: str(page.name))
def test_a_page_does_what_it_says(page: Page, tmp_path: Path) -> None:
    """Readers copy code and believe the output; both are wrong as soon as nobody looks."""
    assert [] == run_page(page, tmp_path)


@pytest.mark.parametrize("page", ON_SERVERS, ids=lambda page: str(page.name))
def test_a_page_on_servers_does_what_it_says(page: Page, tmp_path: Path, servers: tuple[str, str]) -> None:
    """What a page tells of MySQL is true on MySQL and on MariaDB."""
    database, redis = servers

    used = {written: database if written.startswith("mysql://") else redis for written in page.servers}

    assert [] == run_page(page, tmp_path, used)
