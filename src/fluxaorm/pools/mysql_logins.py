"""What a driver's error means that comes while a connection is opened: who cannot log in, and what to do. No I/O."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fluxaorm.pools.mysql_connection import number_and_message

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect
    from fluxaorm.errors import MySQLError

_PLUGIN_MISSING: Final = 2059
_UNKNOWN_WAYS: Final = frozenset(
    {
        1251,  # the client cannot log in this way
        _PLUGIN_MISSING,
        2061,  # login plugin failed
    }
)
_NO_PLUGIN: Final = re.compile(r"Plugin \S+ could not be loaded")
"""MariaDB's C library says so with the number of a wrong password."""
_PLAIN_WAYS: Final = "give the user a way that every driver knows (caching_sha2_password, mysql_native_password)"
_ADVICE: Final = {
    "mysqlclient": f"MySQLOptions(driver='pymysql') may know it, or {_PLAIN_WAYS}",
    "PyMySQL": f"MySQLOptions(driver='mysqlclient') may know it, or {_PLAIN_WAYS}",
    "asyncmy": _PLAIN_WAYS,
}


def login_error(error: BaseException, dialect: Dialect, pool: str, driver: str) -> MySQLError:
    """The error to raise instead of a driver's; says what to do where the driver does not know the way to log in."""
    number, message = number_and_message(error)
    if isinstance(error, RuntimeError) or _NO_PLUGIN.match(message):
        number = _PLUGIN_MISSING
    if number in _UNKNOWN_WAYS:
        message = f"{message}; {driver} cannot log in this way: {_ADVICE[driver]}"
    return dialect.map_error(number, message, pool=pool)


def lacks_package(error: RuntimeError) -> bool:
    """Whether PyMySQL or asyncmy gave up because a package is missing that this way of logging in needs."""
    return "package is required" in str(error)
