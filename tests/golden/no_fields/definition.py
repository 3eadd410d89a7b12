"""An entity that is only an id."""

from fluxaorm import Entity, UInt64


class MarkEntity(Entity):
    """Nothing but an id."""

    id: UInt64
