"""Reads YAML text into plain values, safely and strictly, and replaces ``${VAR}`` in strings.

YAML 1.2's core scalars: ``no`` and ``on`` are strings, ``10:30`` is not a number, there are no dates. A key given
twice is an error. Raises only ConfigError, which names the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from fluxaorm.errors import ConfigError
from fluxaorm.options.masking import masked_address
from fluxaorm.options.shapes import is_mapping, join

Source: TypeAlias = "Mapping[Any, Any] | str | PathLike[str]"
_MAX_DEPTH: Final = 50
_MAX_NODES: Final = 1_000_000
_VARIABLE = re.compile(r"\$(\$\{)|\$\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LOOKS_LIKE_PATH = re.compile(r"[^\n:{]+\.(?:ya?ml|json)", re.IGNORECASE)


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2, and with ``<<`` to merge mappings."""


_Resolver: TypeAlias = "tuple[str, re.Pattern[str]]"
_SCALARS = (
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,18})$", "-+0123456789"),
    ("float", r"[-+]?[0-9]{1,19}(?:\.[0-9]{0,19}(?:[eE][-+]?[0-9]{1,3})?|[eE][-+]?[0-9]{1,3})$", "-+0123456789"),
    ("merge", r"<<$", "<"),
)
_resolvers: dict[str, list[_Resolver]] = {}
for _tag, _pattern, _firsts in _SCALARS:
    for _first in _firsts:
        _resolvers.setdefault(_first, []).append((f"tag:yaml.org,2002:{_tag}", re.compile(_pattern)))
_Loader.yaml_implicit_resolvers = _resolvers


def read_source(source: Source) -> tuple[str, Mapping[Any, Any]]:
    """The name of the file (empty when there is none) and the mapping in it. Raises ConfigError.

    ``source``: a parsed mapping; the path of a file; YAML text. A one-line string that ends in ``.yaml``, ``.yml`` or
    ``.json``, or that names a file, is a path.
    """
    if is_mapping(source):
        return "", source
    if isinstance(source, PathLike) or (isinstance(source, str) and _names_file(source)):
        name = str(Path(source))
        return name, _as_mapping(parse(_text_of(Path(source)), name), name)
    if isinstance(source, str):
        return "", _as_mapping(parse(source, ""), "")
    raise ConfigError(f"expected a mapping, a path or YAML text, got {type(source).__name__}")


def _names_file(text: str) -> bool:
    if _LOOKS_LIKE_PATH.fullmatch(text):
        return True
    try:
        return "\n" not in text and Path(text).is_file()
    except (OSError, ValueError):
        return False


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {reason}") from None


def _as_mapping(value: Any, name: str) -> Mapping[Any, Any]:
    if is_mapping(value):
        return value
    got = "nothing" if value is None else type(value).__name__
    raise ConfigError(f"{_prefix(name)}expected a mapping of pool names to pools, got {got}")


def _prefix(name: str) -> str:
    return f"{name}: " if name else ""


def parse(text: str, name: str) -> Any:
    """The value of a YAML document; ``name`` is put before errors. Raises ConfigError."""
    try:
        node = yaml.compose(text, Loader=_Loader)
        if node is None:
            return None
        _KeyCheck(name).check(node, "", 0)
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{_prefix(name)}not YAML: {_reason(error)}") from None
    except (RecursionError, ValueError, TypeError, OverflowError, AttributeError, LookupError):
        raise ConfigError(f"{_prefix(name)}not YAML: a value cannot be read") from None


def _reason(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        problem = error.problem or "malformed"
        return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {problem}"
    return "a character that YAML does not allow"


class _KeyCheck:
    """Finds keys given twice, and documents that aliases blow up or make endless; looks at each node once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._sizes: dict[int, int] = {}

    def check(self, node: yaml.Node, path: str, depth: int) -> int:
        """The number of nodes in ``node``, aliases written out. Raises ConfigError."""
        size = self._sizes.get(id(node))
        if size is None:
            self._sizes[id(node)] = _MAX_NODES
            size = self._sizes[id(node)] = 1 + sum(self._children(node, path, depth + 1))
        if size > _MAX_NODES or depth > _MAX_DEPTH:
            raise self._error(path, "it is too large or nested too deeply")
        return size

    def _children(self, node: yaml.Node, path: str, depth: int) -> Iterator[int]:
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                yield self.check(item, f"{path}[{index}]", depth)
        elif isinstance(node, yaml.MappingNode):
            for where, value in self._pairs(node, path):
                yield self.check(value, where, depth)

    def _pairs(self, node: yaml.MappingNode, path: str) -> Iterator[tuple[str, yaml.Node]]:
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise self._error(path, f"line {line}: a key is not a plain text")
            where = join(path, masked_address(key.value))
            if key.value in lines:
                raise self._error(where, f"the key is given twice, in lines {lines[key.value]} and {line}")
            lines[key.value] = line
            yield where, value

    def _error(self, path: str, problem: str) -> ConfigError:
        return ConfigError(f"{_prefix(self._name)}{path or 'the document'}: {problem}")


class Environment:
    """Replaces ``${VAR}`` and ``${VAR:-default}``; ``$${`` stands for ``${``. Collects what is unset."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.problems: list[str] = []

    def replace(self, text: str, path: str) -> str:
        """``text`` with its variables replaced; a default is used when the variable is unset or empty."""
        return _VARIABLE.sub(lambda found: self._value(found, path), text)

    def _value(self, found: re.Match[str], path: str) -> str:
        if found[1]:
            return "${"
        name, default_sign, default = found[2].partition(":-")
        if not _NAME.fullmatch(name):
            self.problems.append(f"{path}: ${{...}} needs the name of a variable, or name:-default")
            return ""
        value = self._variables.get(name, "")
        if value or (name in self._variables and not default_sign):
            return value
        if default_sign:
            return default
        self.problems.append(
            f"{path}: the environment variable {name} is not set; set it, or write ${{{name}:-default}}"
        )
        return ""
