"""``tour.py`` on the servers of the devstack, which are started for it.

From the root of the repository:
``python -m devstack run --only mysql,valkey,kafka -- python examples/orders/on_devstack.py``
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import MySQLdb


def main() -> int:
    """Make the database, and run the tour with the addresses of the stack."""
    stack = json.loads(Path(os.environ["FLUXA_DEVSTACK"]).read_text())
    mysql, valkey, kafka = stack["mysql"], stack["valkey"], stack["kafka"]
    user, password, where = mysql["user"], mysql["password"], f"{mysql['host']}:{mysql['port']}"
    connection: Any = MySQLdb.connect(host=mysql["host"], port=mysql["port"], user=user, password=password)
    connection.query("CREATE DATABASE IF NOT EXISTS orders")
    connection.close()
    servers = {
        "ORDERS_MYSQL": f"mysql://{user}:{password}@{where}/orders",
        "ORDERS_REDIS": f"{valkey['host']}:{valkey['port']}",
        "ORDERS_KAFKA": f"{kafka['host']}:{kafka['port']}",
    }
    return subprocess.call([sys.executable, str(Path(__file__).with_name("tour.py"))], env={**os.environ, **servers})


if __name__ == "__main__":
    sys.exit(main())
