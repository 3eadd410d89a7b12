"""What a server can do, asked from it once a pool and kept as a value; nothing else guesses it. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

Product: TypeAlias = Literal["mysql", "mariadb", "vitess", "tidb", "sqlite"]

VERSION_SQL: Final = "SELECT VERSION(), @@version_comment, @@lower_case_table_names"
"""Its one row holds the arguments of ``capabilities_from`` and ``dialect_for``."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one server can do."""

    product: Product
    version: tuple[int, ...]
    version_text: str
    guessed: bool = False
    """Whether the server was not asked yet."""
    row_locks: bool = True
    """FOR UPDATE."""
    nowait: bool = True
    skip_locked: bool = True
    atomic_commit: bool = True
    """A transaction commits everywhere or nowhere."""
    detects_deadlocks: bool = True
    global_unique_indexes: bool = True
    """A unique index holds over the whole table, not over one shard."""
    one_change_an_alter: bool = False
    index_with_new_column: bool = True
    """An ALTER may add a column and an index over it."""
    expression_defaults: bool = True
    """``DEFAULT ('text')`` for text, blob and JSON columns."""
    online_ddl: bool = True
    """ALGORITHM and LOCK clauses are understood."""
    metadata_locks: bool = True
    """DDL waits for whoever uses the table, as long as lock_wait_timeout says."""
    waits_for_gtids: bool = True
    tells_checks: bool = True
    """information_schema has the CHECKs of tables."""
    lower_case_tables: bool = False
    """Names of tables are compared, and perhaps kept, in lower case."""
    rows_a_query: int | None = None
    """The most rows one query may return; None: no limit."""
    bytes_a_value: int | None = None
    json_levels: int = 100
    """Objects and lists inside each other that a JSON column takes."""


def capabilities_from(
    version_text: str, version_comment: str = "", lower_case_table_names: int | str = 0
) -> Capabilities:
    """What the server can do, from the row that ``VERSION_SQL`` gives.

    >>> capabilities_from("10.11.6-MariaDB-log").product
    'mariadb'
    """
    product = _product(f"{version_text} {version_comment}".lower())
    version = _version(version_text, product)
    return replace(_of_product(product, version, version_text), lower_case_tables=int(lower_case_table_names) != 0)


def _of_product(product: Product, version: tuple[int, ...], version_text: str) -> Capabilities:
    if product == "vitess":
        return Capabilities(
            product,
            version,
            version_text,
            atomic_commit=False,
            detects_deadlocks=False,
            global_unique_indexes=False,
            one_change_an_alter=True,
            online_ddl=False,
            metadata_locks=False,
            waits_for_gtids=False,
            tells_checks=False,
            rows_a_query=10_000,
        )
    if product == "tidb":
        return Capabilities(
            product,
            version,
            version_text,
            skip_locked=False,
            index_with_new_column=False,
            expression_defaults=False,
            online_ddl=False,
            metadata_locks=False,
            waits_for_gtids=False,
            tells_checks=False,
            bytes_a_value=6 << 20,
        )
    modern = version >= ((10, 6) if product == "mariadb" else (8, 0))
    return Capabilities(
        product,
        version,
        version_text,
        nowait=modern,
        skip_locked=modern,
        tells_checks=product == "mariadb" or version >= (8, 0, 16),
        json_levels=31 if product == "mariadb" else 100,
    )


def is_supported(capabilities: Capabilities) -> bool:
    """Whether the server is new enough: MySQL 8.0, MariaDB 10.6; Vitess and TiDB as they are."""
    oldest = {"mysql": (8, 0), "mariadb": (10, 6)}.get(capabilities.product)
    return oldest is None or capabilities.version >= oldest


def _product(text: str) -> Product:
    if "vitess" in text:
        return "vitess"
    if "tidb" in text:
        return "tidb"
    return "mariadb" if "mariadb" in text else "mysql"


def _version(text: str, product: Product) -> tuple[int, ...]:
    """``5.5.5-10.11.6-MariaDB`` is 10.11.6 and ``8.0.11-TiDB-v8.5.0`` is 8.5.0: the first part is for old clients."""
    if product == "mariadb":
        text = text.removeprefix("5.5.5-")
    if product == "tidb" and (found := re.search(r"tidb-v?(\d[\d.]*)", text, re.IGNORECASE)):
        text = found.group(1)
    numbers = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in numbers.group().split(".")) if numbers else ()
