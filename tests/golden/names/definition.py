"""Fields with the names of types, builtins and words of generated code."""

import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from fluxaorm import Embedded, Entity, Field, Json, Reference, UInt8, UInt32, UniqueIndex


class Shade(StrEnum):
    """Hidden by a field."""

    DARK = "dark"


class Place(Embedded):
    """Hidden by a field."""

    city: str = ""


AnyEntity = type(
    "AnyEntity",
    (Entity,),
    {
        "__doc__": "Its fields hide the types that its module needs. No class, since no type checker could read it.",
        "__annotations__": {
            "id": UInt32,
            "int": str,
            "str": bytes,
            "bytes": UInt8,
            "bool": float,
            "float": bool,
            "date": datetime.datetime,
            "datetime": datetime.date,
            "Decimal": Annotated[Decimal, Field(precision=5, scale=2)],
            "type": Json[dict[str, list[int]]],
            "list": Literal["int", "str"],
            "dict": frozenset[Literal["int", "str"]],
            "frozenset": UInt8,
            "tuple": Annotated[list[UInt8 | None], Field(size=2)],
            "Shade": Shade,
            "Place": Place,
            "Class": "Reference[Class] | None",
            "Iterable": UInt8,
            "Self": UInt8,
            "Unpack": UInt8,
            "AnyContext": UInt8,
            "Provider": UInt8,
            "StringField": UInt8,
            "IntField": str,
            "reference": UInt8,
            "value": UInt8,
            "values": UInt8,
            "entities": UInt8,
            "fields": UInt8,
            "match": UInt8,
            "case": UInt8,
            "new": UInt8,
        },
        "indexes": (UniqueIndex("value", "int", "date"),),
    },
)


class Provider(Entity):
    """Called what the library calls its own."""

    id: UInt32
    owner: Reference["Class"]


class Class(Entity):
    """Its module's name would be a keyword."""

    id: UInt8


class HTTPLog2Entity(Entity):
    """Its name is in several cases."""

    id: UInt8
    Any: Reference[Provider] | None = None


class enums(Entity):
    """Its module's name would be that of the enums."""

    id: UInt8
