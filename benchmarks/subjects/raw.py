"""The floor: the raw driver (mysqlclient) filling a slotted class, with default converters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import MySQLdb

from benchmarks.subject import Servers
from benchmarks.table import COLUMNS, Row


class Product:
    """What a hand-written mapper would fill."""

    __slots__ = COLUMNS

    def __init__(self, *values: Any) -> None:
        (
            self.id, self.name, self.sku, self.price, self.stock,
            self.weight, self.active, self.status, self.category_id, self.created_at,
        ) = values  # fmt: skip


SELECT = f"SELECT {', '.join(COLUMNS)} FROM product"


class Raw:
    """mysqlclient by hand."""

    name = "raw"

    def open(self, servers: Servers) -> None:
        self._connection = MySQLdb.connect(
            host=servers.host, port=servers.port, user=servers.user, password=servers.password,
            database=servers.database, charset="utf8mb4", autocommit=True,
            client_flag=1 << 16,  # multi-statements, for the fastest form of update100
        )  # fmt: skip
        self._loaded: list[Product] = []

    def close(self) -> None:
        self._connection.close()

    def get_mysql(self, id: int) -> tuple[int, str, Any]:
        cursor = self._connection.cursor()
        cursor.execute(f"{SELECT} WHERE id = %s", (id,))
        product = Product(*cursor.fetchone())
        cursor.close()
        return product.id, product.name, product.price

    def get100_mysql(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        return [(product.id, product.name) for product in self._load(ids)]

    def _load(self, ids: Sequence[int]) -> list[Product]:
        cursor = self._connection.cursor()
        cursor.execute(f"{SELECT} WHERE id IN ({', '.join(['%s'] * len(ids))})", ids)
        products = [Product(*row) for row in cursor.fetchall()]
        cursor.close()
        return products

    def page20(self, price: Any) -> list[int]:
        cursor = self._connection.cursor()
        cursor.execute(f"{SELECT} WHERE price > %s ORDER BY created_at, id LIMIT 20", (price,))
        products = [Product(*row) for row in cursor.fetchall()]
        cursor.close()
        return [product.id for product in products]

    def insert1000(self, rows: Sequence[Row]) -> int:
        cursor = self._connection.cursor()
        self._connection.begin()
        places = ", ".join(["%s"] * len(COLUMNS))
        written = cursor.executemany(f"INSERT INTO product ({', '.join(COLUMNS)}) VALUES ({places})", rows)
        self._connection.commit()
        cursor.close()
        return int(written)

    def prepare_update(self, ids: Sequence[int]) -> None:
        self._loaded = self._load(ids)

    def update100(self, ids: Sequence[int], stock: int) -> int:
        for position, product in enumerate(self._loaded):
            product.stock = stock + position
        statements = ["BEGIN"]
        statements += [f"UPDATE product SET stock = {int(p.stock)} WHERE id = {int(p.id)}" for p in self._loaded]
        self._connection.query("; ".join([*statements, "COMMIT"]))
        while self._connection.next_result() == 0:
            pass
        return len(self._loaded)
