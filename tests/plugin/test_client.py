"""The client's thread against a scripted backend: jobs survive everything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from krita_sfumato.client import Client
from krita_sfumato.draft import Draft, Picture
from krita_sfumato.events import Ended, Event, Finished, Greeting, Linked, Moved, Queued, Told, Unlinked
from krita_sfumato.journal import Entry, Journal
from krita_sfumato.vendor.sfumato_wire import Box
from plugin.scripted_server import ScriptedServer, Talk
from sfumato_wire import (
    Accepted,
    Ack,
    BlobReceived,
    Cancel,
    Cancelled,
    EditInfo,
    Failed,
    ModelInfo,
    NeedBlobs,
    Pixels,
    Progress,
    Refused,
    Result,
    Status,
    Submit,
    Welcome,
    digest_of,
)
from sfumato_wire.limits import MAX_JOBS

WELCOME = Welcome("test", 1, "cpu", (ModelInfo("m", "M", "sd", 64, 20, 5.0),), (EditInfo("e", "E", ""),))
BOX = Box(0, 0, 600, 400)
DRAFT = Draft(
    Picture(BOX, "bgra8", bytes(BOX.area * 4)),
    Picture(Box(1, 2, 3, 4), "graya16", b"\xff" * 48),
    {"model": "m", "edit": "e", "prompt": "", "width": 600, "height": 400, "layer_format": "bgra8"},
)
LAYER = b"layer" * 4 * 20
RESULT = Pixels(5, 6, 10, 10, "bgra8", digest_of(LAYER))


class Plugin:
    """The client and what it told."""

    def __init__(self, home: Path) -> None:
        self.events: list[Event] = []
        self.client = Client(home, lambda: None, "test")
        self.client.start()

    def until(self, kind: type, check: Callable[[Any], bool] = lambda _: True, seconds: float = 10) -> Any:
        deadline = time.monotonic() + seconds
        seen = 0
        while time.monotonic() < deadline:
            self.events += self.client.events()
            for event in self.events[seen:]:
                if isinstance(event, kind) and check(event):
                    return event
            seen = len(self.events)
            time.sleep(0.005)
        raise AssertionError(f"no {kind.__name__}; there was {self.events}")


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[Callable[..., tuple[Plugin, ScriptedServer]]]:
    made: list[Any] = []

    def make(script: Callable[[Talk, int], None]) -> tuple[Plugin, ScriptedServer]:
        server = ScriptedServer(tmp_path / "home", script)
        plugin = Plugin(tmp_path / "home")
        made.extend((server, plugin))
        return plugin, server

    yield make
    for server, plugin in zip(made[::2], made[1::2], strict=True):
        plugin.client.close()
        server.stop()
        assert not server.errors


def soon(check: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 5
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def settled(plugin: Plugin) -> None:
    """Until the client has nothing left to do."""
    soon(lambda: not plugin.client._jobs)
    plugin.events += plugin.client.events()


def deliver(talk: Talk, job: str) -> None:
    talk.say(Result(job, RESULT, {"seconds": 1.0}))
    talk.send_blob(LAYER, RESULT.digest)


def test_a_job_from_submit_to_ack(scripted: Callable[..., Any]) -> None:
    heard: list[Any] = []

    def script(talk: Talk, _: int) -> None:
        talk.say(WELCOME)
        submit = talk.hear_of(Submit)
        assert submit.request.canvas.size == BOX.area * 4
        needs = tuple(dict.fromkeys((submit.request.canvas.digest, submit.request.change_map.digest)))
        talk.say(NeedBlobs(submit.job, needs))
        for _ in needs:
            heard.append(talk.hear_of(BlobReceived))
        talk.say(Accepted(submit.job, 0))
        talk.say(Progress(submit.job, "painting", 1, 2))
        deliver(talk, submit.job)
        heard.append(talk.hear_of(Ack))
        talk.hear()

    plugin, _ = scripted(script)
    plugin.client.submit("job", DRAFT)
    plugin.until(Linked)
    plugin.until(Queued)
    assert plugin.until(Moved).job == "job"
    result = plugin.until(Finished)
    assert not plugin.client.is_awaiting()
    assert plugin.until(Greeting).pid == 1
    assert (result.job, result.layer.digest, result.layer.box.x, result.data) == ("job", RESULT.digest, 5, LAYER)
    plugin.client.acknowledge("job")
    while len(heard) < 3:
        time.sleep(0.01)
    assert heard[2] == Ack("job")


def test_a_map_is_asked_for_with_one_picture_and_survives_a_broken_connection(scripted: Callable[..., Any]) -> None:
    heard: list[Any] = []

    def script(talk: Talk, number: int) -> None:
        talk.say(WELCOME)
        if number == 1:
            submit = talk.hear_of(Submit)
            heard.append(submit.request)
            talk.say(NeedBlobs(submit.job, (submit.request.canvas.digest,)))
            heard.append(talk.hear_of(BlobReceived))
            talk.say(Accepted(submit.job, 0))
            talk.hang_up()
        else:
            talk.say(Accepted("job", 0))
            deliver(talk, "job")
            talk.hear_of(Ack)
            talk.hear()

    plugin, server = scripted(script)
    own = server.home / f"krita-{os.getpid()}.jobs.json"
    fields = {**DRAFT.fields, "task": "map", "prompt": "snow", "settings": {"noises": 3}}
    plugin.client.submit("job", Draft(DRAFT.canvas, None, fields))
    plugin.until(Queued)
    assert json.loads(own.read_text()) == {"job": {"prompt": "snow", "task": "map"}}
    found = plugin.until(Finished)
    assert (found.task, found.data, found.is_orphan) == ("map", LAYER, False)
    assert (heard[0].task, heard[0].change_map, heard[0].settings) == ("map", None, {"noises": 3})
    assert heard[1].data == DRAFT.canvas.data
    plugin.client.acknowledge("job")
    settled(plugin)


def test_a_connection_that_breaks_is_resumed(scripted: Callable[..., Any]) -> None:
    def script(talk: Talk, number: int) -> None:
        talk.say(WELCOME)
        if number == 1:
            submit = talk.hear_of(Submit)
            talk.say(Accepted(submit.job, 0))
            talk.hang_up()
        else:
            talk.say(Accepted("job", 0))
            deliver(talk, "job")
            talk.hear_of(Ack)

    plugin, server = scripted(script)
    plugin.client.submit("job", DRAFT)
    assert plugin.until(Finished).data == LAYER
    assert [hello.jobs for hello in server.hellos] == [(), ("job",)]
    assert any(event == Unlinked("lost") for event in plugin.events)
    plugin.client.acknowledge("job")


def test_a_restarted_backend_gets_the_job_again(scripted: Callable[..., Any]) -> None:
    def script(talk: Talk, number: int) -> None:
        talk.say(WELCOME)
        if number == 1:
            talk.hear_of(Submit)
            talk.hang_up()
            return
        talk.say(Failed("job", "unknown_job", "?"))
        again = talk.hear_of(Submit)
        assert again.job != "job"
        talk.say(Accepted(again.job, 0))
        deliver(talk, again.job)
        assert talk.hear_of(Ack) == Ack(again.job)

    plugin, _ = scripted(script)
    plugin.client.submit("job", DRAFT)
    assert plugin.until(Finished).job == "job"
    plugin.client.acknowledge("job")


def test_a_result_that_comes_twice_is_told_once(scripted: Callable[..., Any]) -> None:
    acks: list[Any] = []

    def script(talk: Talk, number: int) -> None:
        talk.say(WELCOME)
        if number == 1:
            talk.say(Accepted(talk.hear_of(Submit).job, 0))
        if number <= 2:
            deliver(talk, "job")
        if number == 1:
            time.sleep(0.2)
            talk.hang_up()
        else:
            acks.append(talk.hear_of(Ack))

    plugin, _ = scripted(script)
    plugin.client.submit("job", DRAFT)
    plugin.until(Finished)
    plugin.until(Unlinked)
    plugin.client.acknowledge("job")
    deadline = time.monotonic() + 5
    while not acks and time.monotonic() < deadline:
        time.sleep(0.01)
    plugin.events += plugin.client.events()
    assert acks == [Ack("job")]
    assert len([event for event in plugin.events if isinstance(event, Finished)]) == 1


def test_cancel(scripted: Callable[..., Any]) -> None:
    def script(talk: Talk, _: int) -> None:
        talk.say(WELCOME)
        talk.say(Accepted(talk.hear_of(Submit).job, 0))
        talk.say(Cancelled(talk.hear_of(Cancel).job))
        assert talk.hear_of(Ack) == Ack("job")

    plugin, _ = scripted(script)
    plugin.client.submit("job", DRAFT)
    plugin.until(Queued)
    assert plugin.client.is_awaiting()
    plugin.client.cancel("job")
    settled(plugin)
    assert not plugin.client.is_awaiting()


def test_what_was_cancelled_without_a_backend_is_never_sent(scripted: Callable[..., Any]) -> None:
    heard: list[Any] = []
    go_on = threading.Event()

    def script(talk: Talk, _: int) -> None:
        go_on.wait(5)
        talk.say(WELCOME)
        heard.append(talk.hear_of(Submit))
        talk.say(Failed(heard[0].job, "x", "enough"))

    plugin, _ = scripted(script)
    plugin.client.submit("job", DRAFT)
    plugin.client.cancel("job")
    plugin.client.submit("other", DRAFT)
    time.sleep(0.1)
    go_on.set()
    assert plugin.until(Ended).job == "other"
    assert [submit.job for submit in heard] == ["other"]


@pytest.mark.parametrize("still_painting", [True, False])
def test_a_cancel_while_the_connection_is_gone_is_said_later(
    scripted: Callable[..., Any], still_painting: bool
) -> None:
    heard: list[Any] = []
    go_on = threading.Event()

    def script(talk: Talk, number: int) -> None:
        if number == 1:
            talk.say(WELCOME)
            talk.say(Accepted(talk.hear_of(Submit).job, 0))
            return
        go_on.wait(5)  # the Welcome takes its time: the painter cancels meanwhile
        talk.say(WELCOME)
        if still_painting:
            talk.say(Accepted("job", 0))
            heard.append(talk.hear_of(Cancel))
            talk.say(Progress("job", "painting", 1, 2))
            talk.say(Cancelled("job"))
        else:
            deliver(talk, "job")
        heard.append(talk.hear_of(Ack))
        talk.hear()

    plugin, server = scripted(script)
    plugin.client.submit("job", DRAFT)
    plugin.until(Unlinked)
    soon(lambda: len(server.hellos) == 2)
    plugin.client.cancel("job")
    time.sleep(0.05)
    go_on.set()
    settled(plugin)
    soon(lambda: Ack("job") in heard)
    plugin.events += plugin.client.events()
    assert not any(isinstance(event, (Finished, Ended, Moved)) for event in plugin.events)


@pytest.mark.parametrize("how", ["acknowledge", "cancel"])
def test_a_job_the_plugin_is_through_with_is_not_painted_again(scripted: Callable[..., Any], how: str) -> None:
    heard: list[Any] = []
    go_on = threading.Event()

    def script(talk: Talk, number: int) -> None:
        if number == 1:
            talk.say(WELCOME)
            talk.say(Accepted(talk.hear_of(Submit).job, 0))
            if how == "acknowledge":
                deliver(talk, "job")
                go_on.wait(5)
            return
        go_on.wait(5)
        talk.say(WELCOME)
        talk.say(Failed("job", "unknown_job", "?"))
        while True:
            heard.append(talk.hear())

    plugin, server = scripted(script)
    plugin.client.submit("job", DRAFT)
    if how == "acknowledge":
        plugin.until(Finished)
        go_on.set()
    plugin.until(Unlinked)
    getattr(plugin.client, how)("job")
    time.sleep(0.05)
    go_on.set()
    settled(plugin)
    soon(lambda: Ack("job") in heard)
    assert not any(isinstance(event, Submit) for event in heard)
    assert len(server.hellos) == 2


def test_a_result_whose_backend_forgot_it_stays(scripted: Callable[..., Any]) -> None:
    """It waits to be placed: neither painted again nor called a failure."""

    def script(talk: Talk, number: int) -> None:
        talk.say(WELCOME)
        if number == 1:
            talk.say(Accepted(talk.hear_of(Submit).job, 0))
            deliver(talk, "job")
            time.sleep(0.2)
        else:
            talk.say(Failed("job", "unknown_job", "?"))
            assert isinstance(talk.hear(), Ack)
            talk.hear()

    plugin, _ = scripted(script)
    plugin.client.submit("job", DRAFT)
    plugin.until(Finished)
    plugin.until(Unlinked)
    plugin.until(Linked, lambda event: len([e for e in plugin.events if isinstance(e, Linked)]) == 2)
    time.sleep(0.1)
    plugin.client.acknowledge("job")
    settled(plugin)
    assert not any(isinstance(event, Ended) for event in plugin.events)


def test_any_number_of_results_may_wait_on_the_shelf(scripted: Callable[..., Any]) -> None:
    """More than a connection may begin with: those that the plugin does not have yet come first."""
    count = MAX_JOBS + 6

    def script(talk: Talk, number: int) -> None:
        talk.say(WELCOME)
        if number == 1:
            for _ in range(count):
                job = talk.hear_of(Submit).job
                talk.say(Accepted(job, 0))
                if job != "last":
                    talk.say(Result(job, None, {}))
            talk.hang_up()
        else:
            talk.say(Accepted("last", 0))
            talk.say(Result("last", None, {}))
            talk.hear_of(Ack)
            talk.hear_of(Submit)
            talk.hear()  # until the client goes

    plugin, server = scripted(script)
    for n in range(count - 1):
        plugin.client.submit(f"job {n}", DRAFT)
    plugin.client.submit("last", DRAFT)
    assert plugin.until(Finished, lambda event: event.job == "last")
    assert len(server.hellos) == 2
    assert len(server.hellos[1].jobs) == MAX_JOBS // 2
    assert server.hellos[1].jobs[0] == "last"
    plugin.client.acknowledge("last")
    plugin.client.acknowledge(f"job {count - 2}")  # which this connection does not know
    plugin.client.submit("another", DRAFT)
    soon(lambda: "another" in plugin.client._jobs and plugin.client._jobs["another"].told)
    assert len(server.hellos) == 2


def test_a_request_that_cannot_be_is_told(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path)
    plugin.client.submit("job", Draft(DRAFT.canvas, DRAFT.change_map, {**DRAFT.fields, "steps": 0}))
    assert "Steps must lie" in plugin.until(Ended).sentence
    plugin.client.close()


def test_a_prompt_that_is_too_long_is_told_and_the_next_edit_is_sent(scripted: Callable[..., Any]) -> None:
    def script(talk: Talk, _: int) -> None:
        talk.say(WELCOME)
        talk.say(Accepted(talk.hear_of(Submit).job, 0))
        talk.hear()

    plugin, server = scripted(script)
    plugin.client.submit("long", Draft(DRAFT.canvas, DRAFT.change_map, {**DRAFT.fields, "prompt": "x" * 8193}))
    ended = plugin.until(Ended)
    assert (ended.job, ended.code) == ("long", "bad_request")
    assert "8193 characters" in ended.sentence
    plugin.client.submit("job", DRAFT)
    assert plugin.until(Queued).job == "job"
    assert len(server.hellos) == 1


def test_hurry_greets_anew_while_there_is_no_welcome(scripted: Callable[..., Any]) -> None:
    def script(talk: Talk, number: int) -> None:
        if number == 1:
            talk.say(Status("down", "It does not stay up."))
        else:
            talk.say(WELCOME)
        talk.hear()

    plugin, server = scripted(script)
    plugin.until(Told)
    plugin.client.hurry()
    plugin.until(Linked)
    plugin.client.hurry()
    time.sleep(0.1)
    assert len(server.hellos) == 2


def test_last_words_of_a_server(scripted: Callable[..., Any]) -> None:
    plugin, _ = scripted(lambda talk, _: talk.say(Refused("version", "Update the plugin.")))
    assert plugin.until(Unlinked, lambda e: e.why == "refused").sentence == "Update the plugin."


def test_a_wrong_token(scripted: Callable[..., Any]) -> None:
    plugin, server = scripted(lambda talk, _: None)
    (server.home / "token").write_text("wrong")
    plugin.client.hurry()
    plugin.until(Unlinked, lambda e: e.why == "refused")


def test_nobody_listens_and_rubbish_in_the_record(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path)
    plugin.until(Unlinked, lambda e: e.why == "absent")
    (tmp_path / "token").write_text("t" * 40)
    for record in ("", "{}", "[]", '{"host": "127.0.0.1", "port": 9}', '{"host": "127.0.0.1", "port": 99999}'):
        (tmp_path / "server.json").write_text(record)
        plugin.client.events()
        plugin.events.clear()
        plugin.client.hurry()
        plugin.until(Unlinked, lambda e: e.why == "absent")
    plugin.client.close()


def test_a_backend_that_breaks_the_rules_is_left(scripted: Callable[..., Any]) -> None:
    def script(talk: Talk, number: int) -> None:
        if number == 1:
            talk.socket.send(b"\xff" * 64)
            talk.hear()
        else:
            talk.say(WELCOME)
            talk.hear()

    plugin, _ = scripted(script)
    assert plugin.until(Unlinked, lambda e: e.why == "lost").sentence
    plugin.until(Linked)


def test_a_chattering_backend_does_not_fill_the_memory(scripted: Callable[..., Any]) -> None:
    def script(talk: Talk, _: int) -> None:
        talk.say(WELCOME)
        job = talk.hear_of(Submit).job
        talk.say(Accepted(job, 0))
        for step in range(20_000):
            talk.say(Progress(job, "painting", step % 100, 100))
        talk.say(Failed(job, "x", "enough"))
        talk.hear_of(Ack)

    plugin, _ = scripted(script)
    plugin.client.submit("job", DRAFT)
    time.sleep(1.0)
    assert len(plugin.client._outbox) < 10
    assert plugin.until(Ended, seconds=30).sentence == "enough"


@pytest.mark.parametrize(
    ("entry", "task"), [('{"job": {"prompt": "snow", "task": "map"}}', "map"), ('{"job": "snow"}', "edit")]
)
def test_the_jobs_of_a_krita_that_died_are_asked_for(
    scripted: Callable[..., Any], tmp_path: Path, entry: str, task: str
) -> None:
    (tmp_path / "home").mkdir()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / "home" / f"krita-{dead.pid}.jobs.json").write_text(entry)
    alive = tmp_path / "home" / f"krita-{os.getppid()}.jobs.json"
    alive.write_text('{"other": "rain"}')

    def script(talk: Talk, number: int) -> None:
        talk.say(WELCOME)
        if number == 1:
            talk.say(Accepted("job", 0))
            deliver(talk, "job")
            talk.hear_of(Ack)
        talk.hear()

    plugin, server = scripted(script)
    found = plugin.until(Finished)
    assert (found.job, found.prompt, found.task, found.is_orphan) == ("job", "snow", task, True)
    assert found.data == LAYER
    assert server.hellos[0].jobs == ("job",)
    own = tmp_path / "home" / f"krita-{os.getpid()}.jobs.json"
    assert json.loads(own.read_text()) == {"job": {"prompt": "snow", "task": task}}
    plugin.client.acknowledge("job")
    deadline = time.monotonic() + 5
    while own.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not own.exists()
    assert alive.exists()


def test_what_a_journal_calls_by_an_unknown_task_comes_back_as_a_layer(tmp_path: Path) -> None:
    jobs = {"a": {"prompt": "rain", "task": "tiling"}, "b": {"prompt": "snow", "task": "map"}, "c": "sun"}
    (tmp_path / "krita-1234.jobs.json").write_text(json.dumps(jobs))
    assert Journal(tmp_path, 1234).take_over() == {"a": Entry("rain"), "b": Entry("snow", "map"), "c": Entry("sun")}


def test_one_damaged_entry_of_a_journal_takes_no_other_along(tmp_path: Path) -> None:
    jobs = {"a": "rain", "b": {"task": "edit"}, "c": None, "d": {"prompt": "sun", "task": "edit"}, "e": 5}
    (tmp_path / "krita-1234.jobs.json").write_text(json.dumps(jobs))
    assert Journal(tmp_path, 1234).take_over() == {"a": Entry("rain"), "d": Entry("sun")}


@pytest.mark.parametrize("text", ["", "[1]", "{", '"a"', "[" * 100_000])
def test_a_damaged_journal_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "krita-1234.jobs.json").write_text(text)
    assert Journal(tmp_path, 1234).take_over() == {}
