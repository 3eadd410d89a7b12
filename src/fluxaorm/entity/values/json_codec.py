"""Check, encode and decode of Json and References columns, by msgspec. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import msgspec

from fluxaorm.entity.values.checks import wrong_type
from fluxaorm.entity.values.guards import is_iterable, is_sequence

Codec: TypeAlias = tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]
"""check, encode, decode"""

_ENCODER: Final = msgspec.json.Encoder()
_SORTED: Final = msgspec.json.Encoder(order="deterministic")
_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**64 - 1
_LONG_NUMBER: Final = re.compile(rb"\d{19}")
DEEPEST: Final = 100
"""Levels of a document that MySQL takes; others take fewer, see ``Capabilities.json_levels``."""


def encode_json(value: Any) -> str:
    """Compact JSON text."""
    return _ENCODER.encode(value).decode()


def same_json(left: Any, right: Any) -> bool:
    """Whether two documents are the same to JSON: 1 is neither True nor 1.0, and the order of keys does not count.

    What JSON cannot hold is the same as nothing else.
    """
    if left is right:
        return True
    try:
        return _text_of(left, _SORTED) == _text_of(right, _SORTED)
    except ValueError:
        return False


def json_codec(json_type: Any) -> Codec:
    """Values of ``json_type``. Checked ones are copies: what a reader of the column would get.

    Raises TypeError when msgspec cannot decode the type.
    """
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(json_type)
    _refuse_custom(json_type)

    def check_json(value: Any) -> Any:
        text = _text_of(value)
        _refuse_what_servers_lack(text)
        try:
            return decoder.decode(text)
        except msgspec.ValidationError as error:
            raise ValueError(f"does not fit its type: {error}") from None

    def decode_json(raw: Any) -> Any:
        return decoder.decode(raw) if isinstance(raw, bytes | str) else raw

    return check_json, encode_json, decode_json


def _refuse_custom(json_type: Any) -> None:
    """Refuse classes that no JSON is decoded to: msgspec takes any, and fails when it meets a value."""
    waiting: list[Any] = [msgspec.inspect.type_info(json_type)]
    seen: set[int] = set()
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, msgspec.inspect.CustomType) and item.cls is not object:
            raise TypeError(f"msgspec cannot decode {item.cls.__name__}")
        if is_sequence(item):
            waiting += item
        elif isinstance(item, msgspec.inspect.Type | msgspec.inspect.Field):
            waiting += [getattr(item, name) for name in type(item).__struct_fields__]


def _text_of(value: Any, encoder: msgspec.json.Encoder = _ENCODER) -> bytes:
    """JSON has no NaN and no infinity, of which the encoder would make null."""
    try:
        text = encoder.encode(value)
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode: it holds a lone surrogate") from None
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"cannot be JSON: {error}") from None
    if b"null" in text and any(isinstance(leaf, float) and not math.isfinite(leaf) for leaf in _leaves(value)):
        raise ValueError("must be finite in every number")
    return text


def _refuse_what_servers_lack(text: bytes) -> None:
    """They hold integers of 64 bits, and so many levels."""
    if _LONG_NUMBER.search(text) and any(_is_too_long(leaf) for leaf in _leaves(msgspec.json.decode(text))):
        raise ValueError("must hold no integer past 64 bits")
    _refuse_levels(text, DEEPEST)


def refuse_deep(value: Any, levels: int) -> None:
    """ValueError when a document that fits its type has more levels than this server takes."""
    if levels < DEEPEST:
        _refuse_levels(_ENCODER.encode(value), levels)


def _refuse_levels(text: bytes, most: int) -> None:
    # most documents have fewer brackets than they may have levels
    if text.count(b"[") + text.count(b"{") > most and _depth_of(msgspec.json.decode(text)) > most:
        raise ValueError(f"must have at most {most} levels, one inside the other")


def _depth_of(value: Any) -> int:
    depth = 0
    level: list[Any] = [value]
    while level := [item for item in level if type(item) in (list, dict)]:
        depth += 1
        level = [inner for item in level for inner in getattr(item, "values", item.__iter__)()]
    return depth


def _is_too_long(leaf: Any) -> bool:
    return isinstance(leaf, int) and not _SMALLEST <= leaf <= _LARGEST


def _leaves(value: Any) -> Iterator[Any]:
    """Every scalar inside a value that can be encoded."""
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        if item is None or isinstance(item, str | bytes | int | float):
            yield item
        elif is_iterable(item):
            waiting += item
            waiting += getattr(item, "values", tuple)()
        else:
            waiting += _attributes(item)


def _attributes(item: Any) -> list[Any]:
    names = getattr(item, "__struct_fields__", None) or getattr(item, "__dataclass_fields__", None) or ()
    return [getattr(item, name, None) for name in names]


def references_codec(target: str, minimum: int, maximum: int) -> Codec:
    """Lists of ids of one entity, in order; its entities count as their ids."""
    decoder = msgspec.json.Decoder(list[int])

    def check_references(value: Any) -> list[int]:
        if not is_iterable(value):
            raise wrong_type(value, f"a list of ids of {target}")
        return [_id_of(item, target, minimum, maximum) for item in value]

    def decode_references(raw: Any) -> Any:
        return decoder.decode(raw) if isinstance(raw, bytes | str) else raw

    return check_references, encode_json, decode_references


def _id_of(item: Any, target: str, minimum: int, maximum: int) -> int:
    entity: str = getattr(item, "_entity_name", "")
    if entity and entity != target:
        raise ValueError(f"must hold ids of {target}, not a {entity}")
    id = item.id if entity else item
    if not isinstance(id, int) or isinstance(id, bool):
        raise ValueError(f"must hold ids of {target}, not {type(id).__name__}")
    if not minimum <= id <= maximum:
        raise ValueError(f"must hold ids of {minimum} to {maximum}")
    return int(id)
