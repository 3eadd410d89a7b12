"""What goes through Kafka: asynchronous flushes as records."""
