"""Every type on real servers, by every way in and out: what was set is what comes back, and what a filter finds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack.state import StackState
from fluxaorm.pools.mysql.asyncmy import PREPARED_AFTER
from fluxaorm.query.conditions import Condition
from fluxaorm.query.field_base import OrderedField
from fluxaorm.query.query import Query
from tests.support.kind_entities import FIELDS, GROUPS, KINDS, Subject, attribute, groups_subject, kinds_subject
from tests.support.value_paths import (
    PATHS,
    WRITERS,
    ValuePath,
    database_at,
    insert,
    open_path,
    readings,
    redis_at,
    selected,
)
from tests.unit.entity.cases import TargetEntity, same

pytestmark = pytest.mark.slow
COMPARED = [name for name, case in FIELDS.items() if case.kind not in ("json", "references")]
"""Fields whose values the servers compare."""
each_writer = pytest.mark.parametrize("writer", WRITERS)


@pytest.fixture(scope="module", params=PATHS, ids="-".join)
def path(
    request: pytest.FixtureRequest, stack: StackState, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ValuePath]:
    """Every driver on every server; the tables are made once."""
    server, driver = request.param
    directory: Path = tmp_path_factory.mktemp("values")
    with (
        redis_at(stack) as redis,
        database_at(server, stack, directory) as url,
        open_path(url, server, driver, redis, (*KINDS, *GROUPS, TargetEntity)) as opened,
    ):
        yield opened


@each_writer
@pytest.mark.parametrize("entity", KINDS, ids=lambda entity: entity.__name__)
def test_every_value_comes_back_as_it_was_set(path: ValuePath, entity: type[Any], writer: str) -> None:
    """From the session that set it, the database in both protocols, Redis, the local cache, and searches."""
    subject, provider = kinds_subject(), path.provider(entity)

    entities = WRITERS[writer](path, provider, subject.rows, subject.starts)

    for reader, found in readings(path, provider, entities, [attribute(name) for name in FIELDS]):
        _assert_same(subject, reader, found)
    found = selected(path, provider, entities, list(FIELDS))
    _assert_same(subject, "select", [{attribute(name): row[name] for name in FIELDS} for row in found])


@each_writer
@pytest.mark.parametrize("entity", GROUPS, ids=lambda entity: entity.__name__)
def test_every_group_comes_back_as_it_was_set(path: ValuePath, entity: type[Any], writer: str) -> None:
    """Embedded values, nested and with prefixes, lists, and the references in them are columns like others."""
    subject, provider = groups_subject(), path.provider(entity)

    entities = WRITERS[writer](path, provider, subject.rows, subject.starts)

    for reader, found in readings(path, provider, entities, list(subject.rows[0])):
        assert subject.expected == found, reader


def test_a_value_finds_its_row(path: ValuePath) -> None:
    """What was set is a parameter like any other: equality and order find exactly the rows that hold it."""
    subject, provider = kinds_subject(), path.provider(KINDS[0])
    ids = [entity.id for entity in insert(path, provider, subject.rows, ())]
    ctx, fields = path.context(), provider.fields

    for name in COMPARED * (PREPARED_AFTER + 1 if path.driver == "asyncmy" else 1):
        case, held = FIELDS[name], [row[attribute(name)] for row in subject.expected]
        for _, value, _ in case.taken:
            holders = {id for id, other in zip(ids, held, strict=True) if same(value, other)}
            for condition in _conditions(getattr(fields, name), value):
                within = Query().filter(condition, fields.id >= ids[0], fields.id <= ids[-1])
                found = set(path.do(provider.search_ids(ctx, within)))
                # texts that the collation takes for the same are found too
                assert holders == (found & holders if case.kind == "str" else found), (case.name, value)


def _conditions(field: Any, value: Any) -> list[Condition]:
    equal = [field == value, field.is_in([value])]
    return [*equal, field.between(value, value)] if isinstance(field, OrderedField) else equal


def test_nothing_is_found_by_null_but_null(path: ValuePath) -> None:
    """NULL is neither empty nor zero."""
    subject, provider = kinds_subject(), path.provider(KINDS[0])
    ids = [entity.id for entity in insert(path, provider, subject.rows, ())]
    ctx, fields = path.context(), provider.fields

    for name in FIELDS:
        within = Query().filter(getattr(fields, name).is_null(), fields.id >= ids[0], fields.id <= ids[-1])
        assert [ids[-1]] == path.do(provider.search_ids(ctx, within)), FIELDS[name].name


@pytest.mark.parametrize("path", [path for path in PATHS if path[1] == "asyncmy"], indirect=True, ids="-".join)
def test_statements_on_asyncio_were_prepared(path: ValuePath) -> None:
    """The tests above are about both protocols only while look-ups become prepared statements."""
    provider = path.provider(KINDS[0])
    entities = insert(path, provider, [{}], ())

    before = path.prepared_runs()
    for _ in range(6):
        path.do(provider.get_by_id(path.context(), entities[0].id))

    assert path.prepared_runs() - before >= 3


def _assert_same(subject: Subject, reader: str, found: list[dict[str, Any]]) -> None:
    assert len(subject.expected) == len(found), reader
    for at, (expected, row) in enumerate(zip(subject.expected, found, strict=True)):
        for name, case in FIELDS.items():
            value, read = expected[attribute(name)], row[attribute(name)]
            generated = case.kind in ("enum", "set") and value == read
            assert value is read or generated or same(value, read), (reader, case.name, at, value, read)
