"""Debian packages as private programs: fetched with their libraries, unpacked into the cache, never installed.

What it decides: which packages of which suite make up a root, and how a program in it is started: through the root's
own dynamic linker, so that a server of one Debian release runs on another.
What it never does: use or change the system's package lists, package status or locks; it works without root.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devstack.cache import cached
from devstack.errors import DevstackError

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SOURCES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/*.sources", "/etc/apt/sources.list.d/*.list")
# perl and its modules are dependencies of maintainer scripts, which never run here; headers are no part of a program
_UNPACKED = re.compile(r"(?!.*-dev$)(lib(?!perl|.*-perl)|zlib|openssl)")


class AptError(DevstackError):
    """Packages could not be fetched or unpacked."""


@dataclass(frozen=True, slots=True)
class Suite:
    """The packages taken from one Debian suite; `recipe` changes when the same names should be fetched anew.

    `purpose` tells two roots of one suite apart.
    """

    name: str
    packages: tuple[str, ...]
    recipe: int = 1
    purpose: str = ""

    @property
    def entry(self) -> str:
        """Its name in the cache."""
        return "-".join(filter(None, ("debian", self.name, self.purpose, str(self.recipe))))


BOOKWORM = Suite("bookworm", ("mariadb-server-core", "redis-server", "redis-tools"))
SID = Suite("sid", ("mysql-server-core",))


@dataclass(frozen=True, slots=True)
class Root:
    """A tree of unpacked packages, or `/` for programs that the system has installed."""

    path: Path

    def command(self, program: str, name: str | None = None) -> list[str]:
        """How to start `program` (a path below the root), which is told that it is called `name`, or its own path.

        Raises AptError when it is not there.
        """
        target = self.path / program
        if not target.exists():
            raise AptError(f"{target} is missing")
        if self.path == Path("/"):
            return [str(target)]
        libraries = [d for pattern in ("usr/lib/*-linux-gnu*", "lib/*-linux-gnu*") for d in self.path.glob(pattern)]
        linkers = [linker for d in libraries for linker in d.glob("ld-linux*.so.*")]
        if not linkers:
            raise AptError(f"{self.path} has no dynamic linker")
        search = ":".join(map(str, libraries))
        # redis-server is one program under several names: it must see its own
        return [str(linkers[0]), "--library-path", search, "--argv0", name or str(target), str(target)]


def unpacked(suite: Suite, complete: Callable[[Path], None] = lambda _: None) -> Root:
    """The unpacked packages of a suite, from the cache or fetched now and then completed; raises AptError."""

    def build(target: Path) -> None:
        _fetch_and_unpack(suite, target)
        complete(target)

    return Root(cached(suite.entry, build))


def _fetch_and_unpack(suite: Suite, target: Path) -> None:
    work = target.with_name(target.name + ".apt")
    try:
        apt = _private_apt(suite, work)
        _download(apt, suite)
        for package in sorted((work / "archives").glob("*.deb")):
            name = package.name.partition("_")[0]
            if name in suite.packages or _UNPACKED.match(name):
                _run(["dpkg-deb", "--extract", str(package), str(target)])
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _download(apt: list[str], suite: Suite) -> None:
    for last in (False, True):
        try:
            _run([*apt, "update"])
            _run([*apt, "install", "--yes", "--no-install-recommends", "--download-only", *suite.packages])
            return
        except AptError:
            # a moving suite may change between the two commands: its index is then read again, once
            if last:
                raise


def _private_apt(suite: Suite, work: Path) -> list[str]:
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise AptError(f"{program} is not there: this is not a Debian system")
    if not _KEYRING.exists():
        raise AptError(f"Debian's archive keys are not there ({_KEYRING})")
    for folder in ("lists/partial", "archives/partial", "etc/preferences.d"):
        (work / folder).mkdir(parents=True)
    # apt keeps its lock beside the status file, so that must be private too
    (work / "status").touch()
    (work / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {_mirror()} {suite.name} main\n")
    options = {
        "Dir::Etc": work / "etc",
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": work,
        "Dir::State::lists": work / "lists",
        "Dir::State::status": work / "status",
        "Dir::Cache": work,
        "Dir::Cache::archives": work / "archives",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    return ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]


def _mirror() -> str:
    """The mirror that this system uses; none is named here."""
    for pattern in _SOURCES:
        for file in sorted(Path("/").glob(pattern.lstrip("/"))):
            found = re.search(r"^(?:URIs:|deb .*?(?=\w+://))\s*(\S+/debian)/?(?=\s|$)", file.read_text(), re.MULTILINE)
            if found:
                return found[1]
    raise AptError("no Debian mirror is configured on this system")


def _run(command: list[str]) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    result = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        lines = [line for line in result.stderr.splitlines() if line.startswith("E:")] or result.stderr.splitlines()
        raise AptError(f"{command[0]} failed: {' '.join(lines[-3:])}")
