"""The record of an asynchronous flush: what is written to one table, as data. Pure.

What is read from a topic is a record of this form, or an error of ours; nothing is guessed. Values are in the portable
raw form: what MessagePack has a form for, what every driver takes as a parameter and what every decoder reads. Moments,
durations and decimals are text.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from fluxaorm.entity.schema import UNSET, ColumnSchema
from fluxaorm.entity.values.json_value import JsonValue
from fluxaorm.entity.values.unfit_cell import UNFIT, UnfitCell
from fluxaorm.errors import BrokenRecordError, NewerRecordError
from fluxaorm.plans.state.keys import duration_text
from fluxaorm.query.own_sql.params import is_spellable

VERSION: Final = 1
"""The format of a record of changes alone."""
SQL_VERSION: Final = 2
"""The format of a record that holds SQL too, which a consumer of the first one must not apply without it."""
NEWEST: Final = SQL_VERSION
"""The newest format that is understood."""
TOKEN_HEADER: Final = "fluxa-token"
VERSION_HEADER: Final = "fluxa-version"
SIGNATURE_HEADER: Final = "fluxa-signature"

Raw: TypeAlias = "int | float | str | bytes | None"
"""A value in the portable raw form."""
Operation: TypeAlias = Literal["i", "u", "d"]
"""A row is inserted, updated (a deletion mark is a column like any other), or removed."""

PLAIN: Final = frozenset((int, float, str, bytes, bool, type(None)))
"""The types that a value in this form has."""
_Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1024)]
_Whole: TypeAlias = Annotated[int, Meta(ge=0)]


class RowChange(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What is written of one row."""

    operation: Operation
    id: int
    values: dict[str, Any]
    """Column name -> raw value: of an insert all columns, of an update the changed ones, of a removal none."""
    before: dict[str, Any] | None = None
    """The values that were replaced, as the writer knew them; of a removal the whole row."""


class AsyncRecord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """What a flush writes to one table, or a part of it."""

    version: int = VERSION
    database: str
    """The identity of the MySQL pool's database."""
    pool: _Name
    """Code of the MySQL pool."""
    table: _Name
    token: Annotated[str, Meta(pattern="^[0-9a-f]{1,64}$")]
    """By which its entries in the caches are known."""
    at: _Whole
    """When the flush was published, in milliseconds since the epoch."""
    changes: Annotated[list[RowChange], Meta(min_length=1)]
    """In the order in which they are to be written."""
    keys: dict[str, list[str]]
    """Redis pool -> the keys of rows, unique look-ups and lists that the changes touch."""
    meta: dict[str, str]
    """The metadata of the context."""


class UsersStatement(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A statement of the user's own."""

    sql: Annotated[str, Meta(min_length=1)]
    """With ``?`` for values."""
    args: list[Any]
    """In the raw form, decimals as ``["decimal", text]``: where text meets a number, servers count in doubles."""
    rows: list[int]
    """Ids of the rows that it may change."""


class SqlRecord(AsyncRecord, frozen=True, array_like=True, forbid_unknown_fields=True, kw_only=True):
    """One that ends in SQL of the user's own. Only a signature tells who wrote it."""

    changes: list[RowChange]
    """There may be none."""
    statements: Annotated[list[UsersStatement], Meta(min_length=1)]
    """Run behind the changes, in this order."""


class _Head(msgspec.Struct, array_like=True):
    version: int


_encode = msgspec.msgpack.Encoder().encode
_decode_head = msgspec.msgpack.Decoder(_Head).decode
_decode = msgspec.msgpack.Decoder(AsyncRecord).decode
_decode_sql = msgspec.msgpack.Decoder(SqlRecord).decode


def encode(record: AsyncRecord) -> bytes:
    """The value of a record."""
    return _encode(record)


def decode(value: bytes | None) -> AsyncRecord:
    """The record of a value; one that holds SQL is a ``SqlRecord``.

    BrokenRecordError for what is none; NewerRecordError for one of a format that this version does not know.
    """
    if value is None:
        raise BrokenRecordError("it has no value")
    try:
        record = _decode(value)
    except (ValueError, RecursionError) as error:
        record, problem = None, str(error)
    else:
        problem = ""
    if (record is None or record.version != VERSION) and _version_of(value) == SQL_VERSION:
        return _decoded_sql(value)
    if record is None:
        raise BrokenRecordError(problem)
    for change in record.changes:
        _check_values(change)
    return record


def _version_of(value: bytes) -> int:
    """Whatever else is in a record: its version says whether it is one of ours."""
    try:
        version = _decode_head(value).version
    except (ValueError, RecursionError) as error:
        raise BrokenRecordError(str(error)) from None
    if version > NEWEST:
        raise NewerRecordError(version, NEWEST)
    if version not in (VERSION, SQL_VERSION):
        raise BrokenRecordError(f"there is no format {version}")
    return version


def _decoded_sql(value: bytes) -> SqlRecord:
    try:
        record = _decode_sql(value)
    except (ValueError, RecursionError) as error:
        raise BrokenRecordError(str(error)) from None
    for change in record.changes:
        _check_values(change)
    for statement in record.statements:
        _ = args_of(statement)
    return record


def statements_of(record: AsyncRecord) -> Sequence[UsersStatement]:
    """The SQL that a record holds."""
    return record.statements if isinstance(record, SqlRecord) else ()


def args_of(statement: UsersStatement) -> list[Any]:
    """The values of a statement, as a driver is handed them. BrokenRecordError for what is none."""
    return [_arg_of(arg) for arg in statement.args]


def _arg_of(arg: Any) -> Any:
    if type(arg) in PLAIN:
        return arg
    match arg:
        case ["decimal", str(text)]:
            try:
                number = Decimal(text)
            except ArithmeticError:
                raise BrokenRecordError("a value of its SQL is no decimal") from None
            if is_spellable(number):
                return number
            raise BrokenRecordError("a value of its SQL is a number that no database can store")
        case _:
            raise BrokenRecordError(f"a value of its SQL is a {type(arg).__name__}")


def _check_values(change: RowChange) -> None:
    for values in (change.values, change.before):
        if values and not PLAIN.issuperset(map(type, values.values())):
            name, value = next((name, value) for name, value in values.items() if type(value) not in PLAIN)
            raise BrokenRecordError(f"column {name!r} of row {change.id} holds {type(value).__name__}")
    if (change.operation == "d") is bool(change.values):
        what = "removes row {} and sets columns of it" if change.values else "changes nothing of row {}"
        raise BrokenRecordError(what.format(change.id))


def headers_of(record: AsyncRecord, value: bytes, signing_key: str = "") -> dict[str, bytes]:
    """The headers of a record whose value is this; signed when there is a key."""
    headers = {TOKEN_HEADER: record.token.encode(), VERSION_HEADER: b"%d" % record.version}
    if signing_key:
        headers[SIGNATURE_HEADER] = signature_of(value, signing_key).encode()
    return headers


def signature_of(value: bytes, signing_key: str) -> str:
    """HMAC-SHA256 of a record's value, in hex digits."""
    return hmac.new(signing_key.encode(), value, hashlib.sha256).hexdigest()


def is_signed(value: bytes, signature: bytes | None, keys: Iterable[str]) -> bool:
    """Whether one of these keys has signed a value; ``signature``: of the record's header."""
    if not signature:
        return False
    return any(hmac.compare_digest(signature, signature_of(value, key).encode()) for key in keys)


def record_key(tables: Iterable[str]) -> bytes:
    """The Kafka key of a table's records; ``tables``: with those that foreign keys join to it."""
    return min(tables).encode()


def row_record_key(table: str, id: int) -> bytes:
    """The Kafka key where the writes of each row keep their order."""
    return f"{table}:{id}".encode()


def raw_value(column: ColumnSchema, value: Any) -> Raw:
    """The portable raw form of a value in its Python form, of JSON also in its cell."""
    if value is None:
        return None
    if type(value) is UnfitCell:
        return portable(value.raw)
    return portable(column.encode(value.value if type(value) is JsonValue else value))


def raw_cell(column: ColumnSchema, cell: Any) -> Raw:
    """The same of a cell of a row: a Python form, or what a driver gave; of a value that does not fit what it is."""
    if cell is None or type(cell) in (JsonValue, UnfitCell):
        return raw_value(column, cell)
    try:
        return raw_value(column, column.decode(cell))
    except UNFIT:
        return portable(cell)


def raw_values(columns: Sequence[ColumnSchema], cells: Mapping[int, Any]) -> dict[str, Raw]:
    """Column name -> portable raw form, of cells by position; what nobody gave a value is left out."""
    return {
        columns[position].name: raw_cell(columns[position], cell)
        for position, cell in cells.items()
        if cell is not UNSET
    }


def portable(value: Any) -> Raw:
    """The portable raw form of what a driver is handed, or gave."""
    if value is None or type(value) in PLAIN:
        plain: Raw = value
        return plain
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, timedelta | time):
        return duration_text(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    # a member of an enum, as a driver may be handed one
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    raise TypeError(f"{type(value).__name__} has no portable form")
