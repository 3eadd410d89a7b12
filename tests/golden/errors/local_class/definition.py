"""A type made in a function, which a generated module cannot import."""

from enum import StrEnum

from fluxaorm import Entity, UInt8


def make() -> type[Entity]:
    """A definition with an enum that only this function knows."""

    class Mode(StrEnum):
        """Local."""

        FAST = "fast"

    class CarEntity(Entity):
        """Local, which alone is fine."""

        id: UInt8
        mode: Mode

    return CarEntity


CarEntity = make()
