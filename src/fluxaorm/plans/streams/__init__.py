"""What goes through Kafka: records, the effects that send and read them, and the plans that use them."""
