"""Java and Maven are those of the machine where it has them, and unpacked ones where it has none."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from devstack import kafka, maven
from devstack.errors import UnobtainableError

FAKE_JAVA = "#!/bin/sh\necho 'openjdk version \"{version}.0.1\"' >&2\n"
FAKE_MAVEN = "#!/bin/sh\necho '[ERROR] Could not find artifact'\nexit 1\n"


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Java and Maven."""
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name in {"java", "mvn"} else which(name))


def install(directory: Path, monkeypatch: pytest.MonkeyPatch, version: int) -> Path:
    """Puts a Java of a version, and a Maven that finds nothing, on the path."""
    for name, text in (("java", FAKE_JAVA.format(version=version)), ("mvn", FAKE_MAVEN)):
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    return directory / "java"


@pytest.mark.usefixtures("nothing_installed")
def test_where_nothing_is_installed_java_and_maven_are_unpacked(tmp_path: Path) -> None:
    """They run beside the system, and know whom Maven may trust, which their packages would set up when installed."""
    maven.copy_jars(["org.slf4j:slf4j-simple:1.7.36"], tmp_path)
    trusted = str(maven.trusted_certificates())
    listing = [*maven.keytool(), "-list", "-keystore", trusted, "-storepass", "changeit"]
    told = subprocess.run(listing, capture_output=True, text=True, check=True).stdout

    assert ["slf4j-api-1.7.36.jar", "slf4j-simple-1.7.36.jar"] == sorted(file.name for file in tmp_path.iterdir())
    assert told.count("trustedCertEntry") > 20


def test_what_maven_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has no network reads why there is no Kafka, not that a directory is empty."""
    install(tmp_path, monkeypatch, 21)
    monkeypatch.setenv("FLUXA_DEVSTACK_CACHE", str(tmp_path / "cache"))

    with pytest.raises(UnobtainableError, match=r"kafka cannot be obtained: mvn failed: .* Could not find artifact"):
        kafka.fetch()

    assert [] == [entry for entry in (tmp_path / "cache").iterdir() if entry.suffix != ".lock"]


@pytest.mark.parametrize(("version", "used"), [(11, False), (17, True), (25, True)])
def test_an_installed_java_is_used_when_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int, used: bool
) -> None:
    """Kafka's jars are compiled for 17, and fail on an older one with words that nobody understands."""
    program = install(tmp_path, monkeypatch, version)

    command = maven.java()

    assert used == (command == [str(program)])
