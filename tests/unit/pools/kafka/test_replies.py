"""Replies of publishes: whoever waits hears of the end, whatever happens to others meanwhile."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.pools.kafka.replies import LoopPublishes, Reply


def end(reply: Reply, offset: int) -> None:
    """In another thread, as delivery reports come."""
    thread = threading.Thread(target=reply.set_result, args=([(0, offset)],))
    thread.start()
    thread.join()


def test_a_thread_waits_for_the_end() -> None:
    """It goes on when the record is stored, not before."""
    reply = Reply()
    with pytest.raises(TimeoutError):
        reply.result(0)

    end(reply, 41)

    assert [[(0, 41)]] * 2 == [reply.result(), reply.result()]


def test_a_failure_is_raised() -> None:
    """What was not stored must not pass for stored."""
    reply = Reply()

    reply.set_exception(fx.KafkaError("refused"))

    with pytest.raises(fx.KafkaError, match="refused"):
        reply.result()


def test_a_cancelled_task_hears_of_the_end_all_the_same() -> None:
    """The record is on its way: what became of it is to be known, and others of the loop must not miss theirs."""

    async def publish_two() -> list[Any]:
        publishes = LoopPublishes()
        first, second = Reply(publishes.tell), Reply(publishes.tell)
        waiting = [asyncio.ensure_future(publishes.wait(each)) for each in (first, second)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        for offset, each in enumerate((first, second)):
            end(each, offset)
        return [*await asyncio.gather(*waiting), first.result(), second.result()]

    assert [True, False, [(0, 0)], [(0, 1)]] == asyncio.run(publish_two())


def test_what_has_ended_before_is_not_waited_for() -> None:
    """A report may be faster than the task."""

    async def publish() -> Any:
        publishes = LoopPublishes()
        reply = Reply(publishes.tell)
        end(reply, 7)
        assert not await publishes.wait(reply)
        return reply.result()

    assert [(0, 7)] == asyncio.run(publish())


def test_a_reply_for_a_closed_loop_disturbs_nobody() -> None:
    """It comes in the thread that hears of the others' records too."""

    async def begin() -> Reply:
        return Reply(LoopPublishes().tell)

    reply = asyncio.run(begin())

    end(reply, 3)

    assert [(0, 3)] == reply.result()


def test_what_tasks_publish_at_once_leaves_together_and_one_that_cannot_leave_harms_no_other() -> None:
    """A request for each would cost brokers and process more than the records; each task hears of its own."""
    sent: list[list[int]] = []

    async def publish(publishes: LoopPublishes, number: int, this_round: list[int]) -> Any:
        reply = Reply(publishes.tell)

        def send() -> None:
            sent.append([*this_round])
            if number == 1:
                raise fx.KafkaError("no record")
            reply.set_result([(0, number)])

        this_round.append(number)
        publishes.send_soon(reply, send)
        await publishes.wait(reply)
        return reply.result()

    async def publish_three() -> list[Any]:
        publishes, this_round = LoopPublishes(), list[int]()
        return await asyncio.gather(
            *(publish(publishes, number, this_round) for number in range(3)), return_exceptions=True
        )

    first, second, third = asyncio.run(publish_three())

    assert ([(0, 0)], [(0, 2)]) == (first, third)
    assert isinstance(second, fx.KafkaError)
    assert [[0, 1, 2]] * 3 == sent
