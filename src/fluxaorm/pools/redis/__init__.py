"""Redis and Valkey: one server, Sentinel, embedded."""
