"""Checks data against msgspec types: what is wrong, and where, in the words of YAML and of option objects.

Decides nothing but types and ranges; never shows a string it was given, since that might be a password.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeGuard

import msgspec
from msgspec import inspect

from fluxaorm.options.masking import masked_address

Problems: TypeAlias = "list[str]"
TextReader: TypeAlias = Callable[[str, str], str]
"""(text, path) -> the text with variables replaced."""

_NAMES: dict[type[inspect.Type], str] = {
    inspect.BoolType: "bool",
    inspect.DictType: "mapping",
    inspect.FloatType: "number",
    inspect.IntType: "int",
    inspect.ListType: "list",
    inspect.NoneType: "nothing",
    inspect.StrType: "str",
    inspect.VarTupleType: "list",
}


def is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Whether a value is a mapping of anything."""
    return isinstance(value, Mapping)


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether a value is a list or a tuple of anything; a text is neither."""
    return isinstance(value, (list, tuple))


def name_of_value(value: object) -> str:
    """What a value is, in YAML's words: ``str``, ``int``, ``list``, ``mapping``, ``nothing``."""
    if value is None:
        return "nothing"
    if is_mapping(value):
        return "mapping"
    return type(value).__name__


def name_of_type(expected: inspect.Type, instances: bool = False) -> str:
    """What a type wants, in the same words; ``instances``: the name of a Struct where YAML has a mapping."""
    if isinstance(expected, inspect.UnionType):
        return " or ".join(dict.fromkeys(name_of_type(each, instances) for each in expected.types))
    if isinstance(expected, inspect.StructType):
        return expected.cls.__name__ if instances else "mapping"
    if isinstance(expected, inspect.LiteralType):
        return "one of " + ", ".join(repr(value) for value in expected.values if value != "")
    if isinstance(expected, inspect.CustomType):
        return expected.cls.__name__
    return _NAMES.get(type(expected), "another type")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for a near miss, else an empty text."""
    by_folded = {each.replace("_", "").lower(): each for each in known}
    folded = name.replace("_", "").lower()
    close = difflib.get_close_matches(folded, by_folded, n=1, cutoff=0.65)
    if not close or abs(len(close[0]) - len(folded)) > 3:
        return ""
    return f"; did you mean '{by_folded[close[0]]}'?"


def unknown_key(path: str, key: object, known: Sequence[str]) -> str:
    """The problem of a key nobody knows."""
    shown = masked_address(key) if isinstance(key, str) else repr(key)
    hint = did_you_mean(str(key), known) or f"; known: {', '.join(known)}"
    return f"{join(path, shown)}: unknown key{hint}"


def join(path: str, key: str) -> str:
    """The path of a key inside ``path``."""
    return f"{path}.{key}" if path else key


class Checker:
    """Reads data into the shape of a type and collects what does not fit, each problem with its path.

    ``read_text`` may replace variables in strings; text it changed is read as a number or bool where one is wanted.
    ``instances``: a Struct must be one already; else a mapping is read into one.
    """

    def __init__(self, read_text: TextReader | None = None, *, instances: bool = False) -> None:
        self.problems: Problems = []
        self.instances = instances
        self._read_text = read_text

    def read(self, value: Any, expected: inspect.Type, path: str) -> Any:
        """``value`` in the shape of ``expected``; None, and a problem noted, when it does not fit."""
        while isinstance(expected, inspect.Metadata):
            expected = expected.type
        if isinstance(value, str) and self._read_text is not None:
            value = self._replaced(value, expected, path)
        reader = _READERS.get(type(expected))
        return self.wrong(path, expected, value) if reader is None else reader(self, value, expected, path)

    def _replaced(self, value: str, expected: inspect.Type, path: str) -> Any:
        assert self._read_text is not None
        text = self._read_text(value, path)
        return text if text == value or _takes_text(expected) else _scalar(text)

    def wrong(self, path: str, expected: inspect.Type, value: object, got: str = "") -> None:
        """Note that ``value`` is not of the expected type."""
        wanted = name_of_type(expected, self.instances)
        self.problems.append(f"{path}: expected {wanted}, got {got or name_of_value(value)}")


def _read_int(checker: Checker, value: Any, expected: inspect.IntType, path: str) -> Any:
    if not isinstance(value, int) or isinstance(value, bool):
        return checker.wrong(path, expected, value)
    return _in_range(checker, value, expected, path)


def _read_float(checker: Checker, value: Any, expected: inspect.FloatType, path: str) -> Any:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return checker.wrong(path, expected, value)
    if isinstance(value, float) and not math.isfinite(value):
        checker.problems.append(f"{path}: must be a finite number")
        return None
    return _in_range(checker, value, expected, path)


def _in_range(checker: Checker, value: Any, expected: inspect.IntType | inspect.FloatType, path: str) -> Any:
    if expected.ge is not None and value < expected.ge:
        checker.problems.append(f"{path}: must be at least {expected.ge}, got {_short(value)}")
    elif expected.le is not None and value > expected.le:
        checker.problems.append(f"{path}: must be at most {expected.le}, got {_short(value)}")
    return value


def _short(number: float) -> str:
    return str(number) if abs(number) < 1e15 else "a number of many digits"


def _read_plain(checker: Checker, value: Any, expected: inspect.Type, path: str) -> Any:
    return value if isinstance(value, _PLAIN[type(expected)]) else checker.wrong(path, expected, value)


def _read_anything(checker: Checker, value: Any, expected: inspect.Type, path: str) -> Any:
    return value


def _read_literal(checker: Checker, value: Any, expected: inspect.LiteralType, path: str) -> Any:
    fits = any(type(value) is type(each) and value == each for each in expected.values)
    known_type = any(type(value) is type(each) for each in expected.values)
    return value if fits else checker.wrong(path, expected, value, f"another {name_of_value(value)}" * known_type)


def _read_list(checker: Checker, value: Any, expected: inspect.ListType | inspect.VarTupleType, path: str) -> Any:
    if not is_sequence(value):
        return checker.wrong(path, expected, value)
    items = [checker.read(item, expected.item_type, f"{path}[{index}]") for index, item in enumerate(value)]
    return items if isinstance(expected, inspect.ListType) else tuple(items)


def _read_mapping(checker: Checker, value: Any, expected: inspect.DictType, path: str) -> Any:
    if not is_mapping(value):
        return checker.wrong(path, expected, value)
    return {
        checker.read(key, expected.key_type, f"{path}.{key}"): checker.read(item, expected.value_type, f"{path}.{key}")
        for key, item in value.items()
    }


def _read_struct(checker: Checker, value: Any, expected: inspect.StructType, path: str) -> Any:
    if isinstance(value, expected.cls):
        return value
    if checker.instances or not is_mapping(value):
        return checker.wrong(path, expected, value)
    return _build(checker, value, expected, path)


def _build(checker: Checker, value: Mapping[Any, Any], expected: inspect.StructType, path: str) -> Any:
    fields = {field.encode_name: field for field in expected.fields}
    before = len(checker.problems)
    for key in value:
        if key not in fields:
            checker.problems.append(unknown_key(path, key, list(fields)))
    for field in expected.fields:
        if field.required and field.encode_name not in value:
            checker.problems.append(f"{join(path, field.encode_name)}: is required")
    arguments = {
        field.name: checker.read(value[key], field.type, join(path, key))
        for key, field in fields.items()
        if key in value
    }
    return expected.cls(**arguments) if len(checker.problems) == before else None


def _read_union(checker: Checker, value: Any, expected: inspect.UnionType, path: str) -> Any:
    nearest: Problems = []
    # a text has been replaced already, what a mapping or a list holds has not
    read_text = None if isinstance(value, str) else checker._read_text
    for each in expected.types:
        attempt = Checker(read_text, instances=checker.instances)
        result = attempt.read(value, each, path)
        if not attempt.problems:
            return result
        if not attempt.problems[0].startswith(f"{path}: expected "):
            nearest = attempt.problems
    if not nearest:
        return checker.wrong(path, expected, value)
    checker.problems += nearest
    return None


def _read_custom(checker: Checker, value: Any, expected: inspect.CustomType, path: str) -> Any:
    return value if isinstance(value, expected.cls) else checker.wrong(path, expected, value)


def _takes_text(expected: inspect.Type) -> bool:
    if isinstance(expected, inspect.UnionType):
        return any(_takes_text(each) for each in expected.types)
    if isinstance(expected, inspect.LiteralType):
        return any(isinstance(each, str) for each in expected.values)
    return isinstance(expected, inspect.StrType)


def _scalar(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


_PLAIN: dict[type[inspect.Type], tuple[type, ...]] = {
    inspect.BoolType: (bool,),
    inspect.NoneType: (type(None),),
    inspect.StrType: (str,),
}
_READERS: dict[type[inspect.Type], Callable[[Checker, Any, Any, str], Any]] = {
    inspect.AnyType: _read_anything,
    inspect.BoolType: _read_plain,
    inspect.CustomType: _read_custom,
    inspect.DictType: _read_mapping,
    inspect.FloatType: _read_float,
    inspect.IntType: _read_int,
    inspect.ListType: _read_list,
    inspect.LiteralType: _read_literal,
    inspect.NoneType: _read_plain,
    inspect.StrType: _read_plain,
    inspect.StructType: _read_struct,
    inspect.UnionType: _read_union,
    inspect.VarTupleType: _read_list,
}

_known_types: dict[type[msgspec.Struct], inspect.StructType] = {}


def struct_type(cls: type[msgspec.Struct]) -> inspect.StructType:
    """The description of a Struct class, made once."""
    found = _known_types.get(cls)
    if found is None:
        described = inspect.type_info(cls)
        assert isinstance(described, inspect.StructType)
        found = _known_types[cls] = described
    return found


def problems_of(value: msgspec.Struct) -> Problems:
    """What does not fit its type in a Struct: ``MySQLOptions.pool_timeout: must be at least 0, got -1``."""
    checker = Checker(instances=True)
    name = type(value).__name__
    for field in struct_type(type(value)).fields:
        checker.read(getattr(value, field.name), field.type, f"{name}.{field.name}")
    return checker.problems
