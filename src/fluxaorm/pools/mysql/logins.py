"""To whom a password is given, and what a driver's error means while a connection is opened. No I/O.

A server chooses how its clients log in; two ways hand over the password as it is, and whoever stands between could ask
for them. They are used with servers whose certificate was checked, and with no others.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from fluxaorm.pools.mysql.connection import number_and_message

if TYPE_CHECKING:
    from fluxaorm.addresses import MySQLAddress
    from fluxaorm.dialects.port import Dialect
    from fluxaorm.errors import MySQLError

RESTRICTED_LOGINS: Final = Path(__file__).with_name("restricted_logins.cnf")
"""The options of MariaDB's C library that say how a client may log in."""
RESTRICTED_GROUP: Final = "fluxaorm"
NO_TLS: Final = 2026
_REVEALING_WAYS: Final = ("mysql_clear_password", "dialog")
_PLUGIN_MISSING: Final = 2059
_LOGIN_REFUSED: Final = 2061
NOT_AMONG_RESTRICTED: Final = 5010
"""MariaDB's C library names the way only in the text that it then loses."""
_UNKNOWN_WAYS: Final = frozenset(
    {
        1251,  # the client cannot log in this way
        _PLUGIN_MISSING,
        _LOGIN_REFUSED,
    }
)
_NO_PLUGIN: Final = re.compile(r"Plugin \S+ could not be loaded")
"""MariaDB's C library says so with the number of a wrong password."""
_PLAIN_WAYS: Final = "give the user a way that every driver knows (caching_sha2_password, mysql_native_password)"
_BY_TLS_ONLY: Final = (
    "it is given only to a server whose certificate was checked: use TLSOptions(ca_file='...'), or give the user a way "
    "that keeps it secret (caching_sha2_password, ed25519)"
)
_ADVICE: Final = {
    "mysqlclient": f"MySQLOptions(driver='pymysql') may know it, or {_PLAIN_WAYS}",
    "PyMySQL": f"MySQLOptions(driver='mysqlclient') may know it, or {_PLAIN_WAYS}",
    "asyncmy": _PLAIN_WAYS,
}


def is_trusted(address: MySQLAddress) -> bool:
    """Whether the server that answers is the one that is meant: its certificate is checked, and whose it is.

    Without a look at the name, an authority of one's own is needed: the well-known ones certify everybody.
    """
    tls = address.tls
    return tls is not None and tls.verify and (tls.check_hostname or bool(tls.ca_file))


def login_ways(address: MySQLAddress, driver_error: type[Exception]) -> dict[str, Callable[[Any], Any]]:
    """What PyMySQL and asyncmy take as ``auth_plugin_map``: it refuses ways that would reveal the password."""
    if is_trusted(address):
        return {}

    def refusal(way: str) -> type:
        class LoginRefusal:
            def __init__(self, connection: Any) -> None:
                pass

            def authenticate(self, packet: Any) -> NoReturn:
                raise driver_error(_LOGIN_REFUSED, f"the server asks for the password in clear ({way})")

        return LoginRefusal

    return {way: refusal(way) for way in _REVEALING_WAYS}


def restricting_arguments(address: MySQLAddress) -> dict[str, str]:
    """The same for mysqlclient. FileNotFoundError when the installation is incomplete: the library would not mind."""
    if is_trusted(address):
        return {}
    RESTRICTED_LOGINS.stat()
    return {"read_default_file": str(RESTRICTED_LOGINS), "read_default_group": RESTRICTED_GROUP}


def login_error(error: BaseException, dialect: Dialect, pool: str, driver: str) -> MySQLError:
    """The error to raise instead of a driver's; says what to do where the driver does not know the way to log in."""
    number, message = number_and_message(error)
    if isinstance(error, RuntimeError) or _NO_PLUGIN.match(message):
        number = _PLUGIN_MISSING
    if number == NOT_AMONG_RESTRICTED:
        message = (
            f"the server asks for the password in clear, or in a way not known here; "
            f"the password in clear: {_BY_TLS_ONLY}; another way: {driver} cannot log in this way: {_ADVICE[driver]}"
        )
        return dialect.map_error(_LOGIN_REFUSED, message, pool=pool)
    if number == _LOGIN_REFUSED and any(f"({way})" in message for way in _REVEALING_WAYS):
        return dialect.map_error(_LOGIN_REFUSED, f"{message}; {_BY_TLS_ONLY}", pool=pool)
    if number in _UNKNOWN_WAYS:
        message = f"{message}; {driver} cannot log in this way: {_ADVICE[driver]}"
    return dialect.map_error(number, message, pool=pool)


def lacks_package(error: Exception) -> bool:
    """Whether PyMySQL or asyncmy gave up because a package is missing that this way of logging in needs."""
    return isinstance(error, RuntimeError) and "package is required" in str(error)
