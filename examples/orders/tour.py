"""The whole of it: makes tables and topics, starts both processes, orders, looks, and ends them.

``python tour.py`` uses the servers that ``models.py`` names; ``on_devstack.py`` says how to have some for it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PATIENCE = 60.0


def run(*words: str) -> None:
    """A command, to its end."""
    subprocess.run([sys.executable, *words], cwd=HERE, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def process(*words: str) -> Iterator[str]:
    """A process, within the block, and the first line that it prints."""
    with subprocess.Popen([sys.executable, *words], cwd=HERE, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        try:
            yield started.stdout.readline().strip()
        finally:
            started.terminate()
            if (code := started.wait(PATIENCE)) != 0:
                print(f"{' '.join(words)} ended with {code}")


def ask(url: str, body: Any = None) -> Any:
    """GET, or POST with a body."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=PATIENCE) as response:
        return json.load(response)


def until_mysql_has(orders: str, expected: dict[int, str]) -> None:
    """Wait for the consumer."""
    deadline = time.monotonic() + PATIENCE
    while not expected.items() <= {order["id"]: order["status"] for order in ask(orders)}.items():
        if time.monotonic() > deadline:
            raise SystemExit("MySQL does not have the orders: does the consumer run?")
        time.sleep(0.05)


def main() -> None:
    """Order, ship, look."""
    run("-m", "fluxaorm.cli", "alters", "models:registry", "--apply")
    with process("api.py", "0") as api:
        orders = f"{api}/orders"
        before = len(ask(orders))
        ids = [ask(orders, {"customer": "Ada", "item": item, "quantity": 2})["id"] for item in ("tea", "scones", "jam")]
        ask(f"{orders}/{ids[0]}/ship", {})
        print(f"nobody consumes: MySQL has {len(ask(orders)) - before} of {len(ids)} orders")
        print(f"the first one is {ask(f'{orders}/{ids[0]}')['status']} for whoever asks for it")
        with process("consumer.py"):
            until_mysql_has(orders, {id: "shipped" if id == ids[0] else "new" for id in ids})
        print(f"consumed: MySQL has {len(ids)} of {len(ids)} orders, the first one shipped")


if __name__ == "__main__":
    main()
