"""What kind of Redis command a name is: few kinds, for metrics. Knows names, never keys or values."""

from __future__ import annotations

from typing import Final

_KINDS: Final = {
    "key": (
        "GET SET GETDEL GETEX GETSET MGET MSET MSETNX SETNX SETEX PSETEX APPEND STRLEN INCR INCRBY INCRBYFLOAT DECR "
        "DECRBY DEL UNLINK EXISTS EXPIRE EXPIREAT PEXPIRE PEXPIREAT PERSIST TTL PTTL TOUCH TYPE RENAME COPY"
    ),
    "hash": (
        "HGET HSET HSETNX HMGET HMSET HGETALL HDEL HEXISTS HINCRBY HINCRBYFLOAT HKEYS HVALS HLEN HSTRLEN HSCAN "
        "HEXPIRE HTTL"
    ),
    "list": (
        "LPUSH RPUSH LPUSHX RPUSHX LPOP RPOP BLPOP BRPOP LMOVE BLMOVE LMPOP LLEN LRANGE LINDEX LINSERT LREM LSET "
        "LTRIM LPOS"
    ),
    "set": (
        "SADD SREM SMEMBERS SISMEMBER SMISMEMBER SCARD SPOP SRANDMEMBER SMOVE SINTER SUNION SDIFF SSCAN ZADD ZREM "
        "ZCARD ZCOUNT ZINCRBY ZRANGE ZRANGEBYSCORE ZREVRANGE ZRANK ZREVRANK ZSCORE ZMSCORE ZPOPMIN ZPOPMAX ZSCAN "
        "ZREMRANGEBYSCORE ZREMRANGEBYRANK"
    ),
    "stream": ("XADD XTRIM XDEL XLEN XRANGE XREVRANGE XREAD XREADGROUP XACK XPENDING XCLAIM XAUTOCLAIM XGROUP XINFO"),
    "script": "FCALL FCALL_RO EVAL EVAL_RO EVALSHA EVALSHA_RO",
}
_KIND_OF: Final = {command: kind for kind, commands in _KINDS.items() for command in commands.split()}
_ADDING: Final = (
    "SET GETSET MSET MSETNX SETNX SETEX PSETEX APPEND INCR INCRBY INCRBYFLOAT DECR DECRBY COPY "
    "HSET HSETNX HMSET HINCRBY HINCRBYFLOAT LPUSH RPUSH LPUSHX RPUSHX LMOVE BLMOVE LINSERT LSET SADD SMOVE ZADD "
    "ZINCRBY XADD FCALL EVAL EVALSHA"
)
_ADDS: Final = frozenset(_ADDING.split())


def kind_of(command: str) -> str:
    """``key``, ``hash``, ``list``, ``set`` (sorted ones too), ``stream``, ``script``, ``search`` or ``other``."""
    name = command.upper()
    return "search" if name.startswith("FT.") else _KIND_OF.get(name, "other")


def adds_data(command: str) -> bool:
    """Whether it may put something into Redis, other than remove, expire or read; scripts may."""
    return command.upper() in _ADDS
