"""The docker's state, without Qt and Krita: what is said, what is sent, and where a result goes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from krita_sfumato import sentences
from krita_sfumato.backend_watch import PATIENCE
from krita_sfumato.controller import MOST
from krita_sfumato.events import Ended, Finished, Greeting, Linked, Moved, Queued, Told, Unlinked
from krita_sfumato.making import Made, Making
from krita_sfumato.memory import NOTE, Note
from krita_sfumato.settings import Choice, Guide, Settings
from krita_sfumato.vendor.sfumato_wire import Box, Extra, Pixels, Preview, Progress, Status
from plugin.desk import BOX, LAYER, ROWS, SETTINGS, Desk, request_of
from plugin.fakes import WELCOME, FakeDocument, FakeLayer


def test_an_edit_from_apply_to_layer() -> None:
    desk = Desk().ready()
    job = desk.apply()
    draft = desk.link.submitted[0][1]
    assert draft.change_map.box == Box(20, 30, 40, 10)
    assert len(draft.change_map.data) == 40 * 10 * 4
    assert desk.document.read == [(draft.canvas.box, ("map",))]
    assert draft.canvas.box.contains(draft.change_map.box)
    request, blobs = draft.request()
    assert (request.strength, request.steps, request.seed, request.layer_format) == (800, 20, 7, "bgra8")
    assert set(blobs) == {request.canvas.digest, request.change_map.digest}
    assert desk.view.busy
    desk.controller.hear(Queued(job, 0))
    preview = Preview(2, 1)
    desk.controller.hear(Moved(job, Progress(job, "painting", 3, 12, preview, b"123456")))
    assert (desk.view.fraction, desk.view.preview) == (0.25, (2, 1, b"123456"))
    assert "step 3 of 12" in desk.view.stage
    desk.finish(job)
    assert desk.document.added == [("snow on the hills", ROWS, BOX)]
    assert desk.link.acknowledged == [job]
    assert not desk.view.busy
    assert desk.view.preview is None
    assert "Done" in desk.view.sentence
    assert "Hide “Change map”" in desk.view.sentence


@pytest.mark.parametrize(
    ("settings", "change", "sentence"),
    [
        (SETTINGS, lambda desk: setattr(desk, "document", None), sentences.NO_DOCUMENT),
        (Settings(), None, sentences.NO_MAP + sentences.OR_FIND),
        (Settings(map=Choice("gone")), None, sentences.MAP_GONE),
        (Settings(map=Choice("map"), strength=0), None, sentences.NO_STRENGTH),
        (SETTINGS, lambda desk: setattr(desk.document, "box", Box(0, 0, 0, 0)), "Nothing is painted"),
        (SETTINGS, lambda desk: setattr(desk.document, "grey", 0), "is black everywhere"),
    ],
)
def test_bad_input_gets_a_sentence(settings: Settings, change: Callable[[Desk], None] | None, sentence: str) -> None:
    desk = Desk().ready()
    if change:
        change(desk)
    assert desk.apply(settings) == ""
    assert sentence in desk.view.sentence
    assert desk.view.is_trouble
    assert not desk.view.busy


def test_the_map_is_deleted_while_it_is_read() -> None:
    desk = Desk().ready()
    desk.document.idle = False
    desk.controller.apply(SETTINGS)
    desk.controller.advance()
    desk.document.list.clear()
    desk.document.idle = True
    desk.settle()
    assert desk.view.sentence == sentences.MAP_GONE


def test_an_inverted_map_counts_all_of_the_canvas() -> None:
    desk = Desk(FakeDocument(grey=0)).ready()
    desk.apply(Settings(map=Choice("map", inverted=True)))
    draft = desk.link.submitted[0][1]
    assert draft.change_map.box == Box(0, 0, 200, 100)
    assert draft.fields["levels"].invert


def test_nothing_is_read_or_written_in_the_middle_of_a_stroke() -> None:
    desk = Desk().ready()
    desk.document.idle = False
    desk.controller.apply(SETTINGS)
    desk.settle(20)
    assert not desk.document.read
    desk.document.idle = True
    desk.settle()
    job = desk.link.submitted[0][0]
    desk.document.idle = False
    desk.controller.hear(Finished(job, LAYER, ROWS))
    desk.settle(20)
    assert not desk.document.added
    desk.document.idle = True
    desk.settle()
    assert len(desk.document.added) == 1


def test_edits_queue_up_and_come_in_order() -> None:
    desk = Desk().ready()
    first = desk.apply()
    second = desk.apply(replace(SETTINGS, prompt="rain"))
    assert first != second
    assert (len(desk.link.submitted), desk.view.behind) == (2, 1)
    desk.finish(first)
    assert desk.view.busy
    assert desk.view.behind == 0
    desk.finish(second)
    assert [name for name, *_ in desk.document.added] == ["snow on the hills", "rain"]
    assert not desk.view.busy


def test_more_than_enough_is_refused() -> None:
    desk = Desk().ready()
    for _ in range(MOST):
        desk.apply()
    assert not desk.view.is_trouble
    desk.controller.apply(SETTINGS)
    assert desk.view.sentence == sentences.QUEUE_FULL
    assert len(desk.link.submitted) == MOST


def test_variants_are_read_once_and_differ_in_their_seed() -> None:
    desk = Desk().ready()
    desk.apply(replace(SETTINGS, variants=3))
    drafts = [draft for _, draft in desk.link.submitted]
    assert len(desk.document.read) == 1
    assert [draft.fields["seed"] for draft in drafts] == [7, 8, 9]
    assert drafts[0].canvas is drafts[2].canvas
    assert desk.view.seed == 7


def test_a_fan_is_one_edit_at_several_strengths() -> None:
    desk = Desk().ready()
    desk.controller.apply(replace(SETTINGS, variants=5), strengths=(25, 50, 100))
    desk.settle()
    fields = [draft.fields for _, draft in desk.link.submitted]
    assert [field["strength"] for field in fields] == [250, 500, 1000]
    assert {field["seed"] for field in fields} == {7}
    assert [edit.label for edit in desk.controller._edits.edits] == ["25 %", "50 %", "100 %"]


def test_cancel_takes_what_was_begun_together_and_one_by_its_name() -> None:
    desk = Desk().ready()
    desk.apply(replace(SETTINGS, variants=3))
    other = desk.apply()
    jobs = [job for job, _ in desk.link.submitted]
    desk.controller.cancel(jobs[1])
    assert desk.link.cancelled == [jobs[1]]
    desk.controller.cancel()
    assert desk.link.cancelled == [jobs[1], jobs[0], jobs[2]]
    assert desk.view.busy
    desk.finish(other)
    assert len(desk.document.added) == 1


def test_a_variant_that_is_cancelled_while_the_picture_is_read_is_not_sent() -> None:
    desk = Desk().ready()
    desk.controller.apply(replace(SETTINGS, variants=3))
    desk.controller.cancel(desk.controller._edits.edits[0].job)
    desk.settle()
    assert [draft.fields["seed"] for _, draft in desk.link.submitted] == [8, 9]


def test_apply_starts_a_backend_and_waits_for_it() -> None:
    desk = Desk()
    desk.controller.apply(SETTINGS)
    assert desk.process.running
    desk.controller.hear(Unlinked("absent"))
    assert desk.view.link == "starting"
    desk.settle(5)
    assert not desk.link.submitted
    desk.ready()
    desk.settle()
    assert len(desk.link.submitted) == 1


def test_no_backend_is_installed() -> None:
    desk = Desk()
    desk.process.words = []
    desk.controller.apply(SETTINGS)
    assert desk.view.sentence == sentences.NOT_INSTALLED
    assert not desk.view.busy
    desk.controller.start()
    assert desk.view.sentence == sentences.NOT_INSTALLED


def test_a_backend_that_cannot_start_says_why() -> None:
    desk = Desk()
    desk.controller.apply(SETTINGS)
    desk.process.running, desk.process.error = False, "the port is in use"
    desk.controller.hear(Unlinked("absent"))
    desk.controller.watch()
    assert "the port is in use" in desk.view.sentence
    assert desk.view.link == "absent"
    assert not desk.view.busy


def test_a_backend_that_never_answers() -> None:
    desk = Desk()
    desk.controller.start()
    desk.time = PATIENCE + 1
    desk.controller.watch()
    assert "does not answer" in desk.view.sentence


def test_a_backend_that_dies_in_an_edit_and_comes_back() -> None:
    desk = Desk().ready()
    job = desk.apply()
    desk.controller.hear(Unlinked("lost"))
    assert desk.view.busy
    assert not desk.view.stalled
    desk.controller.hear(Unlinked("absent"))
    assert desk.view.sentence == sentences.STOPPED_IN_EDIT
    assert desk.view.stalled
    assert desk.view.link == "absent"
    desk.controller.start()
    desk.ready()
    assert not desk.view.stalled
    desk.finish(job)
    assert len(desk.document.added) == 1


def test_a_new_apply_takes_the_place_of_an_edit_whose_backend_is_gone() -> None:
    desk = Desk().ready()
    first = desk.apply()
    desk.controller.hear(Unlinked("absent"))
    desk.controller.apply(SETTINGS)
    assert desk.link.cancelled == [first]
    desk.ready()
    desk.settle()
    second = desk.link.submitted[-1][0]
    assert second != first
    desk.finish(first)
    assert not desk.document.added
    desk.finish(second)
    assert len(desk.document.added) == 1


def test_a_refusing_backend() -> None:
    desk = Desk().ready()
    desk.controller.hear(Unlinked("refused", "Update the plugin."))
    assert desk.view.sentence == "Update the plugin."


def test_the_painting_process_restarts() -> None:
    desk = Desk().ready()
    job = desk.apply()
    desk.controller.hear(Told(Status("starting", "The painting process stopped and starts again.")))
    assert "stopped" in desk.view.link_sentence
    desk.controller.hear(Ended(job, "worker_lost", "It stopped: press Apply again."))
    assert desk.view.sentence == "It stopped: press Apply again."
    assert not desk.view.busy
    desk.controller.hear(Told(Status("ready", "")))
    assert desk.view.link == "ready"


def test_cancel_before_and_after_sending() -> None:
    desk = Desk()
    desk.controller.apply(SETTINGS)
    desk.controller.cancel()
    assert not desk.view.busy
    desk.ready()
    job = desk.apply()
    desk.controller.cancel()
    assert desk.link.cancelled == [job]
    assert not desk.view.busy
    assert desk.view.sentence == sentences.CANCELLED
    desk.controller.cancel()
    desk.finish(job)  # it was on its way
    assert not desk.document.added


def test_cancel_while_the_result_waits_to_be_placed() -> None:
    desk = Desk().ready()
    job = desk.apply()
    desk.document.idle = False
    desk.controller.hear(Finished(job, LAYER, ROWS))
    desk.settle(5)
    desk.controller.cancel()
    assert not desk.view.busy
    assert desk.view.sentence == sentences.CANCELLED
    assert desk.link.cancelled == [job]
    desk.document.idle = True
    desk.settle()
    assert not desk.document.added
    assert desk.apply() != job


def test_cancel_comes_too_late_for_a_layer_that_is_there() -> None:
    desk = Desk().ready()
    job = desk.apply()
    desk.controller.hear(Finished(job, LAYER, ROWS))
    while not desk.document.added:
        desk.controller.advance()
    desk.controller.cancel()
    desk.settle()
    assert "Done" in desk.view.sentence
    assert (desk.link.cancelled, desk.link.acknowledged) == ([], [job])
    assert not desk.view.busy


@pytest.mark.parametrize("what", ["closed", "resized"])
def test_a_result_never_lands_in_the_wrong_document(what: str) -> None:
    desk = Desk().ready()
    job = desk.apply()
    first = desk.document
    if what == "closed":
        first.open = False
    else:
        first.now = (100, 100)
    desk.document = FakeDocument()
    desk.finish(job)
    assert not first.added
    assert not desk.document.added
    assert "kept" in desk.view.sentence
    assert desk.view.kept == "snow on the hills"
    assert desk.link.acknowledged == []
    desk.controller.place()
    desk.settle()
    assert desk.document.added == [("snow on the hills", ROWS, BOX)]
    assert desk.link.acknowledged == [job]
    assert not desk.view.kept


@pytest.mark.parametrize(
    "layer",
    [
        Pixels(-5, 0, 10, 5, "bgra8", "0" * 64),
        Pixels(195, 0, 10, 5, "bgra8", "0" * 64),
        Pixels(0, 0, 10, 5, "rgba8", "0" * 64),
    ],
)
def test_a_result_that_does_not_fit_is_refused(layer: Pixels) -> None:
    desk = Desk().ready()
    desk.finish(desk.apply(), layer)
    assert not desk.document.added
    assert desk.view.sentence == sentences.WRONG_RESULT


def test_nothing_changed() -> None:
    desk = Desk().ready()
    desk.finish(desk.apply(), None)
    assert desk.view.sentence == sentences.NOTHING_CHANGED
    assert not desk.document.added


def test_a_new_map_is_remembered_and_no_part_of_any_picture() -> None:
    desk = Desk().ready()
    assert desk.controller.new_map() == "new"
    assert Note.from_bytes(desk.document.notes.read(NOTE)) == Note(("new",), (Choice("new"),))
    desk.apply()
    assert desk.document.read[0][1] == ("map", "new")
    desk.document = None
    assert desk.controller.new_map() == ""
    assert desk.view.sentence == sentences.NO_DOCUMENT


def test_a_mishap_ends_the_edit_with_one_sentence() -> None:
    desk = Desk().ready()
    job = desk.apply()
    with pytest.raises(AttributeError):
        desk.controller.hear(Moved(job, None))  # type: ignore[arg-type]
    desk.controller.mishap("plugin.log")
    assert "plugin.log" in desk.view.sentence
    assert desk.link.cancelled == [job]
    assert not desk.view.busy


def test_a_mishap_of_another_press_ends_no_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk().ready()
    job = desk.apply()
    monkeypatch.setattr(desk.document, "map_box", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        desk.controller.apply(SETTINGS)
    desk.controller.mishap("plugin.log")
    assert "plugin.log" in desk.view.sentence
    assert desk.link.cancelled == []
    desk.finish(job)
    assert len(desk.document.added) == 1


def test_a_random_seed_is_shown() -> None:
    desk = Desk().ready()
    desk.apply(Settings(map=Choice("map"), seed=None))
    assert desk.view.seed == desk.link.submitted[0][1].fields["seed"]


def test_an_edit_of_a_krita_that_died_is_placed_when_asked() -> None:
    desk = Desk().ready()
    desk.controller.hear(Finished("old", LAYER, ROWS, "rain", True))
    assert "rain" in desk.view.sentence
    assert desk.view.kept == "rain"
    desk.finish("nobody's")
    assert not desk.document.added
    desk.controller.place()
    desk.settle()
    assert desk.document.added == [("rain", ROWS, BOX)]
    assert desk.link.acknowledged == ["old"]


def test_an_edit_does_not_wait_for_a_backend_that_is_down() -> None:
    desk = Desk()
    desk.controller.apply(SETTINGS)
    desk.controller.hear(Greeting())
    desk.controller.hear(Told(Status("starting", "")))
    desk.controller.hear(Told(Status("down", "It does not stay up.")))
    assert desk.view.sentence == "It does not stay up."
    assert not desk.view.busy
    desk.time = PATIENCE + 1
    desk.controller.watch()
    assert desk.view.sentence == "It does not stay up."

    # The next Apply makes it try once more: what it answers to the greeting is from before.
    hurried = desk.link.hurried
    desk.controller.apply(SETTINGS)
    assert desk.link.hurried == hurried + 1
    desk.controller.hear(Unlinked("lost"))
    desk.controller.hear(Greeting())
    desk.controller.hear(Told(Status("down", "It does not stay up.")))
    assert desk.view.busy
    desk.controller.hear(Told(Status("starting", "It is tried once more.")))
    assert desk.view.busy
    desk.controller.hear(Told(Status("down", "Not this time either.")))
    assert desk.view.sentence == "Not this time either."
    assert not desk.view.busy


def test_an_edit_is_sent_to_a_backend_that_went_down_later() -> None:
    desk = Desk().ready()
    desk.controller.hear(Told(Status("down", "It does not stay up.")))
    assert desk.apply()
    assert desk.view.busy


def test_stop_while_an_edit_waits_for_the_backend() -> None:
    desk = Desk()
    desk.controller.apply(SETTINGS)
    desk.settle(5)
    desk.controller.stop()
    assert desk.process.stopped
    assert desk.view.sentence == sentences.stopped_before("edit")
    assert not desk.view.busy


def test_an_edit_does_not_wait_for_a_backend_that_went_away() -> None:
    desk = Desk().ready()
    desk.controller.hear(Unlinked("lost"))
    desk.controller.apply(SETTINGS)
    desk.settle(5)
    desk.controller.hear(Unlinked("absent"))
    assert desk.view.sentence == sentences.stopped_before("edit")
    assert not desk.view.busy


@pytest.mark.parametrize("why", ["absent", "refused"])
def test_a_result_that_is_here_needs_no_backend(why: str) -> None:
    desk = Desk().ready()
    job = desk.apply()
    desk.document.idle = False
    desk.controller.hear(Finished(job, LAYER, ROWS))
    desk.controller.hear(Unlinked(why))
    assert not desk.view.stalled
    desk.document.idle = True
    desk.settle()
    assert len(desk.document.added) == 1


def test_stop_stops_only_what_is_known() -> None:
    desk = Desk()
    desk.controller.hear(Unlinked("refused"))
    desk.controller.stop()
    assert not desk.process.stopped
    assert desk.view.sentence == sentences.NOT_OURS
    desk.controller.hear(Greeting(4711))
    assert desk.process.pid == 4711
    desk.controller.hear(Unlinked("absent"))
    assert desk.process.pid == 0


# ---------------------------------------------------------------------- which edit, and how

WHOLE = Pixels(0, 0, 200, 100, "bgra8", "0" * 64)
GREYS = bytes([9, 9, 9, 255]) * 20_000


def test_the_edits_are_offered_as_soon_as_they_are_known() -> None:
    assert [info.id for info in Desk().ready().view.edits] == ["differential", "diffedit"]


def test_the_chosen_edit_gets_its_own_parameters_and_only_those_that_differ() -> None:
    desk = Desk().ready()
    desk.apply(replace(SETTINGS, source_prompt="summer", tuning={"edit:differential": {"hinting": True, "old": 1}}))
    assert (request_of(desk).edit, request_of(desk).settings) == ("differential", {})
    assert request_of(desk).source_prompt == "", "an edit that does not ask for it is not told"
    desk = Desk().ready()
    tuning = {"edit:differential": {"hinting": False}, "map:diffedit": {"noises": 3}}
    desk.apply(replace(SETTINGS, edit="differential", tuning=tuning))
    assert request_of(desk).settings == {"hinting": False}
    desk = Desk().ready()
    desk.apply(replace(SETTINGS, edit="diffedit", source_prompt="summer", tuning=tuning))
    assert (request_of(desk).edit, request_of(desk).settings) == ("diffedit", {})
    assert request_of(desk).source_prompt == "summer"


def test_an_edit_that_the_backend_does_not_know_is_never_replaced_by_another() -> None:
    desk = Desk().ready()
    assert desk.apply(replace(SETTINGS, edit="gone")) == ""
    assert "“gone”" in desk.view.sentence
    assert not desk.view.busy


def test_a_map_from_find_to_layer() -> None:
    desk = Desk(FakeDocument(box=Box(0, 0, 0, 0))).ready()
    desk.controller.memory.keep(desk.document, maps=("map", "older"), choices=(Choice("map"),))
    tuning = {"edit:differential": {"hinting": False}, "map:diffedit": {"noises": 3}}
    job = desk.find(replace(SETTINGS, edit="differential", strength=0, tuning=tuning))
    request = request_of(desk)
    assert (request.task, request.edit, request.change_map) == ("map", "diffedit", None)
    assert (request.prompt, request.settings, request.layer_format) == (SETTINGS.prompt, {"noises": 3}, "bgra8")
    assert desk.document.read == [(Box(0, 0, 200, 100), ("map", "older"))], "the picture is read without its maps"
    desk.controller.hear(Moved(job, Progress(job, "painting", 3, 12)))
    assert desk.view.stage == "Looking: step 3 of 12"
    desk.controller.hear(Finished(job, WHOLE, GREYS, task="map"))
    desk.settle()
    assert desk.document.maps_made == [("Map: snow on the hills", GREYS, Box(0, 0, 200, 100))]
    assert not desk.document.added
    note = desk.controller.memory.of(desk.document)
    assert (note.maps, note.choices) == (("map", "older", "new"), (Choice("new"), Choice("map")))
    assert Note.from_bytes(desk.document.notes.read(NOTE)) == note
    assert desk.link.acknowledged == [job]
    assert "Found in" in desk.view.sentence
    assert not desk.view.busy


@pytest.mark.parametrize(
    ("settings", "change", "sentence"),
    [
        (SETTINGS, lambda desk: setattr(desk, "document", None), sentences.NO_DOCUMENT),
        (Settings(map=Choice("map")), None, sentences.NO_WORDS),
        (
            SETTINGS,
            lambda desk: desk.controller.hear(Linked(replace(WELCOME, edits=WELCOME.edits[:1]))),
            sentences.NO_FINDER,
        ),
        (SETTINGS, lambda desk: desk.controller.hear(Linked(replace(WELCOME, models=()))), sentences.NO_MODEL),
    ],
)
def test_why_no_map_is_looked_for(settings: Settings, change: Callable[[Desk], None] | None, sentence: str) -> None:
    desk = Desk().ready()
    if change:
        change(desk)
    assert desk.find(settings) == ""
    assert desk.view.sentence == sentence
    assert not desk.view.busy


def test_find_starts_a_backend_and_an_edit_queues_up_behind_it() -> None:
    desk = Desk()
    assert desk.find() == ""
    assert desk.process.running
    desk.controller.apply(SETTINGS)
    desk.ready()
    desk.settle()
    assert [draft.fields["task"] for _, draft in desk.link.submitted] == ["map", "edit"]


def test_nothing_to_be_found() -> None:
    desk = Desk().ready()
    desk.finish(desk.find(), None)
    assert desk.view.sentence == sentences.MAP_NOT_FOUND
    assert not desk.document.maps_made


def test_a_map_that_is_cancelled_never_comes() -> None:
    desk = Desk().ready()
    job = desk.find()
    desk.controller.cancel()
    assert desk.link.cancelled == [job]
    desk.finish(job, WHOLE)
    assert not desk.document.maps_made


def test_a_map_whose_backend_dies_is_found_by_the_next_one() -> None:
    desk = Desk().ready()
    job = desk.find()
    desk.controller.hear(Unlinked("absent"))
    assert desk.view.stalled
    desk.controller.start()
    desk.ready()
    desk.finish(job, WHOLE)
    assert len(desk.document.maps_made) == 1


def test_a_map_whose_picture_is_gone_is_kept_as_a_map() -> None:
    desk = Desk().ready()
    job = desk.find()
    desk.document.open = False
    desk.document = FakeDocument()
    desk.document.id = "other"
    desk.finish(job, WHOLE)
    assert desk.view.kept == "Map: snow on the hills"
    desk.controller.place()
    desk.settle()
    assert len(desk.document.maps_made) == 1
    assert not desk.document.added
    assert desk.controller.memory.of(desk.document).choices == (Choice("new"),)


def test_a_map_of_a_krita_that_died_is_placed_as_a_map() -> None:
    desk = Desk().ready()
    desk.controller.hear(Finished("old", WHOLE, GREYS, "rain", True, "map"))
    assert desk.view.kept == "Map: rain"
    desk.controller.place()
    desk.settle()
    assert desk.document.maps_made == [("Map: rain", GREYS, Box(0, 0, 200, 100))]
    assert desk.link.acknowledged == ["old"]


def test_a_map_that_does_not_fit_is_refused() -> None:
    desk = Desk().ready()
    desk.finish(desk.find(), Pixels(0, 0, 201, 100, "bgra8", "0" * 64))
    assert desk.view.sentence == sentences.WRONG_RESULT
    assert not desk.document.maps_made


# ---------------------------------------------------------------------- nothing that is done is lost


@pytest.mark.parametrize("task", ["edit", "map"])
def test_a_mishap_keeps_what_is_done_already(task: str) -> None:
    desk = Desk().ready()
    job = desk.apply() if task == "edit" else desk.find()
    desk.document.refuses = True
    with pytest.raises(RuntimeError):
        desk.finish(job, LAYER)
    desk.controller.mishap("plugin.log")
    assert "kept" in desk.view.sentence
    assert "plugin.log" in desk.view.sentence
    assert desk.view.kept
    assert (desk.link.cancelled, desk.link.acknowledged) == ([], [])
    assert not desk.view.busy
    desk.document.refuses = False
    desk.controller.place()
    desk.settle()
    assert len(desk.document.added) + len(desk.document.maps_made) == 1
    assert desk.link.acknowledged == [job]


def test_a_mishap_after_the_layer_is_there_keeps_no_second_one() -> None:
    desk = Desk().ready()
    job = desk.apply()
    desk.controller.hear(Finished(job, LAYER, ROWS))
    desk.document.restore_active = lambda: 1 / 0  # type: ignore[assignment]
    with pytest.raises(ZeroDivisionError):
        desk.settle()
    assert desk.document.added
    desk.controller.mishap("plugin.log")
    assert not desk.view.kept
    assert (desk.link.cancelled, desk.link.acknowledged) == ([], [job])


def test_a_mishap_beside_an_edit_does_not_end_it() -> None:
    desk = Desk().ready()
    job = desk.apply()
    desk.controller.mishap_beside("plugin.log")
    assert "plugin.log" in desk.view.sentence
    assert desk.view.busy
    assert not desk.link.cancelled
    desk.finish(job)
    assert len(desk.document.added) == 1


def test_what_cannot_be_placed_stays_on_the_shelf() -> None:
    desk = Desk().ready()
    desk.controller.hear(Finished("old", LAYER, ROWS, "rain", True))
    desk.document.refuses = True
    desk.controller.place()
    with pytest.raises(RuntimeError):
        desk.settle()
    desk.controller.mishap("plugin.log")
    assert (desk.link.acknowledged, desk.view.kept) == ([], "rain")
    desk.document.refuses, desk.document.idle = False, False
    desk.controller.place()
    desk.controller.place()  # pressed twice
    desk.settle(50)
    assert desk.document.added == [], "in the middle of a stroke"
    desk.document.idle = True
    desk.settle()
    assert len(desk.document.added) == 1
    assert not desk.view.kept


@pytest.mark.parametrize("gone", ["closed", "resized"])
def test_a_picture_may_go_while_its_layer_is_filled(gone: str) -> None:
    desk = Desk().ready()
    job = desk.apply()
    desk.controller.hear(Finished(job, LAYER, ROWS))
    while not (desk.document.making and desk.document.making.is_open):
        desk.controller.advance()
    if gone == "closed":
        desk.document.open = False
    else:
        desk.document.now = (8, 8)
    desk.settle()
    assert not desk.document.making.is_open
    assert (desk.document.added, desk.link.acknowledged) == ([], [])
    assert desk.view.kept == "snow on the hills"


def test_what_came_while_the_backend_died_is_placed_all_the_same() -> None:
    desk = Desk().ready()
    first, second = desk.apply(), desk.apply()
    desk.document.idle = False
    desk.controller.hear(Finished(first, LAYER, ROWS))
    desk.settle(20)
    desk.process.running = False
    desk.controller.hear(Unlinked("absent"))
    assert desk.view.stalled
    desk.controller.apply(SETTINGS)
    assert desk.link.cancelled == [second], "only what has not come gives way"
    desk.document.idle = True
    desk.settle(50)
    assert len(desk.document.added) == 1


def test_two_that_replace_the_same_leave_one() -> None:
    desk = Desk().ready()
    desk.finish(desk.apply())
    desk.controller.apply(SETTINGS, in_place=True)
    desk.controller.apply(SETTINGS, in_place=True)
    desk.settle()
    for job, _ in desk.link.submitted[1:]:
        desk.finish(job)
    assert desk.document.replaced == ["result 1", "result 2"]
    assert [layer.id for layer in desk.document.list] == ["map", "result 3", "background"]


def test_a_press_inside_of_a_step_waits_for_its_end() -> None:
    """Krita handles events inside of some of its calls."""
    desk = Desk().ready()
    read = desk.document.read_picture

    def pressed(*how: Any) -> Iterator[bytes]:
        if not desk.link.submitted:
            desk.controller.apply(SETTINGS)
            desk.controller.advance()
        yield from read(*how)

    desk.document.read_picture = pressed  # type: ignore[method-assign]
    desk.controller.apply(SETTINGS)
    desk.settle()
    assert len(desk.link.submitted) == 2
    assert not desk.view.is_trouble


@pytest.mark.parametrize("task", ["edit", "map"])
def test_a_result_makes_no_end_of_redo(task: str) -> None:
    desk = Desk().ready()
    job = desk.apply() if task == "edit" else desk.find()
    desk.document.redoes = "Redo Brush stroke"
    desk.finish(job, LAYER if task == "edit" else WHOLE)
    assert (desk.document.added, desk.document.maps_made, desk.link.acknowledged) == ([], [], [])
    assert desk.view.sentence == sentences.REDO_WAITS
    desk.controller.place()
    desk.settle()
    assert len(desk.document.added) + len(desk.document.maps_made) == 1
    assert desk.link.acknowledged == [job]


def test_who_takes_a_result_back_and_applies_again_gets_the_next_one() -> None:
    desk = Desk().ready()
    desk.document.redoes = "Redo Add layer"
    desk.finish(desk.apply())
    assert len(desk.document.added) == 1


def test_a_picture_of_which_nothing_is_seen_is_told_of() -> None:
    desk = Desk().ready()
    desk.controller.leave_out("background", True)
    desk.apply()
    assert desk.view.sentence == sentences.NOTHING_SEEN
    assert desk.view.busy
    desk.controller.leave_out("background", False)
    desk.apply()
    assert desk.view.sentence != sentences.NOTHING_SEEN


def test_what_was_said_of_another_picture_goes() -> None:
    desk = Desk().ready()
    desk.finish(desk.apply())
    assert "Done" in desk.view.sentence
    desk.controller.turn_to_another()
    assert not desk.view.sentence
    desk.controller.hear(Finished("old", LAYER, ROWS, "rain", True))
    desk.controller.turn_to_another()
    assert "rain" in desk.view.sentence, "what is kept is said until it is placed"


def test_a_map_behind_the_result_is_not_to_be_hidden() -> None:
    desk = Desk().ready()
    desk.document.list = [
        FakeLayer("group", "Group", kind="grouplayer"),
        FakeLayer("map", "Map", depth=1),
        *desk.document.list[1:],
    ]
    desk.finish(desk.apply())
    assert desk.view.sentence.startswith("Done")
    assert "Hide" not in desk.view.sentence


def test_the_layer_that_was_added_last_is_replaced_whichever_result_is_the_newest() -> None:
    desk = Desk().ready()
    desk.apply(replace(SETTINGS, variants=3))
    jobs = [job for job, _ in desk.link.submitted]
    for job in jobs:
        desk.finish(job)
    for job in (jobs[0], jobs[2], jobs[1]):
        desk.controller.use(job)
        desk.settle()
    desk.controller.results.of(desk.document).remove(*jobs)
    desk.controller.apply(SETTINGS, in_place=True)
    desk.settle()
    desk.finish(desk.link.submitted[-1][0])
    assert desk.document.replaced == ["result 3"]


def test_a_result_from_the_shelf_goes_only_where_it_is_seen() -> None:
    desk = Desk().ready()
    desk.controller.hear(Finished("old", LAYER, ROWS, "rain", True))
    desk.document = FakeDocument(8, 8)
    desk.controller.place()
    desk.settle()
    assert desk.view.sentence == sentences.PLACE_OUTSIDE.format(name="rain")
    assert (desk.document.added, desk.view.kept, desk.link.acknowledged) == ([], "rain", [])
    desk.controller.drop()
    assert (desk.view.kept, desk.link.acknowledged) == ("", ["old"])


def test_what_leaves_the_picture_alone_waits_for_no_brush() -> None:
    desk = Desk().ready()
    job = desk.apply()
    desk.document.idle = False
    desk.controller.hear(Finished(job, LAYER, ROWS))
    desk.settle(20)
    assert desk.controller.is_waiting
    done: list[int] = []

    def steps() -> Generator[str, None, None]:
        yield "showing"
        done.append(1)

    desk.controller.do(steps())
    desk.controller.advance()
    assert not desk.controller.is_waiting
    desk.settle(20)
    assert done
    assert not desk.document.added


@pytest.mark.parametrize("gone", ["closed", "resized"])
def test_a_picture_may_go_while_its_map_is_made(gone: str) -> None:
    desk = Desk().ready()
    box = desk.document.box

    def make(_: Any) -> Making:
        yield "making"
        return Made("Brightness", bytes(box.area * 4), box)

    desk.controller.make_map(make)
    while not (desk.document.making and desk.document.making.is_open):
        desk.controller.advance()
    if gone == "closed":
        desk.document.open = False
    else:
        desk.document.now = (8, 8)
    desk.settle()
    assert not desk.document.maps_made
    said = sentences.MADE_FOR_CLOSED if gone == "closed" else sentences.MADE_FOR_RESIZED
    assert desk.view.sentence == said.format(name="meadow.kra")


def test_an_edit_cancelled_while_its_layer_is_filled_leaves_nothing() -> None:
    desk = Desk().ready()
    job = desk.apply()
    desk.controller.hear(Finished(job, LAYER, ROWS))
    while not (desk.document.making and desk.document.making.is_open):
        desk.controller.advance()
    desk.controller.cancel()
    desk.settle()
    assert not desk.document.making.is_open
    assert desk.document.added == []
    assert not desk.view.busy


@pytest.mark.parametrize(
    ("settings", "task"), [(Settings(map=Choice("map")), "map"), (Settings(), "edit"), (SETTINGS, "not installed")]
)
def test_a_refused_press_leaves_an_edit_waiting_that_waits_for_its_backend(settings: Settings, task: str) -> None:
    desk = Desk().ready()
    job = desk.apply()
    desk.controller.hear(Unlinked("absent"))
    if task == "not installed":
        desk.process.words, task = [], "edit"
    desk.controller.apply(settings, task)
    assert desk.view.is_trouble
    assert desk.view.stalled
    assert not desk.link.cancelled
    desk.ready()
    desk.finish(job)
    assert len(desk.document.added) == 1


def test_a_map_that_is_made_meanwhile_is_no_part_of_the_picture_either() -> None:
    desk = Desk()
    desk.controller.apply(SETTINGS)
    desk.settle(5)
    assert desk.controller.new_map() == "new"
    desk.ready()
    desk.settle()
    assert desk.document.read[0][1] == ("map", "new")
    desk.controller.new_map()
    desk.finish(desk.link.submitted[-1][0])
    assert desk.document.below == [("map", "new", "new 2")], "and the result goes below all of them"


def test_a_found_map_is_read_as_it_is_and_one_made_by_hand_as_before() -> None:
    desk = Desk().ready()
    memory = desk.controller.memory
    memory.change(desk.document, choices=(Choice("map", alpha_only=True, inverted=True),))
    desk.finish(desk.find(replace(SETTINGS, map=Choice("map", alpha_only=True, inverted=True))), WHOLE)
    note = memory.of(desk.document)
    assert note.choice(["new", "map"]) == Choice("new", alpha_only=False, inverted=False)
    assert note.choice(["map"]) == Choice("map", alpha_only=True, inverted=True)


def test_a_layer_by_which_an_edit_ran_is_no_part_of_the_picture_any_more() -> None:
    desk = Desk().ready()
    desk.finish(desk.apply())
    assert Note.from_bytes(desk.document.notes.read(NOTE)).maps == ("map",)
    searched = Desk().ready()
    searched.finish(searched.find(), WHOLE)
    assert Note.from_bytes(searched.document.notes.read(NOTE)).maps == ("map", "new"), (
        "nor one beside which a map was found"
    )
    desk.document.list.append(FakeLayer("other", "Another map"))
    desk.apply(replace(SETTINGS, map=Choice("other")))
    assert desk.document.read[-1][1] == ("other", "map")


@pytest.mark.parametrize(
    "other", [None, FakeLayer("hidden", "Hidden", visible=False), FakeLayer("g", "G", kind="grouplayer")]
)
def test_the_only_layer_of_a_picture_stays_its_picture(other: FakeLayer | None) -> None:
    desk = Desk().ready()
    desk.document.list = [FakeLayer("background", "Background"), *([other] if other else [])]
    desk.finish(desk.apply(replace(SETTINGS, map=Choice("background"))))
    assert len(desk.document.added) == 1
    assert Note.from_bytes(desk.document.notes.read(NOTE)).maps == ()


def test_who_applies_an_edit_has_chosen_it_for_the_picture() -> None:
    desk = Desk().ready()
    desk.finish(desk.apply(replace(SETTINGS, edit="diffedit", tuning={"map:diffedit": {"noises": 3}})))
    note = Note.from_bytes(desk.document.notes.read(NOTE))
    assert (note.settings.edit, note.settings.tuning) == ("diffedit", {"map:diffedit": {"noises": 3}})


# ---------------------------------------------------------------------- words


@pytest.mark.parametrize("task", ["edit", "map"])
def test_the_end_says_which_picture_when_another_one_is_open(task: str) -> None:
    desk = Desk().ready()
    desk.finish(desk.apply() if task == "edit" else desk.find())
    assert "It is in" not in desk.view.sentence
    job = desk.apply() if task == "edit" else desk.find()
    desk.document = FakeDocument()
    desk.document.id = "other"
    desk.finish(job)
    assert "It is in “meadow.kra”." in desk.view.sentence


def test_what_to_do_without_a_map_names_find_only_where_there_is_one() -> None:
    desk = Desk(FakeDocument(box=Box(0, 0, 0, 0))).ready()
    desk.apply()
    assert desk.view.sentence.endswith(sentences.OR_FIND)
    desk.controller.hear(Linked(replace(WELCOME, edits=WELCOME.edits[:1])))
    desk.apply()
    assert "Nothing is painted" in desk.view.sentence
    assert "Find" not in desk.view.sentence
    desk.apply(Settings())
    assert desk.view.sentence == sentences.NO_MAP


def test_a_stopped_search_is_begun_again_with_find() -> None:
    desk = Desk()
    desk.find()
    desk.controller.stop()
    assert "Press Find again" in desk.view.sentence


def test_what_the_picture_shows_is_told_to_find_whatever_edit_is_chosen() -> None:
    desk = Desk().ready()
    desk.find(replace(SETTINGS, edit="differential", source_prompt="summer"))
    assert request_of(desk).source_prompt == "summer"


def test_a_controlnet_is_shown_its_layer_and_the_picture_is_without_it() -> None:
    taking = replace(WELCOME.models[0], takes=("controlnet",))
    desk = Desk().ready()
    desk.document.list.append(FakeLayer("lines", "Lines"))
    guide = Guide("canny", "lines", 0.8, 0.0, 0.5)
    desk.apply(replace(SETTINGS, guide=guide))
    assert request_of(desk).control is None, "this model takes none"
    desk.controller.hear(Linked(replace(WELCOME, models=(taking,))))
    desk.apply(replace(SETTINGS, guide=guide))
    control = request_of(desk).control
    assert (control.id, control.weight, control.begin, control.end) == ("canny", 0.8, 0.0, 0.5)
    assert control.picture.box == request_of(desk).canvas.box
    assert desk.document.read[-1][1] == ("map", "lines")
    desk.apply(replace(SETTINGS, guide=replace(guide, layer="gone")))
    assert desk.view.sentence == sentences.NO_GUIDE_LAYER


def test_a_vae_is_asked_for_where_it_is_for_the_model_and_the_result_says_so() -> None:
    small, large = (
        replace(WELCOME.models[0], id=family, name=family, family=family, takes=("lora", "vae"))
        for family in ("sd15", "sdxl")
    )
    vaes = (Extra("owner/clear", "Clear", "sd15"), Extra("owner/other", "Other", "sdxl"))
    desk = Desk().ready()
    desk.controller.hear(Linked(replace(WELCOME, models=(*WELCOME.models, small, large), vaes=vaes)))
    assert desk.view.vaes == vaes
    wanted = replace(SETTINGS, vae="owner/clear", variants=2)
    for model, asked in (("sd15", "owner/clear"), ("sdxl", ""), ("sketchbook", "")):
        first = len(desk.link.submitted)
        desk.apply(replace(wanted, model=model))
        jobs = desk.link.submitted[first:]
        assert [draft.request()[0].vae for _, draft in jobs] == [asked, asked]
        for job, _ in jobs:
            desk.finish(job)
        assert ("Clear" in desk.controller.tiles(desk.document)[0].about) is bool(asked)
        assert desk.controller.results.settings(desk.document, jobs[0][0]).vae == asked
    desk.apply(replace(wanted, model="sd15", vae="owner/gone", variants=1))
    assert request_of(desk).vae == ""


def test_a_mishap_in_what_belongs_to_no_edit_ends_none() -> None:
    desk = Desk().ready()
    job = desk.apply()

    def broken():
        yield "showing"
        raise RuntimeError("no")

    desk.controller.do(broken())
    with pytest.raises(RuntimeError):
        desk.settle()
    desk.controller.mishap("plugin.log")
    assert "plugin.log" in desk.view.sentence
    assert not desk.link.cancelled
    desk.finish(job)
    assert len(desk.document.added) == 1


def test_a_softened_map_is_sent_with_the_picture_it_spreads_to() -> None:
    desk = Desk(FakeDocument(4096, 4096, Box(2000, 2000, 600, 600))).ready()
    desk.controller.apply(replace(SETTINGS, map=Choice("map", soften=200)))
    desk.settle(20_000)
    assert request_of(desk).canvas.box.contains(Box(1700, 1700, 1200, 1200))
