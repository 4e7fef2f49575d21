"""DiffEdit on a denoiser that is known exactly (reference T18-T26), and on every family with random weights."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, EulerDiscreteScheduler, HeunDiscreteScheduler
from edits.analytic import EDITED, Denoiser, clean, diffusion, pipeline, posterior, words
from sfumato import ChangeMap, steer
from sfumato.edits import EDITS, Contrast, DiffEdit, SDEdit, Words, find_map
from sfumato.edits.contrast import Errors, contrast, normalised
from sfumato.edits.diffedit import Inversion
from sfumato.errors import InputError
from sfumato.steering import RecordedPath, Run
from steering.tiny import CELLS, FAMILIES, arguments

N = 20
PREDICTIONS = ("epsilon", "v_prediction", "sample", "flow")
HALF = np.zeros((4, 4), np.uint16)
HALF[:, 2:] = 65535


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def searched(pipe: Any, image: torch.Tensor, prompt: Any, reference: Any, **options: Any) -> Contrast:
    """The contrast pass of an image, after it has run."""
    call = {"guidance_scale": 1.0, "num_inference_steps": N, "generator": generator()}
    call |= {name: options.pop(name) for name in call if name in options}
    finder = Contrast(reference, **options)
    with steer(pipe, finder) as steered:
        steered(image=image, output_type="latent", **prompt, **call)
    return finder


def painted(pipe: Any, edit: DiffEdit, image: torch.Tensor, said: str, steps: int = N, **call: Any) -> torch.Tensor:
    listener = call.pop("listener", lambda run: None)
    call = {"guidance_scale": 1.5, "generator": generator()} | call
    with steer(pipe, edit, listener=listener) as steered:
        return steered(
            image=image, output_type="latent", num_inference_steps=steps, **words(said, pipe, len(image)), **call
        ).images


def diffedit(pipe: Any, change_map: ChangeMap, source: str = "", **settings: Any) -> DiffEdit:
    return DiffEdit(change_map, source=words(source, pipe), **settings)


class TestMap:
    @pytest.mark.parametrize("prediction", PREDICTIONS)
    def test_finds_the_cells_that_the_texts_disagree_about(self, prediction: str) -> None:
        pipe = pipeline(prediction)
        found = find_map(pipe, clean("src", 3), words("tar", pipe), words("src", pipe), num_inference_steps=N)
        mask, truth = found.values > 32767, EDITED.numpy()
        assert (mask & truth).sum() / (mask | truth).sum() >= 0.75

    @pytest.mark.parametrize("times", [1.5, 3.0])
    @pytest.mark.parametrize("threshold", [0.25, 0.5, 0.75])
    def test_t18_mask_is_where_contrast_exceeds_its_mean(self, threshold: float, times: float) -> None:
        pipe = pipeline()
        finder = searched(pipe, clean("src", 1), words("tar", pipe), words("src", pipe), times=times)
        d = finder.raw[0]
        assert np.array_equal(finder.found()[0] > threshold, d > threshold * times * d.mean())
        edit = DiffEdit(ChangeMap.of(finder.found()[0]), threshold=threshold)
        assert np.array_equal(edit.change_map.values == 65535, d > threshold * times * d.mean())

    def test_t19_map_does_not_depend_on_guidance(self) -> None:
        pipe = pipeline()
        maps = [
            searched(pipe, clean("src", 1), words("tar", pipe), words("src", pipe), guidance_scale=w).found()
            for w in (1.0, 1.5, 3.0, 7.5)
        ]
        for other in maps[1:]:
            np.testing.assert_allclose(other, maps[0], rtol=1e-6)

    def test_t19_negative_texts_keep_their_role(self) -> None:
        pipe, image, w = pipeline(), clean("src", 1), 3.0
        prompt, reference = words("tar", pipe), words("src", pipe)
        prompt["negative_prompt_embeds"], reference["negative_prompt_embeds"] = (
            words(name, pipe)["prompt_embeds"] for name in ("src", "tar")
        )
        finder = searched(pipe, image, prompt, reference, noises=3, guidance_scale=w)
        draws = generator()
        pipe.scheduler.set_timesteps(N)
        alpha = pipe.scheduler.alphas_cumprod[pipe.scheduler.timesteps[N // 2]]
        a, b = (value.sqrt().reshape(1) for value in (alpha, 1 - alpha))
        expected = []
        for _ in range(3):
            x = a * image + b * torch.randn(image.shape, generator=draws, dtype=image.dtype)

            def eps(said: dict[str, torch.Tensor], x: torch.Tensor = x) -> torch.Tensor:
                positive, negative = (
                    posterior(x, a, b, said[f"{sign}prompt_embeds"][:, 0])[1] for sign in ("", "negative_")
                )
                return negative + w * (positive - negative)

            expected.append((eps(prompt) - eps(reference)).abs())
        d = torch.stack(expected).mean(dim=(0, 2))[0].numpy()
        np.testing.assert_allclose(finder.raw[0], d, rtol=1e-6)

    @pytest.mark.parametrize("normaliser", ["mean", "quantile", "absolute", "chance"])
    def test_t20_texts_that_say_the_same_give_a_black_map_and_the_identity(self, normaliser: Any) -> None:
        pipe, image = pipeline(), clean("src", 1)
        found = searched(pipe, image, words("tar", pipe), words("tar", pipe), normaliser=normaliser).found()
        assert np.array_equal(found, np.zeros_like(found))
        assert torch.equal(painted(pipe, diffedit(pipe, ChangeMap.of(found[0])), image, "tar"), image)

    def test_t21_contrast_is_the_mean_over_noises_in_any_order(self) -> None:
        pipe = pipeline()
        finder = searched(pipe, clean("src", 1), words("tar", pipe), words("src", pipe), noises=6)
        one, other, order = finder.errors, finder._reference, [3, 1, 5, 0, 2, 4]
        np.testing.assert_allclose(contrast(one[order], other[order]), finder.raw, rtol=1e-6)
        alone = [contrast(one[j : j + 1], other[j : j + 1]) for j in range(6)]
        np.testing.assert_allclose(np.mean(alone, axis=0), finder.raw, rtol=1e-6)
        signed = (one - other).mean(dim=(0, 2)).abs().numpy()
        assert (signed <= finder.raw).all()
        assert (signed < 0.9 * finder.raw).any()  # signs cancel here, so the order of abs and mean shows

    def test_t22_every_parametrisation_gives_the_same_map(self) -> None:
        maps = []
        for prediction in ("epsilon", "v_prediction", "sample"):
            pipe = pipeline(prediction)
            maps.append(searched(pipe, clean("src", 1), words("tar", pipe), words("src", pipe)).found())
        for other in maps[1:]:
            np.testing.assert_allclose(other, maps[0], atol=1e-5)

    @pytest.mark.parametrize(("threshold", "times"), [(0.5, 3.0), (0.25, 5.0), (0.75, 2.0)])
    def test_t23_mask_of_a_mean_covers_only_so_much(self, threshold: float, times: float) -> None:
        rng = np.random.default_rng(0)
        for _ in range(50):
            d = rng.exponential(size=(8, 8)) ** rng.uniform(0, 3)
            mask = normalised(d, times * d.mean()) > threshold
            assert mask.mean() < 1 / (threshold * times)

    def test_t23_contrast_that_is_the_same_everywhere_selects_nothing(self) -> None:
        """The published normaliser's failure: an edit of the whole picture. `chance` and `absolute` are for that."""
        d = np.full((8, 8), 0.7)
        assert np.allclose(normalised(d, 3 * d.mean()), 1 / 3)
        assert not DiffEdit(ChangeMap.of(normalised(d, 3 * d.mean()))).change_map.values.any()
        assert np.allclose(normalised(d, 0.5), 1)

    def test_one_picture_does_not_depend_on_its_neighbours(self) -> None:
        pipe, pictures = pipeline(), clean("src", 4, 3)
        together = searched(
            pipe,
            pictures,
            words("tar", pipe, 3),
            words("src", pipe),
            generator=[generator(seed) for seed in range(3)],
        ).found()
        for index in range(3):
            picture = pictures[index : index + 1]
            alone = searched(pipe, picture, words("tar", pipe), words("src", pipe), generator=generator(index))
            np.testing.assert_allclose(alone.found()[0], together[index], rtol=1e-12)  # sums of other shapes

    def test_both_texts_are_asked_about_the_same_states(self) -> None:
        pipe, seen = pipeline(), []
        looking = pipe.unet.register_forward_pre_hook(lambda _, args: seen.append(args[0].clone()))
        try:
            searched(pipe, clean("src", 1), words("tar", pipe), words("src", pipe), noises=4)
        finally:
            looking.remove()
        assert len(seen) == 8
        assert all(torch.equal(one, other) for one, other in zip(seen[:4], seen[4:], strict=True))
        assert not torch.equal(seen[0], seen[1])

    def test_cells_that_are_not_looked_at_count_in_no_mean(self) -> None:
        pipe, image = pipeline(), clean("src", 1)
        said = words("tar", pipe), words("src", pipe)
        whole = searched(pipe, image, *said).raw[0]
        part = searched(pipe, image, *said, change_map=ChangeMap(HALF)).found()[0]
        assert (part[:, :2] == 0).all()
        np.testing.assert_allclose(part[:, 2:], np.minimum(whole[:, 2:] / (3 * whole[:, 2:].mean()), 1))

    def test_the_callers_generator_and_the_seed_count(self) -> None:
        pipe, image = pipeline(), clean("src", 1)
        said = words("tar", pipe), words("src", pipe)
        once, again, other = (searched(pipe, image, *said, generator=generator(s)).found() for s in (1, 1, 2))
        assert np.array_equal(once, again)
        assert not np.array_equal(once, other)

    @pytest.mark.parametrize("steps", [1, 2, 3])
    def test_one_noise_and_few_steps_suffice(self, steps: int) -> None:
        pipe = pipeline()
        said = words("tar", pipe), words("src", pipe)
        found = find_map(pipe, clean("src", 1), *said, noises=1, num_inference_steps=steps)
        assert found.values.any()

    @pytest.mark.parametrize(
        ("settings", "sentence"),
        [
            ({"noises": 0}, "'noises' takes a whole number from 1 to 100"),
            ({"level": float("nan")}, "'level' takes a number from 0 to 1"),
            ({"normaliser": "median"}, "'normaliser' takes one of"),
            ({"normaliser": "chance", "noises": 1}, "at least two noises"),
        ],
    )
    def test_bad_settings_get_a_sentence(self, settings: dict[str, Any], sentence: str) -> None:
        with pytest.raises(InputError, match=sentence):
            Contrast({}, **settings)


@pytest.mark.parametrize(("level", "call"), [(0.47, 11), (0.53, 9), (0.525, 10), (0.0, 19), (1.0, 0)])
def test_the_level_is_that_of_the_nearest_step(level: float, call: int) -> None:
    assert Errors(3, level).calls(20, 1, 0) == [call] * 3


class TestDecode:
    def test_what_the_picture_shows_counts_where_the_help_says(self) -> None:
        """For painting, only at encoding 'source text'."""
        pipe, image, info = pipeline(), clean("src", 1), EDITS["diffedit"].INFO
        defaults = {p.name: p.default for p in info.parameters}
        results = [
            painted(pipe, EDITS["diffedit"].create(ChangeMap(HALF), said, **defaults | {"encoding": how}), image, "tar")
            for how in ("no text", "source text")
            for said in (Words(lambda text: words(text, pipe), text) for text in ("src", "tar"))
        ]
        assert torch.equal(results[0], results[1])
        assert not torch.equal(results[2], results[3])
        assert "only where the model is told it" in info.help

    @pytest.mark.parametrize("prediction", ["epsilon", "flow"])
    def test_t24_the_way_back_halves_its_error_with_twice_the_steps(self, prediction: str) -> None:
        pipe = pipeline(prediction, None if prediction == "flow" else diffusion(set_alpha_to_one=True))
        image = clean("src", 5, 4)
        errors = []
        for steps in (25, 50, 100):
            edit = diffedit(pipe, ChangeMap.constant(1.0), "src")
            back = painted(pipe, edit, image, "src", steps, guidance_scale=1.0)
            errors.append(float((back - image).square().mean().sqrt()))
        for few, many in itertools.pairwise(errors):
            assert 0.4 <= many / few <= 0.65

    def test_t24_a_model_of_one_constant_noise_is_inverted_exactly(self) -> None:
        pipe, image = constant(torch.randn(4, 4, 4, generator=generator(9), dtype=torch.float64)), clean("src", 5)
        back = painted(pipe, diffedit(pipe, ChangeMap.constant(1.0)), image, "src")
        assert (back - image).abs().max() < 1e-6

    @pytest.mark.parametrize("scheduler", [None, EulerDiscreteScheduler, HeunDiscreteScheduler])
    def test_t25_what_is_put_back_is_at_the_level_of_what_was_painted(self, scheduler: Any) -> None:
        """x0 = 0 and eps = 1 everywhere: every state is its own level, b."""
        config = {"timestep_spacing": "trailing"} if scheduler else {"set_alpha_to_one": True}
        pipe = constant(
            torch.ones(4, 4, 4, dtype=torch.float64), diffusion(scheduler or type(pipeline().scheduler), **config)
        )
        edit, levels = diffedit(pipe, ChangeMap(HALF)), []

        def look(run: Run) -> None:
            if isinstance(getattr(edit, "reference", None), RecordedPath):
                levels.append((run.state, run.grid.b[run.calls[run.done - 1] + 1]))

        painted(pipe, edit, torch.zeros(1, 4, 4, 4, dtype=torch.float64), "src", listener=look)
        assert len(levels) >= 0.8 * N
        for state, b in levels:
            torch.testing.assert_close(state, torch.full_like(state, float(b)), rtol=1e-6, atol=1e-6)

    @pytest.mark.parametrize("prediction", PREDICTIONS)
    @pytest.mark.parametrize("mask", ["hard", "soft"])
    def test_t26_black_is_the_picture_itself(self, prediction: str, mask: Any) -> None:
        pipe, image = pipeline(prediction), clean("src", 1)
        black = diffedit(pipe, ChangeMap.constant(0.0, 4, 4), mask=mask)
        assert torch.equal(painted(pipe, black, image, "tar"), image)
        half = painted(pipe, diffedit(pipe, ChangeMap(HALF), mask=mask), image, "tar")
        assert torch.equal(half[..., :2], image[..., :2])
        assert not torch.equal(half[..., 2:], image[..., 2:])

    def test_t26_white_is_encoding_and_decoding(self) -> None:
        pipe, image = pipeline(), clean("src", 1)
        edit = diffedit(pipe, ChangeMap.constant(1.0))
        result = painted(pipe, edit, image, "tar", guidance_scale=1.0)
        scheduler = pipe.scheduler
        scheduler.set_timesteps(N)
        prior, alphas = words("", pipe)["prompt_embeds"][:, 0], scheduler.alphas_cumprod
        start, x = N - int(0.8 * N), image

        def model(x: torch.Tensor, t: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
            return pipe.unet(x, t, prior[:, None])[0]

        for i in reversed(range(start, N)):
            after = alphas[scheduler.timesteps[i + 1]] if i + 1 < N else torch.tensor(1.0, dtype=torch.float64)
            now = alphas[scheduler.timesteps[i]]
            eps = model(x, scheduler.timesteps[i], prior)
            x = (now / after).sqrt() * (x - (1 - after).sqrt() * eps) + (1 - now).sqrt() * eps
        torch.testing.assert_close(edit._inverted.states[-1], x, rtol=1e-9, atol=1e-9)
        x = edit._inverted.states[-1]
        for t in scheduler.timesteps[start:]:
            x = scheduler.step(model(x, t, words("tar", pipe)["prompt_embeds"][:, 0]), t, x).prev_sample
        assert torch.equal(result, x)

    def test_a_soft_map_is_a_ratio_for_every_pixel(self) -> None:
        """A constant grey encodes to its own share of the ratio, as a hard mask of that ratio does."""
        pipe, image = pipeline(), clean("src", 1)
        soft = painted(pipe, diffedit(pipe, ChangeMap.constant(0.5), ratio=0.8, mask="soft"), image, "tar")
        hard = painted(pipe, diffedit(pipe, ChangeMap.constant(1.0), ratio=0.4), image, "tar")
        torch.testing.assert_close(soft, hard, rtol=0.02, atol=0.02)

    @pytest.mark.parametrize("mask", ["hard", "soft"])
    def test_the_maps_own_strength_shortens_the_ratio(self, mask: Any) -> None:
        pipe, image = pipeline(), clean("src", 1)
        half = painted(pipe, diffedit(pipe, ChangeMap(HALF, 500), ratio=0.8, mask=mask), image, "tar")
        full = painted(pipe, diffedit(pipe, ChangeMap(HALF), ratio=0.4, mask=mask), image, "tar")
        assert torch.equal(half, full)
        assert not torch.equal(full, image)

    @pytest.mark.parametrize("mask", ["hard", "soft"])
    def test_padding_that_the_map_does_not_cover_is_kept(self, mask: Any) -> None:
        pipe, image = pipeline(), clean("src", 1)
        top = ChangeMap(np.full((2, 4), 65535, np.uint16), covered=(Fraction(2), Fraction(4)))
        result = painted(pipe, diffedit(pipe, top, mask=mask), image, "tar")
        assert torch.equal(result[..., 2:, :], image[..., 2:, :])
        assert (result != image)[..., :2, :].all()

    @pytest.mark.parametrize(
        ("white", "resample", "repainted"),
        [(1, "area", False), (3, "area", True), (1, "max", True)],
    )
    def test_a_cell_is_repainted_where_most_of_its_pixels_are_or_any(
        self, white: int, resample: Any, repainted: bool
    ) -> None:
        pipe, image = pipeline(), clean("src", 1)
        cell = np.array([[1, white == 3], [0, white == 3]], np.uint16) * np.uint16(65535)
        change_map = ChangeMap(np.tile(cell, (4, 4)), resample=resample)
        result = painted(pipe, diffedit(pipe, change_map), image, "tar")
        assert (result != image).all() if repainted else torch.equal(result, image)

    def test_the_edit_reaches_what_the_text_says(self) -> None:
        pipe, image = pipeline(), clean("src", 1)
        found = find_map(pipe, image, words("tar", pipe), words("src", pipe), num_inference_steps=N)
        result = painted(pipe, diffedit(pipe, found), image, "tar")
        mask = torch.from_numpy(found.values > 32767)
        assert torch.equal(result[..., ~mask], image[..., ~mask])
        goal = clean("tar", 1)
        before, after = ((x - goal)[..., EDITED].square().mean().sqrt() for x in (image, result))
        assert after < 0.6 * before

    def test_encoding_is_unguided_and_told_nothing_of_the_prompt(self) -> None:
        pipe, seen = pipeline(), []
        looking = pipe.unet.register_forward_pre_hook(
            lambda _, args, kwargs: seen.append(kwargs["encoder_hidden_states"].clone()), with_kwargs=True
        )
        try:
            painted(pipe, diffedit(pipe, ChangeMap.constant(1.0)), clean("src", 1), "tar", guidance_scale=4.0)
        finally:
            looking.remove()
        encoding, decoding = seen[:16], seen[16:]
        assert len(decoding) == 16
        nothing = words("", pipe)["prompt_embeds"]
        assert all(torch.equal(said, nothing) for said in encoding)  # one row: no classifier-free guidance
        assert all(torch.equal(said[1:], words("tar", pipe)["prompt_embeds"]) for said in decoding)

    def test_one_picture_does_not_depend_on_its_neighbours(self) -> None:
        pipe, pictures = pipeline(), clean("src", 4, 3)
        together = painted(pipe, diffedit(pipe, ChangeMap(HALF)), pictures, "tar")
        for index in range(3):
            alone = painted(pipe, diffedit(pipe, ChangeMap(HALF)), pictures[index : index + 1], "tar")
            torch.testing.assert_close(alone[0], together[index], rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize(
        "scheduler",
        [EulerDiscreteScheduler, HeunDiscreteScheduler, DPMSolverMultistepScheduler],
        ids=lambda s: s.__name__,
    )
    def test_other_solvers_keep_what_is_black(self, scheduler: Any) -> None:
        pipe, image = pipeline(scheduler=diffusion(scheduler)), clean("src", 1)
        result = painted(pipe, diffedit(pipe, ChangeMap(HALF)), image, "tar")
        assert torch.equal(result[..., :2], image[..., :2])
        assert torch.isfinite(result).all()

    @pytest.mark.parametrize(
        ("settings", "sentence"),
        [
            ({"ratio": 1.5}, "'ratio' takes a number from 0 to 1"),
            ({"threshold": float("nan")}, "'threshold' takes a number from 0 to 1"),
            ({"mask": "firm"}, "'mask' takes one of hard, soft"),
        ],
    )
    def test_bad_settings_get_a_sentence(self, settings: dict[str, Any], sentence: str) -> None:
        with pytest.raises(InputError, match=sentence):
            DiffEdit(ChangeMap.constant(1.0), **settings)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_finds_and_repaints(family: str) -> None:
    pipe, call = FAMILIES[family](), arguments(family, 4)
    other = {name: value for name, value in call.items() if "prompt" in name}
    for name in ("prompt_embeds", "pooled_prompt_embeds"):
        if name in other:
            said = other[name]
            other[name] = [t.flip(-1) for t in said] if isinstance(said, list) else said.flip(-1)
    finder = Contrast(other, noises=2)
    with steer(pipe, finder) as steered:
        steered(**call)
    found = finder.found()
    assert found.shape[0] == 1
    assert 0 <= found.min() < found.max() <= 1
    values = np.zeros((CELLS, CELLS), np.uint16)
    values[:, CELLS // 2 :] = 65535
    edit = DiffEdit(ChangeMap(values), source=other)
    inversions: list[int] = []
    with steer(pipe, edit, listener=lambda run: inversions.append(run.call)) as steered:
        steered(**arguments(family, 4))
        run = steered.run
    assert run is not None
    assert len(inversions) == 2 * len(run.calls)
    x0, end = (run.layout.unlike(x) for x in (run.x0, run.state))
    half = end.shape[-1] // 2
    assert torch.equal(end[..., :half], x0[..., :half])
    assert not torch.equal(end[..., half:], x0[..., half:])


def constant(eps: torch.Tensor, scheduler: Any = None) -> Any:
    """A pipeline whose model says the same noise of everything."""

    class Constant(Denoiser):
        def forward(self, sample: torch.Tensor, timestep: Any, encoder_hidden_states: Any, **_: Any) -> Any:
            return (eps.expand_as(sample),)

    pipe = pipeline(scheduler=scheduler or diffusion(set_alpha_to_one=True))
    pipe.unet = Constant("epsilon").double()
    return pipe


def test_inversion_begins_at_the_picture_and_ends_at_the_first_free_step() -> None:
    assert list(Inversion().calls(10, 1, 4)) == [9, 8, 7, 6, 5, 4]
    assert list(Inversion().calls(9, 2, 3)) == [8, 6]  # Heun's last step takes one call


@pytest.mark.parametrize("path", ["fresh", "recorded"])
def test_kept_cells_tell_a_multistep_solver_their_own_x0_on_every_path(path: str) -> None:
    """The solver's history of x0 is the picture where it was kept, whatever noise lies over it."""
    pipe, image = pipeline(scheduler=diffusion(DPMSolverMultistepScheduler)), clean("src", 1)
    edit = SDEdit(ChangeMap(HALF), "fresh") if path == "fresh" else diffedit(pipe, ChangeMap(HALF))
    history: list[torch.Tensor] = []

    def look(run: Run) -> None:
        if run.remembers and hasattr(edit, "reference"):
            history.append(pipe.scheduler.model_outputs[-1])

    painted(pipe, edit, image, "tar", listener=look)
    assert len(history) >= 0.8 * N
    for x0 in history:
        torch.testing.assert_close(x0[..., :2], image[..., :2], rtol=0, atol=1e-5)  # its sigmas are float32
        assert not torch.equal(x0[..., 2:], image[..., 2:])
