"""What users write against generated packages: both checkers accept all of it, with the types asserted."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, assert_type

from fluxaorm import AsyncContext, Change, Context, Engine, Query
from tests.golden.enums.definition import Colour
from tests.golden.enums.expected import CarEntity, CarEntityProvider, Priority
from tests.golden.groups.definition import Address, Country, Dimensions
from tests.golden.groups.expected import BoxEntity, ShelfEntity
from tests.golden.lifecycle.expected import AccountEntity, AccountEntityProvider
from tests.golden.references.expected import CompanyEntity, OfficeEntity, PersonEntity, PersonEntityProvider, TagEntity
from tests.golden.references.expected.person_entity import PersonValues
from tests.golden.scalars.expected import NullableEntityProvider, RequiredEntityProvider
from tests.golden.shop.expected import (
    ALL_PROVIDERS,
    CategoryEntity,
    CategoryEntityProvider,
    OrderEntityProvider,
    ProductEntity,
    ProductEntityProvider,
    ProductStatus,
    ProductTags,
    UserEntity,
)
from tests.golden.shop.expected.product_entity import ProductRow, ProductValues


def look_ups(ctx: Context) -> None:
    """With a Context, results come at once."""
    assert_type(ProductEntityProvider.get_by_id(ctx, 1), ProductEntity | None)
    assert_type(ProductEntityProvider.must_get_by_id(ctx, 1), ProductEntity)
    assert_type(ProductEntityProvider.get_by_name_category(ctx, "a", 1), ProductEntity | None)
    assert_type(ProductEntityProvider.get_by_name_category(ctx, name="a", category=1), ProductEntity | None)
    assert_type(ProductEntityProvider.must_get_by_name_category(ctx, "a", 1), ProductEntity)
    assert_type(CategoryEntityProvider.get_by_name(ctx, "a"), CategoryEntity | None)
    assert_type(ALL_PROVIDERS[0].entity_name, str)


async def awaited_look_ups(ctx: AsyncContext) -> None:
    """With an AsyncContext they are awaited."""
    assert_type(await ProductEntityProvider.get_by_id(ctx, 1), ProductEntity | None)
    assert_type(await ProductEntityProvider.get_by_name_category(ctx, "a", 1), ProductEntity | None)
    assert_type(await ProductEntityProvider.must_get_by_name_category(ctx, "a", category=1), ProductEntity)
    pending: Coroutine[Any, Any, CategoryEntity] = CategoryEntityProvider.must_get_by_name(ctx, "a")
    assert_type(await pending, CategoryEntity)


def new_ones(ctx: Context, category: CategoryEntity, product: ProductEntity, user: UserEntity) -> None:
    """References take an entity or an id, under either name; nothing has to be given at once."""
    made = ProductEntityProvider.new(
        ctx,
        name="a",
        price=1,
        category=category,
        status="draft",
        tags=["sale", ProductTags.NEW],
        aliases=["b", None],
        attributes={"c": "d"},
    )
    assert_type(made, ProductEntity)
    assert_type(ProductEntityProvider.new(ctx), ProductEntity)
    assert_type(ProductEntityProvider.new(ctx, category_id=1), ProductEntity)
    assert_type(ProductEntityProvider.new_with_id(ctx, 1, name="a"), ProductEntity)
    assert_type(ProductEntityProvider.new_with_id(ctx, id=1, name="a"), ProductEntity)
    assert_type(ProductEntityProvider.new_many(ctx, 3), list[ProductEntity])
    assert_type(OrderEntityProvider.new(ctx, user=user, product=product.id, quantity=1).note, str | None)
    assert_type(made.set(name="b", price=Decimal("1.5")), ProductEntity)
    values: ProductValues = {"name": "a"}
    assert_type(ProductEntityProvider.new(ctx, **values), ProductEntity)


async def awaited_new_ones(ctx: AsyncContext) -> None:
    """The same, awaited."""
    made = await ProductEntityProvider.new(ctx, name="a", price=Decimal(1))
    assert_type(made, ProductEntity)
    assert_type(await ProductEntityProvider.new_with_id(ctx, 1, name="a"), ProductEntity)


def properties(product: ProductEntity, user: UserEntity, category: CategoryEntity, account: AccountEntity) -> None:
    """Setters take more than getters give."""
    assert_type(product.id, int)
    assert_type(product.price, Decimal)
    product.price = 3
    product.price = Decimal("3.10")
    assert_type(product.category_id, int)
    product.category_id = category
    product.category_id = 3
    assert_type(product.status, ProductStatus)
    product.status = "active"
    product.status = ProductStatus.DRAFT
    assert_type(product.tags, frozenset[ProductTags])
    product.tags = {"new", "sale"}
    assert_type(product.aliases, tuple[str | None, ...])
    product.aliases = ["a", None]
    assert_type(product.aliases_2, str | None)
    assert_type(product.attributes, dict[str, str])
    assert_type(user.created_at, datetime)
    user.created_at = datetime(2024, 1, 1, tzinfo=UTC)
    user.bio = None
    assert_type(product.changes(), dict[str, Change[Any]])
    assert_type((product.is_new, product.is_dirty, product.is_deleted), tuple[bool, bool, bool])
    product.delete()
    product.force_delete()
    product.restore()
    assert_type(account.version, int)


def groups(box: BoxEntity, shelf: ShelfEntity) -> None:
    """Embedded values and lists."""
    assert_type(box.sender, Address)
    box.sender = Address(street="a", country=Country(code="pl"))
    assert_type(box.sender.country.code, str)
    assert_type(box.sender_country_code, str)
    assert_type(box.size, Dimensions)
    assert_type(box.height, int | None)
    assert_type(box.stops, tuple[Dimensions, ...])
    box.shelves = [shelf, 3, None]
    assert_type(box.shelves_1_id, int | None)


def enums(car: CarEntity, ctx: Context) -> None:
    """The user's own enums are the user's own classes."""
    assert_type(car.colour, Colour)
    car.colour = Colour.RED
    assert_type(car.colours, frozenset[Colour] | None)
    assert_type(car.priority, Priority)
    assert_type(CarEntityProvider.new(ctx, priority="low", colour=Colour.RED, size=car.size), CarEntity)


def references(ctx: Context, person: PersonEntity, company: CompanyEntity) -> None:
    """To itself, in a circle, to many."""
    assert_type(person.get_parent(ctx), PersonEntity | None)
    assert_type(person.must_get_employer(ctx), CompanyEntity)
    assert_type(person.get_friends(ctx), list[PersonEntity])
    assert_type(person.friends_ids, list[int])
    person.friends_ids = [person, 3]
    assert_type(company.get_owner(ctx), PersonEntity | None)
    assert_type(company.get_tags(ctx), list[TagEntity])
    assert_type(company.get_offices_1(ctx), OfficeEntity | None)
    assert_type(PersonEntityProvider.load_employer(ctx, [person]), list[CompanyEntity])
    people: Iterable[PersonEntity] = iter([person])
    assert_type(PersonEntityProvider.load_friends(ctx, people), list[PersonEntity])


async def awaited_references(ctx: AsyncContext, person: PersonEntity) -> None:
    """The same, awaited."""
    assert_type(await person.get_parent(ctx), PersonEntity | None)
    assert_type(await person.must_get_employer(ctx), CompanyEntity)
    assert_type(await person.get_friends(ctx), list[PersonEntity])
    assert_type(await PersonEntityProvider.load_employer(ctx, [person]), list[CompanyEntity])


def queries(ctx: Context, category: CategoryEntity) -> None:
    """Fields have the types of their columns, also behind references."""
    fields = ProductEntityProvider.fields
    query = Query().filter(
        fields.price >= 3,
        fields.status.is_in(["draft", ProductStatus.ACTIVE]),
        fields.tags.has("sale"),
        fields.category == category,
        fields.category.name.starts_with("a"),
        fields.attributes.is_null(),
        PersonEntityProvider.fields.parent.parent.employer.name == "a",
        OrderEntityProvider.fields.product.category.id > 3,
    )
    assert_type(ProductEntityProvider.search_many(ctx, query), list[ProductEntity])
    assert_type(
        ProductEntityProvider.select(ctx, query, fields.price, fields.status), list[tuple[Decimal, ProductStatus]]
    )
    orders = OrderEntityProvider.fields
    assert_type(
        OrderEntityProvider.select(ctx, query, orders.product.name, orders.product.status),
        list[tuple[str | None, ProductStatus | None]],
    )
    assert_type(
        OrderEntityProvider.select(ctx, query, orders.product, orders.product.category, orders.product.category.id),
        list[tuple[int, int | None, int | None]],
    )
    assert_type(AccountEntityProvider.search_one(ctx, Query()), AccountEntity | None)


def wrappers(ctx: Context, values: PersonValues) -> PersonEntity:
    """The keywords of ``new`` have a type of their own."""
    return PersonEntityProvider.new(ctx, **values)


def callbacks(engine: Engine) -> None:
    """Handlers take the entity, or its row and changes; on asyncio they may be coroutine functions."""

    def before(ctx: Context, product: ProductEntity) -> None:
        product.price = 3

    def after(ctx: Context, row: ProductEntity, changes: dict[str, Change[Any]]) -> None:
        assert_type(row.price, Decimal)

    async def awaited(ctx: AsyncContext, row: ProductEntity) -> None:
        assert_type(row.id, int)

    ProductEntityProvider.on_before_insert(engine, before)
    ProductEntityProvider.on_before_update(engine, before)
    ProductEntityProvider.on_after_update(engine, after)
    ProductEntityProvider.on_after_delete(engine, awaited)


def bulk(ctx: Context, category: CategoryEntity) -> None:
    """Rows, values and computed ones have the types of their columns."""
    fields = ProductEntityProvider.fields
    rows: list[ProductRow] = [{"name": "a", "category": category}, {"id": 3, "name": "b", "category_id": 1}]
    assert_type(ProductEntityProvider.save_many(ctx, rows), list[int])
    assert_type(ProductEntityProvider.save_many(ctx, [{"name": "a"}], on_conflict="ignore"), list[int])
    changed = ProductEntityProvider.update_where(
        ctx, Query(), price=fields.price * 2 + Decimal(1), name="a", category=3, status="draft", tags=["sale"]
    )
    assert_type(changed, int)
    assert_type(ProductEntityProvider.update_where(ctx, Query(), name=fields.name), int)
    assert_type(OrderEntityProvider.update_where(ctx, Query(), quantity=1 + OrderEntityProvider.fields.quantity), int)
    joined = fields.name + " / " + fields.aliases_1.coalesce("-")
    assert_type(ProductEntityProvider.update_where(ctx, Query(), name=joined, aliases_2="a" + fields.aliases_1), int)
    kinds = NullableEntityProvider.fields
    assert_type(
        NullableEntityProvider.update_where(
            ctx,
            Query(),
            moment=kinds.moment.coalesce(datetime.now(UTC)) + timedelta(hours=1) - timedelta(days=1),
            day=timedelta(days=1) + kinds.day,
            price=kinds.price.coalesce(0) * 2,
            number=kinds.number.coalesce(0) + 1,
            ratio=kinds.ratio.coalesce(0.5) / 2,
        ),
        int,
    )
    required = RequiredEntityProvider.fields
    assert_type(
        RequiredEntityProvider.update_where(
            ctx, Query(), moment=required.moment + timedelta(1), body=required.name + "a"
        ),
        int,
    )
    assert_type(ProductEntityProvider.delete_where(ctx, Query(), force=True), int)
    assert_type(
        ProductEntityProvider.get_or_create(ctx, {"name": "a", "category": 1}, price=3), tuple[ProductEntity, bool]
    )


async def awaited_bulk(ctx: AsyncContext) -> None:
    """The same, awaited."""
    assert_type(await ProductEntityProvider.save_many(ctx, [{"name": "a"}]), list[int])
    assert_type(await ProductEntityProvider.update_where(ctx, Query(), price=3), int)
    assert_type(await ProductEntityProvider.delete_where(ctx, Query()), int)
    made, created = await ProductEntityProvider.get_or_create(ctx, {"name": "a", "category": 1})
    assert_type((made, created), tuple[ProductEntity, bool])


async def pipelines(ctx: Context, actx: AsyncContext) -> None:
    """Handles know what their result is."""
    assert_type(ctx.mysql_pipeline().add("UPDATE a SET b = ?", 1, table="a").result.rows_affected, int)
    actx.redis_pipeline("default").add("SET", b"a", 1.5)
    actx.invalidate_key("mine", pool="default")
