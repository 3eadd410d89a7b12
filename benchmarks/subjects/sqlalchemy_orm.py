"""SQLAlchemy's ORM, 2.x style, on mysqlclient."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import DECIMAL, URL, Engine, Enum, create_engine, insert, select
from sqlalchemy.dialects.mysql import BIGINT, DATETIME, INTEGER, SMALLINT
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.subject import Servers
from benchmarks.table import COLUMNS, STATUSES, Row


class Base(DeclarativeBase):
    """SQLAlchemy's registry."""


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
    category_id: Mapped[int] = mapped_column(SMALLINT(unsigned=True))
    created_at: Mapped[datetime] = mapped_column(DATETIME)


def make_engine(servers: Servers) -> Engine:
    """An engine in autocommit, as reads want it."""
    url = URL.create(
        "mysql+mysqldb", servers.user, servers.password or None, servers.host, servers.port, servers.database,
        {"charset": "utf8mb4"},
    )  # fmt: skip
    return create_engine(url)


class SQLAlchemyORM:
    """A session a unit of work."""

    name = "sqlalchemy"

    def open(self, servers: Servers) -> None:
        self._engine = make_engine(servers)
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    def close(self) -> None:
        self._engine.dispose()

    def get_mysql(self, id: int) -> tuple[int, str, Any]:
        with Session(self._reading) as session:
            product = session.get_one(Product, id)
            return product.id, product.name, product.price

    def get100_mysql(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        with Session(self._reading) as session:
            found = session.scalars(select(Product).where(Product.id.in_(ids))).all()
            return [(product.id, product.name) for product in found]

    def page20(self, price: Any) -> list[int]:
        query = select(Product).where(Product.price > price).order_by(Product.created_at, Product.id).limit(20)
        with Session(self._reading) as session:
            return [product.id for product in session.scalars(query)]

    def insert1000(self, rows: Sequence[Row]) -> int:
        with Session(self._engine) as session:
            session.add_all([Product(**dict(zip(COLUMNS, row, strict=True))) for row in rows])
            session.commit()
        return len(rows)

    def prepare_update(self, ids: Sequence[int]) -> None:
        self._session = Session(self._engine, expire_on_commit=False)
        self._loaded = list(self._session.scalars(select(Product).where(Product.id.in_(ids))))
        self._session.commit()

    def update100(self, ids: Sequence[int], stock: int) -> int:
        for position, product in enumerate(self._loaded):
            product.stock = stock + position
        self._session.commit()
        return len(self._loaded)


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

    def page20(self, price: Any) -> list[int]:
        columns = self._table.c
        query = select(self._table).where(columns.price > price).order_by(columns.created_at, columns.id).limit(20)
        with self._reading.connect() as connection:
            return [row.id for row in connection.execute(query)]

    def insert1000(self, rows: Sequence[Row]) -> int:
        with self._engine.begin() as connection:
            connection.execute(insert(self._table), [dict(zip(COLUMNS, row, strict=True)) for row in rows])
        return len(rows)

    def prepare_update(self, ids: Sequence[int]) -> None:
        self._ids = list(ids)

    def update100(self, ids: Sequence[int], stock: int) -> int:
        from sqlalchemy import bindparam, update

        statement = update(self._table).where(self._table.c.id == bindparam("key")).values(stock=bindparam("new"))
        with self._engine.begin() as connection:
            connection.execute(statement, [{"key": id, "new": stock + n} for n, id in enumerate(self._ids)])
        return len(self._ids)
