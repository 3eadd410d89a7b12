"""An entity called as the provider of another."""

from fluxaorm import Entity, UInt8


class Car(Entity):
    """Gets a provider."""

    id: UInt8


class CarProvider(Entity):
    """Is called like it."""

    id: UInt8
