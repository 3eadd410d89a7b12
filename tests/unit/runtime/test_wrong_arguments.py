"""Plausible slips in calls of generated code and of contexts: each is told in our words, at the call that made it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Embedded, Engine, Entity, Field, Query, Reference, References, Registry, UInt64
from tests.support.insides import entity_class_of, pending
from tests.support.shells import Shell


class AuthorEntity(Entity):
    """Is referred to."""

    id: UInt64
    name: str = Field(unique=True, length=100)


class BookEntity(Entity):
    """Refers to others; its first column is a number, as ids are."""

    id: UInt64
    pages: UInt64 = 0
    author: Reference[AuthorEntity] | None = None
    others: References[AuthorEntity] = Field(default_factory=list)


class Address(Embedded):
    """Several columns under one name."""

    street: str = ""
    city: str = ""


class ReaderEntity(Entity, soft_delete=True):
    """What the library sets, and what several names stand for."""

    id: UInt64
    favourite: Reference[AuthorEntity] | None = None
    home: Address
    version: UInt64 = Field(version=True)


class ShelfEntity(Entity):
    """Has a number where a book has its author."""

    id: UInt64
    width: UInt64 = 0
    books: UInt64 = 0


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine that is connected to nothing: what is refused asks no server."""
    registry = Registry()
    registry.register_mysql("root@/app")
    registry.register_entity(AuthorEntity, BookEntity, ReaderEntity, ShelfEntity)
    with registry.validate(connect=False) as made:
        yield made


def _provider(engine: Engine, definition: type[Entity]) -> Any:
    """Without its types: what a user does without a type checker."""
    return engine.provider(definition)


NO_CONTEXT: dict[str, Callable[[Any, Any], Any]] = {
    "get_by_id": lambda authors, given: authors.get_by_id(given, 1),
    "must_get_by_id": lambda authors, given: authors.must_get_by_id(given, 1),
    "get_by_ids": lambda authors, given: authors.get_by_ids(given, 1, 2),
    "get_all": lambda authors, given: authors.get_all(given),
    "get_by_name": lambda authors, given: authors.get_by_name(given, "ann"),
    "must_get_by_name": lambda authors, given: authors.must_get_by_name(given, "ann"),
    "new": lambda authors, given: authors.new(given, name="ann"),
    "new_with_id": lambda authors, given: authors.new_with_id(given, 1, name="ann"),
    "new_many": lambda authors, given: authors.new_many(given, 2),
    "save_many": lambda authors, given: authors.save_many(given, [{"name": "ann"}]),
    "get_or_create": lambda authors, given: authors.get_or_create(given, {"name": "ann"}),
    "update_where": lambda authors, given: authors.update_where(given, Query(), name="ann"),
    "delete_where": lambda authors, given: authors.delete_where(given, Query()),
    "search_many": lambda authors, given: authors.search_many(given),
    "search_many_with_total": lambda authors, given: authors.search_many_with_total(given),
    "search_one": lambda authors, given: authors.search_one(given),
    "search_ids": lambda authors, given: authors.search_ids(given),
    "search_ids_with_total": lambda authors, given: authors.search_ids_with_total(given),
    "count": lambda authors, given: authors.count(given),
    "exists": lambda authors, given: authors.exists(given),
    "select": lambda authors, given: authors.select(given, Query(), authors.fields.name),
    "aggregate": lambda authors, given: authors.aggregate(given, Query(), number=fx.count()),
    "iterate": lambda authors, given: authors.iterate(given),
    "from_sql": lambda authors, given: authors.from_sql(given, "SELECT * FROM AuthorEntity"),
    "invalidate": lambda authors, given: authors.invalidate(given, 1),
    "clear_redis_cache": lambda authors, given: authors.clear_redis_cache(given),
}


@pytest.mark.parametrize("call", NO_CONTEXT.values(), ids=NO_CONTEXT)
def test_a_provider_says_that_a_context_is_wanted(engine: Engine, call: Callable[[Any, Any], Any]) -> None:
    """Whoever forgets the context sees an attribute that nobody has heard of otherwise."""
    authors = _provider(engine, AuthorEntity)

    for given, shown in ((engine, "an Engine"), (None, "None"), (Query(), "a Query"), (authors, "an _AuthorProvider")):
        with pytest.raises(fx.ContextMisuseError) as caught:
            call(authors, given)

        assert str(caught.value) == (
            "AuthorEntity takes a context first, as engine.new_context() or engine.new_async_context() makes it, "
            f"not {shown}"
        )
        assert caught.value.__suppress_context__


def test_the_providers_calls_are_all_there() -> None:
    """A call that is added later is to be told too."""
    methods = {name for name in dir(_provider_class()) if not name.startswith(("_", "on_", "load_"))}

    assert {"entity_name", "fields", "table_name"} == (methods - NO_CONTEXT.keys())


def _provider_class() -> Any:
    registry = Registry()
    registry.register_mysql("root@/app")
    registry.register_entity(AuthorEntity)
    with registry.validate(connect=False) as engine:
        found: Any = type(_provider(engine, AuthorEntity))
        return found


@pytest.mark.parametrize("method", ["get_author", "must_get_author", "get_others"])
@pytest.mark.parametrize("is_set", [False, True])
def test_an_entity_says_that_a_context_is_wanted(engine: Engine, method: str, is_set: bool) -> None:
    """An engine looks much the same, and nothing is asked of a server when there is no reference."""
    ctx = engine.new_context()
    book = _provider(engine, BookEntity).new_with_id(ctx, 1, author=7 if is_set else None)
    wanted = fx.EntityNotFoundError if method == "must_get_author" and not is_set else fx.ContextMisuseError

    for given in (engine, None):
        with pytest.raises(wanted):
            getattr(book, method)(given)
    ctx.clear_flush()


def _stored(engine: Engine, shell: Shell) -> tuple[Any, dict[str, Any]]:
    """A context, and an entity of each kind."""
    ctx = shell.context(engine)
    made = [
        shell.do(_provider(engine, AuthorEntity).new_with_id(ctx, 1, name="ann")),
        shell.do(_provider(engine, BookEntity).new_with_id(ctx, 2, pages=3, author=1)),
        shell.do(_provider(engine, ShelfEntity).new_with_id(ctx, 3, width=4, books=5)),
    ]
    return ctx, {type(entity).__name__: entity for entity in made}


def test_a_load_takes_entities_of_its_own_class(engine: Engine, shell: Shell) -> None:
    """Another class has something else in that column: it would be taken for an id."""
    ctx, made = _stored(engine, shell)
    books = _provider(engine, BookEntity)
    author, book, shelf = made.values()
    load = "BookEntity: load_author()"

    for given, text in (
        ([book, shelf], f"{load} takes BookEntity alone, not a ShelfEntity"),
        ([author], f"{load} takes BookEntity alone, not an AuthorEntity"),
        ([None], f"{load} takes entities, not None"),
        (["abc"], f"{load} takes entities, not a str"),
        ([BookEntity], f"{load} takes entities, not the class BookEntity"),
        ([[book]], f"{load} takes entities, not a list; give several one by one: *entities"),
        (book, f"{load} takes several BookEntity, as a list, not a BookEntity"),
        (None, f"{load} takes several BookEntity, as a list, not None"),
        ("abc", f"{load} takes several BookEntity, as a list, not a str"),
    ):
        with pytest.raises(fx.QueryError) as caught:
            shell.do(books.load_author(ctx, given))
        assert text == str(caught.value)

    with pytest.raises(fx.QueryError, match=r"BookEntity: load_others\(\) takes BookEntity alone, not a ShelfEntity"):
        shell.do(books.load_others(ctx, [shelf]))
    with pytest.raises(fx.ContextMisuseError):
        books.load_author(engine, [book])
    assert [] == shell.do(books.load_author(ctx, []))


@pytest.mark.parametrize("method", ["flush", "reload", "track"])
def test_what_takes_entities_says_so(engine: Engine, shell: Shell, method: str) -> None:
    """A list in the place of several arguments is the natural slip; nothing is written or forgotten."""
    ctx, made = _stored(engine, shell)
    author = made["AuthorEntity"]

    slips: list[tuple[Any, str]] = [
        ([author], "a list; give several one by one: *entities"),
        ((author,), "a tuple; give several one by one: *entities"),
        (None, "None"),
        ("x", "a str"),
        (type(author), "the class AuthorEntity"),
    ]
    for given, shown in slips:
        with pytest.raises(fx.QueryError) as caught:
            shell.do(getattr(ctx, method)(given))

        assert f"{method}() takes entities, not {shown}" == str(caught.value)
    assert author.is_new
    assert author.is_dirty


def test_a_look_up_names_the_keyword_that_it_does_not_take(engine: Engine, shell: Shell) -> None:
    """The name of a function of ours says nothing to a user."""
    ctx = shell.context(engine)
    authors = _provider(engine, AuthorEntity)

    for look_up in (authors.get_by_name, authors.must_get_by_name):
        with pytest.raises(fx.QueryError) as caught:
            look_up(ctx, "ann", foo=1, for_update=True)
        assert "AuthorEntity: a look-up takes for_update and include_deleted, not foo" == str(caught.value)


def test_bulk_calls_say_what_they_take(engine: Engine, shell: Shell) -> None:
    """None is what a forgotten return gives."""
    ctx = shell.context(engine)
    authors = _provider(engine, AuthorEntity)

    calls: list[tuple[Callable[[], Any], str]] = [
        (lambda: authors.save_many(ctx, None), "AuthorEntity: save_many() takes a list of rows, not None"),
        (lambda: authors.save_many(ctx, "ab"), "AuthorEntity: save_many() takes a list of rows, not a str"),
        (lambda: authors.save_many(ctx, 3), "AuthorEntity: save_many() takes a list of rows, not an int"),
        (
            lambda: authors.get_or_create(ctx, None),
            "AuthorEntity: get_or_create() takes the fields of a unique index as a dict, not None",
        ),
        (
            lambda: authors.get_or_create(ctx, "ann"),
            "AuthorEntity: get_or_create() takes the fields of a unique index as a dict, not a str",
        ),
    ]
    for call, text in calls:
        with pytest.raises(fx.QueryError) as caught:
            shell.do(call())
        assert text == str(caught.value)


def test_handlers_are_functions_and_belong_to_an_engine(engine: Engine) -> None:
    """Otherwise the first flush fails, far from the line with the mistake."""
    authors = _provider(engine, AuthorEntity)
    other = engine.new_async_context()
    events = [name for name in dir(authors) if name.startswith("on_")]

    for event in events:
        for given, handler, text in (
            (None, print, "an engine is wanted first, not None"),
            (other, print, "an engine is wanted first, not an AsyncContext"),
            (engine, None, "a handler is a function, not None"),
            (engine, "print", "a handler is a function, not a str"),
        ):
            with pytest.raises(fx.RegistryError) as caught:
                getattr(authors, event)(given, handler)
            assert (f"AuthorEntity.{event}: {text}",) == caught.value.problems
    assert 6 == len(events)


def test_a_class_of_entities_makes_none(engine: Engine) -> None:
    """It would have no row, and fail at every use; a definition refuses in the same way."""
    author_class: Any = entity_class_of(_provider(engine, AuthorEntity))

    for arguments in ({}, {"name": "ann"}):
        with pytest.raises(TypeError) as caught:
            author_class(**arguments)
        assert str(caught.value) == (
            "AuthorEntity() would be of no context; make entities with AuthorEntityProvider.new(ctx, ...)"
        )


def test_a_repr_raises_nothing(engine: Engine) -> None:
    """A debugger shows whatever there is, also half an entity."""
    author_class: Any = entity_class_of(_provider(engine, AuthorEntity))

    half = object.__new__(author_class)

    assert "<AuthorEntity that cannot be shown>" == repr(half)


TWICE: dict[str, tuple[dict[str, Any], str]] = {
    "a reference and its id": (
        {"favourite": 1, "favourite_id": 2},
        "ReaderEntity.favourite_id is given twice: favourite is the same column",
    ),
    "None and an id": (
        {"favourite_id": None, "favourite": 2},
        "ReaderEntity.favourite is given twice: favourite_id is the same column",
    ),
    "a group and a member": (
        {"home": Address(street="a"), "home_street": "b"},
        "ReaderEntity.home_street is given twice: home is the same column",
    ),
    "a member and its group": (
        {"home_city": "b", "home": Address(street="a")},
        "ReaderEntity.home is given twice: home_city is the same column",
    ),
}


@pytest.mark.parametrize(("values", "text"), TWICE.values(), ids=TWICE)
def test_a_column_is_given_once(engine: Engine, shell: Shell, values: dict[str, Any], text: str) -> None:
    """The last of two values would win, and nobody would see which."""
    ctx = shell.context(engine)
    readers = _provider(engine, ReaderEntity)
    reader = shell.do(readers.new_with_id(ctx, 1))

    calls: list[Callable[[], Any]] = [
        lambda: reader.set(**values),
        lambda: shell.do(readers.new_with_id(ctx, 2, **values)),
        lambda: shell.do(readers.save_many(ctx, [{"id": 3, **values}])),
        lambda: shell.do(readers.update_where(ctx, Query(), **values)),
    ]
    for call in calls:
        with pytest.raises(fx.UnsettableFieldError) as caught:
            call()
        assert text == str(caught.value).removeprefix("row 0 of save_many(): ")

    assert (None, Address()) == (reader.favourite_id, reader.home)
    assert [reader] == pending(ctx)


@pytest.mark.parametrize("name", ["fake_delete", "version", "id", "nmae"])
def test_what_only_the_library_sets_is_not_set(engine: Engine, shell: Shell, name: str) -> None:
    """Such a value would delete the row, or break what its versions say; the error lists what there is instead."""
    ctx = shell.context(engine)
    readers = _provider(engine, ReaderEntity)
    reader = shell.do(readers.new_with_id(ctx, 1))
    text = (
        f"ReaderEntity.{name} is not a field that can be set; "
        "there are home, favourite, favourite_id, home_street, home_city"
    )

    with pytest.raises(fx.UnsettableFieldError) as caught:
        reader.set(**{name: 5})
    assert text == str(caught.value)
    if name != "id":
        with pytest.raises(fx.UnsettableFieldError) as caught:
            shell.do(readers.new_with_id(ctx, 2, **{name: 5}))
        assert text == str(caught.value)

    assert not reader.is_deleted
    assert [reader] == pending(ctx)


def test_an_error_of_a_row_says_which(engine: Engine, shell: Shell) -> None:
    """A log shows an error's text, and not what hangs on it."""
    ctx = shell.context(engine)
    books = _provider(engine, BookEntity)

    for row, text in (
        ({"pages": -1}, "row 1 of save_many(): BookEntity.pages: -1: must be 0 to 18446744073709551615"),
        ({"id": 0}, "row 1 of save_many(): BookEntity: an id starts at 1, or is negative where its type is signed"),
    ):
        with pytest.raises(fx.FluxaError) as caught:
            shell.do(books.save_many(ctx, [{"pages": 1}, row]))
        assert str(caught.value).startswith(text)


def test_a_reference_of_another_type_is_told_in_english(engine: Engine, shell: Shell) -> None:
    """An article before a vowel is a detail, and the first thing that is read."""
    ctx, made = _stored(engine, shell)

    with pytest.raises(fx.FieldValueError, match=r"is a ShelfEntity, not an AuthorEntity$"):
        made["BookEntity"].author_id = made["ShelfEntity"]
    with pytest.raises(fx.FieldValueError, match=r"must be an Address$"):
        shell.do(_provider(engine, ReaderEntity).new_with_id(ctx, 9, home="a"))


def test_a_closed_context_names_the_method_that_makes_another(engine: Engine, shell: Shell) -> None:
    """The other method gives a context that is of no use there."""
    ctx = shell.context(engine)
    authors = _provider(engine, AuthorEntity)
    _ = ctx.close() if shell.name == "sync" else shell.do(ctx.aclose())
    method = "new_context" if shell.name == "sync" else "new_async_context"

    calls: list[Callable[[], Any]] = [
        lambda: authors.get_by_id(ctx, 1),
        lambda: authors.search_many(ctx),
        lambda: shell.do(ctx.flush()),
    ]
    for call in calls:
        with pytest.raises(fx.ContextClosedError, match=rf"make another with engine\.{method}\(\)$"):
            call()


def test_a_handler_that_raises_stop_iteration_is_named(engine: Engine, shell: Shell) -> None:
    """It comes of a bare next(); in a generator of ours it would be told as an error of the generator."""

    def handler(ctx: Any, book: Any) -> None:
        next(iter(()))

    books = _provider(engine, BookEntity)
    books.on_before_insert(engine, handler)
    ctx = shell.context(engine)
    book = shell.do(books.new_with_id(ctx, 1))

    with pytest.raises(fx.ContextMisuseError, match=r"the handler .*handler.* raised StopIteration") as caught:
        shell.do(ctx.flush())

    assert isinstance(caught.value.__cause__, StopIteration)
    assert book.is_new
