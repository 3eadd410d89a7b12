"""Encrypted connections: certificates are checked unless somebody says otherwise."""

from __future__ import annotations

import asyncio
import datetime
import gc
import ipaddress
import ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from devstack.ports import free_port
from devstack.server import Server
from devstack.wire import redis_command
from fluxaorm.addresses import parse_mysql, parse_redis
from fluxaorm.errors import ConfigError, MySQLConnectionError, RedisConnectionError
from fluxaorm.options import MySQLOptions, RedisOptions, TLSOptions
from fluxaorm.pools import make_redis_pool, make_sql_pool
from tests.support.hostile_server import hostile_server
from tests.support.private_servers import StartServer

PASSWORD = "hunter2"


@dataclass(frozen=True, slots=True)
class Certificates:
    """An authority, and a server's certificate for 127.0.0.1 from it."""

    ca: Path
    certificate: Path
    key: Path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Made for this run."""
    directory = tmp_path_factory.mktemp("tls")
    ca_key, ca = _certificate("Test authority", None, None)
    key, certificate = _certificate("server", ca_key, ca)
    made = Certificates(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    made.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    for file in (directory, made.ca, made.certificate, made.key):
        file.chmod(0o755 if file.is_dir() else 0o644)
    return made


def _certificate(
    name: str, issuer_key: ec.EllipticCurvePrivateKey | None, issuer: x509.Certificate | None
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        # newer Pythons insist on what RFC 5280 wants of an authority, and of what it has signed
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((issuer_key or key).public_key()), critical=False
        )
        .add_extension(_usage(signs=issuer is None), critical=True)
    )
    return key, builder.sign(issuer_key or key, hashes.SHA256())


def _usage(*, signs: bool) -> x509.KeyUsage:
    """An authority signs certificates, a server what it says."""
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


Ask = Callable[[TLSOptions], str]
"""Connects with these options; the name of the cipher the server uses."""


@pytest.fixture(params=["mysqlclient", "pymysql", "asyncmy"])
def mysql(request: pytest.FixtureRequest, private_server: StartServer, certificates: Certificates) -> Ask:
    """A MySQL server that speaks TLS, asked through one driver."""
    server = private_server(
        "mysql",
        f"--ssl-cert={certificates.certificate}",
        f"--ssl-key={certificates.key}",
        f"--ssl-ca={certificates.ca}",
    )

    def ask(tls: TLSOptions) -> str:
        chosen = MySQLOptions(tls=tls, driver="" if request.param == "asyncmy" else request.param)
        address = parse_mysql("default", f"mysql://root@127.0.0.1:{server.port}/mysql")[0]
        pool = make_sql_pool("default", with_tls(address, tls), chosen)

        async def asked() -> str:
            connection = await pool.asyncio.acquire()
            try:
                return cipher_of(await connection.fetch("SHOW STATUS LIKE 'Ssl_cipher'"))
            finally:
                pool.asyncio.release(connection)
                await pool.aclose()

        if request.param == "asyncmy":
            return asyncio.run(asked())
        try:
            connection = pool.sync.acquire()
            cipher = cipher_of(connection.fetch("SHOW STATUS LIKE 'Ssl_cipher'"))
            pool.sync.release(connection)
            return cipher
        finally:
            pool.close()

    return ask


def with_tls(address: Any, tls: TLSOptions) -> Any:
    """As the registry puts the options into the address."""
    return msgspec.structs.replace(address, tls=tls)


def cipher_of(rows: list[Any]) -> str:
    """The value of the one row."""
    cell = rows[0][1]
    return cell.decode() if isinstance(cell, bytes) else str(cell)


def test_a_certificate_of_a_known_authority_is_accepted(mysql: Ask, certificates: Certificates) -> None:
    """And the connection is encrypted."""
    assert "" != mysql(TLSOptions(ca_file=str(certificates.ca)))


def test_a_certificate_of_an_unknown_authority_is_refused(mysql: Ask) -> None:
    """It is checked by default."""
    with pytest.raises(MySQLConnectionError):
        mysql(TLSOptions())


def test_whoever_asks_for_no_check_gets_none(mysql: Ask) -> None:
    """Encrypted all the same."""
    assert "" != mysql(TLSOptions(verify=False, check_hostname=False))


@pytest.mark.parametrize("mysql", ["asyncmy"], indirect=True)
def test_an_encrypted_connection_ends_with_its_pool(mysql: Ask, certificates: Certificates) -> None:
    """A farewell that waits for the server's would outlive a loop that ends, and leave the socket to the collector."""
    gc.collect()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for _ in range(10):
            mysql(TLSOptions(ca_file=str(certificates.ca)))
        gc.collect()

    assert [] == [str(each.message) for each in warned]


@pytest.fixture
def redis_server(private_server: StartServer, certificates: Certificates) -> Server:
    """A Redis server; it speaks TLS on another port besides."""
    return private_server("redis")


# asyncio leaves the socket of a handshake that failed to the collector when its loop ends at once
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("shell", ["sync", "asyncio"])
def test_redis_speaks_tls_too(redis_server: Server, certificates: Certificates, shell: str) -> None:
    """The same options, the same checks."""
    port = free_port()
    for name, value in (
        ("tls-cert-file", str(certificates.certificate)),
        ("tls-key-file", str(certificates.key)),
        ("tls-ca-cert-file", str(certificates.ca)),
        ("tls-auth-clients", "no"),
        ("tls-port", str(port)),
    ):
        redis_command(redis_server.host, redis_server.port, "CONFIG", "SET", name, value)

    def ask(tls: TLSOptions) -> Any:
        chosen = RedisOptions(tls=tls, read_timeout=2.0)
        pool = make_redis_pool("default", parse_redis("default", f"127.0.0.1:{port}", 0, chosen), chosen)

        async def asked() -> Any:
            try:
                return (await pool.asyncio.round_trip((("PING",), ("GET", "a")))).values[0]
            finally:
                await pool.aclose()

        if shell == "asyncio":
            return asyncio.run(asked())
        try:
            return pool.sync.round_trip((("PING",), ("GET", "a"))).values[0]
        finally:
            pool.close()

    assert b"PONG" == ask(TLSOptions(ca_file=str(certificates.ca)))
    assert b"PONG" == ask(TLSOptions(verify=False, check_hostname=False))
    with pytest.raises(RedisConnectionError):
        ask(TLSOptions())
    # here, and not in whichever test comes next
    gc.collect()


def test_a_file_that_is_not_there_is_a_mistake_in_the_options(tmp_path: Path) -> None:
    """Not a failure of the network."""
    tls = TLSOptions(ca_file=str(tmp_path / "nothing.pem"))
    address = with_tls(parse_mysql("default", "mysql://root@127.0.0.1:1/app")[0], tls)

    with pytest.raises(ConfigError, match="cannot be read"):
        make_sql_pool("default", address, MySQLOptions(tls=tls, driver="pymysql")).connect()


def _log_in(driver: str, port: int, tls: TLSOptions | None) -> str:
    """What opening a connection to such a server says."""
    options = MySQLOptions(tls=tls or False, driver="" if driver == "asyncmy" else driver, connect_timeout=5)  # type: ignore[arg-type]  # a name of a driver
    address = parse_mysql("default", f"mysql://app:{PASSWORD}@127.0.0.1:{port}/db")[0]
    pool = make_sql_pool("default", with_tls(address, tls) if tls else address, options)

    async def open_one() -> None:
        try:
            await pool.asyncio.acquire()
        finally:
            await pool.aclose()

    def opened() -> None:
        if driver == "asyncmy":
            asyncio.run(open_one())
        else:
            pool.sync.acquire()

    with pytest.raises(MySQLConnectionError) as caught:
        opened()
    pool.close()
    gc.collect()
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def speaks_tls(certificates: Certificates) -> ssl.SSLContext:
    """For the server's side."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    return context


# asyncio leaves the socket of a login that failed to the collector when its loop ends at once
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("driver", ["mysqlclient", "pymysql", "asyncmy"])
@pytest.mark.parametrize("way", [b"mysql_clear_password", b"dialog"])
def test_a_password_in_clear_is_given_to_servers_that_were_checked(
    driver: str, way: bytes, certificates: Certificates, speaks_tls: ssl.SSLContext
) -> None:
    """The server chooses the way to log in: whoever answers in its place would choose this one."""
    with hostile_server(way) as plain, hostile_server(way, tls=speaks_tls) as encrypted:
        to_a_stranger = _log_in(driver, plain.port, None)
        unchecked = _log_in(driver, encrypted.port, TLSOptions(verify=False))
        unseen = [*plain.received, *encrypted.received]
        _log_in(driver, encrypted.port, TLSOptions(ca_file=str(certificates.ca), check_hostname=False))

    for text in (to_a_stranger, unchecked):
        assert "the password in clear" in text
        assert "TLSOptions(ca_file='...')" in text
    assert not any(PASSWORD.encode() in each for each in unseen)
    assert [PASSWORD.encode() + b"\0"] == encrypted.received[-1:]


# asyncio leaves the socket of a login that failed to the collector when its loop ends at once
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("driver", ["mysqlclient", "pymysql", "asyncmy"])
def test_who_asked_for_tls_says_nothing_to_a_server_without_it(driver: str, certificates: Certificates) -> None:
    """Whoever stands between need only take it out of the server's greeting."""
    with hostile_server(b"mysql_native_password") as server:
        _log_in(driver, server.port, TLSOptions(ca_file=str(certificates.ca)))

    assert [] == server.received


# asyncio leaves the socket of a login that failed to the collector when its loop ends at once
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("driver", ["mysqlclient", "pymysql", "asyncmy"])
def test_no_file_of_the_client_is_sent(driver: str, tmp_path: Path) -> None:
    """A server may answer any query with the name of a file that it wants; it is told as a connection that is none."""
    wanted = tmp_path / "wanted"
    wanted.write_text("private")
    with hostile_server(file=bytes(wanted)) as server:
        _log_in(driver, server.port, None)

    assert not any(b"private" in each for each in server.received)
