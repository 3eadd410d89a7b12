"""Text, bytes, and what is stored as bytes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv6Address
from uuid import UUID

from tests.unit.entity.cases.case import Case, Colour


class Text(str):
    """A str of another class."""


TRICKY = [
    "it's",
    '"',
    "\\",
    "\\'",
    "\0",
    "a\0b",
    "100%_",
    "?",
    "%s",
    "NULL",
    "e\u0301",
    "\u00e9",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\n\r\t\x1a\x7f",
    "\ufeff\u202eabc",
    "\U0010ffff",
]
"""Texts that something on the way might take for something else."""
OCTETS = bytes(range(256))

TEXTS = [
    Case(
        "str",
        str,
        "str",
        "varchar(3)",
        [
            ("", "", ""),
            ("abc", "abc", "abc"),
            ("żółw"[:3], "żół", "żół"),
            ("🐍🐍🐍", "🐍🐍🐍", "🐍🐍🐍"),
            (" a ", " a ", " a "),
            (Text("abc"), "abc", "abc"),
            (Colour.RED, "red", "red"),
        ],
        [
            ("abcd", "must have at most 3 characters, not 4"),
            ("\ud800", "must be valid Unicode: it holds a lone surrogate"),
            (b"abc", "must be a str, not bytes"),
            (1, "must be a str, not an int"),
        ],
        {"length": 3},
        [(bytearray(b"abc"), "abc")],
    ),
    Case(
        "str without a length",
        str,
        "str",
        "varchar(255)",
        [("x" * 255,) * 3, ("\U0001f40d" * 255,) * 3, *[(text,) * 3 for text in TRICKY]],
        [("x" * 256, "must have at most 255 characters, not 256")],
    ),
    Case(
        "the longest str",
        str,
        "str",
        "mediumtext",
        [("x" * 16_777_215,) * 3],
        [
            ("x" * 16_777_216, "must have at most 16777215 bytes of UTF-8, not 16777216"),
            ("ż" * 8_388_608, "must have at most 16777215 bytes of UTF-8, not 16777216"),
        ],
        {"length": "max"},
    ),
    Case("long text", str, "str", "mediumtext", [(text,) * 3 for text in TRICKY], [], {"length": "max"}),
    Case(
        "bytes",
        bytes,
        "bytes",
        "blob",
        [
            (b"", b"", b""),
            (b"\x00\xff", b"\x00\xff", b"\x00\xff"),
            (bytearray(b"a"), b"a", b"a"),
            (b"x" * 65535,) * 3,
            (OCTETS,) * 3,
        ],
        [(b"x" * 65536, "must have at most 65535 bytes, not 65536"), ("a", "must be bytes, not a str")],
        native=[(bytearray(b"a"), b"a")],
    ),
    Case(
        "medium bytes",
        bytes,
        "bytes",
        "mediumblob",
        [(b"x" * 65536,) * 3],
        [(None, "must be bytes, not None")],
        {"size_class": "medium"},
    ),
    Case(
        "long bytes",
        bytes,
        "bytes",
        "longblob",
        [(b"x" * 65536,) * 3],
        [([], "must be bytes, not a list")],
        {"size_class": "long"},
    ),
    Case(
        "UUID",
        UUID,
        "uuid",
        "binary(16)",
        [
            (UUID(int=1), UUID(int=1), b"\x00" * 15 + b"\x01"),
            (UUID(int=0), UUID(int=0), b"\x00" * 16),
            (UUID(int=2**128 - 1), UUID(int=2**128 - 1), b"\xff" * 16),
            (UUID(bytes=b"a" * 10 + b" " * 6), UUID(bytes=b"a" * 10 + b" " * 6), b"a" * 10 + b" " * 6),
        ],
        [(str(UUID(int=1)), "must be a UUID, not a str")],
        native=[(str(UUID(int=1)), UUID(int=1))],
    ),
    Case(
        "IPv4Address",
        IPv4Address,
        "ipv4",
        "varbinary(16)",
        [
            (IPv4Address("10.0.0.1"), IPv4Address("10.0.0.1"), b"\x0a\x00\x00\x01"),
            (IPv4Address("0.0.0.0"), IPv4Address("0.0.0.0"), b"\x00" * 4),
            (IPv4Address("255.255.255.255"), IPv4Address("255.255.255.255"), b"\xff" * 4),
            (IPv4Address("32.32.32.32"), IPv4Address("32.32.32.32"), b"    "),
        ],
        [
            ("10.0.0.1", "must be an IPv4Address, not a str"),
            (IPv6Address("::1"), "must be an IPv4Address, not an IPv6Address"),
            (IPv4Interface("10.0.0.1/8"), "must be an IPv4Address, not an IPv4Interface"),
        ],
        native=[("10.0.0.1", IPv4Address("10.0.0.1"))],
    ),
    Case(
        "IPv6Address",
        IPv6Address,
        "ipv6",
        "varbinary(16)",
        [
            (IPv6Address("::1"), IPv6Address("::1"), b"\x00" * 15 + b"\x01"),
            (IPv6Address("::"), IPv6Address("::"), b"\x00" * 16),
            (IPv6Address(2**128 - 1), IPv6Address(2**128 - 1), b"\xff" * 16),
            (IPv6Address("::ffff:10.0.0.1"), IPv6Address("::ffff:10.0.0.1"), b"\0" * 10 + b"\xff\xff\x0a\0\0\x01"),
        ],
        [(IPv6Address("fe80::1%eth0"), "must have no zone (%eth0)"), (1, "must be an IPv6Address, not an int")],
        native=[("::1", IPv6Address("::1"))],
    ),
]
"""The cases."""
