"""Writing the package: all of it or nothing, and never over what somebody else wrote."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fluxaorm.codegen.package_writer import compare_package, write_package
from fluxaorm.codegen.render import HEADER
from fluxaorm.errors import CodegenError


def _files(*names: str, text: str = "one") -> dict[str, str]:
    return dict.fromkeys(names, f"{HEADER}0\n# {text}\n")


OLD = _files("__init__.py", "car.py", "road.py", text="old")
NEW = {**_files("__init__.py", "car.py", "bus.py", text="new")}


def _content(directory: Path) -> dict[str, str]:
    """Everything below a directory, leftovers of writing included."""
    paths = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    return {path.relative_to(directory).as_posix(): path.read_text("utf-8") for path in paths}


def test_a_missing_directory_is_made_with_its_parents(tmp_path: Path) -> None:
    """The first run needs no preparation."""
    directory = tmp_path / "app" / "entities"

    changes = write_package(directory, OLD)

    assert {"__init__.py", "car.py", "road.py"} == set(changes.written)
    assert {"app/entities/" + name: text for name, text in OLD.items()} == _content(tmp_path)


def test_only_what_changed_is_touched(tmp_path: Path) -> None:
    """Build tools and reviewers look at what a run touched."""
    write_package(tmp_path, OLD)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}

    changes = write_package(tmp_path, OLD | _files("car.py", text="new"))

    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert (("car.py",), (), ("__init__.py", "road.py")) == (changes.written, changes.removed, changes.unchanged)
    assert ["car.py"] == [name for name in before if before[name] != after[name]]


def test_generated_files_of_entities_that_are_gone_are_removed(tmp_path: Path) -> None:
    """A module of an entity that was renamed would still import."""
    write_package(tmp_path, OLD)

    changes = write_package(tmp_path, NEW)

    assert ("road.py",) == changes.removed
    assert _content(tmp_path) == NEW


def test_what_others_wrote_is_left_alone(tmp_path: Path) -> None:
    """The directory may hold the user's own modules."""
    (tmp_path / "own.py").write_text("own = 1\n")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("a")
    write_package(tmp_path, OLD)

    write_package(tmp_path, NEW)

    assert NEW | {"own.py": "own = 1\n", "notes/a.txt": "a"} == _content(tmp_path)


def _own_file(path: Path) -> None:
    path.write_text("import this\n")


def _empty_file(path: Path) -> None:
    path.touch()


def _directory(path: Path) -> None:
    path.mkdir()


def _dangling_link(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


@pytest.mark.parametrize("make", [_own_file, _empty_file, _directory, _dangling_link])
def test_a_foreign_file_in_the_way_is_an_error_and_nothing_is_written(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    """Whatever stands where a generated file belongs was put there by somebody."""
    write_package(tmp_path, OLD)
    make(tmp_path / "bus.py")
    before = _content(tmp_path)

    with pytest.raises(CodegenError, match=r"bus\.py was not generated and is in the way") as caught:
        write_package(tmp_path, NEW)

    assert before == _content(tmp_path)
    assert "choose another directory" in str(caught.value)


def test_a_file_where_the_directory_should_be_is_an_error(tmp_path: Path) -> None:
    """A mistyped path must not end in a traceback."""
    place = tmp_path / "entities"
    place.write_text("x")

    with pytest.raises(CodegenError, match="entities is not a directory"):
        write_package(place, OLD)


@pytest.mark.parametrize("calls_before", range(8))
def test_a_failure_at_any_rename_leaves_the_old_package_whole(
    calls_before: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk or a signal in the middle must not leave half of each version."""
    write_package(tmp_path, OLD)
    calls: list[Any] = []
    replace = os.replace

    def failing(source: Any, target: Any) -> None:
        calls.append(target)
        if len(calls) == calls_before + 1:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    failed = calls_before < 4

    if failed:
        with pytest.raises(CodegenError, match="No space left on device; nothing was changed"):
            write_package(tmp_path, NEW)
    else:
        write_package(tmp_path, NEW)

    assert (OLD if failed else NEW) == _content(tmp_path)


def test_an_interrupt_in_the_middle_leaves_the_old_package_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C is no OSError."""
    write_package(tmp_path, OLD)
    replace = os.replace

    def interrupted(source: Any, target: Any) -> None:
        if Path(target).name == "__init__.py" and "new" in str(source):
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)

    with pytest.raises(KeyboardInterrupt):
        write_package(tmp_path, NEW)

    assert _content(tmp_path) == OLD


def test_a_failure_before_the_first_package_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no half of a first package either."""

    def failing(self: Path, text: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", failing)

    with pytest.raises(CodegenError, match="No space left on device"):
        write_package(tmp_path / "entities", OLD)

    assert [] == list(tmp_path.iterdir())


def test_comparing_writes_nothing_and_tells_the_difference(tmp_path: Path) -> None:
    """CI wants to see what a developer forgot to commit."""
    write_package(tmp_path, OLD)

    changes = compare_package(tmp_path, NEW)

    assert _content(tmp_path) == OLD
    assert not changes.up_to_date
    place = tmp_path.as_posix()
    expected = [
        f"--- {place}/__init__.py",
        f"+++ {place}/__init__.py",
        "@@ -1,2 +1,2 @@",
        f" {HEADER}0",
        "-# old",
        "+# new",
        "--- /dev/null",
        f"+++ {place}/bus.py",
        "@@ -0,0 +1,2 @@",
        f"+{HEADER}0",
        "+# new",
    ]
    assert expected == changes.diff.splitlines()[:11]
    assert changes.diff.splitlines()[-5:] == [
        f"--- {place}/road.py",
        "+++ /dev/null",
        "@@ -1,2 +0,0 @@",
        f"-{HEADER}0",
        "-# old",
    ]


def test_comparing_what_is_up_to_date_finds_nothing(tmp_path: Path) -> None:
    """Also beside files of others, and when the directory itself is missing it says so."""
    write_package(tmp_path, OLD)
    _own_file(tmp_path / "own.py")

    changes = compare_package(tmp_path, OLD)

    assert (True, "") == (changes.up_to_date, changes.diff)
    assert not compare_package(tmp_path / "missing", OLD).up_to_date
