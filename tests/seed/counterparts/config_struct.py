"""A Config registers what the calls for each pool would."""

from __future__ import annotations

import fluxaorm as fx

registry = fx.Registry()
config = fx.Config(
    mysql_pools=[
        fx.ConfigMySQL(code="default", uri="root:root@tcp(localhost:3306)/app"),
        fx.ConfigMySQL(code="logs", uri="root:root@tcp(localhost:3306)/logs", max_open_connections=50),
    ],
    redis_pools=[
        fx.ConfigRedis(code="default", uri="localhost:6379", database=0),
        fx.ConfigRedis(code="sessions", uri="localhost:6379", database=1),
    ],
    redis_sentinel_pools=[
        fx.ConfigRedisSentinel(
            code="cluster", master_name="mymaster", database=0, sentinels=[":26379", "192.168.1.2:26379"]
        ),
    ],
    local_cache_pools=[fx.ConfigLocalCache(code="default", limit=100_000)],
    clickhouse_pools=[fx.ConfigClickhouse(code="analytics", uri="clickhouse://localhost:9000/default")],
    kafka_pools=[
        fx.ConfigKafka(
            code="events",
            brokers=["localhost:9092"],
            topics=[fx.ConfigKafkaTopic(name="orders", partitions=6, replication_factor=3)],
        ),
    ],
    async_flush=fx.ConfigAsyncFlush(kafka_pool="events", topic_partitions=6),
)
registry.init_by_config(config)

by_hand = fx.Registry()
by_hand.register_mysql("root:root@tcp(localhost:3306)/app")
by_hand.register_mysql("root:root@tcp(localhost:3306)/logs", "logs", fx.MySQLOptions(max_open_connections=50))
by_hand.register_redis("localhost:6379")
by_hand.register_redis("localhost:6379", 1, "sessions")
sentinels = fx.RedisOptions(master="mymaster", sentinels=(":26379", "192.168.1.2:26379"))
by_hand.register_redis("", 0, "cluster", sentinels)
by_hand.register_local_cache(limit=100_000)
by_hand.register_clickhouse("clickhouse://localhost:9000/default", "analytics")
by_hand.register_kafka(["localhost:9092"], "events")
by_hand.register_kafka_topic(fx.KafkaTopic("orders", "events", partitions=6, replication_factor=3))
by_hand.register_async_flush("events", fx.AsyncFlushOptions(topic_partitions=6))
assert by_hand.registered == registry.registered
registry.validate(connect=False).close()
