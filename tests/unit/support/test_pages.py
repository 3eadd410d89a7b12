"""The harness of the documentation: what it runs, what it refuses, and the wrong pages that it must find."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.pages import PageError, read_page, run_page, steps_of, write_page


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Where a test writes its page; beside it, ``run`` is empty."""
    (tmp_path / "run").mkdir()
    return tmp_path / "page.md"


def _run(page: Path, text: str) -> list[str]:
    page.write_text(text)
    return run_page(read_page(page), page.parent / "run")


RIGHT = """
```python title="shop.py"
PRICE = 3
```

```python
from shop import PRICE

class Thing:
    pass
```

```python
print(PRICE, Thing.__module__)
```

It prints:

```text
3 __main__
```

```console
$ echo one && \\
  echo two
one
two
$ test -e shop.py
```

<!-- not run: it needs the network -->
```console
$ pip install fluxaorm
```

<!-- servers: mysql://app:secret@localhost/shop -->
"""


def test_a_page_that_is_right_runs_in_one_namespace(page: Path) -> None:
    """Blocks build on each other, as a reader reads them."""
    assert [] == _run(page, RIGHT)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("```python\nprint(1)\n```\n\n```text\n2\n```\n", "page.md:2: shows\n2\n\nand prints\n1\n"),
        ("```python\nprint(1)\n```\n", "page.md:2: shows\nnothing\nand prints\n1\n"),
        ("```python\npass\n```\n```text\n2\n```\n", "page.md:2: shows\n2\n\nand prints\nnothing"),
        ("```console\n$ echo 1\n2\n```\n", "page.md:2: shows\n2\n\nand prints\n1\n"),
        ("```console\n$ true\n$ echo 1; exit 3\n1\n```\n", "page.md:3: failed:\n1\nexit code 3"),
        ("\n\n```python\n1 / 0\n```\n", 'page.md", line 4, in <module>'),
        ("```python\nimport warnings\nwarnings.warn('x')\n```\n", "UserWarning: x"),
        ("```python\nimport sys\nprint('x', file=sys.stderr)\n```\n", "x"),
    ],
    ids=["other", "not shown", "not printed", "command", "exit code", "exception", "warning", "stderr"],
)
def test_a_page_that_is_wrong_is_found(page: Path, text: str, told: str) -> None:
    """A harness that finds nothing proves something only if it finds what is there."""
    (problem,) = _run(page, text)

    assert told in problem


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("```sql\nSELECT 1\n```\n", "page.md:2: a block of sql is not run; give it a title"),
        ("```\nx\n```\n", "page.md:2: a block of no language is not run"),
        ("```text\nx\n```\n", "page.md:2: a block of text is not run"),
        ("```console\nls\n```\n", "page.md:2: a console begins with a command"),
        ("- ```python\n  pass\n  ```\n", "a block begins at the start of its line"),
        ('=== "pip"\n\n    ```python\n    pass\n    ```\n', "a block begins at the start of its line"),
        ("```python\npass\n", "page.md:1: this block is not closed"),
    ],
    ids=["unknown", "none", "output of nothing", "no command", "in a list", "in a tab", "open"],
)
def test_no_block_escapes(page: Path, text: str, told: str) -> None:
    """Whatever is not run says why, or is refused."""
    page.write_text(text)

    with pytest.raises(PageError) as caught:
        steps_of(read_page(page))

    assert told in str(caught.value)


def test_addresses_stand_for_servers(page: Path) -> None:
    """Pages show addresses that a reader would write, also in what is printed."""
    page.write_text(
        "<!-- servers: mysql://a/b h:1 -->\n```python\nused = 'mysql://a/b'\nprint(used, used == 'mysql' + '://c/d')\n```\n"
        "```text\nmysql://a/b True\n```\n"
    )
    read = read_page(page)

    found = run_page(read, page.parent / "run", {"mysql://a/b": "mysql://c/d"})

    assert ("mysql://a/b", "h:1") == read.servers
    assert [] == found


def test_an_author_need_not_type_what_a_page_prints(page: Path) -> None:
    """Output that is typed by hand is a guess; the page is right afterwards, and its code is as it was."""
    shown = (
        "```python\nprint(1)\nprint(2)\n```\n\n```text\n{}```\n\n```console\n$ echo 3; \\\n  echo 4\n{}$ true\n{}```\n"
    )
    page.write_text(shown.format("", "guess\n", "x\ny\n"))

    write_page(read_page(page), page.parent / "run")

    assert shown.format("1\n2\n", "3\n4\n", "") == page.read_text()
