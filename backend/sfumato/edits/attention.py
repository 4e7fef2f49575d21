"""Prompt-to-prompt (Hertz et al., arXiv 2208.01626) inside a steered pass: the target attends as the source did.

Every denoiser call carries the source along as further rows of its batch (X_i under the source text). In the first
steps the target's cross-attention maps are the source's for the words that both texts share, and its self-attention
maps at low resolution are the source's. The rows are taken out again before the pipeline sees them.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from sfumato_wire.declared import Parameter
from torch import Tensor

from sfumato.edits.checks import check
from sfumato.edits.words import Tokens
from sfumato.errors import InputError
from sfumato.steering import Run

SHARES = (
    Parameter(
        "cross_steps",
        "float",
        0.6,
        "The share of the steps in which words look at the same places.",
        0.0,
        1.0,
        label="Words keep places",
    ),
    Parameter(
        "self_steps",
        "float",
        0.2,
        "The share of the steps in which places look at the same places.",
        0.0,
        1.0,
        label="Shapes keep places",
    ),
)
PLAIN = ("AttnProcessor", "AttnProcessor2_0")  # what may be stood in for; others hold attention of their own


class PromptToPrompt:
    """cross, self_: the part of all N steps, from the noisiest on, in which cross- and self-attention are shared; the
    settings 'cross_steps' and 'self_steps'.

    source, target: the texts, from which words are matched through the pipeline's tokenizer. Without them, and for
    pipelines without a tokenizer, every token takes the attention of the one at its place.
    tokens: what stands at each place of a text's embedding of that length, where something else than the pipeline made
    the embeddings of the texts.
    self_cells: self-attention is shared in layers with at most this part of the latent cells: 16 x 16 of 64 x 64.
    """

    def __init__(
        self,
        cross: float = 0.6,
        self_: float = 0.2,
        source: str | None = None,
        target: str | None = None,
        self_cells: float = 1 / 16,
        tokens: Tokens | None = None,
    ) -> None:
        check(SHARES, cross_steps=cross, self_steps=self_)
        self.cross, self.self_, self.source, self.target, self.self_cells = cross, self_, source, target, self_cells
        self.tokens = tokens
        self.text: tuple[Tensor, Tensor] = (torch.empty(0), torch.empty(0))
        self._run: Run | None = None
        self._state: Callable[[], Tensor] | None = None
        self._shares: tuple[bool, bool] | None = None

    @contextmanager
    def attached(self, pipe: Any) -> Iterator[None]:
        """Holds on to the pipeline's UNet until the block ends, whatever happens in it. Raises InputError for
        denoisers and attention that are not SD's."""
        unet: Any = getattr(pipe, "unet", None)
        processors = getattr(unet, "attn_processors", None)
        if not processors or getattr(unet.config, "cross_attention_dim", None) is None:
            raise InputError(
                "no_attention_control",
                f"Attention control needs a UNet with cross-attention, as SD and SDXL have; {type(pipe).__name__} has "
                "none. Turn attention off.",
            )
        if other := {type(p).__name__ for p in processors.values()} - set(PLAIN):
            raise InputError(
                "own_attention",
                f"The UNet's attention is taken already ({', '.join(sorted(other))}). Turn attention control off, or "
                "take what uses it out of the pipeline.",
            )
        self._alignment = cache(self._aligned_by(getattr(pipe, "tokenizer", None)))
        self._pipe = pipe
        unet.set_attn_processor({name: _Sharing(self, plain) for name, plain in processors.items()})
        before = unet.register_forward_pre_hook(self._with_source, with_kwargs=True)
        after = unet.register_forward_hook(self._without_source)
        try:
            yield
        finally:
            before.remove()
            after.remove()
            unet.set_attn_processor(processors)
            self._pipe = self._run = self._shares = None

    def begin(
        self, run: Run, state: Callable[[], Tensor] | None = None, text: tuple[Tensor, Tensor] | None = None
    ) -> None:
        """A pass begins. state: X at the call under way, in the target pass; the source pass is its own source.
        text: what the denoiser was told of the source, as `self.text` has it after the source pass."""
        self._run, self._state = run, state
        if text is not None:
            self.text = text

    def _aligned_by(self, tokenizer: Any) -> Callable[[int], tuple[Tensor, Tensor]]:
        if tokenizer is None or self.source is None or self.target is None:
            return lambda length: (torch.arange(length), torch.ones(length, dtype=torch.bool))
        source, target, tokens = self.source, self.target, self.tokens

        def of(text: str, length: int) -> Sequence[int]:
            if tokens is not None:
                return tokens(text, length)
            known: Sequence[int] = tokenizer(text, padding="max_length", truncation=True).input_ids
            if len(known) != length:
                raise InputError(
                    "lengths",
                    f"The texts are said with {length} tokens, and the pipeline's tokenizer has {len(known)} for them, "
                    "so their words cannot be matched. Shorten the texts, or turn attention control off.",
                )
            return known

        return lambda length: aligned(of(source, length), of(target, length))

    def _with_source(self, unet: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        run = self._run
        if run is None:
            return None
        sample = args[0]
        count, rows = len(run.x0), len(sample)
        if rows not in (count, 2 * count):
            raise InputError(
                "rows", f"Attention control knows passes of {count} or {2 * count} rows; this has {rows}. Turn it off."
            )
        text, added = kwargs["encoder_hidden_states"], kwargs.get("added_cond_kwargs") or {}
        state = self._state
        if state is None:
            self.text = text[-count:], added["text_embeds"][-count:] if "text_embeds" in added else text.new_empty(0)
        done = run.step / run.grid.steps
        crosses, attends = done < self.cross, done < self.self_
        if not (crosses or attends):
            self._shares = None
            return None
        self._shares = crosses, attends
        self._count, self._cells, self._own = count, sample.shape[-2] * sample.shape[-1], state is None
        told, pooled = self.text
        if told.shape[1:] != text.shape[1:]:
            raise InputError(
                "lengths",
                f"The two texts have different lengths, {told.shape[1]} and {text.shape[1]} tokens with what fills "
                "them up. Shorten the longer one, or turn attention control off.",
            )
        args, kwargs = (_with_last(value, rows, count) for value in (args, kwargs))
        if state is not None:
            args[0][rows:] = self._pipe.scheduler.scale_model_input(state(), args[1]).to(sample.dtype)
            kwargs["encoder_hidden_states"][rows:] = told
            if pooled.numel():
                kwargs["added_cond_kwargs"]["text_embeds"][rows:] = pooled
        return args, kwargs

    def _without_source(self, unet: Any, args: tuple[Any, ...], output: Any) -> Any:
        if self._shares is None:
            return None
        self._shares = None
        if isinstance(output, tuple):
            return (output[0][: -self._count], *output[1:])
        output.sample = output.sample[: -self._count]
        return output

    def shared(self, probabilities: Tensor, crossing: bool) -> Tensor:
        """Attention maps [rows, heads, queries, keys] with the target's taken from the source's, the last rows."""
        count = self._count
        target, source = probabilities[-2 * count : -count], probabilities[-count:]
        if crossing and not self._own:
            index, both = (t.to(source.device) for t in self._alignment(source.shape[-1]))
            source = torch.where(both, source[..., index], target)
        return torch.cat([probabilities[: -2 * count], source, probabilities[-count:]])

    def shares(self, crossing: bool, queries: int) -> bool:
        if self._shares is None:
            return False
        return self._shares[0] if crossing else self._shares[1] and queries <= self.self_cells * self._cells


class _Sharing:
    """An attention layer's processor while prompt-to-prompt is attached."""

    def __init__(self, control: PromptToPrompt, plain: Any) -> None:
        self.control, self.plain = control, plain

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        crossing = encoder_hidden_states is not None
        if not self.control.shares(crossing, hidden_states.shape[1]):
            plain: Tensor = self.plain(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
            return plain
        context = encoder_hidden_states if encoder_hidden_states is not None else hidden_states
        rows, keys = context.shape[:2]
        mask = attn.prepare_attention_mask(attention_mask, keys, rows)
        query, key, value = (
            attn.head_to_batch_dim(t) for t in (attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context))
        )
        maps = attn.get_attention_scores(query, key, mask)
        maps = self.control.shared(maps.unflatten(0, (rows, -1)), crossing).flatten(0, 1)
        attended = attn.batch_to_head_dim(torch.bmm(maps, value))
        result: Tensor = attn.to_out[1](attn.to_out[0](attended)) / attn.rescale_output_factor
        return result


def aligned(source: Sequence[int], target: Sequence[int]) -> tuple[Tensor, Tensor]:
    """For every token of the target: the source's token whose attention it takes, int64, and whether it takes any.

    Tokens that both have take their own; words that stand in place of others take theirs, in proportion, as
    prompt-to-prompt's word swap does; words that are only added attend by themselves.
    """
    index = torch.zeros(len(target), dtype=torch.int64)
    both = torch.ones(len(target), dtype=torch.bool)
    for tag, s, s_end, t, t_end in difflib.SequenceMatcher(None, source, target, autojunk=False).get_opcodes():
        if tag == "insert":
            both[t:t_end] = False
        elif tag != "delete":
            index[t:t_end] = s + torch.arange(t_end - t) * (s_end - s) // (t_end - t)
    return index, both


def _with_last(value: Any, rows: int, count: int) -> Any:
    """Whatever has a row for every row of the batch, with the last `count` rows once more."""
    if isinstance(value, Tensor):
        return torch.cat([value, value[-count:]]) if value.ndim and len(value) == rows else value
    if isinstance(value, dict):
        return {name: _with_last(part, rows, count) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_with_last(part, rows, count) for part in value)
    return value
