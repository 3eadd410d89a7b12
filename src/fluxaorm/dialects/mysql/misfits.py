"""Which values MySQL and MariaDB, in strict mode, refuse or alter when a column gets another type. Pure text.

A pair of types that is not known here gives one condition, for every value, that says so.
"""

from __future__ import annotations

from typing import Final

from fluxaorm.dialects.column_types import (
    BINARY,
    BLOB_BYTES,
    COLLATED,
    INTEGER_BYTES,
    TEXT_BYTES,
    ParsedType,
    integer_range,
    parse_type,
    quoted,
)
from fluxaorm.dialects.misfits import Misfit
from fluxaorm.dialects.tables import ColumnDefinition

_NUMBERS: Final = frozenset({*INTEGER_BYTES, "decimal", "double", "float"})
_TIMES: Final = frozenset({"date", "datetime", "time", "timestamp"})
_TEXTS: Final = (COLLATED | BINARY) - {"enum", "set"}
_FLOAT_MAXIMUM: Final = "3.4028234663852886e38"
_NUMBER_TEXT: Final = r"'^ *[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)? *$'"
_MOST_DIGITS: Final = "DECIMAL(65,30)"


def misfits(old: ColumnDefinition, new: ColumnDefinition, value: str) -> list[Misfit]:
    """Values of the old type, read by the SQL ``value``, that the new type does not hold as they are."""
    was, becomes = parse_type(old.ddl_type or old.type), parse_type(new.ddl_type or new.type)
    found = _found(was, becomes, value)
    if found is None:
        what = f"become {becomes}; whether each fits, only the server can tell"
        return [Misfit(what, f"{value} IS NOT NULL", blocking=False, unsure=True)]
    return found


def _found(was: ParsedType, becomes: ParsedType, value: str) -> list[Misfit] | None:
    if becomes.name in _NUMBERS:
        return _into_number(was, becomes, value)
    if becomes.name in _TIMES:
        return _into_time(was, becomes, value)
    if becomes.name in ("enum", "set"):
        return _into_members(was, becomes, value)
    if becomes.name == "json":
        return [Misfit("are no JSON", f"NOT JSON_VALID({value})")] if was.name in COLLATED else None
    if was.name in BINARY and becomes.name in COLLATED:
        return None  # bytes may be no text
    return _into_length(was, becomes, value)


def moved_value(old: ColumnDefinition, new: ColumnDefinition, value: str) -> str:
    """A value as it will be, rounded and in another collation, in the new column; where it fits."""
    was, becomes = parse_type(old.type), parse_type(new.type)
    if new.collation is not None:
        charset = new.collation.partition("_")[0]
        return f"CONVERT({value} USING {charset}) COLLATE {new.collation}" if old.collation != new.collation else value
    if was == becomes:
        return value
    if becomes.name in INTEGER_BYTES:
        return f"ROUND({value})" if was.name in _NUMBERS else value
    if becomes.name in ("decimal", *_TIMES - {"timestamp"}):
        return f"CAST({value} AS {ParsedType(becomes.name, becomes.numbers)})"
    return f"CAST({value} AS {becomes.name})" if becomes.name in ("float", "double") else value


# numbers


def _into_number(was: ParsedType, becomes: ParsedType, value: str) -> list[Misfit] | None:
    if was.name in _TEXTS:
        # bytes that are no UTF-8 are no number either
        value = f"CONVERT({value} USING latin1)" if was.name in BINARY else value
        number = f"CAST({value} AS {_MOST_DIGITS})"
        return [
            Misfit("are no numbers", f"{value} NOT REGEXP {_NUMBER_TEXT}"),
            *_number_misfits(becomes, f"CASE WHEN {value} REGEXP {_NUMBER_TEXT} THEN {number} END"),
        ]
    return _number_misfits(becomes, value) if was.name in _NUMBERS else None


def _number_misfits(becomes: ParsedType, value: str) -> list[Misfit]:
    if becomes.name in INTEGER_BYTES:
        low, high = integer_range(ParsedType(becomes.name, unsigned=becomes.unsigned))
        found = [
            Misfit(f"do not fit {becomes}", f"ROUND({value}) NOT BETWEEN {low} AND {high}"),
            Misfit("are rounded", f"{value} <> ROUND({value})", blocking=False),
        ]
        if becomes.numbers == (1,):
            found.append(Misfit("are neither 0 nor 1", f"{value} NOT IN (0, 1)", blocking=False))
        return found
    found = [Misfit(f"do not fit {becomes}", f"{value} < 0")] if becomes.unsigned else []
    if becomes.name == "decimal":
        precision, scale = becomes.numbers
        most = "9" * (precision - scale) or "0"
        return [
            *found,
            Misfit(f"do not fit {becomes}", f"ABS(ROUND({value}, {scale})) > {most}.{'9' * scale or '0'}"),
            Misfit("are rounded", f"{value} <> ROUND({value}, {scale})", blocking=False),
        ]
    if becomes.name == "float":
        found.append(Misfit("do not fit float", f"ABS({value}) > {_FLOAT_MAXIMUM}"))
        found.append(Misfit("lose digits", f"{value} <> CAST({value} AS FLOAT)", blocking=False))
    return found


# dates and times


def _into_time(was: ParsedType, becomes: ParsedType, value: str) -> list[Misfit] | None:
    if was.name in _TEXTS:
        cast = becomes.name if becomes.name == "date" else f"{becomes.name}(6)"
        return [Misfit(f"are no {becomes.name}", f"{value} IS NOT NULL AND CAST({value} AS {cast}) IS NULL")]
    if (was.name, becomes.name) == ("date", "datetime"):
        return []
    if (was.name, becomes.name) == ("datetime", "date"):
        return [Misfit("lose the time of day", f"TIME({value}) <> '00:00:00'", blocking=False)]
    if was.name == becomes.name:
        unit = 10 ** (6 - (becomes.numbers[0] if becomes.numbers else 0))
        return [Misfit("are rounded", f"MICROSECOND({value}) % {unit} <> 0", blocking=False)]
    return None


# enums and sets


def _into_members(was: ParsedType, becomes: ParsedType, value: str) -> list[Misfit] | None:
    if was.name == "set" and becomes.name == "set":
        gone = [member for member in was.members if member not in becomes.members]
        return [Misfit(f"hold the removed {member!r}", f"FIND_IN_SET({quoted(member)}, {value})") for member in gone]
    if was.name not in COLLATED:
        return None
    if becomes.name == "enum":
        listed = ", ".join(map(quoted, becomes.members))
        gone = [member for member in was.members if member not in becomes.members]
        what = f"are the removed {', '.join(map(repr, gone))}" if gone else f"are no member of {becomes}"
        return [Misfit(what, f"CONCAT({value}) NOT IN ({listed})")]
    rest = f"CONCAT(',', REPLACE({value}, ',', ',,'), ',')"
    for member in becomes.members:
        rest = f"REPLACE({rest}, {quoted(f',{member},')}, '')"
    return [Misfit(f"are no members of {becomes}", f"{value} <> '' AND {rest} <> ''")]


# texts and bytes


def _into_length(was: ParsedType, becomes: ParsedType, value: str) -> list[Misfit] | None:
    if becomes.name in ("char", "varchar"):
        characters = becomes.numbers[0]
        return [Misfit(f"are longer than {characters} characters", f"CHAR_LENGTH({_text(was, value)}) > {characters}")]
    if becomes.name in TEXT_BYTES:
        limit = TEXT_BYTES[becomes.name]
        return [Misfit(f"are longer than {limit} bytes", f"LENGTH({_text(was, value)}) > {limit}")]
    limit = BLOB_BYTES.get(becomes.name) or becomes.numbers[0]
    found = [Misfit(f"are longer than {limit} bytes", f"LENGTH({_text(was, value)}) > {limit}")]
    if becomes.name == "binary":
        found.append(Misfit("are filled up with zero bytes", f"LENGTH({_text(was, value)}) < {limit}", blocking=False))
    return found


def _text(was: ParsedType, value: str) -> str:
    return value if was.name in COLLATED or was.name in BINARY else f"CAST({value} AS CHAR)"
