"""The documentation is run: every block of code in an empty directory, and what it prints is what the page shows.

With FLUXA_WRITE_DOCS=1 in the environment, what it prints is written into the pages instead; then look at the diff.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fluxaorm.plans.cache.protocol import AFTER, LIFETIME_MS, Held, Step
from tests.support.kafka_brokers import StartKafka
from tests.support.pages import REPOSITORY, Page, read_page, run_page, write_page
from tests.support.redis_servers import RedisServer
from tests.support.sql_servers import Database

DOCS = REPOSITORY / "docs"
PAGES = [read_page(REPOSITORY / "README.md"), *map(read_page, sorted(DOCS.rglob("*.md")))]
EMBEDDED = [page for page in PAGES if not page.servers]
ON_SERVERS = [page for page in PAGES if page.servers]


def _problems(page: Page, directory: Path, servers: Mapping[str, str]) -> str:
    """What is wrong with a page; empty: nothing."""
    if os.environ.get("FLUXA_WRITE_DOCS"):
        write_page(page, directory, servers)
        return ""
    return "\n".join(run_page(page, directory, servers))


@pytest.fixture
def servers(
    mysql_database: Database, valkey: RedisServer, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], str]]:
    """An empty database, a Redis server and brokers for the addresses that a page writes.

    What it puts into Redis goes with it. Brokers are its own: a page has the names in Kafka that users have.
    """

    def server(written: str) -> str:
        if written.startswith("mysql://"):
            return mysql_database.url
        if written.endswith(":9092"):
            return _settled_broker(request.getfixturevalue("private_kafka"))
        return valkey.host_port

    yield server
    # the namespace of an engine's keys is the name of its database
    replace(valkey, namespace=mysql_database.name).clean()


def _settled_broker(start: StartKafka) -> str:
    """A broker of the page's own that has numbered a producer before: the first is told to try again, and logs it."""
    from confluent_kafka import Producer

    kafka = start(1)
    first = Producer({"bootstrap.servers": kafka.bootstrap, "enable.idempotence": True, "log_level": "0"})
    first.produce(kafka.topic("first"), b"")
    assert 0 == first.flush(30.0)
    return kafka.bootstrap


@pytest.mark.parametrize("page", EMBEDDED, ids=lambda page: str(page.name))
def test_a_page_does_what_it_says(page: Page, tmp_path: Path) -> None:
    """Readers copy code and believe the output; both are wrong as soon as nobody looks."""
    problems = _problems(page, tmp_path, {})

    assert not problems, problems


@pytest.mark.parametrize("page", ON_SERVERS, ids=lambda page: str(page.name))
def test_a_page_on_servers_does_what_it_says(page: Page, tmp_path: Path, servers: Callable[[str], str]) -> None:
    """What a page tells of MySQL is true on MySQL and on MariaDB."""
    used = {written: servers(written) for written in page.servers}

    problems = _problems(page, tmp_path, used)

    assert not problems, problems


def test_every_page_is_in_the_navigation() -> None:
    """A page that no menu leads to is read by nobody."""
    settings = tomllib.loads((REPOSITORY / "zensical.toml").read_text("utf-8"))

    assert sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")) == sorted(
        _paths(settings["project"]["nav"])
    )


def _paths(entry: object) -> Iterator[str]:
    """The pages under an entry of the navigation."""
    if isinstance(entry, str):
        yield entry
    for below in entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ():
        yield from _paths(below)


def _protocol() -> str:
    """The table of the protocol in Markdown."""
    rows = [
        ["the key holds", *(step.value for step in Step), "ends by itself"],
        ["---"] * (len(Step) + 2),
        *(
            [
                held.value,
                *("·" if (after := AFTER[held][step]) is held else after.value for step in Step),
                f"after {LIFETIME_MS[held] // 1000} s" if held in LIFETIME_MS else _OTHERWISE[held],
            ]
            for held in Held
        ),
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


_OTHERWISE = {Held.NOTHING: "", Held.VALUE: "after the entity's `ttl`"}


def test_the_table_of_the_protocol_is_the_codes() -> None:
    """A table that is copied by hand is right until the protocol changes."""
    page = (DOCS / "how-it-works" / "coherent-caches.md").read_text("utf-8")

    shown = page.partition("<!-- table: the protocol -->\n")[2].partition("<!-- end -->")[0]

    assert _protocol() == shown


def test_every_extra_is_on_the_page_about_installing() -> None:
    """What can be installed is looked for there."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    page = (DOCS / "installing.md").read_text("utf-8")

    missing = [name for name in project["optional-dependencies"] if f"| `{name}` |" not in page]

    assert ["dev"] == missing
