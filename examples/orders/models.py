"""What an order is, and where the servers are: ``ORDERS_MYSQL``, ``ORDERS_REDIS`` and ``ORDERS_KAFKA``."""

from __future__ import annotations

import os
from typing import Literal

import fluxaorm as fx
from fluxaorm import AsyncFlushOptions, Entity, Field, KafkaPoolOptions, RedisOptions, UInt16, UInt64

MYSQL = os.environ.get("ORDERS_MYSQL", "mysql://app:secret@localhost:3306/orders")
REDIS = os.environ.get("ORDERS_REDIS", "localhost:6379")
KAFKA = os.environ.get("ORDERS_KAFKA", "localhost:9092")
# applications that share a Redis or a Kafka have names of their own there
NAMESPACE = os.environ.get("ORDERS_NAMESPACE", "orders")


class OrderEntity(Entity, redis_cache=True):
    """What somebody wants. Its id is known before MySQL has it."""

    id: UInt64
    customer: str = Field(length=100, index=True)
    item: str = Field(length=100)
    quantity: UInt16
    status: Literal["new", "shipped"] = "new"


registry = fx.Registry()
registry.register_mysql(MYSQL)
registry.register_redis(REDIS, options=RedisOptions(namespace=NAMESPACE))
registry.register_kafka(KAFKA.split(","), "events", KafkaPoolOptions(namespace=NAMESPACE))
registry.register_async_flush("events", AsyncFlushOptions(topic_partitions=3))
registry.register_entity(OrderEntity)
