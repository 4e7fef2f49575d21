"""Pictures and maps of every family, also odd ones."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sfumato.change_map import ChangeMap, M
from sfumato.edits import Differential
from sfumato.errors import InputError
from sfumato.steering.routes import route_of
from steering import tiny
from steering.calls import LEVELS, STEPS, WHITE, WITH_IMAGE, picture, right_half, run


class TestPictures:
    def test_black_pixels_are_the_originals(self, family: str) -> None:
        original, middle = picture(64, 32), 32
        arguments = tiny.picture_arguments(family, 2, original)
        (result,) = run(tiny.FAMILIES[family](), Differential(right_half(64, 32)), arguments)
        before, after = np.asarray(original), np.asarray(result)
        assert np.array_equal(after[:, :middle], before[:, :middle])
        assert (after[:, middle:] != before[:, middle:]).mean() > 0.9

    @pytest.mark.parametrize("family", WITH_IMAGE)
    def test_a_constant_map_over_a_picture_is_img2img(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        arguments = tiny.picture_arguments(family, STEPS, picture()) | {"output_type": "latent"}
        result = run(pipe, Differential(ChangeMap.constant(0.6)), arguments)
        own = tiny.picture_arguments(family, STEPS, picture()) | {"output_type": "latent"}
        assert torch.equal(result, pipe(**own, strength=tiny.strength(pipe, STEPS, 3)).images)

    def test_kandinsky_too(self) -> None:
        pipe = tiny.kandinsky()

        def arguments() -> dict[str, Any]:
            return {
                "image": picture(),
                "image_embeds": torch.ones(1, tiny.WIDTH),
                "negative_image_embeds": torch.zeros(1, tiny.WIDTH),
                "height": 32,
                "width": 32,
                "num_inference_steps": STEPS,
                "generator": torch.Generator().manual_seed(1),
                "output_type": "latent",
            }

        own = pipe(**arguments(), strength=tiny.strength(pipe, STEPS, 3)).images
        for skip in (True, False):
            assert torch.equal(own, run(pipe, Differential(ChangeMap.constant(0.6)), arguments(), skip=skip))
        assert not torch.equal(own, run(pipe, Differential(LEVELS), arguments()))

    @pytest.mark.parametrize("family", [family for family in tiny.FAMILIES if family != "sd3"])  # which refuses them
    def test_odd_sizes(self, family: str) -> None:
        original = picture(45, 37)
        arguments = tiny.picture_arguments(family, 2, original)
        (result,) = run(tiny.FAMILIES[family](), Differential(right_half(45, 37)), arguments)
        before, after = np.asarray(original), np.asarray(result)
        assert after.shape == (37, 45, 3)
        assert np.array_equal(after[:, :22], before[:, :22])
        assert not np.array_equal(after[:, 22:], before[:, 22:])

    def test_a_picture_of_one_pixel_gets_a_sentence_unless_a_size_is_given(self) -> None:
        with pytest.raises(InputError, match=r"has 1 x 1 pixels.*multiples of 2.*Scale the picture up"):
            run(
                tiny.sd(), Differential(WHITE), tiny.arguments("sd", 2) | {"image": picture(1, 1), "output_type": "pil"}
            )
        arguments = tiny.picture_arguments("flux", 2, picture(1, 1)) | {"height": 32, "width": 32}
        (result,) = run(tiny.flux(), Differential(WHITE), arguments)
        assert result.size == (1, 1)

    def test_several_pictures_keep_their_own_black_pixels(self) -> None:
        originals = [picture(seed=1), picture(seed=2)]
        arguments = tiny.arguments("sd", 2, batch=2) | {"output_type": "pil", "image": originals}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "You have passed", FutureWarning)
            results = run(tiny.sd(), Differential(right_half()), arguments | {"num_images_per_prompt": 2})
        for result, original in zip(results, originals * 2, strict=True):
            assert np.array_equal(np.asarray(result)[:, :16], np.asarray(original)[:, :16])

    def test_pictures_that_do_not_go_into_the_results_get_a_sentence(self) -> None:
        arguments = tiny.arguments("sd", 2) | {"output_type": "pil", "image": [picture(), picture()]}
        with pytest.raises(InputError, match="2 pictures cannot be shared out over 3 results"):
            run(tiny.sd(), Differential(ChangeMap.constant(0.0)), arguments | {"num_images_per_prompt": 3})

    def test_arrays_and_tensors_of_pixels_do_as_pictures(self) -> None:
        pixels = np.asarray(picture(48, 32), np.float32) / 255
        results = [
            run(tiny.sd(), Differential(right_half(48, 32)), tiny.arguments("sd", STEPS) | {"image": image})
            for image in (pixels, pixels[None], torch.from_numpy(pixels).permute(2, 0, 1)[None])
        ]
        assert torch.equal(results[0], results[1])
        torch.testing.assert_close(results[0], results[2], atol=1e-4, rtol=0)  # another order in memory


@pytest.mark.parametrize(
    ("make", "cells"),
    [(tiny.sd, (16, 20)), (tiny.z_image, (16, 20)), (tiny.flux, (128, 128)), (tiny.kandinsky, (256, 256))],
)
def test_a_size_that_is_not_given_is_the_pipelines_own(make: Any, cells: tuple[int, int]) -> None:
    """The picture's, 128 cells, or 512 pixels: as much as the pipeline itself would work at."""
    pipe = make()
    assert route_of(pipe).cells(pipe, picture(41, 33), {}) == cells


class TestMaps:
    def test_a_map_of_another_size_is_resampled_when_its_shape_agrees(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        large = ChangeMap(np.kron(LEVELS.values, np.ones((5, 5), np.uint16)))
        small, same = (run(pipe, Differential(m), tiny.arguments(family, STEPS)) for m in (LEVELS, large))
        assert torch.equal(small, same)

    def test_a_map_of_another_shape_gets_a_sentence(self) -> None:
        with pytest.raises(InputError, match=r"32 x 32 pixels and the map 32 x 20: their shapes differ"):
            run(
                tiny.sd(),
                Differential(right_half(32, 20)),
                tiny.arguments("sd", 2) | {"image": picture(), "output_type": "pil"},
            )

    def test_one_step(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        assert torch.equal(run(pipe, Differential(WHITE), tiny.arguments(family, 1)), tiny.plain(family, 1, 1))
        grey = run(pipe, Differential(ChangeMap.constant(0.5)), tiny.arguments(family, 1))
        if route_of(pipe).rounding == "ceil":
            assert torch.equal(grey, tiny.plain(family, 1, 1))
        else:
            assert torch.equal(grey, tiny.arguments(family, 1)["image"])

    def test_strength_0_gives_the_picture_back(self, family: str) -> None:
        arguments = tiny.arguments(family, STEPS)
        assert (
            run(tiny.FAMILIES[family](), Differential(ChangeMap(LEVELS.values, strength=0)), arguments)
            is arguments["image"]
        )

    def test_a_single_pixel_frees_its_cell_when_any_change_counts(self) -> None:
        values = np.zeros((32, 32), np.uint16)
        values[9, 21] = M
        arguments = tiny.arguments("sd", STEPS)
        result = run(tiny.sd(), Differential(ChangeMap(values, resample="max")), arguments)
        changed = (result != arguments["image"]).any(dim=1)[0]
        assert changed.nonzero().tolist() == [[4, 10]]

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -0.5, 1.5])
    def test_floats_that_are_no_share_get_a_sentence(self, bad: float, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"within 0\.\.1"):
            ChangeMap.of(np.array([[0.5, bad]]))
        if not np.isfinite(bad):
            Image.fromarray(np.array([[0.5, bad]], np.float32)).save(tmp_path / "map.tiff")
            with pytest.raises(InputError, match="NaN or infinity"):
                ChangeMap.open(tmp_path / "map.tiff")

    def test_maps_of_16_bits_and_with_alpha_steer(self, tmp_path: Path) -> None:
        deep = (np.arange(256) * 257 + 3).clip(max=M).astype(np.uint16).reshape(16, 16)
        Image.fromarray(deep).save(tmp_path / "deep.png")
        rgba = np.full((16, 16, 4), 255, np.uint8)
        rgba[..., 3] = np.arange(256).reshape(16, 16)
        Image.fromarray(rgba).save(tmp_path / "alpha.png")
        assert np.array_equal(ChangeMap.open(tmp_path / "deep.png").values, deep)
        assert np.array_equal(ChangeMap.open(tmp_path / "alpha.png").values, np.arange(256).reshape(16, 16) * 257)
        by_file = run(tiny.sd(), Differential(ChangeMap.open(tmp_path / "deep.png")), tiny.arguments("sd", STEPS))
        assert torch.equal(by_file, run(tiny.sd(), Differential(ChangeMap(deep)), tiny.arguments("sd", STEPS)))
