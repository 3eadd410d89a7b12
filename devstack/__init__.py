"""Real servers for development and CI, without Docker: MySQL, MariaDB, Valkey, Redis, Sentinel, Kafka.

What it decides: where servers come from, where their data lives, which ports they get, when they count as up, and how
they end. Everything listens on 127.0.0.1 only and needs neither root nor anything installed but apt and pip;
Java and Maven are used where they are installed, and unpacked beside the system where not.
What it never does: touch a server it did not start, kill by name, write outside its directory and its cache, or import
anything that is not in the standard library (it runs before anything is installed).

    python -m devstack up        start the shared stack (or find it), write devstack.json
    python -m devstack run -- C  run C with a private stack that ends with it

Tests that kill servers take their own: `devstack.mariadb.server(directory).start()`.
"""
