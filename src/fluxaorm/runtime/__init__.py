"""What generated code stands on: base classes of entities and providers, and the field objects of queries."""

from fluxaorm.plans.state.tracked import Change
from fluxaorm.query.fields import Fields
from fluxaorm.runtime.entity import EntityBase
from fluxaorm.runtime.lazy_module import LazyModule
from fluxaorm.runtime.look_up import LookUp
from fluxaorm.runtime.provider import Provider
from fluxaorm.runtime.sync_or_async import AnyContext, sync_or_async

__all__ = [
    "AnyContext",
    "Change",
    "EntityBase",
    "Fields",
    "LazyModule",
    "LookUp",
    "Provider",
    "sync_or_async",
]
