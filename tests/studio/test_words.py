"""Weighted and long prompts from the request to the layer, also in the edits that look at their tokens."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from models import tiny_checkpoints as tiny
from sfumato.edits.attention import PromptToPrompt
from sfumato.errors import InputError
from sfumato.studio import Finished, Studio

LONG = "a red house on the left, " * 6  # Sketchbook reads 38 tokens at once
INVERSION: dict[str, Any] = {"edit": "edit-friendly", "source_prompt": "a summer meadow"}
ATTENTION = INVERSION | {"settings": {"attention": True, "cross_steps": 1.0, "self_steps": 1.0}}


@pytest.fixture(scope="module")
def studio() -> Studio:
    studio = Studio("cpu")
    studio.warm_up()
    return studio


def run(studio: Studio, **changes: Any) -> Finished:
    request, canvas, grey = tiny.request_for("sketchbook")
    fields = {name: getattr(request, name) for name in request.__dataclass_fields__}
    return studio.run(type(request)(**fields | changes), canvas, grey)


def test_weights_change_the_picture(studio: Studio) -> None:
    prompts = ("a winter meadow", "a (winter:1.0) meadow", "a (winter:1.5) meadow", "a [winter] meadow")
    plain, same, more, less = (run(studio, prompt=prompt).data for prompt in prompts)
    assert plain == same
    assert len({plain, more, less}) == 3


def test_words_beyond_the_first_chunk_change_the_picture(studio: Studio) -> None:
    assert run(studio, prompt=LONG + "in winter").data != run(studio, prompt=LONG + "in summer").data


def test_a_long_text_may_be_compared_with_a_short_one(studio: Studio) -> None:
    request = {"prompt": LONG, "source_prompt": "a summer meadow", "change_map": None}
    assert run(studio, task="map", edit="diffedit", **request).layer is not None
    assert run(studio, prompt=LONG, **INVERSION).layer is not None


class TestAttention:
    def test_weights_are_no_words(self, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each word looks where it looked in the source, however it is weighted."""
        found: list[tuple[torch.Tensor, torch.Tensor]] = []
        by = PromptToPrompt._aligned_by
        monkeypatch.setattr(
            PromptToPrompt,
            "_aligned_by",
            lambda self, tokenizer: lambda length: found.append(by(self, tokenizer)(length)) or found[-1],
        )
        prompts = ("a winter meadow", "a ((winter:1.5)) [meadow]")
        plain, weighted = (run(studio, prompt=prompt, **ATTENTION).data for prompt in prompts)
        assert plain != weighted
        assert len(found) == 2
        assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))

    @pytest.mark.parametrize("long", [{"negative_prompt": LONG}, {"source_prompt": LONG + "in summer"}])
    def test_long_texts_of_one_length_are_aligned(self, studio: Studio, long: dict[str, str]) -> None:
        prompt = "a winter meadow" if "negative_prompt" in long else LONG + "in winter"
        assert run(studio, prompt=prompt, **ATTENTION | long).layer is not None

    def test_texts_of_different_lengths_get_a_sentence(self, studio: Studio) -> None:
        with pytest.raises(InputError, match=r"^The two texts have different lengths, 40 and 80 tokens .* off\.$"):
            run(studio, prompt=LONG, **ATTENTION)
