"""One method for both contexts: what it returns is awaited when the context is an AsyncContext.

A generated method is written once, with the type it returns to a Context. ``sync_or_async`` adds what it returns to an
AsyncContext, for type checkers only: at run time it gives the method back, since the context decides how a plan is run.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, Self, TypeAlias, TypeVar, overload

from fluxaorm.errors import no_context

if TYPE_CHECKING:
    from fluxaorm.plans.effects import Plan
    from fluxaorm.plans.state.bound_entity import ProviderPort
    from fluxaorm.plans.state.unit_of_work import AsyncUnitOfWork, IdentityMap, SyncUnitOfWork

AnyContext: TypeAlias = "SyncUnitOfWork | AsyncUnitOfWork"
"""Either context: a ``Context`` or an ``AsyncContext``."""

S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
P = ParamSpec("P")

if TYPE_CHECKING:

    class BoundMethod(Protocol[P, T_co]):
        """Takes a context first."""

        @overload
        def __call__(self, ctx: SyncUnitOfWork, /, *args: P.args, **kwargs: P.kwargs) -> T_co: ...
        @overload
        def __call__(self, ctx: AsyncUnitOfWork, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T_co]: ...

    class Method(Protocol[S_contra, P, T_co]):
        """What stands in the class."""

        @overload
        def __get__(self, instance: None, unit_of_work: type[Any]) -> Self: ...
        @overload
        def __get__(self, instance: S_contra, unit_of_work: type[Any]) -> BoundMethod[P, T_co]: ...

    def sync_or_async(method: Callable[Concatenate[S, AnyContext, P], T]) -> Method[S, P, T]:
        """A method that takes a context; see the module."""
        ...

else:

    def sync_or_async(method):
        """A method that takes a context; see the module."""
        return method


def identity_map_of(ctx: Any, provider: ProviderPort) -> IdentityMap:
    """The part of a context for an entity. ContextMisuseError for what is no context, ContextClosedError.

    Looked at when it fails only: whoever gives a context pays nothing.
    """
    try:
        identity_map: IdentityMap = ctx._identity_maps.get(provider) or ctx._identity_map_of(provider)
    except AttributeError as error:
        if error.obj is not ctx:
            raise
        raise no_context(provider.entity_name, ctx) from None
    return identity_map


def run_plan(ctx: Any, plan: Plan[T]) -> T:
    """What the plan returns, or what to await for it: the context knows."""
    result: T = ctx._run(plan)
    return result


def ready(ctx: Any, value: T) -> T:
    """A value that needs no plan, in the form the context gives it."""
    result: T = ctx._value(value)
    return result
