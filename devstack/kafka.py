"""Apache Kafka 4.3 in KRaft mode, from Maven Central's jars: one broker, or three that replicate everything.

What it decides: a broker's listeners (plaintext, SASL, TLS, SASL over TLS), that it is small and quick (groups wait for
no further member), and that it counts as up when it knows all brokers and who coordinates groups and transactions, and,
when it is alone, has ids for producers.
What it never does: keep acknowledged records from the death of the machine; they survive that of the process.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from devstack import maven
from devstack.cache import cached
from devstack.errors import DevstackError, ServerFailedError, UnobtainableError, last_lines
from devstack.kafka_files import (
    AUTHORITY,
    JVM,
    KEYS,
    KEYS_PASSWORD,
    PASSWORD,
    USER,
    VERSION,
    class_path,
    lines,
    template,
    uuid,
)
from devstack.ports import HOST, free_port
from devstack.server import PORT_TAKEN, Server
from devstack.wire import WireError, kafka_coordinator, kafka_metadata, kafka_producer_id

NAME = "kafka"
_SECURITY = {
    "plaintext": "PLAINTEXT",
    "sasl": "SASL_PLAINTEXT",
    "tls": "SSL",
    "sasl_tls": "SASL_SSL",
    # among themselves, so that what clients are told can be another matter
    "internal": "PLAINTEXT",
    "controller": "PLAINTEXT",
}
_LOGIN = "org.apache.kafka.common.security"
_SMALL_AND_QUICK = {
    "num.network.threads": "2",
    "num.io.threads": "2",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "1",
    "auto.create.topics.enable": "false",
    # one that was killed comes back when the controllers have given it up
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "400",
    # a group begins with its first member, and its members soon learn what they are assigned
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.heartbeat.interval.ms": "500",
    "group.consumer.heartbeat.interval.ms": "500",
    "group.consumer.min.session.timeout.ms": "1000",
}


@dataclass(slots=True)
class Broker(Server):
    """A broker; `port` is that of its plaintext listener, `ports` has those of all: plaintext, sasl, tls, sasl_tls.

    `told_port` is where it tells clients that its plaintext listener is: a proxy's, or 0 for its own.
    """

    ports: dict[str, int] = field(default_factory=dict)
    cluster_id: str = ""
    cluster_size: int = 1
    told_port: int = 0

    @property
    def data(self) -> Path:
        """Its directory, with `server.properties`, which its next start reads."""
        return self.directory / "data" / self.name

    @property
    def authority(self) -> Path:
        """The certificate, as PEM, that clients of the TLS listeners trust."""
        return self.data / AUTHORITY


@dataclass(frozen=True, slots=True)
class KafkaCluster:
    """Brokers, as they were started; each is a controller too, and they work while most of them live."""

    brokers: tuple[Broker, ...]

    @property
    def bootstrap(self) -> str:
        """The plaintext addresses of all, as clients want them."""
        return ",".join(f"{broker.host}:{broker.told_port or broker.port}" for broker in self.brokers)

    def start(self) -> None:
        """Starts those that do not run, together, since one alone answers nothing."""
        with ThreadPoolExecutor(len(self.brokers)) as pool:
            for job in [pool.submit(broker.start) for broker in self.brokers]:
                job.result()

    def kill(self) -> None:
        """`kill -9` to all."""
        for broker in self.brokers:
            broker.kill()


def fetch() -> None:
    """Fills the cache with all that brokers are made of; raises UnobtainableError."""
    try:
        class_path()
        template()
        _prepared_classes()
    except DevstackError as error:
        raise UnobtainableError(NAME, str(error)) from error


def started(directory: Path, name: str = NAME, options: Sequence[str] = ()) -> Broker:
    """A single broker, started; `options` are further lines of its `server.properties`."""
    return group(directory, 1, name, options).brokers[0]


def group(
    directory: Path,
    size: int = 3,
    prefix: str = NAME,
    options: Sequence[str] = (),
    told_ports: Sequence[int] = (),
) -> KafkaCluster:
    """Starts brokers; all know each other when this returns.

    Of three, two must have what is acknowledged to a producer that asks for all: each topic has three replicas and
    `min.insync.replicas=2` unless told otherwise. `told_ports` has one for each broker, or none.
    """
    fetch()
    # Java starts in half the time with classes that it has read and checked before
    java = f"-XX:SharedArchiveFile={_prepared_classes()}"
    names = [prefix if size == 1 else f"{prefix}-{number}" for number in range(1, size + 1)]
    return _started(directory.absolute(), dict(zip(names, told_ports or [0] * size, strict=True)), options, java)


def _started(directory: Path, told_ports: Mapping[str, int], options: Sequence[str], java: str) -> KafkaCluster:
    for attempt in range(3):
        cluster = KafkaCluster(_brokers(directory, told_ports, options, java))
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


def _brokers(directory: Path, told_ports: Mapping[str, int], options: Sequence[str], java: str) -> tuple[Broker, ...]:
    command = [*maven.java(), *JVM, java, "-cp", class_path(), "kafka.Kafka", "server.properties"]
    size, cluster_id = len(told_ports), uuid()
    free = iter(_distinct_ports(size * len(_SECURITY)))
    brokers: list[Broker] = []
    for name, told in told_ports.items():
        ports = {listener: next(free) for listener in _SECURITY}
        broker = Broker(name, command, directory, ports["plaintext"], _answer, ports=ports, told_port=told)
        broker.cluster_id, broker.cluster_size = cluster_id, size
        brokers.append(broker)
    voters = ",".join(f"{number}@{HOST}:{broker.ports['controller']}" for number, broker in enumerate(brokers, 1))
    for number, broker in enumerate(brokers, 1):
        _prepare(broker, number, [f"controller.quorum.voters={voters}", *options])
    return tuple(brokers)


def _prepare(broker: Broker, number: int, options: Sequence[str]) -> None:
    """A copy of the template that says who this one is, with its own configuration."""
    shutil.rmtree(broker.data, ignore_errors=True)
    shutil.copytree(template(), broker.data)
    identity = {"version": "1", "cluster.id": broker.cluster_id, "node.id": str(number), "directory.id": uuid()}
    (broker.data / "log/meta.properties").write_text(lines(identity))
    properties = {
        "process.roles": "broker,controller",
        "node.id": str(number),
        "log.dirs": str(broker.data / "log"),
        **_listeners(broker.ports, broker.told_port),
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.location": str(broker.data / KEYS),
        "ssl.keystore.password": KEYS_PASSWORD,
        **_logins(),
        **_SMALL_AND_QUICK,
        **_replication(min(3, broker.cluster_size)),
    }
    # of a setting that is there twice, the last one counts
    (broker.data / "server.properties").write_text(lines(properties) + "".join(f"{line}\n" for line in options))


def _listeners(ports: Mapping[str, int], told_port: int) -> dict[str, str]:
    def addresses(ports: Mapping[str, int]) -> str:
        return ",".join(f"{name.upper()}://{HOST}:{port}" for name, port in ports.items())

    return {
        "listeners": addresses(ports),
        "advertised.listeners": addresses({**ports, "plaintext": told_port or ports["plaintext"]}),
        "listener.security.protocol.map": ",".join(f"{name.upper()}:{kind}" for name, kind in _SECURITY.items()),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "INTERNAL",
    }


def _logins() -> dict[str, str]:
    settings: dict[str, str] = {}
    for listener in ("sasl", "sasl_tls"):
        name = f"listener.name.{listener}"
        settings[f"{name}.sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
        plain = f'{_LOGIN}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        settings[f"{name}.plain.sasl.jaas.config"] = plain
        for bits in (256, 512):
            settings[f"{name}.scram-sha-{bits}.sasl.jaas.config"] = f"{_LOGIN}.scram.ScramLoginModule required;"
    return settings


def _replication(copies: int) -> dict[str, str]:
    enough = str(max(1, copies - 1))
    return {
        "default.replication.factor": str(copies),
        "min.insync.replicas": enough,
        "offsets.topic.replication.factor": str(copies),
        "transaction.state.log.replication.factor": str(copies),
        "transaction.state.log.min.isr": enough,
    }


def _prepared_classes() -> Path:
    """The classes of a broker as this Java reads them fastest; raises DevstackError."""
    made_for = hashlib.sha256(f"{maven.java_version()} {class_path()}".encode()).hexdigest()[:12]
    return cached(f"kafka-classes-{made_for}", _prepare_classes) / "classes.jsa"


def _prepare_classes(target: Path) -> None:
    archive = target / "classes.jsa"
    broker = _started(target, {NAME: 0}, (), f"-XX:ArchiveClassesAtExit={archive}").brokers[0]
    broker.stop(timeout=120)
    if not archive.exists():
        raise ServerFailedError(NAME, "did not write its classes down", broker.log)
    for folder in ("data", "logs", "run"):
        shutil.rmtree(target / folder)


def _answer(server: Server) -> str:
    assert isinstance(server, Broker)
    told = kafka_metadata(server.host, server.port)
    if told.cluster != server.cluster_id:
        raise WireError(f"port {server.port} belongs to a broker of the cluster {told.cluster}")
    if len(told.brokers) < server.cluster_size:
        raise WireError(f"{len(told.brokers)} of {server.cluster_size} brokers are there")
    for kind in (0, 1):
        # makes the topics that Kafka keeps offsets and transactions in, which whoever comes first would wait for
        kafka_coordinator(server.host, server.port, "devstack", kind)
    if server.cluster_size == 1:
        # it asks for its first ids when it is first asked, and producers would log that it had none yet; of several,
        # one was seen that had asked a controller in vain for a minute
        kafka_producer_id(server.host, server.port)
    return VERSION


def _distinct_ports(count: int) -> list[int]:
    ports: dict[int, None] = {}
    while len(ports) < count:
        ports[free_port()] = None
    return list(ports)
