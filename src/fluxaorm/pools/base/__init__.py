"""What all pools share: ports, waiting for a connection, one of something for each event loop."""
