"""An enum called as the provider of an entity."""

from typing import Literal

from fluxaorm import Entity, Field, UInt8


class Car(Entity):
    """Both are its own."""

    id: UInt8
    colour: Literal["red"] = Field(enum_name="CarProvider")
