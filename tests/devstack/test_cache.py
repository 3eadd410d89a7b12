"""A cache entry is whole or absent, however many ask for it at once and whatever happens while it is built."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devstack.cache import cached


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("FLUXA_DEVSTACK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_an_entry_is_built_once_for_all_who_ask_at_once() -> None:
    """Parallel runs share one download."""
    built: list[Path] = []

    def build(target: Path) -> None:
        built.append(target)
        (target / "file").write_text("whole")

    with ThreadPoolExecutor(8) as pool:
        entries = set(pool.map(lambda _: cached("entry", build), range(8)))

    assert len(built) == 1
    assert [(entry / "file").read_text() for entry in entries] == ["whole"]


def test_a_failed_build_leaves_no_entry(root: Path) -> None:
    """Half a download must never pass for a server."""

    def fail(target: Path) -> None:
        (target / "half").write_text("half")
        raise RuntimeError("network gone")

    with pytest.raises(RuntimeError, match="network gone"):
        cached("entry", fail)

    assert [path.name for path in root.iterdir()] == ["entry.lock"]


def test_what_a_killed_build_left_is_cleared_away(root: Path) -> None:
    """Nobody else clears it."""
    (root / "entry.new-killed").mkdir(parents=True)

    cached("entry", lambda target: (target / "file").touch())

    assert not (root / "entry.new-killed").exists()
