"""What becomes of results: in the picture's history, as tiles, as layers again; and live drafts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from krita_sfumato import sentences
from krita_sfumato.events import Ended, Finished, Moved
from krita_sfumato.history import History
from krita_sfumato.settings import Choice, Settings
from krita_sfumato.vendor.sfumato_wire import Preview, Progress
from plugin.desk import BOX, LAYER, ROWS, SETTINGS, Desk, request_of
from plugin.fakes import FakeDocument


def history(desk: Desk) -> History:
    """As it is saved."""
    assert desk.document is not None
    return History(desk.document.notes)


def choose(desk: Desk, count: int = 2) -> list[str]:
    """Variants that wait to be chosen from."""
    desk.apply(replace(SETTINGS, variants=count))
    jobs = [job for job, _ in desk.link.submitted[-count:]]
    for job in jobs:
        desk.finish(job)
    return jobs


def test_a_result_that_became_a_layer_is_in_the_history_and_survives_krita() -> None:
    desk = Desk().ready()
    job = desk.apply()
    desk.finish(job)
    (entry,) = history(desk).entries
    assert (entry.id, entry.box, entry.placed, entry.said["seed"]) == (job, BOX, "result 1", 7)
    assert history(desk).load(job).pixels() == ROWS
    (tile,) = desk.controller.tiles(desk.document, ["result 1"])
    assert (tile.label, tile.placed) == ("7", True)
    (tile,) = desk.controller.tiles(desk.document, [])
    assert not tile.placed, "undone, or merged into another one"


def test_variants_wait_to_be_chosen_from_and_no_layer_is_added() -> None:
    desk = Desk().ready()
    first, second = choose(desk)
    assert not desk.document.added
    assert "choose one" in desk.view.sentence
    assert desk.link.acknowledged == [first, second]
    assert [tile.label for tile in desk.controller.tiles(desk.document)] == ["8", "7"], "the newest first"
    desk.controller.use(first)
    desk.settle()
    assert desk.document.added == [("snow on the hills", ROWS, BOX)]
    assert [entry.placed for entry in history(desk).entries] == ["", "result 1"]


def test_a_picture_with_many_results_is_read_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk().ready()
    choose(desk, 5)
    opened = Desk().ready()
    opened.document = desk.document
    opened.document.id = "opened again"
    monkeypatch.setattr("krita_sfumato.results.READING", 0.0)
    seen = [len(opened.controller.tiles(opened.document)) for _ in range(7)]
    assert seen == [0, 0, 0, 0, 0, 5, 5]


def test_the_last_result_is_replaced_by_another_one() -> None:
    desk = Desk().ready()
    first, second = choose(desk)
    desk.controller.use(first)
    desk.settle()
    desk.controller.use(second, in_place=True)
    desk.settle()
    assert desk.document.replaced == ["result 1"]
    assert len(desk.document.added) == 2
    desk.controller.apply(SETTINGS, in_place=True)
    desk.settle()
    desk.finish(desk.link.submitted[-1][0])
    assert desk.document.replaced == ["result 1", "result 2"]


def test_there_is_nothing_to_replace_after_an_undo() -> None:
    desk = Desk().ready()
    first, second = choose(desk)
    desk.controller.use(first)
    desk.settle()
    desk.document.list = [layer for layer in desk.document.list if layer.id != "result 1"]
    desk.controller.use(second, in_place=True)
    desk.settle()
    assert not desk.document.replaced
    assert len(desk.document.added) == 2


def test_its_settings_are_copied_back() -> None:
    desk = Desk().ready()
    (job, _) = choose(desk)
    desk.controller.memory.change(desk.document, settings=Settings(prompt="else"))
    desk.controller.settings_of(job)
    settings = desk.controller.memory.of(desk.document).settings
    assert (settings.prompt, settings.seed, settings.variants) == (SETTINGS.prompt, 7, 2)
    assert desk.view.sentence == sentences.SETTINGS_COPIED


def test_its_map_is_chosen_again_and_read_as_it_was() -> None:
    desk = Desk(FakeDocument(grey=180)).ready()
    memory = desk.controller.memory
    read = Choice("map", inverted=True, black=40, white=200, gamma=2.0, soften=30)
    job = desk.apply(replace(SETTINGS, map=read))
    asked = request_of(desk)
    desk.finish(job)
    memory.change(desk.document, choices=(Choice("background"), Choice("map")), settings=Settings(prompt="else"))
    desk.controller.settings_of(job)
    note = memory.of(desk.document)
    assert note.choices == (read, Choice("background"))
    desk.document.list = [layer for layer in desk.document.list if layer.id != "result 1"]
    desk.apply(replace(note.settings, map=note.choice(["map", "background"])))
    assert request_of(desk) == asked, "the same request can be made again"


def test_without_its_map_the_settings_alone_come_back() -> None:
    desk = Desk().ready()
    job = desk.apply(replace(SETTINGS, map=Choice("map", soften=30)))
    desk.finish(job)
    desk.document.list = [layer for layer in desk.document.list if layer.id != "map"]
    desk.controller.memory.change(desk.document, choices=(Choice("background"),), settings=Settings(prompt="else"))
    desk.controller.settings_of(job)
    note = desk.controller.memory.of(desk.document)
    assert note.settings.prompt == SETTINGS.prompt
    assert note.choices == (Choice("background"),)
    assert desk.view.sentence == sentences.SETTINGS_COPIED_NO_MAP


def test_a_damaged_result_is_told_of() -> None:
    desk = Desk().ready()
    job, _ = choose(desk)
    note = bytearray(desk.document.notes[f"result/{job}"])
    note[-3] ^= 255
    desk.document.notes[f"result/{job}"] = bytes(note)
    desk.controller.use(job)
    desk.settle()
    assert desk.view.sentence == sentences.RESULT_DAMAGED
    assert not desk.document.added
    desk.controller.use("nobody's")
    desk.settle()
    assert desk.view.is_trouble


def test_a_large_picture_is_made_of_it() -> None:
    desk = Desk().ready()
    job, _ = choose(desk)
    shown = []
    desk.controller.large(job, shown.append)
    desk.settle()
    assert [thumb.bgra for thumb in shown] == [ROWS[:4]]


def test_what_is_on_its_way_is_a_tile_in_its_own_picture() -> None:
    desk = Desk().ready()
    desk.apply(replace(SETTINGS, variants=2))
    job = desk.link.submitted[0][0]
    desk.controller.hear(Moved(job, Progress(job, "painting", 3, 12, Preview(2, 1), b"123456")))
    tiles = desk.controller.tiles(desk.document)
    assert [(tile.state, tile.fraction) for tile in tiles] == [("queued", None), ("painting", 0.25)]
    assert tiles is desk.controller.tiles(desk.document), "nothing changed"
    other = FakeDocument()
    other.id = "other"
    assert desk.controller.tiles(other) == ()
    assert desk.controller.tiles(None) == ()


def test_variants_of_a_picture_that_was_closed_are_kept_to_be_placed() -> None:
    desk = Desk().ready()
    desk.apply(replace(SETTINGS, variants=2))
    desk.document.open = False
    for job, _ in desk.link.submitted:
        desk.finish(job)
    desk.document = FakeDocument()
    desk.controller.place()
    desk.controller.place()
    desk.settle()
    assert len(desk.document.added) == 2


def test_a_result_that_cannot_be_kept_in_the_history_is_kept_on_the_shelf() -> None:
    desk = Desk().ready()
    desk.apply(replace(SETTINGS, variants=2))
    job = desk.link.submitted[0][0]
    desk.controller.hear(Finished(job, LAYER, b"too few"))
    try:
        desk.settle()
    except ValueError:
        desk.controller.mishap("plugin.log")
    assert desk.view.kept
    assert not desk.link.acknowledged


# ---------------------------------------------------------------------- live


def look(desk: Desk, settings: Settings = SETTINGS) -> None:
    """Twice the same: the painter has paused."""
    document = desk.document
    for _ in range(2):
        desk.controller.watch(document, settings, (document.grey, document.colour, len(document.list)))
    desk.settle()


def test_live_paints_again_what_changed_and_only_then() -> None:
    desk = Desk().ready()
    desk.controller.live.turn(True)
    look(desk)
    assert len(desk.link.submitted) == 1
    assert not desk.view.busy
    look(desk)
    assert len(desk.link.submitted) == 1, "nothing changed"
    assert len(desk.document.read) == 1, "and nothing is read for that"
    desk.document.grey = 200
    look(desk)
    first, second = [job for job, _ in desk.link.submitted]
    assert desk.link.cancelled == [first], "the newest draft wins"
    desk.finish(first)
    assert desk.controller.live.result is None
    desk.finish(second)
    assert desk.link.acknowledged == [second]
    assert not desk.document.added
    assert not desk.document.notes
    desk.controller.take_live()
    desk.settle()
    assert desk.document.added == [("snow on the hills", ROWS, BOX)]
    assert [entry.id for entry in history(desk).entries] == [second]
    assert desk.controller.live.result is None
    look(desk)
    assert len(desk.link.submitted) == 2, "its own layer is seen, and no reason for another"
    for stamp in range(4):  # Krita tells more than once that something happened
        desk.controller.watch(desk.document, SETTINGS, stamp // 2)
        desk.settle()
    assert len(desk.link.submitted) == 2, "and is none later on"
    desk.document.grey = 150
    look(desk)
    assert len(desk.link.submitted) == 3


def live_draft(desk: Desk) -> str:
    """Live, with a draft on its way that is half painted; its job."""
    if not desk.view.live:
        desk.controller.turn_live(True)
    look(desk)
    (job, _) = desk.link.submitted[-1]
    desk.controller.hear(Moved(job, Progress(job, "painting", 5, 20, Preview(1, 1), b"abc")))
    assert desk.view.live_picture == (1, 1, b"abc")
    return job


def test_live_goes_on_after_an_edit_that_places_nothing() -> None:
    desk = Desk().ready()
    draft = live_draft(desk)
    choose(desk)
    assert desk.link.cancelled == [draft]
    assert desk.view.live_picture is None, "half a picture is none"
    assert desk.view.live_sentence == sentences.LIVE_WAITING
    before = len(desk.link.submitted)
    look(desk)
    assert len(desk.link.submitted) == before + 1
    desk.finish(desk.link.submitted[-1][0])
    assert desk.view.can_keep_live
    choose(desk)
    look(desk)
    assert desk.view.can_keep_live, "a whole one stays"
    assert len(desk.link.submitted) == before + 3


def test_live_shows_the_last_whole_draft_while_an_edit_goes_on() -> None:
    desk = Desk().ready()
    desk.finish(live_draft(desk))
    whole = desk.view.live_picture
    assert whole is not None
    desk.document.grey = 200
    live_draft(desk)
    choose(desk)
    assert desk.view.live_picture == whole
    assert desk.view.can_keep_live


def test_a_draft_that_is_being_read_waits_for_the_edit() -> None:
    desk = Desk().ready()
    desk.controller.turn_live(True)
    for _ in range(2):
        desk.controller.watch(desk.document, SETTINGS, 0)
    desk.apply(replace(SETTINGS, variants=2))
    assert [draft.fields["seed"] for _, draft in desk.link.submitted] == [7, 8]
    for job, _ in list(desk.link.submitted):
        desk.finish(job)
    look(desk)
    assert len(desk.link.submitted) == 3


def test_live_begins_anew_when_what_was_wrong_is_right_again() -> None:
    desk = Desk().ready()
    desk.finish(live_draft(desk))
    look(desk, replace(SETTINGS, strength=0))
    assert desk.view.live_picture is None
    look(desk)
    assert len(desk.link.submitted) == 2


def test_a_draft_is_of_the_picture_that_is_seen() -> None:
    desk = Desk().ready()
    draft = live_draft(desk)
    first, desk.document = desk.document, FakeDocument()
    desk.document.id = "other"
    desk.controller.watch(desk.document, SETTINGS, 0)
    assert desk.view.live_picture is None
    assert desk.link.cancelled == [draft]
    desk.document = first
    look(desk)
    assert len(desk.link.submitted) == 2, "back there it begins anew"


def test_a_stroke_right_after_a_draft_was_kept_is_seen() -> None:
    """Whether it is on the map, on the picture or on the new layer itself."""

    def paint_map(document: FakeDocument) -> None:
        document.grey = 99

    def paint_picture(document: FakeDocument) -> None:
        document.colour = 99

    def paint_result(document: FakeDocument) -> None:
        document.touched.add("result 1")

    for paint in (paint_map, paint_picture, paint_result):
        desk = Desk().ready()
        desk.finish(live_draft(desk))
        desk.controller.take_live()
        desk.settle()
        assert len(desk.document.added) == 1
        paint(desk.document)
        look(desk)
        assert len(desk.link.submitted) == 2, paint.__name__
        canvas = desk.link.submitted[-1][1].canvas.data
        assert canvas[0] == desk.document.colour + 1, "the draft that was kept is part of the picture now"


def test_live_sees_that_a_layer_goes_out_of_the_picture() -> None:
    desk = Desk().ready()
    desk.controller.live.turn(True)
    look(desk)
    desk.controller.leave_out("background", True)
    look(desk)
    assert [without for _, without in desk.document.read] == [("map",), ("map", "background")]


def test_several_results_go_and_come_back_and_their_layers_stay() -> None:
    desk = Desk().ready()
    first, second, third = choose(desk, 3)
    results, document = desk.controller.results, desk.document
    desk.controller.use(first)
    desk.settle()
    results.favour(document, second)
    tiles = desk.controller.tiles(document)
    results.of(document).remove(first, third)
    assert [tile.id for tile in desk.controller.tiles(document)] == [second]
    assert len(document.added) == 1
    assert document.has("result 1")
    results.of(document).restore()
    assert desk.controller.tiles(document) == tiles
    assert history(desk).find(first).placed == "result 1"
    results.favour(document, second)
    results.favour(document, "nothing")
    assert not any(tile.favourite for tile in desk.controller.tiles(document))


def test_what_was_discarded_can_be_brought_back_until_the_next_edit_begins() -> None:
    desk = Desk().ready()
    first, second = choose(desk)
    kept = desk.controller.results.of(desk.document)
    kept.remove(first)
    desk.controller.apply(replace(SETTINGS, strength=0.0))
    assert kept.removed == (first,), "nothing has begun"
    look(desk)
    assert kept.removed == (first,), "a draft is no edit"
    desk.controller.restore()
    assert kept.find(first) is not None
    kept.remove(first)
    desk.apply()
    assert kept.removed == ()
    desk.controller.restore()
    assert [kept.find(first), kept.find(second) is not None] == [None, True]


def test_a_live_draft_is_not_taken_to_another_picture() -> None:
    desk = Desk().ready()
    desk.controller.live.turn(True)
    look(desk)
    desk.finish(desk.link.submitted[-1][0])
    assert desk.view.can_keep_live
    desk.document = FakeDocument()
    desk.document.id = "other"
    look(desk, Settings())
    assert not desk.view.can_keep_live
    assert desk.view.live_picture is None


def test_live_keeps_its_seed_and_a_picture_of_the_way() -> None:
    desk = Desk().ready()
    desk.controller.live.turn(True)
    look(desk, replace(SETTINGS, seed=None))
    seed = request_of(desk).seed
    job = desk.link.submitted[-1][0]
    desk.controller.hear(Moved(job, Progress(job, "painting", 3, 12, Preview(2, 1), b"123456")))
    assert desk.controller.live.picture == (2, 1, b"123456")
    desk.document.grey = 100
    look(desk, replace(SETTINGS, seed=None))
    assert request_of(desk).seed == seed
    desk.controller.live.turn(False)
    assert desk.link.cancelled[-1] == desk.link.submitted[-1][0]
    assert desk.controller.live.picture is None


def test_live_says_why_there_is_nothing_to_see() -> None:
    desk = Desk().ready()
    desk.controller.live.turn(True)
    desk.document.grey = 0
    look(desk)
    assert "black everywhere" in desk.controller.live.sentence
    look(desk, Settings())
    assert desk.controller.live.sentence.startswith(sentences.NO_MAP)
    desk.document.grey = 255
    look(desk)
    assert desk.controller.live.sentence == ""
    desk.controller.hear(Ended(desk.link.submitted[-1][0], "bad", "It failed."))
    assert desk.controller.live.sentence == "It failed."


def test_live_stands_back_behind_an_edit_and_a_brush() -> None:
    desk = Desk().ready()
    desk.controller.live.turn(True)
    desk.document.idle = False
    look(desk)
    desk.document.idle = True
    desk.apply()
    look(desk)
    assert len(desk.link.submitted) == 1
