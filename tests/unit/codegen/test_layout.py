"""Source text as Ruff would write it, held against Ruff itself and against Python's own reading of it."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxaorm.codegen.layout import LINE_LENGTH, docstring, fitted, quoted
from fluxaorm.codegen.naming import is_name

TEXT = st.text(max_size=200)
NAME = st.from_regex(r"[a-z][a-z_]{0,50}[a-z]", fullmatch=True).filter(is_name)


def _formatted(source: str, width: int = LINE_LENGTH) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", str(width), "-"]
    return subprocess.run(command, input=source.encode(), capture_output=True, check=True).stdout.decode()


@given(TEXT)
def test_a_quoted_text_reads_back_as_itself(text: str) -> None:
    """Enum values are the user's: any character may be in them."""
    literal = quoted(text)

    assert text == ast.literal_eval(literal)


@settings(max_examples=25)
@given(st.lists(TEXT, min_size=1, max_size=20))
def test_ruff_leaves_quoted_texts_alone(texts: list[str]) -> None:
    """Which quotes a text gets depends on the quotes in it."""
    source = "".join(f"x = {quoted(text)}\n" for text in texts)

    assert source == _formatted(source, 400)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", '"plain"'),
        ("it's", '"it\'s"'),
        ('say "hi"', "'say \"hi\"'"),
        ("\"'", '"\\"\'"'),
        ("back\\slash\n", '"back\\\\slash\\n"'),
    ],
)
def test_a_text_has_double_quotes_unless_single_ones_save_backslashes(text: str, expected: str) -> None:
    """What a reader of enums.py sees."""
    assert expected == quoted(text)


@settings(max_examples=50)
@given(TEXT.filter(str.strip))
def test_a_docstring_ends_where_it_should_and_ruff_leaves_it_alone(text: str) -> None:
    """The definition's docstring may hold quotes, backslashes and anything else."""
    source = f"class A:\n    {docstring(text, 4)}\n"

    tree = ast.parse(source).body[0]

    assert isinstance(tree, ast.ClassDef)
    assert (1, source) == (len(tree.body), _formatted(source))


def test_a_long_docstring_is_wrapped_and_keeps_its_paragraphs() -> None:
    """A user's docstring reads in the generated class as it reads in the definition."""
    text = f"First {'word ' * 30}end.\n\nArgs:\n    indented: {'item ' * 20}end."

    lines = docstring(text, 4).splitlines()

    assert max(map(len, lines)) <= LINE_LENGTH
    starts = [line[: len(line) - len(line.lstrip()) + 5] for line in lines]
    assert ['"""Fi', "    word ", "", "    Args:", "        inden", "        item ", '    """'] == starts


@settings(max_examples=20)
@given(
    st.lists(NAME, min_size=1, max_size=6, unique=True),
    st.sampled_from(["def f({}) -> None:\n    pass", "class A({}):\n    pass", "x = f({})", "return_ = a[{}, b]"]),
)
def test_long_lines_are_taken_apart_as_ruff_does_at_any_width(names: list[str], shape: str) -> None:
    """One output for projects of 88 columns and of 120."""
    source = fitted(f"{shape.format(', '.join(names))}\n")

    assert [source, source] == [_formatted(source, 88), _formatted(source, 120)]


def test_a_line_that_ruff_would_join_again_is_marked() -> None:
    """A union in a parameter is broken at 88 and joined at 120; only a mark keeps both from touching it."""
    source = f"def f(value: {'A' * 45} | {'B' * 45}) -> None:\n    pass\n"

    apart = fitted(source)

    assert ["def f(", f"    value: {'A' * 45} | {'B' * 45},", ") -> None:  # fmt: skip"] == apart.splitlines()[:3]
    assert [apart, apart] == [_formatted(apart, 88), _formatted(apart, 120)]


def test_docstrings_and_comments_are_never_taken_apart() -> None:
    """They hold brackets that mean nothing."""
    source = f'# {"(x, " * 40})\n"""{"(y, " * 40})\n{"(z, " * 40})\n"""\n'

    assert source == fitted(source)
