"""One request -> one layer, with the embedded model: black is untouched, white changes, everything is repeatable."""

from __future__ import annotations

import dataclasses
from typing import Any

import jobs
import numpy as np
import pytest
from sfumato import models
from sfumato.composite import flatten
from sfumato.errors import Cancelled, InputError
from sfumato.models.sketchbook.paint import paint
from sfumato.models.sketchbook.scene import Scene
from sfumato.steering.routes import route_of
from sfumato.studio import Finished, Progressed, Studio
from sfumato_wire import Box, Levels, Pixels, Request, digest_of

SIDE = 128
STEPS = 4


@pytest.fixture(scope="module")
def studio() -> Studio:
    studio = Studio("cpu")
    studio.warm_up()
    return studio


@pytest.fixture(scope="module")
def canvas() -> np.ndarray:
    rgb = paint(Scene(season="summer", object="house", place="left"), SIDE)
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def ramp(side: int = SIDE) -> np.ndarray:
    """Black on the left quarter, then a gradient to white."""
    row = np.clip(np.arange(side) - side // 4, 0, None) * 65535 // (side - 1 - side // 4)
    return np.tile(row.astype(np.uint16), (side, 1))


def job(canvas: np.ndarray, grey: np.ndarray, **changes: Any) -> tuple[Request, bytes, bytes]:
    return jobs.job(canvas, grey, **{"prompt": "a snowy winter meadow", "steps": STEPS} | changes)


def flat(canvas: np.ndarray, finished: Finished) -> np.ndarray:
    assert finished.layer is not None
    box = finished.layer.box
    layer = np.frombuffer(finished.data, np.uint8).reshape(box.height, box.width, 4)
    return flatten(canvas, layer, box.x, box.y)


@pytest.fixture(scope="module")
def usual(studio: Studio, canvas: np.ndarray) -> bytes:
    return studio.run(*job(canvas, ramp(), steps=2)).data


class TestLayer:
    def test_black_keeps_its_bytes_and_white_changes(self, studio: Studio, canvas: np.ndarray) -> None:
        grey = ramp()
        seen: list[Progressed] = []
        result = flat(canvas, studio.run(*job(canvas, grey), on_progress=seen.append))
        assert np.array_equal(result[grey == 0], canvas[grey == 0])
        assert not np.array_equal(result[grey == 65535], canvas[grey == 65535])
        painting = [p for p in seen if p.stage == "painting"]
        assert [p.step for p in painting] == list(range(1, STEPS + 1))
        for progress in painting:
            assert progress.preview is not None
            width, height, data = progress.preview
            assert len(data) == width * height * 3

    def test_the_same_request_gives_the_same_bytes(self, studio: Studio, canvas: np.ndarray) -> None:
        request = job(canvas, ramp())
        once, again, fresh = studio.run(*request), studio.run(*request), Studio("cpu").run(*request)
        assert once.data == again.data == fresh.data
        other = studio.run(*job(canvas, ramp(), seed=1))
        assert other.data != once.data

    def test_orders_of_bytes_and_forms_of_maps_agree(self, studio: Studio, canvas: np.ndarray) -> None:
        rgba = studio.run(*job(canvas, ramp()))
        bgra_canvas = np.ascontiguousarray(canvas[..., [2, 1, 0, 3]])
        request, *_ = job(canvas, ramp())
        opaque = np.dstack([ramp(), np.full((SIDE, SIDE), 65535, np.uint16)]).astype("<u2").tobytes()
        request = dataclasses.replace(
            request,
            canvas=dataclasses.replace(request.canvas, format="bgra8", digest=digest_of(bgra_canvas.tobytes())),
            change_map=Pixels(0, 0, SIDE, SIDE, "graya16", digest_of(opaque)),
            layer_format="bgra8",
        )
        bgra = studio.run(request, bgra_canvas.tobytes(), opaque)
        swapped = np.frombuffer(bgra.data, np.uint8).reshape(-1, 4)[:, [2, 1, 0, 3]]
        assert swapped.tobytes() == rgba.data

    @pytest.mark.parametrize("composite", ["smooth", "plain", "difference", "map"])
    def test_16_bits_are_the_same_picture_before_it_is_rounded(
        self, studio: Studio, canvas: np.ndarray, composite: str
    ) -> None:
        grey, settings = ramp(), {"composite": composite}
        plain = np.frombuffer(studio.run(*job(canvas, grey, settings=settings)).data, np.uint8).reshape(SIDE, SIDE, 4)
        layers = {}
        for form in ("rgba16", "bgra16"):
            finished = studio.run(*job(canvas, grey, settings=settings, layer_format=form))
            assert finished.layer is not None
            assert (finished.layer.format, len(finished.data)) == (form, 8 * SIDE * SIDE)
            layers[form] = np.frombuffer(finished.data, "<u2").reshape(SIDE, SIDE, 4)
        deep = layers["rgba16"]
        assert np.array_equal(layers["bgra16"][..., [2, 1, 0, 3]], deep)
        assert not deep[grey == 0].any()
        assert not plain[grey == 0].any()
        seen = plain[..., 3] > 0
        assert (np.abs((deep[seen].astype(int) + 128) // 257 - plain[seen]) <= 1).all()
        assert (deep[..., :3] % 257 != 0).any(), "8 bits spread over 16 are no more than 8"

    def test_a_result_too_large_for_16_bits_is_refused_before_the_work(
        self, studio: Studio, canvas: np.ndarray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sfumato.studio.job.MAX_BLOB", 4 * SIDE * SIDE)
        assert studio.run(*job(canvas, ramp(), steps=1)).layer
        with pytest.raises(InputError, match=f"{SIDE} x {SIDE} pixels are too many for a result of 16 bits"):
            studio.run(*job(canvas, ramp(), steps=1, layer_format="rgba16"))

    def test_a_crop_that_was_sent_gives_what_the_whole_gives(self, studio: Studio) -> None:
        canvas = np.dstack([paint(Scene(), 640), np.full((640, 640), 255, np.uint8)])
        grey = np.zeros((640, 640), np.uint16)
        grey[300:340, 200:260] = 65535
        whole = studio.run(*job(canvas, grey))
        assert whole.layer is not None
        box = Box(**whole.report["plan"]["crop"])
        assert box.width == box.height == 256
        part = np.ascontiguousarray(canvas[box.y : box.bottom, box.x : box.right])
        stroke = np.ascontiguousarray(grey[300:340, 200:260]).astype("<u2").tobytes()
        request = dataclasses.replace(
            job(canvas, grey)[0],
            canvas=Pixels(box.x, box.y, 256, 256, "rgba8", digest_of(part.tobytes())),
            change_map=Pixels(200, 300, 60, 40, "gray16", digest_of(stroke)),
        )
        sent = studio.run(request, part.tobytes(), stroke)
        assert sent.layer == whole.layer
        assert sent.data == whole.data

    def test_strength_levels_and_invert_reach_the_map(self, studio: Studio, canvas: np.ndarray) -> None:
        white = np.full((SIDE, SIDE), 65535, np.uint16)
        half = studio.run(*job(canvas, white, strength=500))
        assert half.report["steps_run"] == STEPS // 2
        inverted = studio.run(*job(canvas, white, levels=Levels(invert=True)))
        assert inverted.layer is None
        assert inverted.report["steps_run"] == 0

    def test_plain_composite_covers_wherever_the_map_is_not_black(self, studio: Studio, canvas: np.ndarray) -> None:
        grey = ramp()
        finished = studio.run(*job(canvas, grey, settings={"composite": "plain"}))
        assert finished.layer is not None
        alpha = np.frombuffer(finished.data, np.uint8).reshape(SIDE, SIDE, 4)[..., 3]
        assert np.array_equal(alpha, np.where(grey > 0, 255, 0))

    def test_the_report_says_how_many_strengths_were_told_apart(self, studio: Studio, canvas: np.ndarray) -> None:
        greys = len(np.unique(ramp())) - 1
        for settings, edit, count in (
            ({}, "differential", greys),
            ({"release": "whole"}, "differential", STEPS),
            ({}, "sdedit", 1),
        ):
            finished = studio.run(*job(canvas, ramp(), edit=edit, settings=settings))
            assert finished.report["strengths"] == count

    @pytest.mark.parametrize("name", models.CATALOGUE)
    def test_models_say_how_their_pipelines_round(self, studio: Studio, name: str) -> None:
        model = models.find(name)
        assert model.info.rounding == route_of(studio.pipe(model)).rounding

    @pytest.mark.parametrize("edit", ["differential", "sdedit"])
    def test_by_the_map_the_new_picture_shows_as_much_as_the_map_is_light(
        self, studio: Studio, canvas: np.ndarray, edit: str
    ) -> None:
        grey = ramp()
        finished = studio.run(*job(canvas, grey, edit=edit, strength=500, settings={"composite": "map"}))
        alpha = np.frombuffer(finished.data, np.uint8).reshape(SIDE, SIDE, 4)[..., 3]
        assert np.array_equal(alpha, np.rint(grey.astype(int) * 500 // 1000 / 257))

    def test_by_the_map_shows_the_painted_grey_of_what_an_edit_takes_and_nothing_of_the_rest(
        self, studio: Studio, canvas: np.ndarray
    ) -> None:
        """DiffEdit's mask leaves the darker half out; its ratio is no part of what was painted."""
        grey = ramp()
        finished = studio.run(*job(canvas, grey, edit="diffedit", settings={"composite": "map", "ratio": 0.6}))
        alpha = np.frombuffer(finished.data, np.uint8).reshape(SIDE, SIDE, 4)[..., 3]
        assert np.array_equal(alpha, np.where(grey > 65535 // 2, np.rint(grey / 257), 0))

    @pytest.mark.parametrize("size", [(1, 1), (1, 300), (31, 17), (300, 41)])
    def test_odd_sizes(self, studio: Studio, size: tuple[int, int]) -> None:
        height, width = size
        canvas = np.full((height, width, 4), 255, np.uint8)
        canvas[..., 1] = 120
        grey = np.full((height, width), 65535, np.uint16)
        grey[:, : width // 2] = 0
        result = flat(canvas, studio.run(*job(canvas, grey, steps=1)))
        assert result.shape == canvas.shape
        assert np.array_equal(result[grey == 0], canvas[grey == 0])


class TestWhatCounts:
    """Everything in a request reaches the result, and no cache mistakes one request for another."""

    @pytest.mark.parametrize(
        "changes",
        [
            {"prompt": "a summer meadow"},
            {"negative_prompt": "snow"},
            {"guidance_scale": 2.0},
            {"seed": 5},
            {"strength": 700},
            {"soften": 9},
            {"levels": Levels(gamma=2.0)},
            {"settings": {"release": "whole"}},
            {"settings": {"resample": "max"}},
            {"settings": {"composite": "plain"}},
            {"settings": {"band": 0.5}},
            {"settings": {"detail": 0.0}},
        ],
        ids=str,
    )
    def test_every_setting_changes_the_result(
        self, studio: Studio, canvas: np.ndarray, usual: bytes, changes: dict[str, Any]
    ) -> None:
        assert studio.run(*job(canvas, ramp(), **{"steps": 2} | changes)).data != usual

    def test_alpha_alone_can_be_the_map(self, studio: Studio, canvas: np.ndarray) -> None:
        alpha = ramp()
        both = np.dstack([np.zeros_like(alpha), alpha]).astype("<u2").tobytes()  # black paint
        request, pixels, _ = job(canvas, alpha, steps=1)
        request = dataclasses.replace(request, change_map=Pixels(0, 0, SIDE, SIDE, "graya16", digest_of(both)))
        assert studio.run(request, pixels, both).layer is None
        shown = studio.run(dataclasses.replace(request, map_channel="alpha"), pixels, both)
        assert shown.data == studio.run(*job(canvas, alpha, steps=1)).data

    def test_another_canvas_is_another_picture(self, studio: Studio, canvas: np.ndarray) -> None:
        mirrored = np.ascontiguousarray(canvas[:, ::-1])
        one, other = (studio.run(*job(c, ramp(), steps=1)).data for c in (canvas, mirrored))
        assert one != other
        assert other == Studio("cpu").run(*job(mirrored, ramp(), steps=1)).data

    def test_the_same_bytes_elsewhere_are_another_picture(self, studio: Studio) -> None:
        part = np.dstack([paint(Scene(), 300), np.full((300, 300), 255, np.uint8)])
        stroke = np.full((40, 40), 65535, "<u2").tobytes()
        request = dataclasses.replace(
            job(part, np.full((40, 40), 65535, np.uint16), steps=1)[0],
            width=640,
            height=640,
            change_map=Pixels(200, 200, 40, 40, "gray16", digest_of(stroke)),
        )
        for x in (60, 72):
            moved = dataclasses.replace(request, canvas=dataclasses.replace(request.canvas, x=x, y=60))
            here, fresh = (s.run(moved, part.tobytes(), stroke) for s in (studio, Studio("cpu")))
            assert here.data == fresh.data

    def test_the_faintest_paint_counts_where_the_composite_says_so(self, studio: Studio, canvas: np.ndarray) -> None:
        faint = np.full((SIDE, SIDE), 100, np.uint16)  # too faint to be seen through the usual band
        assert studio.run(*job(canvas, faint, steps=1)).layer is None
        assert studio.run(*job(canvas, faint, steps=1, settings={"composite": "plain"})).layer is not None
        assert studio.run(*job(canvas, faint, steps=1, settings={"band": 0.0})).layer is not None


class TestCosts:
    def test_one_sentence_is_read_once_and_one_canvas_encoded_once(self, canvas: np.ndarray) -> None:
        studio = Studio("cpu")
        studio.warm_up()
        pipe = studio.pipe(models.find("sketchbook"))
        counts = {"vae": 0, "text": 0}
        pipe.vae.encoder.register_forward_hook(lambda *_: counts.__setitem__("vae", counts["vae"] + 1))
        pipe.text_encoder.register_forward_hook(lambda *_: counts.__setitem__("text", counts["text"] + 1))
        for seed in range(3):
            studio.run(*job(canvas, ramp(), steps=1, seed=seed))
        assert counts == {"vae": 1, "text": 2}  # the prompt and the negative prompt

    def test_an_empty_map_costs_nothing(self, canvas: np.ndarray) -> None:
        studio = Studio("cpu")
        finished = studio.run(*job(canvas, np.zeros((SIDE, SIDE), np.uint16)))
        assert finished.layer is None
        assert models.find("sketchbook") not in studio.pipe


class TestEnds:
    def test_cancel_acts_within_a_step(self, studio: Studio, canvas: np.ndarray) -> None:
        seen: list[Progressed] = []
        with pytest.raises(Cancelled):
            studio.run(
                *job(canvas, ramp(), steps=20),
                on_progress=seen.append,
                cancelled=lambda: any(p.step == 2 for p in seen),
            )
        assert max(p.step for p in seen) == 2
        assert studio.run(*job(canvas, ramp(), steps=1)).layer is not None

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"model": "nonesuch"}, "There is no model 'nonesuch'. `sfumato models` lists the ones there are."),
            ({"edit": "nonesuch"}, "There is no edit 'nonesuch'. There is: differential,"),
            ({"settings": {"shine": 1}}, "has no setting 'shine'"),
            ({"settings": {"release": "sometimes"}}, "takes one of fractional, whole"),
            ({"settings": {"release": True}}, "takes one of fractional, whole"),
            ({"settings": {"band": float("nan")}}, "'band' takes a number from 0 to 1"),
            ({"settings": {"detail": 2}}, "'detail' takes a number from 0 to 1"),
        ],
    )
    def test_bad_requests_get_a_sentence(
        self, studio: Studio, canvas: np.ndarray, changes: dict[str, Any], sentence: str
    ) -> None:
        with pytest.raises(InputError, match=sentence):
            studio.run(*job(canvas, ramp(), **changes))

    def test_short_bytes_get_a_sentence(self, studio: Studio, canvas: np.ndarray) -> None:
        request, pixels, grey = job(canvas, ramp())
        with pytest.raises(InputError, match="came with"):
            studio.run(request, pixels, grey[:-2])
