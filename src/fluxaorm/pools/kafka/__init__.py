"""Kafka, through librdkafka: the pool, its producers, the members of consumer groups."""
