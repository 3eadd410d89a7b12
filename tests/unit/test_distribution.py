"""What is published: a wheel with everything that the checkout runs on, and a page that says what it is."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = "import hatchling.build, sys; hatchling.build.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    directory = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-c", BUILD, str(directory)], cwd=ROOT, capture_output=True, check=True)
    (made,) = directory.glob("*.whl")
    return made


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    """Templates, the demo's texts and py.typed are no modules, and nobody misses them before it is installed."""
    package = ROOT / "src" / "fluxaorm"
    expected = {path.relative_to(ROOT / "src").as_posix() for path in package.rglob("*") if path.is_file()}

    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if not name.partition("/")[0].endswith(".dist-info")}

    assert {name for name in expected if "__pycache__" not in name} == found


def test_its_page_is_the_readme_and_its_extras_are_those_the_readme_names(wheel: Path) -> None:
    """Whoever finds it in an index decides by that page."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        page = HeaderParser().parsestr(archive.read(name).decode())

    readme = (ROOT / "README.md").read_text("utf-8")
    assert readme.strip() == str(page.get_payload()).strip()
    assert "pip install 'fluxaorm[cli,demo,embedded]'" in readme
    assert {"cli", "demo", "embedded"} <= set(page.get_all("Provides-Extra", []))
