"""Everything on the page that started the project works in Python: each snippet has a counterpart that runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.seed.counterparts import COUNTERPARTS
from tests.seed.snippets import cut

PAGE = (Path(__file__).parent / "page" / "registry.txt").read_text(encoding="utf-8")
SNIPPETS = cut(PAGE)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.partition("\n")[0][:40])
def test_a_snippet_of_the_page_works_in_python(snippet: str, tmp_path: Path) -> None:
    """The page is the product's front door; a snippet without a counterpart is a promise nobody keeps."""
    assert snippet in COUNTERPARTS, "this snippet has no Python counterpart"

    COUNTERPARTS[snippet](tmp_path)


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
    assert set(SNIPPETS) == set(COUNTERPARTS)


def test_the_yaml_file_is_the_yaml_of_the_page() -> None:
    """The stored page has lost its indentation, the file beside it has not; they must not drift apart."""
    file = (Path(__file__).parent / "page" / "config.yaml").read_text(encoding="utf-8")
    lines = [line.strip() for line in file.splitlines() if not line.startswith("#")]

    assert "\n".join(lines) in SNIPPETS
