"""Edits of the recorded noise itself (Huberman-Spiegelglas et al., arXiv 2304.06140, section 4): shifts, flips, tints.

Whatever is done to all X_i and d_i alike happens to the picture that they lead to, and the model mends the border.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from sfumato.change_map import ChangeMap, M, scaled
from sfumato.steering import Run

Move = Callable[[Tensor], Tensor]  # of tensors [..., rows, columns] of the latent grid


def shifted(rows: int, columns: int) -> Move:
    """Down by so many latent cells and to the right; what leaves comes in on the other side."""
    return lambda t: t.roll((rows, columns), (-2, -1))


def flipped(t: Tensor) -> Tensor:
    """Left to right."""
    return t.flip(-1)


@dataclass(frozen=True)
class Tint:
    """d_i += s_i strength B (M - x0_hat_i): pulls what the model sees towards a colour, without repainting.

    where: B. colour: M, clean latents that broadcast over [B, C, rows, columns], such as those of a plain canvas.
    window: the part of the steps in which it acts. A d_i weighs s_i, so eta = 0 and flow models, whose s is 0, do not
    tint.
    """

    where: ChangeMap
    colour: Tensor
    strength: float = 0.05
    window: tuple[float, float] = (0.3, 0.8)

    def __call__(self, run: Run, cells: tuple[int, int], x0: Tensor) -> Tensor | float:
        """What is added to z_i = d_i / s_i. x0: the model's prediction from X_i."""
        low, high = self.window
        if not low <= run.step / run.grid.steps < high:
            return 0.0
        mask = run.layout.map(scaled(self.where.cells(*cells), self.where.strength) / M, x0).to(x0.dtype)
        colour = self.colour.to(x0)
        colour = (
            run.layout.like(colour.expand(-1, *run.layout.shape))
            if colour.ndim == len(run.layout.shape) + 1
            else colour
        )
        return self.strength * mask * (colour - x0)
