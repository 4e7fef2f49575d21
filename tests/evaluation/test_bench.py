"""The bench adds nothing of its own: what it runs is the pipeline's own picture, whoever shares the batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from sfumato.change_map import ChangeMap
from sfumato.edits import Differential
from sfumato.errors import InputError
from sfumato.evaluation.bench import SCHEDULERS, Bench, grey
from sfumato.evaluation.cases import cases
from sfumato.evaluation.maps import gradient

SIDE = 64
SOME = cases(0, 3, ("everything",))


@pytest.fixture(scope="module")
def shared() -> Bench:
    return Bench(side=SIDE, batch=2)


@pytest.fixture
def bench(shared: Bench) -> Iterator[Bench]:
    yield shared
    shared.batch = 2


def whole(change_map: ChangeMap) -> Differential:
    return Differential(change_map)


@torch.inference_mode()
def test_white_is_the_pipelines_own_picture(bench: Bench) -> None:
    bench.batch = 3
    edited = bench.edit(whole, grey(1.0), SOME, 2)
    own = bench.pipe(
        image=bench.latents(SOME),
        strength=1.0,
        num_inference_steps=2,
        guidance_scale=bench.guidance,
        generator=[torch.Generator().manual_seed(case.seed) for case in SOME],
        output_type="latent",
        **bench.said(SOME),
    ).images
    assert torch.equal(edited, own)


def test_black_is_the_original_for_nothing(bench: Bench) -> None:
    before = bench.work.halves
    assert torch.equal(bench.edit(whole, grey(0.0), SOME, 4), bench.latents(SOME))
    assert bench.work.halves == before


def test_who_shares_a_batch_does_not_matter(bench: Bench) -> None:
    together = bench.edit(whole, gradient(SIDE), SOME, 2)
    alone = torch.cat([bench.edit(whole, gradient(SIDE), [case], 2) for case in reversed(SOME)]).flip(0)
    assert torch.allclose(together, alone, atol=1e-4)  # kernels differ in rounding by the size of a batch
    assert together.std() > 0.1


def test_every_case_may_have_a_map_of_its_own(bench: Bench) -> None:
    maps = [grey(0.5), gradient(SIDE), grey(1.0)]
    alone = [bench.edit(whole, values, [case], 2) for values, case in zip(maps, SOME, strict=True)]
    assert torch.equal(bench.edit(whole, maps, SOME, 2), torch.cat(alone))
    with pytest.raises(ValueError, match="zip"):
        bench.edit(whole, maps[:2], SOME, 2)


def test_texts_and_pictures_are_the_cases_own(bench: Bench) -> None:
    said, source = bench.said(SOME), bench.said(SOME, source=True)
    for index, case in enumerate(SOME):
        for arguments, text in ((said, case.prompt), (source, case.source_prompt)):
            positive, _ = bench.pipe.encode_prompt(text, bench.pipe.device, 1, True, negative_prompt="")
            assert torch.equal(arguments["prompt_embeds"][index], positive[0])
    assert np.array_equal(bench.originals(SOME)[1], SOME[1].picture(SIDE))
    assert np.array_equal(bench.roundtrips(SOME[1:]), bench.decode(bench.latents(SOME))[1:])


def test_work_is_counted(bench: Bench) -> None:
    bench.roundtrips(SOME)
    halves, decoded = bench.work.halves, bench.work.decoded
    pictures = bench.run(whole, grey(0.5), SOME, 4)
    assert bench.work.halves - halves == 2 * 2 * len(SOME)  # guided, and half of 4 steps
    assert bench.work.decoded - decoded == len(SOME)
    assert pictures.dtype == np.uint8
    assert pictures.shape == (3, SIDE, SIDE, 3)
    bench.edit(whole, grey(0.5), SOME, 4, guidance=1.0)
    assert bench.work.halves - halves == 2 * 2 * len(SOME) + 2 * len(SOME)


def test_schedulers_are_lent(bench: Bench) -> None:
    own = bench.pipe.scheduler
    for name in bench.schedulers:
        with bench.scheduled(name):
            assert type(bench.pipe.scheduler).__name__ == SCHEDULERS[name]
            assert bench.pipe.scheduler.config.prediction_type == own.config.prediction_type
        assert bench.pipe.scheduler is own
    with pytest.raises(InputError, match="does not run with 'Heun'"), bench.scheduled("Heun"):
        pass


def test_sides_that_a_model_cannot_work_at_are_refused() -> None:
    with pytest.raises(InputError, match="multiples of 32"):
        Bench(side=100)
