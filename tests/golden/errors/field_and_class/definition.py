"""A field called as the generated class, which it would hide from the annotations in it."""

from fluxaorm import Entity, UInt8


class Car(Entity):
    """Refers to nothing."""

    id: UInt8
    Car: UInt8
