"""The floor: the raw drivers filling a slotted class, mysqlclient with its default converters, hiredis on a socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import hiredis
import msgspec
import MySQLdb
import uvloop
from MySQLdb.cursors import SSCursor

from benchmarks.subject import Servers
from benchmarks.subjects.flights_raw import RawFlights
from benchmarks.subjects.raw_asyncio import Multiplexed, connect_multiplexed, look_up_each, open_connections
from benchmarks.table import COLUMNS, Row, make_rows
from fluxaorm.plans.cache.functions import INTEND, RELEASE, library_source


class Product:
    """What a hand-written mapper would fill."""

    __slots__ = COLUMNS

    def __init__(self, *values: Any) -> None:
        (
            self.id, self.name, self.sku, self.price, self.stock,
            self.weight, self.active, self.status, self.category_id, self.created_at,
        ) = values  # fmt: skip


TOKEN = "0123456789abcdef"
SELECT = f"SELECT {', '.join(COLUMNS)} FROM product"
_encode = msgspec.msgpack.Encoder(decimal_format="string").encode
_decode = msgspec.msgpack.Decoder(list[Any]).decode


def decoded(value: bytes) -> Product:
    """The object of a cached row."""
    return Product(*_decode(value))


class Raw(RawFlights):
    """By hand."""

    name = "raw"

    def open(self, servers: Servers) -> None:
        self._connection = MySQLdb.connect(
            host=servers.host, port=servers.port, user=servers.user, password=servers.password,
            database=servers.database, charset="utf8mb4", autocommit=True,
            client_flag=1 << 16,  # multi-statements, for the fastest form of update100
        )  # fmt: skip
        self._loaded: list[Product] = []
        self._socket = socket.create_connection((servers.redis_host, servers.redis_port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = hiredis.Reader(notEnoughData=Ellipsis)
        self._prefix = f"raw:{servers.database}:"
        self._command("FUNCTION", "LOAD", "REPLACE", library_source())
        self._fill_redis()
        self._loop = uvloop.new_event_loop()
        self._mysql: Any = self._loop.run_until_complete(open_connections(servers))
        self._redis: Multiplexed = self._loop.run_until_complete(connect_multiplexed(servers))

    def _fill_redis(self) -> None:
        cursor = self._connection.cursor()
        cursor.execute(SELECT)
        for row in cursor.fetchall():
            self._command("SET", f"{self._prefix}{row[0]}", _encode(row))
            self._command("SET", f"{self._prefix}sku:{row[2]}", row[0])
        cursor.close()

    def _command(self, *words: str | bytes | int) -> Any:
        self._socket.sendall(hiredis.pack_command(words))  # type: ignore[arg-type]  # its stub says tuples of one
        reply = self._reader.gets()
        while reply is Ellipsis:
            self._reader.feed(self._socket.recv(65_536))
            reply = self._reader.gets()
        return reply

    def close(self) -> None:
        self._command("EVAL", "for _, k in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', k) end", 0,
                      f"{self._prefix}*")  # fmt: skip
        self._connection.close()
        self._socket.close()
        self._redis.close()
        for connection in self._mysql:
            connection.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def hold(self, ids: Sequence[int]) -> object:
        """Bare tuples: what an object cannot be smaller than."""
        cursor = self._connection.cursor()
        cursor.execute(f"{SELECT} WHERE id BETWEEN %s AND %s", (ids[0], ids[-1]))
        rows = cursor.fetchall()
        cursor.close()
        return rows

    def hold_new(self, ids: Sequence[int]) -> object:
        """The values alone."""
        return make_rows(ids[0] + 1_000_000_000, len(ids))

    def get_mysql(self, id: int) -> tuple[int, str, Any]:
        cursor = self._connection.cursor()
        cursor.execute(f"{SELECT} WHERE id = %s", (id,))
        product = Product(*cursor.fetchone())
        cursor.close()
        return product.id, product.name, product.price

    def get_redis(self, id: int) -> tuple[int, str, Any]:
        product = decoded(self._command("GET", f"{self._prefix}{id}"))
        return product.id, product.name, Decimal(product.price)

    def get100_mysql(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        return [(product.id, product.name) for product in self._load(ids)]

    def get100_redis(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        values = self._command("MGET", *[f"{self._prefix}{id}" for id in ids])
        return [(product.id, product.name) for product in map(decoded, values)]

    def get100_all_mysql(self, ids: Sequence[int]) -> list[Row]:
        return [
            (p.id, p.name, p.sku, p.price, p.stock, p.weight, bool(p.active), p.status, p.category_id, p.created_at)
            for p in self._load(ids)
        ]

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

    def insert1000_redis(self, rows: Sequence[Row]) -> int:
        keys = [key for row in rows for key in (f"{self._prefix}{row[0]}", f"{self._prefix}sku:{row[2]}")]
        cursor = self._connection.cursor()
        self._connection.begin()
        places = ", ".join(["%s"] * len(COLUMNS))
        written = cursor.executemany(f"INSERT INTO product ({', '.join(COLUMNS)}) VALUES ({places})", rows)
        self._call(INTEND, keys, 30_000)
        self._connection.commit()
        self._call(RELEASE, keys)
        cursor.close()
        return int(written)

    def _call(self, function: str, keys: Sequence[str], *args: int) -> None:
        """A function of the cache protocol for each key, all in one packet."""
        self._socket.sendall(
            b"".join([hiredis.pack_command(("FCALL", function, 1, key, TOKEN, *args)) for key in keys])
        )  # type: ignore[arg-type]  # its stub says tuples of one
        for _ in keys:
            reply = self._reader.gets()
            while reply is Ellipsis:
                self._reader.feed(self._socket.recv(65_536))
                reply = self._reader.gets()
            assert reply == b"ok", reply

    def upsert1000(self, rows: Sequence[Row]) -> int:
        cursor = self._connection.cursor()
        places, changes = (
            ", ".join(["%s"] * len(COLUMNS)),
            ", ".join(f"{name} = VALUES({name})" for name in COLUMNS[1:]),
        )
        insert = f"INSERT INTO product ({', '.join(COLUMNS)}) VALUES ({places}) ON DUPLICATE KEY UPDATE {changes}"
        cursor.executemany(insert, rows)
        cursor.close()
        return len(rows)

    def delete1000(self, rows: Sequence[Row]) -> int:
        cursor = self._connection.cursor()
        deleted = cursor.execute(f"DELETE FROM product WHERE id IN ({', '.join(str(int(row[0])) for row in rows)})")
        cursor.close()
        return int(deleted)

    delete_where1000 = delete1000

    def prepare_update(self, ids: Sequence[int], stock: int) -> None:
        self._loaded = self._load(ids)

    def prepare_update_redis(self, ids: Sequence[int], stock: int) -> None:
        self._loaded = self._load(ids)

    def update100_redis(self, ids: Sequence[int], stock: int) -> int:
        keys = [f"{self._prefix}{product.id}" for product in self._loaded]
        for position, product in enumerate(self._loaded):
            product.stock = stock + position
        statements = ["BEGIN"]
        statements += [f"UPDATE product SET stock = {int(p.stock)} WHERE id = {int(p.id)}" for p in self._loaded]
        self._connection.query("; ".join(statements))
        while self._connection.next_result() == 0:
            pass
        self._call(INTEND, keys, 30_000)
        self._connection.query("COMMIT")
        self._call(RELEASE, keys)
        return len(self._loaded)

    def update100(self, ids: Sequence[int], stock: int) -> int:
        for position, product in enumerate(self._loaded):
            product.stock = stock + position
        statements = ["BEGIN"]
        statements += [f"UPDATE product SET stock = {int(p.stock)} WHERE id = {int(p.id)}" for p in self._loaded]
        self._connection.query("; ".join([*statements, "COMMIT"]))
        while self._connection.next_result() == 0:
            pass
        return len(self._loaded)

    def unique_cached(self, sku: str) -> tuple[int, str, Any]:
        return self.get_redis(int(self._command("GET", f"{self._prefix}sku:{sku}")))

    def references100(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        products = self._load(ids)
        wanted = {product.category_id for product in products}
        cursor = self._connection.cursor()
        cursor.execute(f"SELECT id, name FROM category WHERE id IN ({', '.join(['%s'] * len(wanted))})", list(wanted))
        names = dict(cursor.fetchall())
        cursor.close()
        return [(product.id, names[product.category_id]) for product in products]

    def iterate20000(self) -> tuple[int, int]:
        count = stock = 0
        cursor = self._connection.cursor(SSCursor)
        cursor.execute(SELECT)
        while rows := cursor.fetchmany(1_000):
            for product in [Product(*row) for row in rows]:
                count, stock = count + 1, stock + product.stock
        cursor.close()
        return count, stock

    def async64_mysql(self, ids: Sequence[int]) -> list[str]:
        return self._loop.run_until_complete(look_up_each(self._mysql, ids))

    def async64_redis(self, ids: Sequence[int]) -> list[str]:
        async def one(id: int) -> str:
            name: str = decoded(await self._redis.send("GET", f"{self._prefix}{id}")).name
            return name

        async def all_at_once() -> list[str]:
            return list(await asyncio.gather(*map(one, ids)))

        return self._loop.run_until_complete(all_at_once())
