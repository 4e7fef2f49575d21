"""Reference paths: what a cell that is not free yet looks like at every level. R_N is x0 exactly."""

from __future__ import annotations

from torch import Tensor

from sfumato.steering.grid import Grid


class NoisedReference:
    """R = a x0 + b eps with one eps for all levels: img2img, SDEdit, differential diffusion.

    x0, noise: latents as the denoiser sees them (packed where it packs).
    """

    def __init__(self, grid: Grid, x0: Tensor, noise: Tensor) -> None:
        self.grid, self.x0, self.noise = grid, x0, noise

    def __call__(self, call: int) -> Tensor:
        """R at the level entering denoiser call `call`; the last level is after the last call."""
        if call == self.grid.calls:
            return self.x0
        return self.grid.a[call] * self.x0 + self.grid.b[call] * self.noise
