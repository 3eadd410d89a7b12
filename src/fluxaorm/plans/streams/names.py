"""The names of the library's own topics and consumer groups. Pure.

Applications that share brokers have a namespace each (``KafkaPoolOptions(namespace="shop")``): every name ends with it.
"""

from __future__ import annotations


def own_name(name: str, namespace: str) -> str:
    """A name of the library's in a namespace: ``_fluxa_async_sql.shop``; as it is without one."""
    return f"{name}.{namespace}" if namespace else name


def async_flush_topic(namespace: str = "") -> str:
    """The topic that asynchronous flushes are published to."""
    return own_name("_fluxa_async_sql", namespace)


def async_flush_failed_topic(namespace: str = "") -> str:
    """The topic of the writes that could not be applied."""
    return own_name("_fluxa_async_sql_failed", namespace)


def async_flush_group(namespace: str = "") -> str:
    """The group of those who apply asynchronous flushes."""
    return own_name("_fluxa_async_sql", namespace)
