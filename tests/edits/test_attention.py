"""Prompt-to-prompt inside edit-friendly inversion: the source's attention, and a pipeline as it was afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from edits import analytic
from sfumato.change_map import ChangeMap
from sfumato.edits import EditFriendly
from sfumato.edits.attention import PromptToPrompt, aligned
from sfumato.errors import Cancelled, InputError
from sfumato.models.sketchbook.tokenizer import make_tokenizer
from sfumato.steering import steer
from steering import tiny
from torch import Tensor

WHITE = ChangeMap.constant(1.0)
STEPS = 5
EVERYWHERE = {"cross": 1.0, "self_": 1.0, "self_cells": 1.0}


def run(
    family: str, attention: PromptToPrompt | None, same: bool = False, batch: int = 1, **more: Any
) -> tuple[Tensor, EditFriendly]:
    pipe = tiny.FAMILIES[family]()
    arguments = tiny.arguments(family, STEPS, batch=batch)
    said = {n: v[:1] for n, v in arguments.items() if "prompt" in n} | {"guidance_scale": arguments["guidance_scale"]}
    arguments["generator"] = [torch.Generator().manual_seed(seed) for seed in range(batch)]
    if not same:
        arguments["prompt_embeds"] = -arguments["prompt_embeds"]
    listener = more.pop("listener", lambda run: None)
    edit = EditFriendly(WHITE, said, attention=attention, **more)
    with steer(pipe, edit, listener=listener) as steered:
        result = torch.as_tensor(steered(**arguments).images)
    return result, edit


def is_plain(pipe: Any) -> bool:
    hooks = (pipe.unet._forward_hooks, pipe.unet._forward_pre_hooks)
    return not any(hooks) and all(type(p) is AttnProcessor2_0 for p in pipe.unet.attn_processors.values())


@pytest.mark.parametrize("family", ["sd", "sdxl"])
class TestSharing:
    @pytest.mark.parametrize("form", ["delta", "residual"])
    def test_t28_the_same_text_is_still_the_identity(self, family: str, form: str) -> None:
        result, _ = run(family, PromptToPrompt(**EVERYWHERE), same=True, form=form)
        x0 = tiny.arguments(family, STEPS)["image"]
        if form == "delta":
            assert torch.equal(result, x0)
        assert (result - x0).abs().max() <= 4 * np.spacing(np.float32(x0.abs().max()))

    def test_no_share_of_the_steps_is_no_control_at_all(self, family: str) -> None:
        assert torch.equal(run(family, PromptToPrompt(0.0, 0.0))[0], run(family, None)[0])

    def test_each_kind_of_attention_counts(self, family: str) -> None:
        results = [
            run(family, PromptToPrompt(cross, self_, self_cells=1.0))[0]
            for cross, self_ in ((0, 0), (1, 0), (0, 1), (1, 1))
        ]
        for i, one in enumerate(results):
            for other in results[i + 1 :]:
                assert (one - other).abs().max() > 1e-4

    def test_only_the_first_steps_pay_for_it(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        rows: list[int] = []
        handle = pipe.unet.mid_block.register_forward_pre_hook(lambda _, args: rows.append(len(args[0])))
        try:
            run(family, PromptToPrompt(0.4, 0.2))
        finally:
            handle.remove()
        assert rows == 2 * [3, 3, 2, 2, 2]

    def test_the_pictures_of_a_batch_follow_their_own_source(self, family: str) -> None:
        alone, _ = run(family, PromptToPrompt(**EVERYWHERE))
        both, _ = run(family, PromptToPrompt(**EVERYWHERE), batch=2)
        torch.testing.assert_close(both[:1], alone, atol=1e-4, rtol=1e-4)

    def test_a_recording_brings_the_source_text_along(self, family: str) -> None:
        first, edit = run(family, PromptToPrompt(**EVERYWHERE))
        again, _ = run(family, PromptToPrompt(**EVERYWHERE), recording=edit.recording)
        assert torch.equal(first, again)
        with pytest.raises(InputError, match="way of recording"):
            run(family, None, recording=edit.recording)

    def test_the_pipeline_is_as_it_was(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        run(family, PromptToPrompt(**EVERYWHERE))
        assert is_plain(pipe)
        for at in (2, STEPS + 2):  # in the source pass, in the target's
            heard: list[int] = []

            def stop(_: Any, heard: list[int] = heard, at: int = at) -> None:
                heard.append(1)
                if len(heard) == at:
                    raise Cancelled

            with pytest.raises(Cancelled):
                run(family, PromptToPrompt(**EVERYWHERE), listener=stop)
            assert is_plain(pipe)


class _Keeps:
    """Prompt-to-prompt the other way: the source's maps are written down in one call and used in the next."""

    def __init__(self, maps: dict[str, Tensor], name: str, put: bool, cells: int) -> None:
        self.maps, self.name, self.put, self.cells = maps, name, put, cells

    def __call__(self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Any = None, **_: Any) -> Tensor:
        rows, places, _width = hidden_states.shape
        crossing = encoder_hidden_states is not None
        context = encoder_hidden_states if crossing else hidden_states
        q, k, v = (
            projected.view(rows, -1, attn.heads, projected.shape[-1] // attn.heads).transpose(1, 2)
            for projected in (attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context))
        )
        maps = (q @ k.transpose(-1, -2) * attn.scale).softmax(dim=-1)
        if crossing or places <= self.cells:
            if self.put:
                self.maps[self.name] = maps[1]  # row 0 has the negative text
            else:
                maps = torch.stack([maps[0], self.maps[self.name]])
        return attn.to_out[0]((maps @ v).transpose(1, 2).flatten(2))


@contextmanager
def processors(unet: Any, maps: dict[str, Tensor], put: bool, cells: int) -> Iterator[None]:
    before = unet.attn_processors
    unet.set_attn_processor({name: _Keeps(maps, name, put, cells) for name in before})
    try:
        yield
    finally:
        unet.set_attn_processor(before)


@pytest.mark.parametrize("cells", [256, 64, 0])
def test_the_target_attends_as_the_source_did(cells: int) -> None:
    """Against attention maps stored in a call of their own, over a whole run of the delta form."""
    pipe, arguments = tiny.sd(), tiny.arguments("sd", STEPS)
    result, edit = run("sd", PromptToPrompt(1.0, 1.0, self_cells=cells / 256))
    recording = edit.recording
    assert recording is not None
    source, negative = arguments["prompt_embeds"], arguments["negative_prompt_embeds"]
    grid, delta = edit.grid, torch.zeros_like(recording.states[0])
    scheduler = tiny.diffusion(type(pipe.scheduler))
    scheduler.set_timesteps(STEPS)
    for i, t in enumerate(scheduler.timesteps):
        maps: dict[str, Tensor] = {}
        X = recording.states[i]
        with torch.no_grad():
            with processors(pipe.unet, maps, True, cells):
                pipe.unet(torch.cat([X, X]), t, torch.cat([negative, source]))
            x = X + delta
            with processors(pipe.unet, maps, False, cells):
                without, said = pipe.unet(torch.cat([x, x]), t, torch.cat([negative, -source])).sample.chunk(2)
        A, B, _ = grid.affine(i, 1.0)
        delta = A * delta + B * (without + 3.0 * (said - without) - recording.outputs[i])
    torch.testing.assert_close(result, arguments["image"] + delta, atol=1e-4, rtol=1e-4)


class TestAlignment:
    def test_words_that_both_have_take_their_own(self) -> None:
        index, both = aligned([1, 5, 6, 2, 0, 0], [1, 5, 7, 2, 0, 0])
        assert index.tolist() == [0, 1, 2, 3, 4, 5]
        assert both.all()

    def test_added_words_attend_by_themselves(self) -> None:
        index, both = aligned([1, 5, 6, 2, 0, 0, 0], [1, 5, 8, 9, 6, 2, 0])
        assert both.tolist() == [True, True, False, False, True, True, True]
        assert index[both].tolist() == [0, 1, 2, 3, 4]

    def test_a_word_in_place_of_two_takes_the_first_and_two_in_place_of_one_share(self) -> None:
        assert aligned([1, 5, 6, 2], [1, 9, 2, 0])[0][:3].tolist() == [0, 1, 3]
        assert aligned([1, 5, 2, 0], [1, 8, 9, 2])[0].tolist() == [0, 1, 1, 2]

    def test_a_removed_word_leaves_the_others_in_place(self) -> None:
        index, both = aligned([1, 5, 6, 7, 2], [1, 5, 7, 2, 0])
        assert both[:4].all()
        assert index[:4].tolist() == [0, 1, 3, 4]

    def test_texts_are_aligned_by_the_pipelines_tokenizer(self) -> None:
        control = PromptToPrompt(source="a summer meadow", target="a snowy winter meadow")
        tokenizer = make_tokenizer()
        index, both = control._aligned_by(tokenizer)(tokenizer.model_max_length)
        tokens = [tokenizer(text).input_ids for text in ("a summer meadow", "a snowy winter meadow")]
        meadow = [t.index(tokenizer("meadow").input_ids[1]) for t in tokens]
        assert both[meadow[1]]
        assert index[meadow[1]] == meadow[0]

    def test_texts_that_were_said_in_another_way_are_aligned_by_it(self) -> None:
        said: dict[str, list[int]] = {"a": [1, 5, 2], "a b": [1, 5, 6, 2]}
        control = PromptToPrompt(source="a", target="a b", tokens=lambda text, length: (said[text] + [0] * 9)[:length])
        index, both = control._aligned_by(make_tokenizer())(6)
        assert both.tolist() == [True, True, False, True, True, True]
        assert index[both].tolist() == [0, 1, 2, 3, 4]

    def test_embeddings_that_the_tokenizer_does_not_reach_get_a_sentence(self) -> None:
        control, tokenizer = PromptToPrompt(source="a meadow", target="a lake"), make_tokenizer()
        with pytest.raises(InputError, match=r"said with 80 tokens.* has 40 for them.* turn attention control off\.$"):
            control._aligned_by(tokenizer)(2 * tokenizer.model_max_length)


class TestElsewhere:
    @pytest.mark.parametrize("family", ["sd3", "flux"])
    def test_other_denoisers_get_a_sentence(self, family: str) -> None:
        with pytest.raises(InputError, match="Turn attention off"):
            run(family, PromptToPrompt())

    def test_a_denoiser_without_attention_gets_one_too(self) -> None:
        pipe = analytic.pipeline()
        edit = EditFriendly(WHITE, analytic.words("src", pipe), attention=PromptToPrompt())
        with steer(pipe, edit) as steered, pytest.raises(InputError, match="needs a UNet with cross-attention"):
            steered(**analytic.words("tar", pipe), image=analytic.clean("src", 0), num_inference_steps=2)

    def test_attention_that_is_taken_is_left_alone(self) -> None:
        pipe = tiny.sd()

        class Mine(AttnProcessor2_0):
            pass

        before = pipe.unet.attn_processors
        mine = {name: Mine() for name in before}
        pipe.unet.set_attn_processor(dict(mine))
        try:
            with pytest.raises(InputError, match="taken already"):
                run("sd", PromptToPrompt())
            assert pipe.unet.attn_processors == mine
        finally:
            pipe.unet.set_attn_processor(before)
