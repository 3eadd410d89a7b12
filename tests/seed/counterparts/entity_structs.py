"""What tags and index methods of the structs say, definitions say too."""

from __future__ import annotations

from tests.seed.entities import CategoryEntity, OrderEntity, ProductEntity, UserEntity
from tests.seed.registries import engine_of_the_page

with engine_of_the_page() as engine:
    user, product = engine.schema(UserEntity), engine.schema(ProductEntity)
    category, order = engine.schema(CategoryEntity), engine.schema(OrderEntity)

assert {"on"} == {schema.cache.redis for schema in (user, product, order)}
assert "off" == category.cache.redis
assert [("email", ("email",))] == [(index.name, index.fields) for index in user.unique_indexes]
assert [("name", ("name",))] == [(index.name, index.fields) for index in category.unique_indexes]
required = ["id", "name", "category", "status"]
assert required == [column.field for column in product.columns if not column.has_default]
assert [0, 0.0] == [user.by_field["age"].default, product.by_field["price"].default]
status = product.by_field["status"].enum
assert status is not None
assert ("draft", "active", "archived") == status.members
assert "smallint unsigned" == product.by_field["category"].mysql_type
assert {"CategoryEntity": "category"} == {each.target: each.field for each in product.references}
assert {"UserEntity": "user", "ProductEntity": "product"} == {each.target: each.field for each in order.references}
assert "int unsigned" == order.by_field["quantity"].mysql_type
assert "created_at" == order.by_field["created_at"].auto
