"""``Field()``: what can be said of a field besides its type. Keeps what was said; ``entity.resolve`` judges it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, Literal, TypeVar, cast


class FieldOptions:
    """The options given to one ``Field()``, by name."""

    __slots__ = ("given",)

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = dict(given)

    def __repr__(self) -> str:
        return f"Field({', '.join(f'{name}={value!r}' for name, value in self.given.items())})"


OPTION_NAMES: Final = (
    "default",
    "default_factory",
    "unique",
    "index",
    "cached",
    "column",
    "prefix",
    "ignore",
    "secret",
    "searchable",
    "sortable",
    "renamed_from",
    "version",
    "length",
    "size_class",
    "precision",
    "scale",
    "unsigned",
    "fsp",
    "enum_name",
    "size",
)

_NOT_GIVEN: Final[Any] = ...
F = TypeVar("F", bound=Callable[..., Any])


def _keeping_options(declared: F) -> F:
    """A function with this signature that takes whatever it is given: mistakes are reported with all others."""

    @wraps(declared)
    def keep(*args: Any, **options: Any) -> FieldOptions:
        return FieldOptions({**options, "*": args} if args else options)

    return cast("F", keep)


@_keeping_options
def Field(  # noqa: N802 - it stands where a value stands, and reads as a class, as in dataclasses' cousins
    *,
    default: Any = _NOT_GIVEN,
    default_factory: Callable[[], Any] = _NOT_GIVEN,
    unique: bool = False,
    index: bool = False,
    cached: bool = False,
    column: str = _NOT_GIVEN,
    prefix: str = _NOT_GIVEN,
    ignore: bool = False,
    secret: bool = False,
    searchable: bool | Literal["tag"] = False,
    sortable: bool = False,
    renamed_from: str = _NOT_GIVEN,
    version: bool = False,
    length: int | Literal["max"] = _NOT_GIVEN,
    size_class: Literal["medium", "long"] = _NOT_GIVEN,
    precision: int = _NOT_GIVEN,
    scale: int = _NOT_GIVEN,
    unsigned: bool = False,
    fsp: int = 0,
    enum_name: str = _NOT_GIVEN,
    size: int = _NOT_GIVEN,
) -> Any:
    """Say more of a field than its type does: as its value, or inside ``Annotated``.

    ``name: str = Field(length=100)``.

    Of any column: ``default`` a constant, or ``default_factory`` a callable, that new entities start from;
    ``unique`` or ``index`` make an index of this field alone, ``cached`` keeps look-ups by a unique one in Redis;
    ``column`` its name in the table; ``renamed_from`` the name it had; ``ignore`` no column at all; ``secret``
    never shown in errors and reprs; ``searchable`` (``"tag"`` for exact matches of text) and ``sortable`` put it
    into the Redis Search index.

    Of some types: ``length`` of str in characters, or ``"max"``; ``size_class`` of bytes; ``precision`` and
    ``scale`` of Decimal in digits; ``unsigned`` of float; ``fsp`` of datetime, time and timedelta: digits of the
    second, 0 to 6; ``enum_name`` of a Literal; ``version`` of an unsigned integer: optimistic locking; ``size`` of
    a list: how many columns; ``prefix`` of an Embedded: what its columns' names start with.

    Mistakes are reported by ``Registry.validate()``.
    """
