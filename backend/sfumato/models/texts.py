"""What a pipeline's text encoders make of a text, as arguments of the pipeline."""

from __future__ import annotations

from typing import Any

from torch import Tensor

NEGATIVE = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
FLUX = ("prompt_embeds", "pooled_prompt_embeds")  # guided by a number that the model reads; it has no negative text


def embeddings(pipe: Any, prompt: str, negative_prompt: str) -> tuple[Tensor, ...]:
    """What is made of a prompt and of what should not show, in the order of `names`."""
    words: dict[str, Any] = {"prompt": prompt, "device": pipe._execution_device, "num_images_per_prompt": 1}
    if names(pipe) == FLUX:
        embeds, pooled, _ = pipe.encode_prompt(**words, prompt_2=None)
        return embeds, pooled
    words |= {"negative_prompt": negative_prompt or None, "do_classifier_free_guidance": True}
    if hasattr(pipe, "text_encoder_3"):
        words |= {"prompt_2": None, "prompt_3": None}
        if pipe.text_encoder is pipe.text_encoder_2:
            words |= {"max_sequence_length": 0}  # Sketchbook's, which was taught without the room of a third reader
    return tuple(pipe.encode_prompt(**words))


def names(pipe: Any) -> tuple[str, ...]:
    """The pipeline's arguments, in order; there are two where it has no pooled ones."""
    return FLUX if type(pipe).__name__.startswith("Flux") else NEGATIVE
