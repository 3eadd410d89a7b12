"""Pythons that this machine lacks, from Debian's unstable suite, unpacked beside the system as the servers are.

What it decides: which packages make up a Python that can make environments and build extensions, and what starts it: a
script of its name, so that its environments, and the scripts in them, need not know about its dynamic linker.
What it never does: install a Python, or choose between several of one version: it has the suite's newest of the day on
which it was fetched.
"""

from __future__ import annotations

import functools
import re
import shutil
from pathlib import Path

from devstack.apt import AptError, Root, Suite, unpacked
from devstack.errors import UnobtainableError

# where the script is, seen through an environment's symbolic links; $0 is how Python finds the environment
_START = """#!/bin/sh
root=$(dirname "$(readlink -f "$0")")/../..
exec {command} "$@"
"""


def fetch(version: str) -> Path:
    """The program of a Python (`3.14`), from the cache or fetched now; raises UnobtainableError."""
    try:
        if not re.fullmatch(r"3\.\d+", version):
            raise AptError(f"{version!r} is no version as 3.14 is")
        return unpacked(_suite(version), functools.partial(_complete, version)).path / f"usr/bin/python{version}"
    except AptError as error:
        raise UnobtainableError(f"Python {version}", str(error)) from error


def _suite(version: str) -> Suite:
    name = f"python{version}"
    # what needs a compiler (mysqlclient) wants the headers, and wheels want C++'s library
    packages = (name, f"{name}-minimal", f"lib{name}-dev", "libstdc++6", "python3-pip-whl")
    return Suite("sid", packages, purpose=name)


def _complete(version: str, target: Path) -> None:
    script, program = target / f"usr/bin/python{version}", f"usr/lib/python{version}/python{version}"
    script.rename(target / program)
    script.write_text(_START.format(command=_relocatable(Root(target).command(program, "$0"), target)))
    script.chmod(0o755)
    # Debian keeps what differs between processors apart and leads its own compiler there
    for header in target.glob(f"usr/include/*/python{version}/pyconfig.h"):
        shutil.copy(header, target / f"usr/include/python{version}/pyconfig.h")


def _relocatable(command: list[str], root: Path) -> str:
    return " ".join(f'"{part}"' for part in command).replace(str(root), "$root")
