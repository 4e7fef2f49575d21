"""The outbox of a client: newest first of its kind, bounded, and the end of a job takes its stale news along."""

import asyncio

from sfumato.server.session import Outbox
from sfumato_wire import Accepted, Failed, Message, NeedBlobs, Progress, Status


def drained(outbox: Outbox) -> list[Message]:
    async def drain() -> list[Message]:
        messages = []
        while True:
            try:
                messages.append(await asyncio.wait_for(outbox.next(), 0.01))
            except TimeoutError:
                return messages

    return asyncio.run(drain())


def test_of_many_progresses_the_newest() -> None:
    outbox = Outbox()
    outbox.put(Accepted("a", 0))
    for step in range(1000):
        outbox.put(Progress("a", "painting", step, 1000))
        outbox.put(Progress("b", "painting", step, 1000))
    assert drained(outbox) == [
        Accepted("a", 0),
        Progress("a", "painting", 999, 1000),
        Progress("b", "painting", 999, 1000),
    ]


def test_after_the_end_nothing_of_the_job_but_the_end() -> None:
    outbox = Outbox()
    outbox.put(NeedBlobs("a", ("0" * 64,)))
    outbox.put(Progress("a", "painting", 1, 2))
    outbox.put(Progress("b", "painting", 1, 2))
    outbox.put(Failed("a", "code", "Why."))
    assert drained(outbox) == [Progress("b", "painting", 1, 2), Failed("a", "code", "Why.")]


def test_one_status_is_enough() -> None:
    outbox = Outbox()
    for state in ("starting", "down", "starting", "ready"):
        outbox.put(Status(state, ""))
    assert drained(outbox) == [Status("ready", "")]
