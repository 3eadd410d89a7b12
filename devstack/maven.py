"""Programs of the Java world: a Java of 17 or later, and jars that Maven fetches at pinned versions into the cache.

What it decides: that an installed Java and Maven are used where both are there, since they are set up for this machine,
and that Debian's packages of them are unpacked into the cache otherwise.
What it never does: install anything, or fetch a jar by itself.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path

from devstack.apt import AptError, Suite, unpacked
from devstack.cache import cached
from devstack.errors import DevstackError

_SUITE = Suite("bookworm", ("maven", "openjdk-17-jre-headless"), purpose="java")
_OLDEST = 17
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_TRUSTED = "trusted.jks"
_TRUSTED_PASSWORD = "changeit"


def java() -> list[str]:
    """How `java` is started, before its options; raises AptError."""
    return _installed_java() or _unpacked_program("java")


def keytool() -> list[str]:
    """How `keytool`, which makes keys and certificates, is started; raises AptError."""
    beside = Path(_installed_java()[0]).with_name("keytool") if _installed_java() else None
    return [str(beside)] if beside is not None and beside.exists() else _unpacked_program("keytool")


def trusted_certificates() -> Path:
    """The certificates that the unpacked Maven trusts, those of this Python, as Java reads them; raises AptError."""
    return unpacked(_SUITE, _complete).path / _TRUSTED


def jars(name: str, artifacts: Sequence[str]) -> Path:
    """The directory of the jars of `artifacts` (`group:artifact:version`) and of all they need; raises DevstackError.

    `name` is how the cache calls it, beside a hash of the artifacts.
    """
    version = hashlib.sha256(" ".join(artifacts).encode()).hexdigest()[:12]
    return cached(f"{name}-{version}", lambda target: copy_jars(artifacts, target))


def java_version() -> str:
    """What `java` says of itself, several lines; raises AptError."""
    return _told(tuple(java()))


def _installed_java() -> list[str]:
    path = shutil.which("java")
    if path is None or shutil.which("mvn") is None:
        return []
    # the program itself: its companions are beside it
    command = [str(Path(path).resolve())]
    found = re.search(r'version "(\d+)', _told(tuple(command)))
    return command if found is not None and int(found[1]) >= _OLDEST else []


@functools.cache
def _told(java: tuple[str, ...]) -> str:
    return subprocess.run([*java, "-version"], capture_output=True, text=True, check=False).stderr


def copy_jars(artifacts: Sequence[str], target: Path) -> None:
    """Puts the jars of `artifacts`, and of all they need, into a directory; raises DevstackError."""
    project = target.with_name(target.name + ".pom")
    project.write_text(_project(artifacts))
    options = [f"-DoutputDirectory={target}", "-DincludeScope=runtime"]
    command = [*_maven(), "--quiet", "--batch-mode", f"--file={project}", _PLUGIN, *options]
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    finally:
        project.unlink()
    if result.returncode != 0:
        lines = [line for line in result.stdout.splitlines() if line.startswith("[ERROR]")]
        raise DevstackError(f"mvn failed: {' '.join(lines[:2]) or result.stderr.strip()[-500:]}")


def _project(artifacts: Sequence[str]) -> str:
    dependencies = ""
    for artifact in artifacts:
        group, name, version = artifact.split(":")
        parts = f"<groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>"
        dependencies += f"<dependency>{parts}</dependency>"
    head = "<modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>devstack</artifactId>"
    head += "<version>1</version><packaging>pom</packaging>"
    return f"<project>{head}<dependencies>{dependencies}</dependencies></project>\n"


def _maven() -> list[str]:
    if _installed_java():
        return ["mvn"]
    root = unpacked(_SUITE, _complete).path
    home = root / "usr/share/maven"
    settings = {
        "javax.net.ssl.trustStore": trusted_certificates(),
        "javax.net.ssl.trustStorePassword": _TRUSTED_PASSWORD,
        "classworlds.conf": root / "etc/maven/m2.conf",
        "maven.home": home,
        "maven.multiModuleProjectDirectory": root,
    }
    options = [f"-D{key}={value}" for key, value in settings.items()]
    launcher = "org.codehaus.plexus.classworlds.launcher.Launcher"
    return [*java(), *options, "-classpath", str(home / "boot/plexus-classworlds-2.x.jar"), launcher]


def _unpacked_program(name: str) -> list[str]:
    root = unpacked(_SUITE, _complete)
    found = sorted(root.path.glob(f"usr/lib/jvm/java-*/bin/{name}"))
    if not found:
        raise AptError(f"{root.path} has no {name}")
    return root.command(str(found[0].relative_to(root.path)))


def _complete(target: Path) -> None:
    """What the packages' maintainer scripts would do: configuration, and the certificates that Maven trusts."""
    for link in [path for path in target.glob("usr/lib/jvm/java-*/**/*") if path.is_symlink()]:
        _lead_inside(link, target)
    _lead_inside(target / "usr/share/maven/conf", target)
    (target / _TRUSTED).write_bytes(_java_keystore(ssl.create_default_context().get_ca_certs(binary_form=True)))


def _lead_inside(link: Path, root: Path) -> None:
    leads_to = link.readlink()
    if leads_to.is_absolute():
        link.unlink()
        # relative: the directory moves when it is complete
        link.symlink_to(os.path.relpath(root / leads_to.relative_to("/"), link.parent))


def _java_keystore(certificates: Sequence[bytes]) -> bytes:
    """Trusted certificates in the form that every Java reads (JKS, version 2)."""

    def text(value: str) -> bytes:
        return len(value).to_bytes(2, "big") + value.encode()

    content = bytes.fromhex("feedfeed") + (2).to_bytes(4, "big") + len(certificates).to_bytes(4, "big")
    for number, certificate in enumerate(certificates):
        content += (2).to_bytes(4, "big") + text(str(number)) + bytes(8) + text("X.509")
        content += len(certificate).to_bytes(4, "big") + certificate
    salted = _TRUSTED_PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite" + content
    return content + hashlib.sha1(salted, usedforsecurity=False).digest()
