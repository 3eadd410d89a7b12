"""What generated code stands on: base classes of entities and providers, and the field objects of queries."""

from fluxaorm.query.fields import Fields
from fluxaorm.runtime.entity import Change, EntityBase
from fluxaorm.runtime.provider import Provider

__all__ = ["Change", "EntityBase", "Fields", "Provider"]
