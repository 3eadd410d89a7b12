"""The alters of Kafka: topics and consumer groups that are declared, compared with those that are there. Pure."""
