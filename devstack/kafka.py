"""Apache Kafka 4.3 in KRaft mode, from Maven Central's jars: one broker, or three that replicate everything.

What it decides: a broker's listeners (plaintext, SASL, TLS, SASL over TLS), its users, that it is small and quick
(groups wait for no further member), and that it counts as up when it tells its cluster's id and all brokers.
What it never does: keep acknowledged records from the death of the machine; they survive that of the process.
"""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from devstack import maven
from devstack.cache import cached
from devstack.errors import DevstackError, ServerFailedError, UnobtainableError, last_lines
from devstack.ports import HOST, free_port
from devstack.server import PORT_TAKEN, Server
from devstack.wire import WireError, kafka_metadata

NAME = "kafka"
VERSION = "4.3.1"
# what clients log in with, by PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 alike
USER: Final = "app"
PASSWORD: Final = "hunter2-app"
_ARTIFACTS = (f"org.apache.kafka:kafka_2.13:{VERSION}", "org.slf4j:slf4j-simple:1.7.36")
_TEMPLATE = f"kafka-{VERSION}-data-1"
_KEYS = "broker.p12"
_KEYS_PASSWORD = "hunter2-keys"
_AUTHORITY = "ca.pem"
_SECURITY = {
    "plaintext": "PLAINTEXT",
    "sasl": "SASL_PLAINTEXT",
    "tls": "SSL",
    "sasl_tls": "SASL_SSL",
    "controller": "PLAINTEXT",
}
_LOGIN = "org.apache.kafka.common.security"
_JVM = (
    "-Xms64m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)
_SMALL_AND_QUICK = {
    "num.network.threads": "2",
    "num.io.threads": "2",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "1",
    "auto.create.topics.enable": "false",
    # one that was killed comes back when the controllers have given it up
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # a group begins with its first member, and its members soon learn what they are assigned
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.heartbeat.interval.ms": "500",
    "group.consumer.heartbeat.interval.ms": "500",
    "group.consumer.min.session.timeout.ms": "1000",
}


@dataclass(slots=True)
class Broker(Server):
    """A broker; `port` is that of its plaintext listener, `ports` has those of all: plaintext, sasl, tls, sasl_tls."""

    ports: dict[str, int] = field(default_factory=dict)
    cluster_id: str = ""
    cluster_size: int = 1

    @property
    def authority(self) -> Path:
        """The certificate, as PEM, that clients of the TLS listeners trust."""
        return self.directory / "data" / self.name / _AUTHORITY


@dataclass(frozen=True, slots=True)
class KafkaCluster:
    """Brokers, as they were started; each is a controller too."""

    brokers: tuple[Broker, ...]

    @property
    def bootstrap(self) -> str:
        """The plaintext addresses of all, as clients want them."""
        return ",".join(f"{broker.host}:{broker.port}" for broker in self.brokers)

    def start(self) -> None:
        """Starts those that do not run, together: they need a majority to answer."""
        with ThreadPoolExecutor(len(self.brokers)) as pool:
            for job in [pool.submit(broker.start) for broker in self.brokers]:
                job.result()

    def kill(self) -> None:
        """`kill -9` to all."""
        for broker in self.brokers:
            broker.kill()


def fetch() -> Path:
    """The directory of its jars, from the cache or fetched now, like its template; raises UnobtainableError."""
    try:
        jars = maven.jars(NAME, _ARTIFACTS)
        _template(jars)
    except DevstackError as error:
        raise UnobtainableError(NAME, str(error)) from error
    return jars


def started(directory: Path, name: str = NAME, options: Sequence[str] = ()) -> Broker:
    """A single broker, started; `options` are further lines of its `server.properties`."""
    return group(directory, 1, name, options).brokers[0]


def group(directory: Path, size: int = 3, prefix: str = NAME, options: Sequence[str] = ()) -> KafkaCluster:
    """Starts brokers; all know each other when this returns.

    Of three, two must have what is acknowledged to a producer that asks for all: each topic has three replicas and
    `min.insync.replicas=2` unless told otherwise.
    """
    directory = directory.absolute()
    for attempt in range(3):
        cluster = KafkaCluster(_brokers(directory, size, prefix, options))
        try:
            cluster.start()
        except BaseException as error:
            cluster.kill()
            taken = isinstance(error, ServerFailedError) and any(s in last_lines(error.log, 60) for s in PORT_TAKEN)
            if attempt == 2 or not taken:
                raise
        else:
            return cluster
    raise AssertionError("unreachable")


def _brokers(directory: Path, size: int, prefix: str, options: Sequence[str]) -> tuple[Broker, ...]:
    jars = fetch()
    cluster_id = _uuid()
    ports = _distinct_ports(size * len(_SECURITY))
    brokers: list[Broker] = []
    for number in range(size):
        listeners = dict(zip(_SECURITY, ports[number * len(_SECURITY) :], strict=False))
        name = prefix if size == 1 else f"{prefix}-{number + 1}"
        command = [*maven.java(), *_JVM, "-cp", f"{jars}/*", "kafka.Kafka", "server.properties"]
        broker = Broker(name, command, directory, listeners["plaintext"], _answer, ports=listeners)
        broker.cluster_id, broker.cluster_size = cluster_id, size
        brokers.append(broker)
    voters = ",".join(f"{number}@{HOST}:{broker.ports['controller']}" for number, broker in enumerate(brokers, 1))
    for number, broker in enumerate(brokers, 1):
        _prepare(broker, number, [f"controller.quorum.voters={voters}", *options])
    return tuple(brokers)


def _prepare(broker: Broker, number: int, options: Sequence[str]) -> None:
    """A copy of the template that says who this one is, with its own configuration."""
    data = broker.directory / "data" / broker.name
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(_template(fetch()), data)
    identity = {"cluster.id": broker.cluster_id, "node.id": str(number), "directory.id": _uuid(), "version": "1"}
    (data / "log/meta.properties").write_text(_lines(identity))
    properties = {
        **_properties(data, broker.ports, number),
        **_replication(min(3, broker.cluster_size)),
    }
    # of a setting that is there twice, the last one counts
    (data / "server.properties").write_text(_lines(properties) + "".join(f"{line}\n" for line in options))


def _properties(data: Path, ports: dict[str, int], number: int) -> dict[str, str]:
    listeners = ",".join(f"{name.upper()}://{HOST}:{port}" for name, port in ports.items())
    users = f'user_{USER}="{PASSWORD}"'
    properties = {
        "process.roles": "broker,controller",
        "node.id": str(number),
        "log.dirs": str(data / "log"),
        "listeners": listeners,
        "advertised.listeners": listeners,
        "listener.security.protocol.map": ",".join(f"{name.upper()}:{kind}" for name, kind in _SECURITY.items()),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.location": str(data / _KEYS),
        "ssl.keystore.password": _KEYS_PASSWORD,
        **_SMALL_AND_QUICK,
    }
    for listener in ("sasl", "sasl_tls"):
        name = f"listener.name.{listener}"
        properties[f"{name}.sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
        properties[f"{name}.plain.sasl.jaas.config"] = f"{_LOGIN}.plain.PlainLoginModule required {users};"
        for strength in (256, 512):
            login = f"{_LOGIN}.scram.ScramLoginModule required;"
            properties[f"{name}.scram-sha-{strength}.sasl.jaas.config"] = login
    return properties


def _replication(copies: int) -> dict[str, str]:
    enough = str(max(1, copies - 1))
    return {
        "default.replication.factor": str(copies),
        "min.insync.replicas": enough,
        "offsets.topic.replication.factor": str(copies),
        "transaction.state.log.replication.factor": str(copies),
        "transaction.state.log.min.isr": enough,
    }


def _template(jars: Path) -> Path:
    """A formatted data directory, whose metadata has the users, and the key of the TLS listeners."""
    return cached(_TEMPLATE, lambda target: _initialise(jars, target))


def _initialise(jars: Path, target: Path) -> None:
    # one's own authority; it is good for what listens on this machine only
    names = f"san=ip:{HOST},dns:localhost"
    keys = ["-keystore", str(target / _KEYS), "-storetype", "PKCS12", "-storepass", _KEYS_PASSWORD, "-alias", "broker"]
    what = ["-keyalg", "EC", "-dname", "CN=devstack", "-validity", "36500", "-ext", names, "-ext", "bc:c=ca:true"]
    _run([*maven.keytool(), "-genkeypair", *keys, *what])
    _run([*maven.keytool(), "-exportcert", "-rfc", "-file", str(target / _AUTHORITY), *keys])
    ports = dict.fromkeys(_SECURITY, 1) | {"plaintext": 2, "sasl": 3, "tls": 4, "sasl_tls": 5}
    settings = {**_properties(target, ports, 1), "controller.quorum.voters": f"1@{HOST}:1"}
    (target / "server.properties").write_text(_lines(settings))
    scram = [f"--add-scram=SCRAM-SHA-{bits}=[name={USER},password={PASSWORD}]" for bits in (256, 512)]
    tool = [*maven.java(), *_JVM, "-cp", f"{jars}/*", "kafka.tools.StorageTool", "format"]
    _run([*tool, "--cluster-id", _uuid(), "--config", str(target / "server.properties"), *scram])


def _run(command: list[str]) -> None:
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        text = re.sub(r"\s+", " ", result.stderr + result.stdout)
        raise DevstackError(f"{Path(command[0]).name} failed: {text.strip()[-500:]}")


def _answer(server: Server) -> str:
    assert isinstance(server, Broker)
    told = kafka_metadata(server.host, server.port)
    if told.cluster != server.cluster_id:
        raise WireError(f"port {server.port} belongs to a broker of the cluster {told.cluster}")
    if len(told.brokers) < server.cluster_size:
        raise WireError(f"{len(told.brokers)} of {server.cluster_size} brokers are there")
    return VERSION


def _distinct_ports(count: int) -> list[int]:
    ports: dict[int, None] = {}
    while len(ports) < count:
        ports[free_port()] = None
    return list(ports)


def _lines(settings: dict[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _uuid() -> str:
    # Kafka's tools take an id that begins with a dash for an option
    return urlsafe_b64encode(b"\x10" + secrets.token_bytes(15)).decode().rstrip("=")
