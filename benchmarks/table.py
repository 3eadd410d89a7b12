"""The table that every subject works on: ``product``, ten columns, and the random but repeatable rows in it.

Every subject reads and writes the same rows with the same ids; the values it returns are compared with the floor's.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

ROWS = 20_000
COLUMNS = ("id", "name", "sku", "price", "stock", "weight", "active", "status", "category_id", "created_at")
STATUSES = ("draft", "active", "archived")
START = datetime(2024, 1, 1)  # noqa: DTZ001 - naive, as every driver gives it

CATEGORIES = 50

CATEGORY_DDL = """
CREATE TABLE category (
  id SMALLINT UNSIGNED NOT NULL,
  name VARCHAR(100) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
"""
DDL = """
CREATE TABLE product (
  id BIGINT UNSIGNED NOT NULL,
  name VARCHAR(100) NOT NULL,
  sku VARCHAR(32) NOT NULL,
  price DECIMAL(10,2) NOT NULL,
  stock INT UNSIGNED NOT NULL,
  weight DOUBLE NOT NULL,
  active TINYINT(1) NOT NULL,
  status ENUM('draft','active','archived') NOT NULL,
  category_id SMALLINT UNSIGNED NOT NULL,
  created_at DATETIME NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY sku (sku),
  KEY price (price),
  KEY created_at (created_at),
  KEY category_id (category_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
"""

Row = tuple[Any, ...]


def sku_of(id: int) -> str:
    """The unique value of a row."""
    return f"SKU-{id:010d}"


def make_categories() -> list[tuple[int, str]]:
    """All of them."""
    return [(id, f"Category {id}") for id in range(1, CATEGORIES)]


def make_row(id: int, generator: random.Random) -> Row:
    """One row, in the order of ``COLUMNS``; datetimes are naive UTC."""
    return (
        id,
        f"Product {id} {generator.randrange(10**6)}",
        sku_of(id),
        Decimal(generator.randrange(100, 100_000)) / 100,
        generator.randrange(1_000),
        generator.randrange(1, 10_000) / 8,
        generator.random() < 0.8,
        generator.choice(STATUSES),
        generator.randrange(1, CATEGORIES),
        START + timedelta(seconds=generator.randrange(60_000_000)),
    )


def make_rows(first: int, count: int, seed: int = 7) -> list[Row]:
    """``count`` rows with ids from ``first``."""
    generator = random.Random(seed + first)
    return [make_row(id, generator) for id in range(first, first + count)]
