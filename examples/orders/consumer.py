"""The consumer process: writes to MySQL what the API has published. Run as many as the topic has partitions.

SIGTERM or Ctrl-C ends it, after the transaction in hand. ``fluxaorm consume-async-flush`` does the same.
"""

from __future__ import annotations

from models import registry


def main() -> None:
    """Consume until a signal comes."""
    with registry.validate() as engine:
        consumer = engine.async_flush_consumer()
        print("consuming", flush=True)
        consumer.run()


if __name__ == "__main__":
    main()
