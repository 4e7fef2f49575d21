"""A job's life over real sockets: submit, pictures, progress, result, and everything that may get in between."""

from dataclasses import replace
from pathlib import Path

from server.harness import Client, asynchronous, client, job, server
from sfumato_wire import (
    Accepted,
    Ack,
    BlobReceived,
    Cancel,
    Cancelled,
    Control,
    Failed,
    NeedBlobs,
    Pixels,
    Progress,
    Result,
    Submit,
    digest_of,
)


@asynchronous
async def test_a_job_from_submit_to_layer(tmp_path: Path) -> None:
    work = job(side=600)  # more than a chunk
    async with server(tmp_path) as port, client(port, tmp_path) as me:
        await me.submit("a", work)
        result = await me.hear(Result)
        assert await me.layer() == bytes([255]) * (600 * 600 * 4)
        assert result.report["steps"] == 3
        kinds = [type(event) for event in me.heard]
        assert kinds.index(NeedBlobs) < kinds.index(Accepted) < kinds.index(Result) < kinds.index(BlobReceived)
        assert any(isinstance(event, Progress) and event.preview for event in me.heard)
        await me.say(Ack("a"))
        await me.submit("b", job("nothing"))
        assert (await me.hear(Result)).layer is None
    assert [path.suffix for path in (tmp_path / "spool").iterdir()] == [".ended"], "only b was not acknowledged"


@asynchronous
async def test_the_same_canvas_is_not_sent_twice(tmp_path: Path) -> None:
    async with server(tmp_path) as port:
        async with client(port, tmp_path) as me:
            await me.submit("a", job(side=64))
            await me.hear(Result)
            before = me.sent_bytes
            await me.submit("b", job("again", side=64))
            await me.hear(Result)
            assert me.sent_bytes == before > 64 * 64 * 4
        async with client(port, tmp_path) as other:
            await other.submit("c", job("from elsewhere", side=64))
            await other.hear(Result)
            assert other.sent_bytes == 0


@asynchronous
async def test_the_picture_of_a_control_travels_as_the_others_do(tmp_path: Path) -> None:
    request, pictures = job(side=16)
    lines = bytes(range(256)) * 4
    control = Control("lines", Pixels(0, 0, 16, 16, "bgra8", digest_of(lines)))
    work = replace(request, control=control), pictures | {digest_of(lines): lines}
    async with server(tmp_path) as port, client(port, tmp_path) as me:
        await me.submit("a", work)
        assert (await me.hear(Result)).report["control"] == digest_of(lines)
        before = me.sent_bytes
        await me.submit("b", (replace(work[0], prompt="again"), work[1]))
        assert (await me.hear(Result)).report["control"] == digest_of(lines)
        assert me.sent_bytes == before
        await me.submit("c", job(side=16))
        assert (await me.hear(Result)).report["control"] == digest_of(b"")


@asynchronous
async def test_two_jobs_that_need_the_same_picture_at_once(tmp_path: Path) -> None:
    async with server(tmp_path) as port, client(port, tmp_path) as me:
        for name in "ab":
            await me.submit(name, job(name))
        assert {(await me.hear(Result)).job for _ in "ab"} == {"a", "b"}


@asynchronous
async def test_submit_again_is_the_same_job(tmp_path: Path) -> None:
    work = job("slow", steps=10)
    async with server(tmp_path) as port, client(port, tmp_path) as me:
        await me.submit("a", work)
        await me.hear(Progress)
        await me.say(Submit("a", work[0]))
        await me.hear(Accepted)
        first = await me.hear(Result)
        await me.layer()
        async with client(port, tmp_path) as again:  # it has ended: told once more, not painted once more
            await again.say(Submit("a", work[0]))
            assert await again.hear(Result) == first
            await again.layer()
            await again.say(Ack("a"))
        steps = [event.step for event in me.heard if isinstance(event, Progress)]
        assert steps == sorted(set(steps))


@asynchronous
async def test_jobs_are_painted_in_order_and_positions_told(tmp_path: Path) -> None:
    async with server(tmp_path) as port, client(port, tmp_path) as me:
        names = "abcd"
        for seed, name in enumerate(names):
            await me.submit(name, job("slow", seed=seed, steps=5))
        assert [(await me.hear(Result)).job for _ in names] == list(names)
        positions = [event.position for event in me.heard if isinstance(event, Accepted) and event.job == "d"]
        assert positions == sorted(positions, reverse=True)
        assert positions[-1] == 0


@asynchronous
async def test_reconnect_in_the_middle_and_after_the_end(tmp_path: Path) -> None:
    async with server(tmp_path) as port:
        async with client(port, tmp_path) as me:
            await me.submit("a", job("slow", steps=20))
            await me.hear(Progress)
        async with client(port, tmp_path, jobs=("a",)) as me:
            await me.hear(Progress)
            await me.hear(Result)
            # The layer is on its way, and the line breaks again.
        async with client(port, tmp_path, jobs=("a",)) as me:
            await me.hear(Result)
            await me.layer()
            await me.say(Ack("a"))
            await me.submit("b", job("nothing"))  # an answer to this shows that the ack came in
            await me.hear(Result)
        async with client(port, tmp_path, jobs=("a", "never heard of")) as me:
            for name in ("a", "never heard of"):
                assert (await me.hear(Failed, name)).code == "unknown_job"


@asynchronous
async def test_a_job_whose_pictures_never_came_is_given_up(tmp_path: Path) -> None:
    async with server(tmp_path) as port:
        async with client(port, tmp_path) as me:
            await me.say(Submit("a", job()[0]))
            await me.hear(NeedBlobs)
        async with client(port, tmp_path, jobs=("a",)) as me:
            assert (await me.hear(Failed)).code == "unknown_job"
            await me.say(Ack("a"))
            await me.submit("a", job())
            await me.hear(Result)


@asynchronous
async def test_the_spool_survives_a_restart(tmp_path: Path) -> None:
    async with server(tmp_path) as port, client(port, tmp_path) as me:
        for name, work in {"a": job(side=300), "b": job("wrong request")}.items():
            await me.submit(name, work)
            await me.hear(Result if name == "a" else Failed)
    async with server(tmp_path) as port, client(port, tmp_path, jobs=("a", "b", "c")) as me:
        await me.hear(Result, "a")
        assert await me.layer() == bytes([255]) * (300 * 300 * 4)
        assert (await me.hear(Failed, "b")).code == "steps"
        assert (await me.hear(Failed, "c")).code == "unknown_job"


@asynchronous
async def test_cancel_queued_running_and_waiting_for_pictures(tmp_path: Path) -> None:
    async with server(tmp_path) as port, client(port, tmp_path) as me:
        await me.submit("running", job("slow", steps=900))
        await me.hear(Progress)
        await me.submit("queued", job("slow", seed=1))
        await me.hear(Accepted, "queued")
        await me.say(Submit("needing", job(seed=2)[0]))
        await me.hear(NeedBlobs, "needing")
        for name in ("needing", "queued", "running"):
            await me.say(Cancel(name))
            await me.hear(Cancelled, name)
        steps = [event.step for event in me.heard if isinstance(event, Progress)]
        assert max(steps) < 300, "the cancel acted"
        await me.submit("next", job())
        await me.hear(Result, "next")
        await me.say(Cancel("next"))  # too late, and no matter
        ends = [event.job for event in me.heard if isinstance(event, (Result, Failed, Cancelled))]
        assert sorted(ends) == ["needing", "next", "queued", "running"]


@asynchronous
async def test_a_disconnect_cancels_nothing_and_clients_do_not_hear_each_other(tmp_path: Path) -> None:
    async with server(tmp_path) as port, client(port, tmp_path) as other:
        async with client(port, tmp_path) as me:
            await me.submit("mine", job("slow", steps=5))
            await me.hear(Accepted)
        await other.submit("theirs", job("nothing"))
        await other.hear(Result)
        assert {getattr(event, "job", "theirs") for event in other.heard} == {"theirs"}
        async with client(port, tmp_path, jobs=("mine",)) as me:
            await me.hear(Result)


@asynchronous
async def test_who_does_not_read_misses_progress_and_nothing_else(tmp_path: Path) -> None:
    async with server(tmp_path) as port, client(port, tmp_path) as me, client(port, tmp_path) as other:
        await me.submit("a", job("large previews", steps=150))
        await me.hear(Accepted)
        await other.submit("b", job("nothing"))
        await other.hear(Result)  # so a has ended, and its owner has not read a word of it
        await me.hear(Result)
        await me.layer()
        steps = [event.step for event in me.heard if isinstance(event, Progress)]
        assert len(steps) < 150
        assert steps == sorted(steps)


@asynchronous
async def test_the_line_breaks_after_every_message(tmp_path: Path) -> None:
    """However far a talk came: who comes back gets the job's one end, and the job is painted once."""
    work = job("slow", side=600, steps=4)
    layer = bytes([255]) * (600 * 600 * 4)
    async with server(tmp_path) as port:
        for count in range(40):
            name = f"cut after {count}"
            async with client(port, tmp_path) as me:
                await me.submit(name, work)
                heard_all = await hear_some(me, count)
            async with client(port, tmp_path, jobs=(name,)) as me:
                ending = await me.hear((Result, Failed))
                if isinstance(ending, Failed):
                    assert ending.code == "unknown_job"
                    assert count < 3, "only before its pictures had come"
                    await me.say(Ack(name))
                    await me.submit(name, work)
                    await me.hear(Result)
                assert await me.layer() == layer
                await me.say(Ack(name))
            if heard_all:
                return
    raise AssertionError("the talk does not end")


async def hear_some(me: Client, count: int) -> bool:
    """So many messages; whether the layer was among them."""
    for _ in range(count):
        event = await me.hear(object)
        if isinstance(event, BlobReceived):
            return True
    return False
