"""What becomes of records of async flushes: rows, offsets, caches, dead letters; on real servers."""

from __future__ import annotations

from tests.support.flush_records import OpenFlushes, insert, update


def test_records_are_applied_in_order_and_once(open_flushes: OpenFlushes) -> None:
    """Rows, and how far they go, are stored together; the group is told last."""
    flushes = open_flushes()
    flushes.publish(
        flushes.record(insert(1, "a", 1), insert(2, "b", 2)),
        flushes.record(update(1, number=10), update(2, number=20)),
        flushes.record(update(1, number=11)),
        flushes.record(update(2, fake_delete=2)),
    )
    consumer = flushes.consumer()

    done = flushes.work(consumer, 4)
    flushes.close(consumer)
    again = flushes.work(flushes.consumer(), 4)

    assert (4, 0, 0) == done
    assert [(1, "a", 11, 0), (2, "b", 20, 2)] == flushes.rows()
    assert {0: (4, "")} == flushes.offsets()
    assert {0: 4} == flushes.kafka.committed(flushes.group, flushes.topic)
    assert (0, 0, 0) == again
