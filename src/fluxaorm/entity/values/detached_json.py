"""Documents of an entity whose context is closed: dicts and lists that refuse changes, which nobody would write.

Values of the user's own classes are handed out as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, SupportsIndex

Refuse = Callable[[], object]
"""Raises what a change gets."""


class DetachedDict(dict[str, Any]):
    """A dict that can only be read; its copies are plain."""

    __slots__ = ("refuse",)

    refuse: Refuse

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        """A plain dict."""
        return dict, (dict(self),)


class DetachedList(list[Any]):
    """A list that can only be read; its copies are plain."""

    __slots__ = ("refuse",)

    refuse: Refuse

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        """A plain list."""
        return list, (list(self),)


def _refused(self: DetachedDict | DetachedList, *args: Any, **values: Any) -> None:
    _ = self.refuse()


for _kind, _names in (
    (DetachedDict, "__setitem__ __delitem__ __ior__ clear pop popitem setdefault update"),
    (DetachedList, "__setitem__ __delitem__ __iadd__ __imul__ append clear extend insert pop remove reverse sort"),
):
    for _name in _names.split():
        setattr(_kind, _name, _refused)


def detached(value: Any, refuse: Refuse) -> Any:
    """A document of dicts and lists that call ``refuse`` when somebody changes them; equal to what it was made of."""
    kind: type[Any] = value.__class__
    made: DetachedDict | DetachedList
    if kind is dict:
        made = DetachedDict({key: detached(item, refuse) for key, item in value.items()})
    elif kind is list:
        made = DetachedList([detached(item, refuse) for item in value])
    else:
        return value
    made.refuse = refuse
    return made
