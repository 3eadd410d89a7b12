"""What generated packages do on real databases: the golden ones, as committed, in both shells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any, TypeAlias
from uuid import UUID

import pytest

import fluxaorm as fx
from fluxaorm.errors import EntityNotFoundError, FieldValueError, MissingValueError
from tests.golden.cases import Case
from tests.golden.enums import expected as enums
from tests.golden.enums.definition import Colour, Outer
from tests.golden.groups import expected as groups
from tests.golden.groups.definition import Address, Country, Dimensions
from tests.golden.json_values import expected as json_values
from tests.golden.json_values.definition import Point, Route
from tests.golden.names import expected as names
from tests.golden.references import expected as references
from tests.golden.scalars import expected as scalars
from tests.support.shells import Shell

Open: TypeAlias = Callable[[str], "World"]


class World:
    """An engine of one golden case, and the shell to use it in."""

    def __init__(self, engine: fx.Engine, shell: Shell) -> None:
        self.engine, self.shell, self.do = engine, shell, shell.do
        self.ctx: Any = shell.context(engine)

    def flush(self) -> None:
        """Write what is pending, and go on in a fresh context."""
        self.do(self.ctx.flush())
        self.ctx = self.shell.context(self.engine)


@pytest.fixture
def open_case(database_url: str, shell: Shell) -> Iterator[Open]:
    """Opens an engine of a golden case on this test's database."""
    engines: list[fx.Engine] = []

    def open_(name: str) -> World:
        registry = fx.Registry()
        registry.register_mysql(database_url)
        registry.register_entity(*Case(name).entities())
        engines.append(registry.validate())
        with engines[-1].new_context() as ctx:
            for alter in fx.get_alters(ctx):
                alter.exec(ctx)
        return World(engines[-1], shell)

    yield open_
    for engine in engines:
        shell.close(engine)


VALUES: dict[str, Any] = {
    "tiny": -128,
    "small": -32768,
    "medium": -8388608,
    "plain": 2**31 - 1,
    "big": -(2**63),
    "any_int": 2**63 - 1,
    "utiny": 255,
    "usmall": 65535,
    "umedium": 16777215,
    "uplain": 2**32 - 1,
    "ubig": 2**64 - 1,
    "ratio": 0.1,
    "share": 1e300,
    "half": 0.5,
    "price": Decimal("-12345678.90"),
    "active": True,
    "name": "Zoë 'quoted' \\ 日本",
    "code": "x",
    "body": "long " * 1000,
    "small_blob": bytes(range(256)),
    "large_blob": b"",
    "day": date(2024, 2, 29),
    "moment": datetime(2024, 2, 29, 12, 30, 59, tzinfo=UTC),
    "exact": datetime(2024, 2, 29, 12, 30, 59, 123456, tzinfo=UTC),
    "opens": time(23, 59, 59),
    "took": timedelta(hours=-838, minutes=-59),
    "key": UUID(int=2**127 + 1),
    "v4": IPv4Address("192.168.1.2"),
    "v6": IPv6Address("2001:db8::1"),
}


def test_every_kind_of_value_reads_as_it_was_written(open_case: Open) -> None:
    """The first read of a property decodes what the database gave; the second gives what the first decoded."""
    world = open_case("scalars")
    provider = scalars.RequiredEntityProvider
    id = world.do(provider.new(world.ctx, **VALUES)).id
    world.flush()

    read = world.do(provider.must_get_by_id(world.ctx, id))

    first, second = ({name: getattr(read, name) for name in VALUES} for _ in range(2))
    assert (VALUES, VALUES) == (first, second)
    types = {name: type(value) for name, value in VALUES.items()}
    assert types == {name: type(value) for name, value in first.items()}


def test_every_kind_of_value_can_be_none(open_case: Open) -> None:
    """NULL reads as None and None is written as NULL."""
    world = open_case("scalars")
    provider = scalars.NullableEntityProvider
    columns = [column.attribute for column in Case("scalars").schemas()["NullableEntity"].columns[1:]]
    id = world.do(provider.new(world.ctx, **dict.fromkeys(columns))).id
    given = {name: VALUES[name] for name in columns if name in VALUES} | {"number": 1, "price": 2, "blob": b"3"}
    full = world.do(provider.new(world.ctx, **given)).id
    world.flush()

    for name in columns:
        setattr(world.do(provider.must_get_by_id(world.ctx, full)), name, None)
    kept = world.do(provider.must_get_by_id(world.ctx, full))
    world.flush()

    found = [world.do(provider.must_get_by_id(world.ctx, each)) for each in (id, full)]
    assert [[None] * len(columns)] * 2 == [[getattr(entity, name) for name in columns] for entity in found]
    assert kept is not found[1]


def test_a_value_that_was_not_given_cannot_be_read(open_case: Open) -> None:
    """A new entity has no value where the definition has no default; a guess would be written."""
    world = open_case("scalars")
    made = world.do(scalars.RequiredEntityProvider.new(world.ctx, name="a"))

    with pytest.raises(MissingValueError, match="price"):
        _ = made.price

    made.delete()


def test_references_lead_in_circles(open_case: Open) -> None:
    """To itself and back from another entity, by entity and by id."""
    world = open_case("references")
    people, companies = references.PersonEntityProvider, references.CompanyEntityProvider
    office = world.do(references.OfficeEntityProvider.new(world.ctx))
    boss = world.do(people.new(world.ctx))
    company = world.do(companies.new(world.ctx, owner=boss, main=office, name="a", offices=[office]))
    boss.set(employer=company)
    child = world.do(people.new(world.ctx, parent_id=boss.id, employer=company.id))
    world.flush()

    read = world.do(people.must_get_by_id(world.ctx, child.id))
    parent = world.do(read.must_get_parent(world.ctx))
    employer = world.do(read.get_employer(world.ctx))

    assert (boss.id, company.id) == (read.parent_id, read.employer_id)
    assert parent is world.do(employer.must_get_owner(world.ctx))
    assert employer is world.do(parent.get_employer(world.ctx))
    assert (None, None) == (parent.parent_id, world.do(parent.get_parent(world.ctx)))
    assert (office.id, None) == (employer.offices_1_id, world.do(employer.get_offices_2(world.ctx)))
    with pytest.raises(EntityNotFoundError):
        world.do(parent.must_get_parent(world.ctx))


def test_many_references_are_loaded_in_order(open_case: Open) -> None:
    """A column of ids gives its entities in the order of the ids, the missing ones left out."""
    world = open_case("references")
    people, companies = references.PersonEntityProvider, references.CompanyEntityProvider
    office = world.do(references.OfficeEntityProvider.new(world.ctx))
    company = world.do(companies.new(world.ctx, main=office, name="a"))
    first, second, third = (world.do(people.new(world.ctx, employer=company)) for _ in range(3))
    third.friends_ids = [second, first.id, 4_000_000]
    world.flush()

    read = world.do(people.must_get_by_id(world.ctx, third.id))
    friends = world.do(read.get_friends(world.ctx))

    assert [second.id, first.id, 4_000_000] == read.friends_ids
    assert [second.id, first.id] == [friend.id for friend in friends]
    assert [] == world.do(friends[0].get_friends(world.ctx))
    assert [] == world.do(world.do(companies.must_get_by_id(world.ctx, company.id)).get_tags(world.ctx))


def test_references_of_many_entities_are_loaded_at_once(open_case: Open) -> None:
    """``load_`` is what keeps a loop from asking once a row."""
    world = open_case("references")
    people, companies = references.PersonEntityProvider, references.CompanyEntityProvider
    office = world.do(references.OfficeEntityProvider.new(world.ctx))
    employers = [world.do(companies.new(world.ctx, main=office, name=name)) for name in ("a", "b")]
    ids = [world.do(people.new(world.ctx, employer=employers[n % 2])).id for n in range(5)]
    world.flush()
    entries: list[Any] = []
    world.ctx.register_query_logger(lambda ctx, entry: entries.append(entry))
    staff = world.do(people.get_by_ids(world.ctx, *ids))

    loaded = world.do(people.load_employer(world.ctx, staff))
    each = [world.do(person.must_get_employer(world.ctx)) for person in staff]

    assert ({"a", "b"}, ["a", "b", "a", "b", "a"]) == ({one.name for one in loaded}, [one.name for one in each])
    assert 2 == len(entries)


def test_an_entity_of_another_kind_is_refused(open_case: Open) -> None:
    """An id has no type; an entity has one."""
    world = open_case("references")
    tag = world.do(references.TagEntityProvider.new(world.ctx))

    with pytest.raises(FieldValueError, match=r"PersonEntity\.employer_id: .* is a TagEntity, not a CompanyEntity"):
        world.do(references.PersonEntityProvider.new(world.ctx, employer=tag))


def test_embedded_values_and_lists_are_several_columns(open_case: Open) -> None:
    """Read and written whole or column by column."""
    world = open_case("groups")
    shelf = world.do(groups.ShelfEntityProvider.new(world.ctx))
    sender = Address(street="Main", country=Country(code="pl", continent="asia"))
    made = world.do(groups.BoxEntityProvider.new(world.ctx, label="a", sender=sender, kinds=["wet"], notes=["x", "y"]))
    made.set(shelves=[None, shelf], width=3, stops=[Dimensions(width=1), Dimensions(width=2, height=5)])
    world.flush()

    read = world.do(groups.BoxEntityProvider.must_get_by_id(world.ctx, made.id))
    read.sender = Address(street="Side", country=read.sender.country)
    read.stops_1_height = 9

    assert (Address(street="Side", country=sender.country), "pl") == (read.sender, read.sender_country_code)
    assert (("x", "y"), ("wet", None), (None, shelf.id)) == (read.notes, read.kinds, read.shelves)
    assert (Dimensions(width=3), 3) == (read.size, read.width)
    assert (Dimensions(width=1, height=9), Dimensions(width=2, height=5)) == read.stops
    assert {"sender_street", "stops_1_height"} == read.changes().keys()
    world.flush()


def test_enums_take_texts_and_members_and_give_members(open_case: Open) -> None:
    """Generated ones and the user's own."""
    world = open_case("enums")
    made = world.do(enums.CarEntityProvider.new(world.ctx, status="active", extras=["roof", "radio"], gone=["a"]))
    made.set(colour=Colour.DARK_BLUE, colours=[Colour.RED], sizes={Outer.Size.LARGE}, priority=enums.Priority.HIGH)
    odd = world.do(enums.TaskEntityProvider.new(world.ctx, odd='say "hi"'))
    world.flush()

    read = world.do(enums.CarEntityProvider.must_get_by_id(world.ctx, made.id))
    task = world.do(enums.TaskEntityProvider.must_get_by_id(world.ctx, odd.id))

    assert (enums.CarStatus.ACTIVE, Colour.DARK_BLUE, None) == (read.status, read.colour, read.mood)
    assert {enums.CarExtras.RADIO, enums.CarExtras.ROOF} == read.extras
    assert [enums.CarStatus, enums.CarExtras, Colour, Outer.Size] == [
        type(value) for value in (read.status, min(read.extras), read.colour, min(read.sizes))
    ]
    assert ({Colour.RED}, {enums.CarGone.A}) == (read.colours, read.gone)
    assert (enums.Priority.HIGH, enums.Priority.LOW) == (read.priority, task.priority)
    assert 'say "hi"' == task.odd
    with pytest.raises(FieldValueError, match=r"CarEntity\.status: 'broken': must be one of draft, active, archived"):
        read.status = "broken"


def test_json_values_have_their_type_and_may_change_in_place(open_case: Open) -> None:
    """The flush notices what no setter saw."""
    world = open_case("json_values")
    provider = json_values.MapEntityProvider
    values: Any = {"points": [Point(1, 2)], "route": Route([Point(3, 4)]), "anything": {"a": [1, None]}, "side": {}}
    id = world.do(provider.new(world.ctx, mixed={"a": [1, "b"]}, **values)).id
    world.flush()

    read = world.do(provider.must_get_by_id(world.ctx, id))
    read.points[0].x = 5
    read.attributes["b"] = "c"
    world.flush()

    again = world.do(provider.must_get_by_id(world.ctx, id))
    assert ([Point(5, 2)], {"b": "c"}) == (again.points, again.attributes)
    assert (Route([Point(3, 4)]), {"a": [1, None]}, None) == (again.route, again.anything, again.options)


def test_fields_with_the_names_of_types_work(open_case: Open) -> None:
    """Whatever the fields hide in the generated class, their values come and go."""
    world = open_case("names")
    columns = Case("names").schemas()["AnyEntity"].columns[1:]
    numbers: Any = {column.field: 7 for column in columns if column.kind == "uint"}
    others = {"int": "i", "str": b"s", "bool": 0.5, "float": True, "Decimal": Decimal("1.50"), "IntField": "f"}
    days: Any = {"date": datetime(2024, 1, 1, tzinfo=UTC), "datetime": date(2024, 1, 2)}
    sets: Any = {"type": {"a": [1]}, "list": "int", "dict": ["str"], "Shade": "dark", "tuple": [1], "Place_city": "c"}
    values = {**numbers, **others, **days, **sets}
    for name in ("tuple_1", "tuple_2"):
        del values[name]
    id = world.do(names.AnyEntityProvider.new(world.ctx, Class=None, **values)).id
    world.flush()

    read: Any = world.do(names.AnyEntityProvider.must_get_by_value_int_date(world.ctx, 7, "i", days["date"]))

    assert id == read.id
    expected = {**values, "dict": {"str"}, "tuple": (1, None), "Class_id": None}
    assert expected == {name: getattr(read, name) for name in expected}
