"""One call generates a package with an entity and a provider for each definition."""

from __future__ import annotations

import importlib

import fluxaorm as fx
from tests.seed.registries import engine_of_the_page

with engine_of_the_page() as engine:
    fx.generate(engine, "./entities_of_the_page")

package = importlib.import_module("entities_of_the_page")
generated = [provider.table_name for provider in package.ALL_PROVIDERS]
assert ["CategoryEntity", "OrderEntity", "ProductEntity", "UserEntity"] == generated
assert isinstance(package.UserEntity.name, property)
assert callable(package.UserEntityProvider.get_by_email)
