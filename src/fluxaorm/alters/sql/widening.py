"""Whether one column type holds every value of another, so that the version that runs now notices nothing. Pure."""

from __future__ import annotations

from typing import Final

from fluxaorm.dialects.column_types import BLOB_BYTES, INTEGER_BYTES, TEXT_BYTES, ParsedType, integer_range, parse_type


def widens(old_text: str, new_text: str) -> bool:
    """``widens("tinyint unsigned", "int")`` is true; ``widens("int", "int unsigned")`` is not."""
    old, new = parse_type(old_text), parse_type(new_text)
    if old == new:
        return True
    if old.rest or new.rest:
        return False
    if old.name in INTEGER_BYTES and new.name in INTEGER_BYTES:
        return _contains(integer_range(new), integer_range(old))
    if old.name == new.name:
        return _same_name_widens(old, new)
    if (old.name, new.name) == ("float", "double"):
        return old.unsigned or not new.unsigned
    return _sizes_grow(old, new)


def _contains(outer: tuple[int, int], inner: tuple[int, int]) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _same_name_widens(old: ParsedType, new: ParsedType) -> bool:
    if old.name in ("enum", "set"):
        return new.members[: len(old.members)] == old.members
    if new.unsigned and not old.unsigned:
        return False
    if old.name == "decimal":
        return _digits(new)[0] >= _digits(old)[0] and _digits(new)[1] >= _digits(old)[1]
    if old.name == "binary":
        return False
    return (new.numbers or (0,)) >= (old.numbers or (0,))


def _digits(kind: ParsedType) -> tuple[int, int]:
    """Digits before and behind the point."""
    precision, scale = kind.numbers
    return precision - scale, scale


_BYTES_A_CHARACTER: Final = 4


def _sizes_grow(old: ParsedType, new: ParsedType) -> bool:
    """Texts into longer texts, blobs into longer blobs."""
    for sizes, short in ((TEXT_BYTES, "varchar"), (BLOB_BYTES, "varbinary")):
        if new.name in sizes:
            if old.name in sizes:
                return sizes[new.name] >= sizes[old.name]
            width = _BYTES_A_CHARACTER if short == "varchar" else 1
            return old.name == short and sizes[new.name] >= width * old.numbers[0]
    return False
