"""What a server can do follows from how it introduces itself."""

from __future__ import annotations

import pytest

from fluxaorm.dialects import capabilities_from, dialect_for, is_supported

INTRODUCTIONS = [
    ("9.7.4-2", "(Debian)", "mysql", (9, 7, 4), "mysql"),
    ("8.0.36", "MySQL Community Server - GPL", "mysql", (8, 0, 36), "mysql"),
    ("10.11.6-MariaDB-0+deb12u1-log", "Debian 12", "mariadb", (10, 11, 6), "mariadb"),
    ("5.5.5-10.6.4-MariaDB", "", "mariadb", (10, 6, 4), "mariadb"),
    ("8.4.6-Vitess", "Version: 24.0.1 (Git revision ...)", "vitess", (8, 4, 6), "mysql"),
    ("8.0.11-TiDB-v8.5.0", "TiDB Server (Apache License 2.0)", "tidb", (8, 5, 0), "mysql"),
]


@pytest.mark.parametrize(("version", "comment", "product", "numbers", "dialect"), INTRODUCTIONS)
def test_a_server_is_told_by_its_version_and_comment(
    version: str, comment: str, product: str, numbers: tuple[int, ...], dialect: str
) -> None:
    """Several products call themselves MySQL 8; MariaDB hides behind a prefix for old clients."""
    capabilities = capabilities_from(version, comment)

    assert (product, numbers) == (capabilities.product, capabilities.version)
    assert dialect == dialect_for(version, comment).name


def test_old_servers_are_not_supported() -> None:
    """validate() refuses MySQL before 8.0 and MariaDB before 10.6."""
    versions = ["5.7.44", "8.0.11", "10.5.23-MariaDB", "10.6.0-MariaDB", "8.4.6-Vitess"]

    supported = [is_supported(capabilities_from(version)) for version in versions]

    assert [False, True, False, True, True] == supported


def test_vitess_and_tidb_keep_their_limits() -> None:
    """Plans ask these instead of guessing what a sharded server refuses."""
    vitess, tidb = capabilities_from("8.4.6-Vitess"), capabilities_from("8.0.11-TiDB-v8.5.0")

    assert (False, 10_000, True) == (vitess.atomic_commit, vitess.rows_a_query, vitess.one_change_an_alter)
    assert (6 << 20, False, True) == (tidb.bytes_a_value, tidb.index_with_new_column, tidb.atomic_commit)
