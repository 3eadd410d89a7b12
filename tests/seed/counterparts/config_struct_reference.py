"""Each struct of the page is a struct here, with the same fields in the same order."""

from __future__ import annotations

import re
from pathlib import Path

import fluxaorm as fx


def _snake(name: str) -> str:
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+", name.replace("MySQl", "Mysql"))
    return "_".join(word.lower() for word in words)


snippet = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
structs = re.findall(r"^type (\w+) struct \{\n((?:[^}].*\n)+)", snippet, re.MULTILINE)
assert 10 == len(structs)
for name, body in structs:
    ours = getattr(fx, name.replace("ConfigMysql", "ConfigMySQL"))
    fields = [_snake(line.split()[0]) for line in body.splitlines()]
    beyond = (
        "debezium_connect", "driver", "namespace", "unknown_consumer_groups", "unknown_tables", "unknown_topics",
        "produce_timeout", "delivery_timeout", "tls",
        "retention_ms", "retention_bytes", "max_message_bytes", "min_insync_replicas", "compression_type",
        "cleanup_policy",
    )  # fmt: skip
    of_async_flush = ("order_by", "signing_key", "accepted_keys", "pending_timeout", "unknown_grace")
    assert fields == [field for field in ours.__struct_fields__ if field not in (*beyond, *of_async_flush)]
