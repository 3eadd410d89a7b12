"""One column of every kind that holds a single plain value, and each once more with NULL."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from fluxaorm import (
    Entity,
    Field,
    Float32,
    Int8,
    Int16,
    Int32,
    Int64,
    MediumInt,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    UMediumInt,
)


class RequiredEntity(Entity):
    """Nothing may be NULL."""

    id: UInt64
    tiny: Int8
    small: Int16
    medium: MediumInt
    plain: Int32
    big: Int64
    any_int: int
    utiny: UInt8
    usmall: UInt16
    umedium: UMediumInt
    uplain: UInt32
    ubig: UInt64
    ratio: float
    share: float = Field(unsigned=True)
    half: Float32
    price: Decimal = Field(precision=10, scale=2)
    active: bool
    name: str
    code: str = Field(length=1)
    body: str = Field(length="max")
    small_blob: bytes
    large_blob: bytes = Field(size_class="long")
    day: date
    moment: datetime
    exact: datetime = Field(fsp=6)
    opens: time
    took: timedelta
    key: UUID
    v4: IPv4Address
    v6: IPv6Address


class NullableEntity(Entity):
    """Everything may be NULL."""

    id: UInt8
    number: UInt32 | None
    ratio: float | None
    price: Decimal | None = Field(precision=20, scale=0)
    active: bool | None
    name: str | None
    blob: bytes | None
    day: date | None
    moment: datetime | None
    opens: time | None
    took: timedelta | None
    key: UUID | None
    v4: IPv4Address | None
    v6: IPv6Address | None
