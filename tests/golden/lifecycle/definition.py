"""Columns that the library sets, soft delete, secrets, and look-ups by unique index."""

from datetime import datetime

from fluxaorm import Entity, Field, Index, UInt32, UniqueIndex


class AccountEntity(Entity, table="accounts", soft_delete=True, redis_cache=True):
    """Everything at once."""

    id: UInt32
    email: str = Field(unique=True, cached=True)
    name: str | None = None
    region: str
    password: str = Field(secret=True)
    version: UInt32 = Field(version=True)
    created_at: datetime
    updated_at: datetime
    indexes = (UniqueIndex("name", "region", name="Person_1"), Index("region", "email"))
