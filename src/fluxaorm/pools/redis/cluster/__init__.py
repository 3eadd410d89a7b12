"""Redis and Valkey Cluster."""
