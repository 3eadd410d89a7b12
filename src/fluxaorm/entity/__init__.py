"""What a definition is written with: base classes, ``Field``, indexes and the names of column types."""

from fluxaorm.entity.declare.definition import Entity
from fluxaorm.entity.declare.embedded import Embedded
from fluxaorm.entity.declare.field import Field
from fluxaorm.entity.declare.index import Index, UniqueIndex
from fluxaorm.entity.values.aliases import (
    Float32,
    Int8,
    Int16,
    Int32,
    Int64,
    Json,
    MediumInt,
    Reference,
    References,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    UMediumInt,
)

__all__ = [
    "Embedded",
    "Entity",
    "Field",
    "Float32",
    "Index",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "Json",
    "MediumInt",
    "Reference",
    "References",
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
    "UMediumInt",
    "UniqueIndex",
]
