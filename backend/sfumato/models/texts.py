"""What a pipeline's text encoders make of a text, as arguments of the pipeline.

Prompts have weights (`emphasis`). The encoders of Stable Diffusion 1, 2 and XL read 75 tokens at once; compel gives
longer texts to them in chunks and weighs what comes out. The other families were not taught on weighted embeddings:
they get the text without its weights, so that none of their encoders reads brackets and digits as words.

Pipelines differ in what they call that, and in what they call guidance.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sfumato.models.emphasis import Part, is_weighted, read, text_of

if TYPE_CHECKING:
    from compel import EmbeddingsProvider

NEGATIVE = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
FLUX = ("prompt_embeds", "pooled_prompt_embeds")  # guided by a number that the model reads; it has no negative text


def embeddings(pipe: Any, prompt: str, negative_prompt: str) -> tuple[Tensor, ...]:
    """What is made of a prompt and of what should not show, in the order of `names`; of Stable Diffusion the two are of
    one length. Language models that read for Z-Image and Qwen-Image give each text as long as it is."""
    both = read(prompt), read(negative_prompt)
    plain = _by_diffusers(pipe, *map(text_of, both))
    if not hasattr(pipe, "unet") or not any(is_weighted(parts) or _is_long(pipe, parts) for parts in both):
        return plain
    said, unsaid = (made.to(plain[0]) for made in _by_compel(pipe, *both))
    if not text_of(both[1]) and getattr(pipe.config, "force_zeros_for_empty_prompt", False):
        unsaid = torch.zeros_like(said)  # as SDXL was taught, which diffusers does in `plain`
    return said, unsaid, *plain[2:]


def names(pipe: Any) -> tuple[str, ...]:
    """The pipeline's arguments, in order; there are two where it has no pooled ones."""
    return FLUX if _is(pipe, "Flux") and not _is(pipe, "Flux2") else NEGATIVE


def arguments(pipe: Any, made: tuple[Tensor, ...]) -> dict[str, Any]:
    """What `embeddings` made, as arguments of the pipeline. Z-Image's takes a list of texts."""
    return dict(zip(names(pipe), [[one] for one in made] if _is(pipe, "ZImage") else made, strict=False))


def guidance(pipe: Any, scale: float) -> dict[str, float]:
    """The pipeline's argument for how much the text counts; what Qwen-Image's calls guidance_scale is for models that
    there are none of."""
    return {"true_cfg_scale" if _is(pipe, "QwenImage") else "guidance_scale": scale}


def tokens(pipe: Any, prompt: str, length: int) -> list[int]:
    """What stands at each place of the prompt's embedding by a pipeline of Stable Diffusion, padded to that length."""
    reader = _reader(pipe, pipe.tokenizer, pipe.text_encoder)

    def of(parts: list[Part]) -> list[int]:
        numbers: list[int] = reader.get_token_ids_and_expand_weights(*_apart(parts), device="cpu")[0].tolist()
        return numbers

    numbers, padding = of(read(prompt)), of(read(""))
    return numbers + padding * ((length - len(numbers)) // len(padding))


def _by_diffusers(pipe: Any, prompt: str, negative_prompt: str) -> tuple[Tensor, ...]:
    """Of as much of the texts as the encoders read at once."""
    words: dict[str, Any] = {"prompt": prompt, "device": pipe._execution_device, "num_images_per_prompt": 1}
    if names(pipe) == FLUX:
        embeds, pooled, _ = pipe.encode_prompt(**words, prompt_2=None)
        return embeds, pooled
    if _is(pipe, "ZImage"):
        said, unsaid = pipe.encode_prompt(prompt, pipe._execution_device, negative_prompt=negative_prompt)
        return said[0], unsaid[0]
    if _is(pipe, "QwenImage", "Flux2"):
        nothing = " " if _is(pipe, "QwenImage") else ""  # as their makers say it
        both = prompt, negative_prompt or nothing
        return tuple(pipe.encode_prompt(text, pipe._execution_device)[0] for text in both)
    words |= {"negative_prompt": negative_prompt or None, "do_classifier_free_guidance": True}
    if hasattr(pipe, "text_encoder_3"):
        words |= {"prompt_2": None, "prompt_3": None}
        if pipe.text_encoder is pipe.text_encoder_2:
            words |= {"max_sequence_length": 0}  # Sketchbook's, which was taught without the room of a third reader
    return tuple(pipe.encode_prompt(**words))


def _by_compel(pipe: Any, *texts: list[Part]) -> list[Tensor]:
    """Weighted, in chunks, and what is shorter filled up with the embedding of no text."""
    sides: list[list[Tensor]] = []
    for tokenizer, encoder in _encoders(pipe):
        reader = _reader(pipe, tokenizer, encoder)
        made = [_embedding(reader, parts, pipe._execution_device) for parts in texts]
        longest = max(one.shape[1] for one in made)
        if any(one.shape[1] < longest for one in made):
            padding = _embedding(reader, read(""), pipe._execution_device)
            made = [torch.cat([one, *[padding] * ((longest - one.shape[1]) // padding.shape[1])], 1) for one in made]
        sides.append(made)
    return [torch.cat(side, dim=-1) for side in zip(*sides, strict=True)]


def _embedding(reader: EmbeddingsProvider, parts: list[Part], device: torch.device) -> Tensor:
    fragments, weights = _apart(parts)
    # Where parts take turns the encoder may have left the device again, and what it made with it.
    made: Tensor = reader.get_embeddings_for_weighted_prompt_fragments([fragments], [weights], device=device)
    return made.to(device)


def _reader(pipe: Any, tokenizer: Any, encoder: Any) -> EmbeddingsProvider:
    # Here, since it imports many pipelines, and most prompts need nothing of it.
    from compel import EmbeddingsProvider, ReturnedEmbeddingsType, SplitLongTextMode

    kinds = ReturnedEmbeddingsType
    is_xl = hasattr(pipe, "text_encoder_2")
    return EmbeddingsProvider(
        tokenizer,
        encoder,
        truncate=False,
        returned_embeddings_type=(
            kinds.PENULTIMATE_HIDDEN_STATES_NON_NORMALIZED if is_xl else kinds.LAST_HIDDEN_STATES_NORMALIZED
        ),
        device=pipe._execution_device,
        split_long_text_mode=SplitLongTextMode.PHRASES,  # at a comma or full stop, where there is one
    )


def _encoders(pipe: Any) -> Iterator[tuple[Any, Any]]:
    for end in ("", "_2"):
        if (encoder := getattr(pipe, f"text_encoder{end}", None)) is not None:
            yield getattr(pipe, f"tokenizer{end}"), encoder


def _is_long(pipe: Any, parts: list[Part]) -> bool:
    tokenizer = next(_encoders(pipe))[0]
    return len(tokenizer(text_of(parts)).input_ids) > tokenizer.model_max_length


def _is(pipe: Any, *starts: str) -> bool:
    return type(pipe).__name__.startswith(starts)


def _apart(parts: list[Part]) -> tuple[list[str], list[float]]:
    return [text for text, _ in parts], [weight for _, weight in parts]
