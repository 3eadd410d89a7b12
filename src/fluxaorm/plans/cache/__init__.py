"""The shared caches: the protocol of leases and write intents, and what is kept under which key."""
