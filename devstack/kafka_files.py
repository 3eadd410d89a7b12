"""What a Kafka broker is made of: its jars, a data directory to begin with, and the key of its TLS listeners.

What it decides: the version, and what a new broker's metadata and certificate say: who may log in, and that the
certificate is good for this machine, under any of its names.
What it never does: start a broker.
"""

from __future__ import annotations

import re
import secrets
import subprocess
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Final

from devstack import maven
from devstack.cache import cached
from devstack.errors import DevstackError
from devstack.ports import HOST

VERSION: Final = "4.3.1"
# what clients log in with, by PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 alike
USER: Final = "app"
PASSWORD: Final = "hunter2-app"
AUTHORITY: Final = "ca.pem"
KEYS: Final = "broker.p12"
KEYS_PASSWORD: Final = "hunter2-keys"
JVM: Final = (
    "-Xms64m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)
_ARTIFACTS = (f"org.apache.kafka:kafka_2.13:{VERSION}", "org.slf4j:slf4j-simple:1.7.36")
_TEMPLATE = f"kafka-{VERSION}-data-1"


def class_path() -> str:
    """Its jars, from the cache or fetched now; raises DevstackError."""
    # in one order always: prepared classes are good for one class path only
    return ":".join(sorted(map(str, maven.jars("kafka", _ARTIFACTS).glob("*.jar"))))


def template() -> Path:
    """A directory with all a broker keeps: its formatted `log`, KEYS and AUTHORITY; raises DevstackError."""
    return cached(_TEMPLATE, _initialise)


def uuid() -> str:
    """An id for a cluster or a directory, as Kafka writes them."""
    # its tools take one that begins with a dash for an option
    return urlsafe_b64encode(b"\x10" + secrets.token_bytes(15)).decode().rstrip("=")


def lines(settings: dict[str, str]) -> str:
    """Settings as a properties file has them."""
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _initialise(target: Path) -> None:
    _make_keys(target)
    # the addresses are those of no broker; each writes its own
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "log.dirs": str(target / "log"),
        "listeners": f"PLAINTEXT://{HOST}:2,CONTROLLER://{HOST}:1",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@{HOST}:1",
    }
    file = target / "server.properties"
    file.write_text(lines(settings))
    scram = [f"--add-scram=SCRAM-SHA-{bits}=[name={USER},password={PASSWORD}]" for bits in (256, 512)]
    tool = [*maven.java(), *JVM, "-cp", class_path(), "kafka.tools.StorageTool", "format"]
    _run([*tool, "--cluster-id", uuid(), "--config", str(file), *scram])


def _make_keys(target: Path) -> None:
    names = f"san=ip:{HOST},dns:localhost"
    store = ["-keystore", str(target / KEYS), "-storetype", "PKCS12", "-storepass", KEYS_PASSWORD, "-alias", "broker"]
    # its own authority, for a hundred years
    what = ["-keyalg", "EC", "-dname", "CN=devstack", "-validity", "36500", "-ext", names, "-ext", "bc:c=ca:true"]
    _run([*maven.keytool(), "-genkeypair", *store, *what])
    _run([*maven.keytool(), "-exportcert", "-rfc", "-file", str(target / AUTHORITY), *store])


def _run(command: list[str]) -> None:
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        text = re.sub(r"\s+", " ", result.stderr + result.stdout)
        raise DevstackError(f"{Path(command[0]).name} failed: {text.strip()[-500:]}")
