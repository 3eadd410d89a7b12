"""FluxaORM: a code-generating ORM for MySQL and Redis, with one API for threads and asyncio.

The public names, nothing else.

Column types are aliases of ``Annotated``, of which ``help()`` knows nothing:

=============================  ================================================
``Int8``, ``UInt8``            tinyint: -128 to 127, 0 to 255
``Int16``, ``UInt16``          smallint: -32,768 to 32,767, 0 to 65,535
``MediumInt``, ``UMediumInt``  mediumint: -8,388,608 to 8,388,607, 0 to 16,777,215
``Int32``, ``UInt32``          int: -2**31 to 2**31 - 1, 0 to 2**32 - 1
``Int64``, ``UInt64``          bigint: -2**63 to 2**63 - 1, 0 to 2**64 - 1; a plain ``int`` is an ``Int64``
``Float32``                    float, a binary32 number; a plain ``float`` is a double
``Json[T]``                    json, any value of the type T
``Reference[T]``               the id of a row of the entity T; setters take an id or a T
``References[T]``              a json list of such ids
=============================  ================================================
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
from fluxaorm.engine import CacheUsage, Engine, LocalCache
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
from fluxaorm.errors import (
    AlterError,
    AlterLockedError,
    AlterRowsError,
    BrokenRecordError,
    CacheUnavailableError,
    CodegenError,
    CommitUnknownError,
    ConfigError,
    ContextClosedError,
    ContextMisuseError,
    DanglingReferenceError,
    DeadlineExceededError,
    DeadlockError,
    DetachedEntityError,
    DuplicateKeyError,
    EntityDefinitionError,
    EntityError,
    EntityGoneError,
    EntityNotFoundError,
    FieldValueError,
    FluxaError,
    ForeignEntityError,
    IdExhaustedError,
    MissingExtraError,
    MissingValueError,
    MySQLConnectionError,
    MySQLError,
    NewerRecordError,
    NotPersistedError,
    NotSupportedError,
    PartialCommitError,
    PoolConnectError,
    PoolTimeoutError,
    PostCommitError,
    QueryError,
    ReadOnlyEntityError,
    RedisConnectionError,
    RedisError,
    ReentrantFlushError,
    ReferenceCycleError,
    RegistryError,
    StaleEntityError,
    StaleGeneratedCodeError,
    StoredValueError,
    TransactionLostError,
    TryAgainError,
    UnflushedChangesWarning,
    UnknownPoolError,
    UnsavedChangesError,
    UnsettableFieldError,
)
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
from fluxaorm.plans.effects import ExecResult, QueryRows
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


def __dir__() -> list[str]:
    """What ``dir()`` and completion show: the public names, and not the folders they come from."""
    return [*__all__, *(name for name in globals() if name.startswith("__"))]


__all__ = [
    "DEFAULT_POOL_CODE",
    "METRICS_META_KEY",
    "Alter",
    "AlterError",
    "AlterLockedError",
    "AlterRowsError",
    "AsyncContext",
    "AsyncFlushOptions",
    "BrokenRecordError",
    "CacheUnavailableError",
    "CacheUsage",
    "Change",
    "ClickhouseOptions",
    "ClickhouseTable",
    "CodegenError",
    "Column",
    "CommitUnknownError",
    "Condition",
    "Config",
    "ConfigAsyncFlush",
    "ConfigClickhouse",
    "ConfigDebeziumConnect",
    "ConfigError",
    "ConfigKafka",
    "ConfigKafkaConsumerGroup",
    "ConfigKafkaTopic",
    "ConfigLocalCache",
    "ConfigMySQL",
    "ConfigRedis",
    "ConfigRedisSentinel",
    "Context",
    "ContextClosedError",
    "ContextMisuseError",
    "DanglingReferenceError",
    "DeadLetter",
    "DeadlineExceededError",
    "DeadlockError",
    "DebeziumOptions",
    "DetachedEntityError",
    "DuplicateKeyError",
    "Embedded",
    "Engine",
    "EngineSchema",
    "Entity",
    "EntityDefinitionError",
    "EntityError",
    "EntityGoneError",
    "EntityNotFoundError",
    "ExecResult",
    "Field",
    "FieldValueError",
    "Finding",
    "Float32",
    "FlushResult",
    "FluxaError",
    "ForeignEntityError",
    "IdExhaustedError",
    "Index",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "Json",
    "KafkaConsumerGroup",
    "KafkaPoolOptions",
    "KafkaTopic",
    "LocalCache",
    "MediumInt",
    "MissingExtraError",
    "MissingValueError",
    "MySQLConnectionError",
    "MySQLError",
    "MySQLOptions",
    "NewerRecordError",
    "NotPersistedError",
    "NotSupportedError",
    "Pager",
    "PartialCommitError",
    "PoolConnectError",
    "PoolTimeoutError",
    "PostCommitError",
    "Query",
    "QueryError",
    "QueryLogEntry",
    "QueryRows",
    "ReadOnlyEntityError",
    "RedisConnectionError",
    "RedisError",
    "RedisOptions",
    "ReentrantFlushError",
    "Reference",
    "ReferenceCycleError",
    "References",
    "Registry",
    "RegistryError",
    "StaleEntityError",
    "StaleGeneratedCodeError",
    "StoredValueError",
    "TLSOptions",
    "TransactionLostError",
    "TryAgainError",
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
    "UMediumInt",
    "UnflushedChangesWarning",
    "UniqueIndex",
    "UnknownPoolError",
    "UnsavedChangesError",
    "UnsettableFieldError",
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
