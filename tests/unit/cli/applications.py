"""Sources of small applications that the tests of commands write into their directory."""

from __future__ import annotations

from typing import Final

ENTITIES: Final = """
import fluxaorm as fx
from fluxaorm import Entity, Field, UInt16

class ColourEntity(Entity):
    id: UInt16
    name: str = Field(unique=True, length=40)
"""

SQLITE: Final = f"""{ENTITIES}
def registry():
    made = fx.Registry()
    made.register_mysql("sqlite://shop.db")
    made.register_entity(ColourEntity)
    return made
"""

DROPPING: Final = SQLITE.replace(
    '"sqlite://shop.db"', '"sqlite://shop.db", options=fx.MySQLOptions(unknown_tables="drop")'
)

UNREACHABLE: Final = f"""{ENTITIES}
registry = fx.Registry()
registry.register_mysql("mysql://root:secret@127.0.0.1:1/shop")
registry.register_entity(ColourEntity)
"""

WRONG: Final = """
import fluxaorm as fx
from fluxaorm import Entity, UInt16

class ColourEntity(Entity):
    id: UInt16
    shade: complex
    weight: object

registry = fx.Registry()
registry.register_mysql("sqlite://shop.db")
registry.register_entity(ColourEntity)
"""
