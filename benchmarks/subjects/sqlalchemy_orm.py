"""SQLAlchemy's ORM, 2.x style, on mysqlclient."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import DECIMAL, URL, Engine, Enum, ForeignKey, bindparam, create_engine, delete, insert, select, update
from sqlalchemy.dialects.mysql import BIGINT, DATETIME, INTEGER, SMALLINT
from sqlalchemy.dialects.mysql import insert as mysql_insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

from benchmarks.subject import Servers
from benchmarks.subjects.flights_sqlalchemy import SQLAlchemyFlights
from benchmarks.table import COLUMNS, STATUSES, Row, make_rows


class Base(DeclarativeBase):
    """SQLAlchemy's registry."""


class Category(Base):
    """What products refer to."""

    __tablename__ = "category"

    id: Mapped[int] = mapped_column(SMALLINT(unsigned=True), primary_key=True, autoincrement=False)
    name: Mapped[str]


class Product(Base):
    """The mapped class."""

    __tablename__ = "product"

    id: Mapped[int] = mapped_column(BIGINT(unsigned=True), primary_key=True, autoincrement=False)
    name: Mapped[str]
    sku: Mapped[str]
    price: Mapped[Decimal] = mapped_column(DECIMAL(10, 2))
    stock: Mapped[int] = mapped_column(INTEGER(unsigned=True))
    weight: Mapped[float]
    active: Mapped[bool]
    status: Mapped[str] = mapped_column(Enum(*STATUSES))
    category_id: Mapped[int] = mapped_column(SMALLINT(unsigned=True), ForeignKey("category.id"))
    created_at: Mapped[datetime] = mapped_column(DATETIME)
    category: Mapped[Category] = relationship()


def make_engine(servers: Servers) -> Engine:
    """An engine in autocommit, as reads want it."""
    url = URL.create(
        "mysql+mysqldb", servers.user, servers.password or None, servers.host, servers.port, servers.database,
        {"charset": "utf8mb4"},
    )  # fmt: skip
    return create_engine(url)


class SQLAlchemyORM(SQLAlchemyFlights):
    """A session a unit of work."""

    name = "sqlalchemy"

    def open(self, servers: Servers) -> None:
        self._engine = make_engine(servers)
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    def close(self) -> None:
        self._engine.dispose()

    def hold(self, ids: Sequence[int]) -> object:
        session = Session(self._reading)
        return session, session.scalars(select(Product).where(Product.id.between(ids[0], ids[-1]))).all()

    def get_mysql(self, id: int) -> tuple[int, str, Any]:
        with Session(self._reading) as session:
            product = session.get_one(Product, id)
            return product.id, product.name, product.price

    def get100_mysql(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        with Session(self._reading) as session:
            found = session.scalars(select(Product).where(Product.id.in_(ids))).all()
            return [(product.id, product.name) for product in found]

    def get100_all_mysql(self, ids: Sequence[int]) -> list[Row]:
        with Session(self._reading) as session:
            return [
                (p.id, p.name, p.sku, p.price, p.stock, p.weight, p.active, p.status, p.category_id, p.created_at)
                for p in session.scalars(select(Product).where(Product.id.in_(ids)))
            ]

    def page20(self, price: Any) -> list[int]:
        query = select(Product).where(Product.price > price).order_by(Product.created_at, Product.id).limit(20)
        with Session(self._reading) as session:
            return [product.id for product in session.scalars(query)]

    def hold_new(self, ids: Sequence[int]) -> object:
        session = Session(self._engine)
        rows = make_rows(ids[0] + 1_000_000_000, len(ids))
        session.add_all([Product(**dict(zip(COLUMNS, row, strict=True))) for row in rows])
        return session

    def insert1000(self, rows: Sequence[Row]) -> int:
        with Session(self._engine) as session:
            session.add_all([Product(**dict(zip(COLUMNS, row, strict=True))) for row in rows])
            session.commit()
        return len(rows)

    def prepare_update(self, ids: Sequence[int], stock: int) -> None:
        self._session = Session(self._engine, expire_on_commit=False)
        self._loaded = list(self._session.scalars(select(Product).where(Product.id.in_(ids))))
        self._session.commit()

    def update100(self, ids: Sequence[int], stock: int) -> int:
        for position, product in enumerate(self._loaded):
            product.stock = stock + position
        self._session.commit()
        return len(self._loaded)

    def delete1000(self, rows: Sequence[Row]) -> int:
        with Session(self._engine) as session:
            found = session.scalars(select(Product).where(Product.id.in_([row[0] for row in rows]))).all()
            for product in found:
                session.delete(product)
            session.commit()
        return len(found)

    def references100(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        query = select(Product).where(Product.id.in_(ids)).options(selectinload(Product.category))
        with Session(self._reading) as session:
            return [(product.id, product.category.name) for product in session.scalars(query)]

    def iterate20000(self) -> tuple[int, int]:
        count = stock = 0
        with Session(self._reading) as session:
            for product in session.scalars(select(Product).execution_options(yield_per=1_000)):
                count, stock = count + 1, stock + product.stock
        return count, stock


class SQLAlchemyCore:
    """Rows without objects."""

    name = "sqlalchemy_core"

    def open(self, servers: Servers) -> None:
        self._engine = make_engine(servers)
        self._table = Product.__table__
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    def close(self) -> None:
        self._engine.dispose()

    def get_mysql(self, id: int) -> tuple[int, str, Any]:
        with self._reading.connect() as connection:
            row = connection.execute(select(self._table).where(self._table.c.id == id)).one()
        return row.id, row.name, row.price

    def get100_mysql(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        with self._reading.connect() as connection:
            found = connection.execute(select(self._table).where(self._table.c.id.in_(ids))).all()
        return [(row.id, row.name) for row in found]

    def get100_all_mysql(self, ids: Sequence[int]) -> list[Row]:
        with self._reading.connect() as connection:
            return [tuple(row) for row in connection.execute(select(self._table).where(self._table.c.id.in_(ids)))]

    def page20(self, price: Any) -> list[int]:
        columns = self._table.c
        query = select(self._table).where(columns.price > price).order_by(columns.created_at, columns.id).limit(20)
        with self._reading.connect() as connection:
            return [row.id for row in connection.execute(query)]

    def insert1000(self, rows: Sequence[Row]) -> int:
        with self._engine.begin() as connection:
            connection.execute(insert(self._table), [dict(zip(COLUMNS, row, strict=True)) for row in rows])
        return len(rows)

    def prepare_update(self, ids: Sequence[int], stock: int) -> None:
        self._ids = list(ids)

    def update100(self, ids: Sequence[int], stock: int) -> int:
        statement = update(self._table).where(self._table.c.id == bindparam("key")).values(stock=bindparam("new"))
        with self._engine.begin() as connection:
            connection.execute(statement, [{"key": id, "new": stock + n} for n, id in enumerate(self._ids)])
        return len(self._ids)

    def upsert1000(self, rows: Sequence[Row]) -> int:
        statement = mysql_insert(self._table)
        statement = statement.on_duplicate_key_update({name: statement.inserted[name] for name in COLUMNS[1:]})
        with self._engine.begin() as connection:
            connection.execute(statement, [dict(zip(COLUMNS, row, strict=True)) for row in rows])
        return len(rows)

    def delete1000(self, rows: Sequence[Row]) -> int:
        with self._engine.begin() as connection:
            done = connection.execute(delete(self._table).where(self._table.c.id.in_([row[0] for row in rows])))
        return done.rowcount

    delete_where1000 = delete1000

    def references100(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        category = Category.__table__
        query = (
            select(self._table, category.c.name.label("category_name"))
            .join(category, category.c.id == self._table.c.category_id)
            .where(self._table.c.id.in_(ids))
        )
        with self._reading.connect() as connection:
            return [(row.id, row.category_name) for row in connection.execute(query)]

    def iterate20000(self) -> tuple[int, int]:
        count = stock = 0
        with self._reading.connect() as connection:
            for row in connection.execution_options(yield_per=1_000).execute(select(self._table)):
                count, stock = count + 1, stock + row.stock
        return count, stock
