"""Names for column types that Python has no class for, each an alias of ``Annotated`` with a marker inside.

To a type checker a ``UInt8`` is an int, ``Json[T]`` is T, and ``Reference[T]`` is what a setter takes: an id or a T.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class IntegerType:
    """An integer column: its alias's name, its MySQL type and its range."""

    name: str
    mysql: str
    minimum: int
    maximum: int

    @property
    def unsigned(self) -> bool:
        """Whether it holds no negative number."""
        return self.minimum == 0

    @property
    def lowest_id(self) -> int:
        """The least id that a program may choose; rows of other programs have any."""
        return 1 if self.unsigned else self.minimum


def _signed(name: str, mysql: str, bits: int) -> IntegerType:
    return IntegerType(name, mysql, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _unsigned(name: str, mysql: str, bits: int) -> IntegerType:
    return IntegerType(name, f"{mysql} unsigned", 0, 2**bits - 1)


class Float32Marker:
    """Marks a float that is stored as binary32."""


class ReferenceMarker:
    """Marks the id of another entity."""


class ReferencesMarker:
    """Marks a list of ids of another entity."""


class JsonMarker:
    """Marks a value stored as JSON."""


Int8: TypeAlias = Annotated[int, _signed("Int8", "tinyint", 8)]
"""tinyint: -128 to 127."""
Int16: TypeAlias = Annotated[int, _signed("Int16", "smallint", 16)]
"""smallint: -32,768 to 32,767."""
MediumInt: TypeAlias = Annotated[int, _signed("MediumInt", "mediumint", 24)]
"""mediumint: -8,388,608 to 8,388,607."""
Int32: TypeAlias = Annotated[int, _signed("Int32", "int", 32)]
"""int: -2**31 to 2**31 - 1."""
Int64: TypeAlias = Annotated[int, _signed("Int64", "bigint", 64)]
"""bigint: -2**63 to 2**63 - 1; a plain ``int`` is this."""
UInt8: TypeAlias = Annotated[int, _unsigned("UInt8", "tinyint", 8)]
"""tinyint unsigned: 0 to 255."""
UInt16: TypeAlias = Annotated[int, _unsigned("UInt16", "smallint", 16)]
"""smallint unsigned: 0 to 65,535."""
UMediumInt: TypeAlias = Annotated[int, _unsigned("UMediumInt", "mediumint", 24)]
"""mediumint unsigned: 0 to 16,777,215."""
UInt32: TypeAlias = Annotated[int, _unsigned("UInt32", "int", 32)]
"""int unsigned: 0 to 2**32 - 1."""
UInt64: TypeAlias = Annotated[int, _unsigned("UInt64", "bigint", 64)]
"""bigint unsigned: 0 to 2**64 - 1."""
Float32: TypeAlias = Annotated[float, Float32Marker()]
"""float: a binary32 number; a plain ``float`` is a double."""
Reference: TypeAlias = Annotated[int | T, ReferenceMarker()]
"""The id of a row of T; setters take an id or a T."""
References: TypeAlias = Annotated[list[int | T], ReferencesMarker()]
"""A JSON list of ids of T; setters take ids and Ts."""
Json: TypeAlias = Annotated[T, JsonMarker()]
"""json: any value of the type T."""

INT64 = _signed("Int64", "bigint", 64)
UINT64 = _unsigned("UInt64", "bigint", 64)
