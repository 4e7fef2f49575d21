"""DiffEdit: the map that two texts imply, and repainting from inverted latents (Couairon et al., arXiv 2210.11427).

The map (section 3.2, step 1): the picture is noised n times to half strength, and the model is asked what the noise is
under the prompt and under a reference text, or none. Where the answers differ, the texts disagree about the picture:

    D = 1 / (n C) sum_j sum_c | eps(x_j; prompt) - eps(x_j; reference) |,    x_j = a x0 + b eps_j

It is handed over before any threshold, as greys to be painted on; `hard` thresholds it as the paper does, `soft` lets
every grey be its own encoding ratio.

The edit (steps 2 and 3): x0 is encoded by DDIM run backwards (flow models: Euler), without guidance and by default
without a text; from there the sampler follows the prompt, and after every step what the mask keeps is put back from the
encoded latents of exactly that level. R_N = x0: a black map is the identity, a white one encodes and decodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sfumato_wire.declared import EditInfo, GreysWhen, Parameter
from torch import Tensor

from sfumato.change_map import ChangeMap, M, Rounding
from sfumato.edits.checks import check
from sfumato.edits.contrast import MAP_PARAMETERS, Contrast, Normaliser
from sfumato.edits.words import Words
from sfumato.errors import InputError
from sfumato.steering import Passes, PathSampler, RecordedPath, Release, Run

Mask = Literal["hard", "soft"]
Encoding = Literal["no text", "source text"]

INFO = EditInfo(
    id="diffedit",
    name="DiffEdit",
    help="Repaints where the map is light, beginning from the picture's own structure. The map can be found for you: "
    "where what you ask for and what the picture shows disagree. What the picture shows counts for finding, and for "
    "painting only where the model is told it. The seed changes the map, hardly the painting.",
    parameters=(
        Parameter(
            "ratio",
            "float",
            0.8,
            "How far white goes back before it is painted anew.",
            0.0,
            1.0,
            label="How far white goes",
        ),
        Parameter(
            "mask",
            "choice",
            "hard",
            "Light parts, as published: all that is lighter than the threshold, alike; or every pixel as much as "
            "its grey says.",
            choices=("hard", "soft"),
            label="Repaints",
            choice_labels=("light parts", "as the grey says"),
        ),
        Parameter(
            "threshold",
            "float",
            0.5,
            "Greys lighter than this are repainted, where light parts are repainted.",
            0.0,
            1.0,
            label="Repaints from",
        ),
        Parameter(
            "encoding",
            "choice",
            "no text",
            "What the model is told while it takes the picture apart: nothing, as published, or what it shows.",
            choices=("no text", "source text"),
            label="Model is told",
            choice_labels=("nothing", "what is there"),
        ),
    ),
    source_prompt=True,
    finds_map=True,
    map_parameters=MAP_PARAMETERS,
    greys="one",
    greys_when=(GreysWhen("mask", "soft", "all"),),
)


class DiffEdit(PathSampler):
    """ratio: r, the share of the steps that white takes part in. mask: `hard` (V > threshold M, like D > threshold) or
    `soft` (n = r N V / M, with every grey's part of the step at its edge).

    source: pipeline arguments that say the text to encode under; always without guidance, with which the way back does
    not meet the way there. Deterministic where the scheduler is: the noise of the generator is not used.
    recall(make): gives the recording that make() makes, or one it made of the same before.
    """

    def __init__(
        self,
        change_map: ChangeMap,
        ratio: float = 0.8,
        mask: Mask = "hard",
        threshold: float = 0.5,
        source: Mapping[str, Any] | None = None,
        recall: Callable[[Callable[[], Inverted]], Inverted] = lambda make: make(),
    ) -> None:
        check(INFO, ratio=ratio, mask=mask, threshold=threshold, encoding="source text" if source else "no text")
        values = _above(change_map.values, threshold) if mask == "hard" else change_map.values
        strength = change_map.strength * round(1000 * ratio) // 1000
        effective = ChangeMap(values, strength, covered=change_map.covered, resample=change_map.resample)
        super().__init__(effective, "whole" if mask == "hard" else "fractional")
        self.mask, self.source, self._recall = mask, dict(source or {"prompt": ""}), recall

    def plan(self, noise_levels: NDArray[np.float64], rounding: Rounding, rows: int, columns: int) -> int:
        if self.mask == "soft":
            return super().plan(noise_levels, rounding, rows, columns)
        # The mask is of the latents' cells: what a cell's pixels say together is thresholded again.
        cells = _above(self.change_map.cells(rows, columns), 0.5)
        whole = ChangeMap(cells, self.change_map.strength)
        self.release = Release(whole, (rows, columns), noise_levels, rounding)
        return self.release.first

    def prepare(self, passes: Passes) -> None:
        def record() -> Inverted:
            inversion = Inversion()
            passes(inversion, unguided=True, **self.source)
            return inversion.recorded

        self._inverted = self._recall(record)

    def free(self, run: Run) -> None:
        """All cells, as far as an inpainting checkpoint is told: the way back has to be asked for as the way there was,
        which knew no map."""

    def path(self, run: Run) -> RecordedPath:
        calls, states = self._inverted
        return RecordedPath(run, dict(zip(calls.tolist(), states, strict=True)))


class Inverted(NamedTuple):
    """calls: int64 [n]. states: [n, ...], the picture's encoded latents at the level that enters each call."""

    calls: Tensor
    states: Tensor


class Inversion:
    """One pass that encodes: from x0 one step after the other towards noise, by `Grid.inverted`."""

    own_steps = True

    def calls(self, grid_calls: int, order: int, first: int) -> Sequence[int]:
        return range(grid_calls - 1 - (grid_calls - 1) % order, first * order - 1, -order)

    def begin(self, run: Run) -> Tensor:
        self._states: dict[int, Tensor] = {}
        return run.x0

    def step(self, run: Run, sample: Tensor, output: Tensor, solve: Callable[[Tensor], Tensor]) -> Tensor:
        # The second half of an order-2 step stands where the step leads to, which is what was here before.
        for half in range(run.call + 1, min(run.call + run.grid.order, run.grid.calls)):
            self._states[half] = sample
        self._states[run.call] = state = run.grid.inverted(run.call, sample, output)
        return state

    @property
    def recorded(self) -> Inverted:
        return Inverted(torch.tensor(list(self._states)), torch.stack(list(self._states.values())))


def create(
    change_map: ChangeMap, words: Words, ratio: float, mask: Mask, threshold: float, encoding: Encoding
) -> DiffEdit:
    """The edit as a request's settings describe it; `INFO` declares them."""
    source = words.source if encoding == "source text" else ""
    if encoding == "source text" and not source.strip():
        raise InputError(
            "no_source_text",
            "Say what the picture shows, so that it can be encoded under that text, or set encoding to 'no text'.",
        )
    map_key = (change_map.values.tobytes(), change_map.strength, change_map.resample)

    def recall(make: Callable[[], Inverted]) -> Inverted:
        return words.remember((INFO.id, source, ratio, mask, threshold, hash(map_key)), make)

    return DiffEdit(change_map, ratio, mask, threshold, words.say(source), recall)


def finder(
    change_map: ChangeMap,
    words: Words,
    noises: int,
    level: float,
    normaliser: Normaliser,
    times: float,
    quantile: float,
    absolute: float,
    chance: float,
) -> Contrast:
    """The map's pass as a request's settings describe it; the reference text is the source's."""
    reference = words.say(words.source)
    return Contrast(reference, noises, level, normaliser, times, quantile, absolute, chance, change_map)


def _above(values: NDArray[Any], threshold: float) -> NDArray[np.uint16]:
    return np.where(values > threshold * M, np.uint16(M), np.uint16(0))
