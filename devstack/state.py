"""What a running stack tells everybody else: the addresses of its servers, as `devstack.json`.

What it decides: the file's form and where it is looked for (`FLUXA_DEVSTACK`, else the root of the repository).
What it never does: say whether the servers still run; `stack.status` does.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from devstack.errors import DevstackError

REPOSITORY = Path(__file__).resolve().parents[1]
ENVIRONMENT = "FLUXA_DEVSTACK"


@dataclass(frozen=True, slots=True)
class SqlAddress:
    """A MySQL or MariaDB server; `kind` is "mysql" or "mariadb"."""

    kind: str
    host: str
    port: int
    version: str
    user: str = "root"
    password: str = ""


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A Redis or Valkey server; `search` tells whether it has the FT commands (on database 0 only)."""

    host: str
    port: int
    version: str
    search: bool = False


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """A Sentinel group: the name it watches, and where its sentinels are."""

    service: str
    sentinels: tuple[tuple[str, int], ...]
    version: str


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """A Valkey Cluster: where its primaries are."""

    nodes: tuple[tuple[str, int], ...]
    version: str


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """A Kafka broker: where its plaintext listener is, and on the same host the ports of those with SASL and TLS.

    Users log in by PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; `authority` is the file of the certificate to trust.
    """

    host: str
    port: int
    version: str
    user: str
    password: str
    authority: str
    sasl_port: int
    tls_port: int
    sasl_tls_port: int


@dataclass(frozen=True, slots=True)
class StackState:
    """A stack: one address for each server, None for one that is missing, whose reason is in `missing`."""

    directory: str
    mysql: SqlAddress | None = None
    mariadb: SqlAddress | None = None
    valkey: RedisAddress | None = None
    redis: RedisAddress | None = None
    sentinel: SentinelAddress | None = None
    cluster: ClusterAddress | None = None
    kafka: KafkaAddress | None = None
    missing: dict[str, str] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Writes the file whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        new.write_text(json.dumps(asdict(self), indent=2) + "\n")
        new.replace(path)


def default_path() -> Path:
    """Where the stack that is shared by everybody who works in this checkout is described."""
    chosen = os.environ.get(ENVIRONMENT)
    return Path(chosen).absolute() if chosen else REPOSITORY / "devstack.json"


def default_directory() -> Path:
    """Where the data and logs of the shared stack are: beside its file."""
    path = default_path()
    return path.with_name(f".{path.stem}")


def load(path: Path) -> StackState | None:
    """The stack that a file describes, or None when there is no such file.

    Raises DevstackError for a file that another version of the devstack wrote, or that is damaged.
    """
    try:
        return _state(json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise DevstackError(
            f"{path} is damaged, or of another version ({type(error).__name__}: {error}): remove it; "
            "the next `up` ends what still runs and starts anew"
        ) from error


def _state(content: dict[str, Any]) -> StackState:
    for name, kind in (
        ("mysql", SqlAddress),
        ("mariadb", SqlAddress),
        ("valkey", RedisAddress),
        ("redis", RedisAddress),
    ):
        if content[name] is not None:
            content[name] = kind(**content[name])
    if content["sentinel"] is not None:
        sentinels = tuple((host, port) for host, port in content["sentinel"].pop("sentinels"))
        content["sentinel"] = SentinelAddress(sentinels=sentinels, **content["sentinel"])
    if content.get("cluster") is not None:
        nodes = tuple((host, port) for host, port in content["cluster"].pop("nodes"))
        content["cluster"] = ClusterAddress(nodes=nodes, **content["cluster"])
    if content.get("kafka") is not None:
        content["kafka"] = KafkaAddress(**content["kafka"])
    return StackState(**content)
