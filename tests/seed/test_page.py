"""Everything on the page that started the project works in Python: each snippet has a counterpart that runs.

`counterparts/NAME.txt` is a snippet, byte for byte. `counterparts/NAME.py` beside it does the same, asserts what came
of it, and is run in an empty directory. No server is reached: `tests/integration/pools/test_registry_*.py` register
real ones.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from tests.seed.snippets import cut

PAGE = (Path(__file__).parent / "page" / "registry.txt").read_text(encoding="utf-8")
SNIPPETS = cut(PAGE)
COUNTERPARTS = Path(__file__).parent / "counterparts"
NAMES = {text.read_text(encoding="utf-8").removesuffix("\n"): text.stem for text in COUNTERPARTS.glob("*.txt")}

# so that their assertions say what was compared
pytest.register_assert_rewrite("tests.seed.counterparts")


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.partition("\n")[0][:40])
def test_a_snippet_of_the_page_works_in_python(snippet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is the product's front door; a snippet without a counterpart is a promise nobody keeps."""
    assert snippet in NAMES, "this snippet has no Python counterpart"
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    counterpart = f"tests.seed.counterparts.{NAMES[snippet]}"
    # a module runs when it is first imported
    sys.modules.pop(counterpart, None)

    importlib.import_module(counterpart)


def test_all_code_of_the_page_was_cut_out() -> None:
    """A snippet that is taken for prose would need no counterpart."""
    prose = PAGE
    for snippet in SNIPPETS:
        assert snippet in prose
        prose = prose.replace(snippet, "", 1)

    assert 21 == len(SNIPPETS)
    assert [] == [sign for sign in (":=", "registry.", "engine.", "{", "}", "&fluxaorm", "- :26379") if sign in prose]


def test_no_counterpart_is_of_something_else() -> None:
    """What left the page must leave here too."""
    assert set(SNIPPETS) == set(NAMES)
    assert sorted(NAMES.values()) == sorted(counterpart.stem for counterpart in COUNTERPARTS.glob("*.py"))


def test_the_yaml_file_is_the_yaml_of_the_page() -> None:
    """The stored page has lost its indentation, the file beside it has not; they must not drift apart."""
    file = (Path(__file__).parent / "page" / "config.yaml").read_text(encoding="utf-8")
    lines = [line.strip() for line in file.splitlines() if not line.startswith("#")]

    assert "\n".join(lines) in SNIPPETS
