"""Two entities whose modules would be one file."""

from fluxaorm import Entity, UInt8


class URLEntity(Entity, table="urls"):
    """In capitals."""

    id: UInt8


class UrlEntity(Entity):
    """Not in capitals."""

    id: UInt8
