"""What is known while a pipeline runs under steering, and what an edit must be able to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from diffusers.utils.torch_utils import randn_tensor
from numpy.typing import NDArray
from torch import Tensor

from sfumato.change_map import ChangeMap, Rounding
from sfumato.steering.grid import Grid
from sfumato.steering.layout import Layout


class Run:
    """One pass of a pipeline. Tensors are in the denoiser's form (packed where it packs).

    x0, noise: the clean latents and the noise that the pipeline itself made. calls: the calls of the grid's denoiser
    that this pass makes, in their order. first: k_min of the edit's plan.
    """

    def __init__(
        self, grid: Grid, layout: Layout, x0: Tensor, noise: Tensor, calls: Sequence[int], first: int, generator: Any
    ) -> None:
        self.grid, self.layout, self.calls, self.first, self.generator = grid, layout, calls, first, generator
        self.x0, self.noise = layout.like(x0), layout.like(noise)
        self.done = 0  # calls made
        self.state = self.x0  # what the last call led to
        self.remembers = False  # whether the pipeline's solver keeps a history of model outputs
        # The clean latents as the last call predicts them, for previews; worked out only when asked for.
        self.denoised: Callable[[], Tensor] = lambda: self.x0

    @property
    def call(self) -> int:
        """The grid's call under way; after the last one, the clean level."""
        return self.calls[self.done] if self.done < len(self.calls) else self.grid.calls

    @property
    def step(self) -> int:
        """i, the outer step under way."""
        return self.grid.outer(self.call)

    def randn(self) -> Tensor:
        """Fresh noise for every picture of the batch, from the caller's generator (one each, if it is a list)."""
        shape = (len(self.x0), *self.layout.shape)
        drawn = randn_tensor(shape, self.generator, self.x0.device, self.x0.dtype)
        return self.layout.like(drawn)


class Policy(Protocol):
    """What one pass of a pipeline does. own_steps: it never asks the pipeline's solver for a step.

    A policy may also have `free(run)`: bool, in the denoiser's form, the cells that may change in the step under way.
    Inpainting checkpoints are told of them, and shown the rest of the picture; without it, that all may change.
    """

    own_steps: bool

    def calls(self, grid_calls: int, order: int, first: int) -> Sequence[int]:
        """The calls of the grid to make. first: the outer step at which the edit begins."""

    def begin(self, run: Run) -> Tensor | None:
        """The state that enters the first call; None for the pipeline's own noised picture."""

    def step(self, run: Run, sample: Tensor, output: Tensor, solve: Callable[[Tensor], Tensor]) -> Tensor:
        """x_{i+1} from x_i and the guided model output; solve(f) is what the pipeline's solver makes of f."""


class Passes(Protocol):
    """What an edit may ask of a pipeline before its own pass."""

    def __call__(self, policy: Policy, **overrides: Any) -> Run:
        """Run the pipeline once with the same picture, noise and arguments but for `overrides` (prompt, guidance...;
        `unguided=True` for the model's own answer without classifier-free guidance, whatever the pipeline calls that).
        The generator is a copy: the edit's own pass draws as if nothing had run before."""


class Edit(Policy, Protocol):
    """A published method, as far as a pipeline's run is concerned. Cells are latent cells.

    An edit may also have `prepare(passes)`, called before its own pass; `repeats`, how often its own pass runs, each
    time on the result of the one before; `arguments`, the pipeline's for its own pass in place of the caller's, asked
    for after `prepare`; `attached(pipe)`, a context manager around all its passes; and `difference`
    (`sfumato.composite.Difference`), with which pictures show what changed rather than what the map says; and
    `schedule(steps, rows, columns)`, how many steps its schedule has when `steps` were asked for.
    """

    @property
    def change_map(self) -> ChangeMap: ...

    def plan(self, noise_levels: NDArray[np.float64], rounding: Rounding, rows: int, columns: int) -> int:
        """k_min, the first outer step of N that changes anything, 0..N; N when nothing is to change.
        noise_levels: `Grid.noise_levels`, of length N + 1."""
