"""Check, encode and decode of Json and References columns, by msgspec. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from fluxaorm.entity.checks import wrong_type

Codec = tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]
"""check, encode, decode"""

_ENCODER: Final = msgspec.json.Encoder()
_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**64 - 1


def encode_json(value: Any) -> str:
    """Compact JSON text."""
    return _ENCODER.encode(value).decode()


def json_codec(json_type: Any) -> Codec:
    """Values of ``json_type``. Checked ones are copies, what a reader of the column would get.

    Raises TypeError when msgspec cannot decode the type.
    """
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(json_type)

    def check_json(value: Any) -> Any:
        text = _text_of(value)
        _refuse_what_json_lacks(text, value)
        try:
            return decoder.decode(text)
        except msgspec.ValidationError as error:
            raise ValueError(f"does not fit its type: {error}") from None

    def decode_json(raw: Any) -> Any:
        return decoder.decode(raw) if isinstance(raw, bytes | str) else raw

    return check_json, encode_json, decode_json


def _text_of(value: Any) -> bytes:
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode: it holds a lone surrogate") from None
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"cannot be JSON: {error}") from None


def _refuse_what_json_lacks(text: bytes, value: Any) -> None:
    """JSON has no NaN and no infinity, of which the encoder makes null; servers hold integers of 64 bits."""
    if b"null" in text and any(isinstance(leaf, float) and not math.isfinite(leaf) for leaf in _leaves(value)):
        raise ValueError("must be finite in every number")
    if len(text) > 18 and any(
        isinstance(leaf, int) and not _SMALLEST <= leaf <= _LARGEST for leaf in _leaves(msgspec.json.decode(text))
    ):
        raise ValueError("must not hold an integer past 64 bits")


def _leaves(value: Any) -> Iterable[Any]:
    """Every scalar inside a value that can be encoded."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str | bytes | int | float | None):
            yield item
        elif isinstance(item, dict):
            waiting += item
            waiting += item.values()
        elif isinstance(item, Iterable):
            waiting += item
        else:
            waiting += _attributes(item)


def _attributes(item: Any) -> list[Any]:
    names = getattr(item, "__struct_fields__", None) or getattr(item, "__dataclass_fields__", None) or ()
    return [getattr(item, name, None) for name in names]


def references_codec(target: str, maximum: int) -> Codec:
    """Lists of ids of one entity, in order; its entities count as their ids."""
    decoder = msgspec.json.Decoder(list[int])

    def check_references(value: Any) -> list[int]:
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            raise wrong_type(value, f"a list of ids of {target}")
        return [_id_of(item, target, maximum) for item in value]

    def decode_references(raw: Any) -> list[int]:
        return decoder.decode(raw) if isinstance(raw, bytes | str) else raw

    return check_references, encode_json, decode_references


def _id_of(item: Any, target: str, maximum: int) -> int:
    entity: str = getattr(item, "_entity_name", "")
    if entity and entity != target:
        raise ValueError(f"must hold ids of {target}, not a {entity}")
    id = item.id if entity else item
    if not isinstance(id, int) or isinstance(id, bool):
        raise ValueError(f"must hold ids of {target}, not {type(id).__name__}")
    if not 1 <= id <= maximum:
        raise ValueError(f"must hold ids of 1 to {maximum}")
    return int(id)
