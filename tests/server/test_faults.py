"""The worker dies, fails, or never starts: sockets stay, and whoever waited is told once, in a sentence."""

import os
import signal
from pathlib import Path

import pytest
from server.harness import SCRIPTED, Client, asynchronous, client, door, job, server
from sfumato.server import supervisor
from sfumato_wire import Accepted, Cancel, Cancelled, Failed, Hello, Progress, Result, Status, Submit, Welcome


@pytest.mark.parametrize("death", ["die", "exit"])
@asynchronous
async def test_the_worker_dies_and_the_next_job_works(tmp_path: Path, death: str) -> None:
    async with server(tmp_path) as port, client(port, tmp_path) as me:
        await me.submit("a", job("slow", steps=2))
        await me.submit("b", job(death))
        await me.submit("c", job("slow"))
        first = await me.hear(Result)
        lost = await me.hear(Failed)
        assert (lost.job, lost.code) == ("b", "worker_lost")
        assert "Apply again" in lost.sentence
        last = await me.hear(Result)
        assert last.job == "c"
        assert last.report["pid"] != first.report["pid"]
        ends = [event.job for event in me.heard if isinstance(event, (Result, Failed, Cancelled))]
        assert sorted(ends) == ["a", "b", "c"]


@asynchronous
async def test_killed_from_outside_while_idle_and_while_painting(tmp_path: Path) -> None:
    async with server(tmp_path) as port, client(port, tmp_path) as me:
        await me.submit("a", job())
        os.kill((await me.hear(Result)).report["pid"], signal.SIGKILL)
        await me.submit("b", job())  # on its way to a dead worker: not lost, the next one paints it
        pid = (await me.hear(Result)).report["pid"]
        await me.submit("c", job("slow", steps=900))
        await me.hear(Progress, "c")
        os.kill(pid, signal.SIGKILL)
        assert (await me.hear(Failed, "c")).code == "worker_lost"


@asynchronous
async def test_failures_are_told_in_sentences_and_logged_without_prompts(tmp_path: Path) -> None:
    codes = {"raise": "internal", "out of memory": "out_of_memory", "wrong request": "steps"}
    codes |= {"a long name": "unknown_lora"}
    async with server(tmp_path) as port, client(port, tmp_path) as me:
        pids = set()
        for seed, (prompt, code) in enumerate(codes.items()):
            await me.submit(prompt, job(prompt, seed=seed))
            failed = await me.hear(Failed)
            assert failed.code == code
            assert "Traceback" not in failed.sentence
            await me.submit(f"after {prompt}", job("garbage"))
            pids.add((await me.hear(Result)).report["pid"])
        assert len(pids) == 1, "no failure took the worker with it"
    log = (tmp_path / "logs" / "worker.log").read_text()
    assert "RuntimeError" in log
    assert "a stray print" in log
    assert "blur" not in log
    assert "a library quotes: [prompt], [prompt]" in log


@pytest.mark.parametrize("how", ["poison", "poison in words"])
@asynchronous
async def test_a_poisoned_device_is_left_behind(tmp_path: Path, how: str) -> None:
    async with server(tmp_path) as port, client(port, tmp_path) as me:
        await me.submit("a", job(how))
        assert (await me.hear(Failed)).code == "device_lost"
        await me.submit("b", job())
        await me.hear(Result)


@asynchronous
async def test_cancel_wins_over_the_death_it_meets(tmp_path: Path) -> None:
    async with server(tmp_path) as port, client(port, tmp_path) as me:
        await me.submit("a", job())
        pid = (await me.hear(Result)).report["pid"]
        await me.submit("b", job("slow", steps=900))
        await me.hear(Progress, "b")
        os.kill(pid, signal.SIGSTOP)
        await me.say(Cancel("b"))
        await me.submit("c", job("nothing"))  # its acceptance shows that the cancel came in
        await me.hear(Accepted, "c")
        os.kill(pid, signal.SIGKILL)
        await me.hear(Cancelled, "b")
        await me.hear(Result, "c")


@asynchronous
async def test_a_worker_that_never_stays_up_is_given_up_and_tried_again_on_demand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "BACK_OFF", (0.0, 0.0, 0.0))
    async with server(tmp_path, (*SCRIPTED, "broken")) as port, door(port, tmp_path) as socket:
        me = Client(socket)
        await me.say(Hello("test"))
        status = await me.hear(Status)
        while status.state != "down":
            status = await me.hear(Status)
        assert "no module named torch" in status.sentence
        assert not any(isinstance(event, Welcome) for event in me.heard)
        async with door(port, tmp_path) as again:
            other = Client(again)
            await other.say(Hello("test"))
            while (await other.hear(Status)).state != "starting":
                pass  # somebody came, so it is tried once more
            while (await other.hear(Status)).state != "down":
                pass
    assert (tmp_path / "logs" / "server.log").read_text().count("The worker ended") == supervisor.MAX_DEATHS + 1


@asynchronous
async def test_when_given_up_whoever_waits_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "BACK_OFF", (0.0, 0.0, 0.0))
    monkeypatch.setattr(supervisor, "MAX_DEATHS", 2)
    async with server(tmp_path) as port, client(port, tmp_path) as me:
        for seed, prompt in enumerate(("exit", "die", "slow")):
            await me.submit(prompt, job(prompt, seed=seed))
        codes = [(await me.hear(Failed)).code for _ in range(3)]
        assert codes == ["worker_lost", "worker_lost", "worker_down"]
        await me.submit("once more", job("slow"))
        await me.hear(Result, "once more")


@asynchronous
async def test_a_full_disk_loses_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    async with server(tmp_path) as port:
        monkeypatch.setattr("sfumato.server.spool.write_atomically", full)
        async with client(port, tmp_path) as me:
            work = job()
            await me.submit("a", work)
            await me.hear(Result)
        async with client(port, tmp_path) as me:
            await me.say(Submit("a", work[0]))
            await me.hear(Result)
            assert len(await me.layer()) == 8 * 8 * 4


@asynchronous
async def test_more_models_than_a_message_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A painter who has thousands can paint, with those that fit, and is told so."""
    monkeypatch.setenv("SCRIPTED_MODELS", "6000")
    async with server(tmp_path, SCRIPTED) as port, client(port, tmp_path) as me:
        (welcome,) = (event for event in me.heard if isinstance(event, Welcome))
        assert welcome.models[0].id == "sketchbook"
        assert 500 < len(welcome.models) < 6000
        sentence = f"Ready on script. {len(welcome.models)} of 6001 models are listed here"
        while not (status := await me.hear(Status)).sentence.startswith(sentence):
            assert status.state != "down"
        await me.submit("one", job())
        await me.hear(Result, "one")


@asynchronous
async def test_more_of_everything_than_a_message_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the lists drives another out: few ControlNets and VAEs come whole, models and LoRAs share the rest."""
    for name, count in (("MODELS", 6000), ("LORAS", 9000), ("CONTROLNETS", 30), ("VAES", 20)):
        monkeypatch.setenv(f"SCRIPTED_{name}", str(count))
    async with server(tmp_path, SCRIPTED) as port, client(port, tmp_path) as me:
        (welcome,) = (event for event in me.heard if isinstance(event, Welcome))
        assert (len(welcome.controlnets), len(welcome.vaes)) == (30, 20)
        assert 200 < len(welcome.models) < 6000
        assert 200 < len(welcome.loras) < 9000
        sentence = (
            f"Ready on script. {len(welcome.models)} of 6001 models, {len(welcome.loras)} of 9000 LoRAs are listed here"
        )
        while not (status := await me.hear(Status)).sentence.startswith(sentence):
            assert status.state != "down"
        await me.submit("one", job())
        await me.hear(Result, "one")
