"""FluxaORM: a code-generating ORM for MySQL and Redis, with one API for threads and asyncio.

The public names, nothing else.
"""

from fluxaorm.alters import Alter, Finding, split_alters
from fluxaorm.codegen import generate
from fluxaorm.config import (
    Config,
    ConfigAsyncFlush,
    ConfigClickhouse,
    ConfigDebeziumConnect,
    ConfigKafka,
    ConfigKafkaConsumerGroup,
    ConfigKafkaTopic,
    ConfigLocalCache,
    ConfigMySQL,
    ConfigRedis,
    ConfigRedisSentinel,
    config_schema,
)
from fluxaorm.context import AsyncContext, Context
from fluxaorm.engine import Engine
from fluxaorm.entity import (
    Embedded,
    Entity,
    Field,
    Float32,
    Index,
    Int8,
    Int16,
    Int32,
    Int64,
    Json,
    MediumInt,
    Reference,
    References,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    UMediumInt,
    UniqueIndex,
)
from fluxaorm.errors import FluxaError, TryAgainError
from fluxaorm.observe.query_log import METRICS_META_KEY, QueryLogEntry
from fluxaorm.options import (
    AsyncFlushOptions,
    ClickhouseOptions,
    ClickhouseTable,
    Column,
    DeadLetter,
    DebeziumOptions,
    KafkaConsumerGroup,
    KafkaPoolOptions,
    KafkaTopic,
    MySQLOptions,
    RedisOptions,
    TLSOptions,
)
from fluxaorm.plans.state.tracked import Change
from fluxaorm.plans.tables.alters import get_all_alters, get_alters
from fluxaorm.plans.writes.flush_work import FlushResult
from fluxaorm.query.aggregates import avg_, count, max_, min_, sum_
from fluxaorm.query.conditions import Condition, and_, or_
from fluxaorm.query.pager import Pager
from fluxaorm.query.query import Query
from fluxaorm.query.where import Where
from fluxaorm.registry import DEFAULT_POOL_CODE, Registry
from fluxaorm.runtime.schema import EngineSchema
from fluxaorm.version import VERSION

__version__ = VERSION

__all__ = [
    "DEFAULT_POOL_CODE",
    "METRICS_META_KEY",
    "Alter",
    "AsyncContext",
    "AsyncFlushOptions",
    "Change",
    "ClickhouseOptions",
    "ClickhouseTable",
    "Column",
    "Condition",
    "Config",
    "ConfigAsyncFlush",
    "ConfigClickhouse",
    "ConfigDebeziumConnect",
    "ConfigKafka",
    "ConfigKafkaConsumerGroup",
    "ConfigKafkaTopic",
    "ConfigLocalCache",
    "ConfigMySQL",
    "ConfigRedis",
    "ConfigRedisSentinel",
    "Context",
    "DeadLetter",
    "DebeziumOptions",
    "Embedded",
    "Engine",
    "EngineSchema",
    "Entity",
    "Field",
    "Finding",
    "Float32",
    "FlushResult",
    "FluxaError",
    "Index",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "Json",
    "KafkaConsumerGroup",
    "KafkaPoolOptions",
    "KafkaTopic",
    "MediumInt",
    "MySQLOptions",
    "Pager",
    "Query",
    "QueryLogEntry",
    "RedisOptions",
    "Reference",
    "References",
    "Registry",
    "TLSOptions",
    "TryAgainError",
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
    "UMediumInt",
    "UniqueIndex",
    "Where",
    "and_",
    "avg_",
    "config_schema",
    "count",
    "generate",
    "get_all_alters",
    "get_alters",
    "max_",
    "min_",
    "or_",
    "split_alters",
    "sum_",
]
