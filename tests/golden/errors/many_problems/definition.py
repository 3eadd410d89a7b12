"""Several mistakes at once, all of which are told."""

from fluxaorm import Entity, Field, Index, UInt8


class CarEntity(Entity, tabel="cars"):  # type: ignore[call-arg]  # the mistake
    """Mistakes of the class line, of fields and of indexes."""

    id: UInt8
    power: complex
    class_name: str = Field(length=0)
    delete: UInt8
    indexes = (Index("nothing"),)
