"""What text encoders are given: real ones of every family, tiny, and Sketchbook's own."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from models import tiny_checkpoints as tiny
from sfumato import models
from sfumato.models import ladder, texts
from sfumato.models.ladder import RUNGS
from torch import Tensor
from torch.testing import assert_close

FIRST = "a red boat, " * 18  # 72 tokens
SECOND = "two grey birds over the sea"
LONG = FIRST + SECOND


def sketchbook() -> Any:
    return models.load(models.find("sketchbook"), "cpu")


CHUNKED = ("sd15", "sdxl")
ALL = {**tiny.FAMILIES, "sketchbook": sketchbook}


def load(family: str) -> Any:
    """As it is when it was loaded from files: without dropout."""
    pipe = ALL[family]()
    for part in ladder.parts_of(pipe):
        part.eval()
    return pipe


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def by_diffusers(pipe: Any, prompt: str, negative_prompt: str | None) -> tuple[Tensor, ...]:
    """The pipeline's own way, with its own defaults."""
    words: dict[str, Any] = {"prompt": prompt, "device": torch.device("cpu")}
    if type(pipe).__name__.startswith("ZImage"):
        (said,), (unsaid,) = pipe.encode_prompt(**words, negative_prompt=negative_prompt)
        return said, unsaid
    if type(pipe).__name__.startswith(("QwenImage", "Flux2")):
        nothing = " " if type(pipe).__name__.startswith("QwenImage") else ""
        said, unsaid = (pipe.encode_prompt(text)[0] for text in (prompt, negative_prompt or nothing))
        return said, unsaid
    words |= {"num_images_per_prompt": 1}
    if hasattr(pipe, "transformer"):
        words |= {"prompt_2": None}
    if not type(pipe).__name__.startswith("Flux"):
        words |= {"negative_prompt": negative_prompt, "do_classifier_free_guidance": True}
    if hasattr(pipe, "text_encoder_3"):
        words |= {"prompt_3": None}
    made = pipe.encode_prompt(**words)
    return made[:2] if type(pipe).__name__.startswith("Flux") else made


def place_of(pipe: Any, word: str, prompt: str) -> int:
    ids: list[int] = pipe.tokenizer(prompt).input_ids
    return ids.index(pipe.tokenizer(word).input_ids[1])


def equal(one: tuple[Tensor, ...], other: tuple[Tensor, ...]) -> bool:
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("family", ALL)
@pytest.mark.parametrize("negative", ["", "grey sky"])
def test_a_plain_prompt_is_what_the_pipeline_makes_of_it(family: str, negative: str) -> None:
    pipe = load(family)
    for prompt in ("", "a red boat at sea :)", "a boat\\sea", FIRST[:-2] if family != "sketchbook" else "winter"):
        assert equal(texts.embeddings(pipe, prompt, negative), by_diffusers(pipe, prompt, negative or None))


@pytest.mark.parametrize("family", [name for name in tiny.FAMILIES if name not in CHUNKED])
def test_others_get_the_text_without_its_weights(family: str) -> None:
    pipe = load(family)
    weighted = texts.embeddings(pipe, r"a ((red:1.3)) boat \(1890\)", "[grey] sky")
    assert equal(weighted, by_diffusers(pipe, "a red boat (1890)", "grey sky"))


@pytest.mark.parametrize("family", [*CHUNKED, "sketchbook"])
def test_weights_lead_away_from_the_empty_text(family: str) -> None:
    """At the word's place, in all encoders; as much as the weight says; and what is pooled stays."""
    pipe = load(family)
    plain, empty = (texts.embeddings(pipe, said, "grey") for said in ("a red house", ""))
    weighted = texts.embeddings(pipe, "a (red:1.5) house", "grey")
    at = place_of(pipe, "red", "a red house")
    expected = plain[0].clone()
    expected[:, at] = empty[0][:, at] + 1.5 * (plain[0][:, at] - empty[0][:, at])
    assert_close(weighted[0], expected)
    assert equal(weighted[1:], plain[1:])


@pytest.mark.parametrize("family", CHUNKED)
def test_less_weight_is_less_of_the_word(family: str) -> None:
    pipe = load(family)
    at = place_of(pipe, "boat", "a red boat")
    none = texts.embeddings(pipe, "a red (boat:0)", "")[0][:, at]
    far = [
        float((texts.embeddings(pipe, f"a red (boat:{weight})", "")[0][:, at] - none).norm())
        for weight in (0.2, 0.5, 0.9, 1.0, 1.3)
    ]
    assert far == sorted(far)
    assert far[0] < far[-1] / 2


@pytest.mark.parametrize("family", CHUNKED)
def test_a_long_prompt_goes_in_chunks(family: str) -> None:
    """Each is as if it were said alone; the other text is filled up with no text; pooled is the beginning."""
    pipe = load(family)
    said, unsaid, *pooled = texts.embeddings(pipe, LONG, "grey")
    first, second, empty = (by_diffusers(pipe, text, "grey") for text in (FIRST, SECOND, ""))
    assert_close(said, torch.cat([first[0], second[0]], dim=1))
    assert_close(unsaid, torch.cat([first[1], empty[0]], dim=1))
    assert equal(tuple(pooled), by_diffusers(pipe, LONG, "grey")[2:])
    short, long, *_ = texts.embeddings(pipe, "grey", LONG)
    assert_close(short, unsaid)
    assert_close(long, said)


def test_sdxl_says_nothing_with_zeros() -> None:
    pipe = tiny.sdxl()
    for prompt in (LONG, "a (red:1.3) boat"):
        said, unsaid, _, pooled = texts.embeddings(pipe, prompt, "")
        assert unsaid.shape == said.shape
        assert not unsaid.any()
        assert not pooled.any()
    pipe.register_to_config(force_zeros_for_empty_prompt=False)
    assert texts.embeddings(pipe, LONG, "")[1].any()


@pytest.mark.parametrize("family", CHUNKED)
def test_weights_reach_the_second_chunk(family: str) -> None:
    pipe = load(family)
    plain, weighted = (
        texts.embeddings(pipe, FIRST + said, "")[0] for said in (SECOND, SECOND.replace("grey", "(grey:1.4)"))
    )
    changed = (plain != weighted).any(dim=-1)[0].nonzero().flatten().tolist()
    assert changed == [77 + place_of(pipe, "grey", SECOND)]


@pytest.mark.parametrize("family", CHUNKED)
def test_tokens_are_those_of_the_embedding(family: str) -> None:
    pipe = load(family)

    def padded(text: str) -> list[int]:
        ids: list[int] = pipe.tokenizer(text, padding="max_length").input_ids
        return ids

    assert texts.tokens(pipe, "a red boat", 77) == padded("a red boat")
    assert texts.tokens(pipe, "a (red:1.3) boat", 154) == padded("a red boat") + padded("")
    assert texts.tokens(pipe, LONG, 154) == padded(FIRST) + padded(SECOND)


@pytest.mark.parametrize("family", CHUNKED)
def test_every_rung_of_the_ladder_gives_the_same(family: str) -> None:
    pipe = load(family)
    prompt, negative = FIRST + "a (red:1.3) [bird]", "(grey:1.2) sky"
    usual = texts.embeddings(pipe, prompt, negative)
    for rung in RUNGS:
        ladder.place(pipe, rung, "cpu")
        for _ in range(2):
            assert equal(texts.embeddings(pipe, prompt, negative), usual), rung
            pipe.maybe_free_model_hooks()


def test_half_precision_stays_half_precision() -> None:
    pipe = tiny.sd15().to(dtype=torch.float16)
    said, unsaid = texts.embeddings(pipe, "a (red:1.3) [boat] (house:0) (sea:0)", "")
    assert said.dtype == unsaid.dtype == torch.float16
    assert said.isfinite().all()


def test_whatever_is_typed_is_said() -> None:
    pipe, draw = tiny.sdxl(), random.Random(0)
    pieces = ["(", ")", "[", "]", ":", "\\", "!", "!!", "?!", "...", ",", " ", "1.3", "a", "boat", "é", "\u200b", "日"]
    pieces += ["<|endoftext|>", "<|startoftext|>", ":0.5)", ":1.2)", "\n", "\x1c", "AND", "BREAK", "boats, " * 30]
    for _ in range(60):
        prompt, negative = ("".join(draw.choices(pieces, k=draw.randrange(12))) for _ in range(2))
        said, unsaid, *_ = texts.embeddings(pipe, prompt, negative)
        assert said.shape == unsaid.shape, (prompt, negative)
        assert said.shape[1] % 77 == 0
        assert said.isfinite().all()
