"""The source pass of edit-friendly inversion: how the picture got to be what it is, step by step.

X_i = a_i x0 + b_i eps_i with independent eps_i; f_i is the guided model output at X_i under the source text, and
d_i = X_{i+1} - Phi_i(X_i; f_i) what the sampler's own step misses (Huberman-Spiegelglas et al., arXiv 2304.06140,
Algorithm 1, where z_i = d_i / s_i). The last d is kept and nothing is divided by s: the last s is 0 on most schedules,
where no z could hold what is missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from sfumato_wire.declared import Parameter
from torch import Tensor

from sfumato.errors import InputError
from sfumato.steering import Grid, Run

PathKind = Literal["independent", "posterior", "shared"]


class Recording(NamedTuple):
    """All on the latent grid, in float32 or the latents' own wider dtype; K of the N outer steps, the last ones.

    x0, noise: of the pipeline, by which the recording is recognised. levels: [2, calls + 1], a and b.
    made: [5], eta, whether shifted (see `Recorder`), the number of the path, whether attention is shared (`made_with`),
    and the first recorded step.
    states: [K + 1, B, ...], X_i, in the end x0. outputs: [K, B, ...], f_i. residuals: [K, B, ...], d_i.
    text, pooled: what the denoiser was told of the source, where attention is shared; else empty.
    source: uint8 [32], `told` of the source's arguments.
    """

    x0: Tensor
    noise: Tensor
    levels: Tensor
    made: Tensor
    states: Tensor
    outputs: Tensor
    residuals: Tensor
    text: Tensor
    pooled: Tensor
    source: Tensor

    @property
    def first(self) -> int:
        """The first outer step that it covers."""
        return int(self.made[-1])

    def check(self, run: Run, made: Tensor, source: Tensor) -> None:
        """Raises InputError unless this is what recording now would give."""
        levels = torch.stack([run.grid.a, run.grid.b])
        same = (
            torch.equal(self.x0, run.layout.unlike(run.x0))
            and torch.equal(self.noise, run.layout.unlike(run.noise))
            and torch.equal(self.levels, levels)
            and torch.equal(self.made[:-1], made)
            and torch.equal(self.source, source)
        )
        if not same:
            raise InputError(
                "other_recording",
                "This recording is of another picture, source text, guidance, seed, schedule or way of recording. "
                "Leave `recording` out, and a new one is made.",
            )


PATHS: tuple[PathKind, ...] = ("independent", "posterior", "shared")
PATH = Parameter("path", "choice", "independent", "How the states get their noise; Python only.", choices=PATHS)


def made_with(eta: float, shifted: bool, path: PathKind, attention: bool) -> Tensor:
    """The ways of recording that make two recordings of one picture differ."""
    return torch.tensor([eta, shifted, PATHS.index(path), attention], dtype=torch.float64)


def told(source: Mapping[str, Any]) -> Tensor:
    """A digest of pipeline arguments, texts or embeddings alike, uint8 [32]."""
    digest = hashlib.sha256()
    for name, value in sorted(source.items()):
        for part in (name, *(value if isinstance(value, (list, tuple)) else (value,))):
            if isinstance(part, Tensor):
                digest.update(repr((part.dtype, tuple(part.shape))).encode())
                digest.update(part.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
            else:
                digest.update(repr(part).encode())
    return torch.tensor(list(digest.digest()), dtype=torch.uint8)


def wide(value: Tensor) -> Tensor:
    return value.to(torch.promote_types(value.dtype, torch.float32))


def eta_of(grid: Grid, eta: float) -> float:
    """Flow models take Euler steps, whatever eta says: that is their edit-friendly form (FlowEdit)."""
    return 0.0 if grid.prediction == "flow" else eta


class Recorder:
    """The source pass, as a policy: prescribes the states and keeps what the model says of them.

    path: `independent` eps_i, the point of the paper; `posterior`, X_{i+1} drawn from q(X_{i+1} | X_i, x0) with this
    eta (CycleDiffusion, arXiv 2210.05559); `shared`, one eps for all levels. eps_0 is the pipeline's own noise, the
    others are drawn at the start, all of them and in the order of levels, so that they do not depend on the map.
    shifted: X_i is noised one level cleaner than the model is told (TurboEdit, arXiv 2408.00735, section 4.1).
    enough: asked with k_min before anything runs; what it raises ends the pass.
    """

    own_steps = True

    def __init__(
        self,
        eta: float,
        path: PathKind = "independent",
        shifted: Callable[[int], bool] = lambda steps: False,
        enough: Callable[[int], None] = lambda first: None,
        begun: Callable[[Run], None] = lambda run: None,
    ) -> None:
        self.eta, self.kind, self.shifted, self.enough, self.begun = eta, path, shifted, enough, begun

    def calls(self, grid_calls: int, order: int, first: int) -> Sequence[int]:
        self.enough(first)
        return range(first * order, grid_calls, order)

    def begin(self, run: Run) -> Tensor:
        self.grid = grid = run.grid.wide
        self.first, self.is_shifted = run.step, self.shifted(grid.steps)
        self.step_eta = eta_of(grid, self.eta)
        self.prescribed = self._path(run)
        self.states = [self.prescribed[0]]
        self.outputs: list[Tensor] = []
        self.residuals: list[Tensor] = []
        self.begun(run)
        return self.states[0].to(run.x0.dtype)

    def _path(self, run: Run) -> list[Tensor]:
        """X_i from the first recorded level on, and x0."""
        grid, x0 = self.grid, wide(run.x0)
        states = []
        for step, noise in enumerate(noises(run, self.kind, self.step_eta)):
            call = step * grid.order
            if step >= self.first:
                level = grid.after(call) if self.is_shifted else call
                states.append(grid.a[level] * x0 + grid.b[level] * wide(noise))
        return [*states, x0]

    def step(self, run: Run, sample: Tensor, output: Tensor, solve: Callable[[Tensor], Tensor]) -> Tensor:
        A, B, _ = self.grid.affine(run.call, self.step_eta)
        output, target = wide(output), self.prescribed[len(self.states)]
        phi = A * self.states[-1] + B * output
        residual = target - phi
        # The state is what replaying gives, so that rounding does not add up from step to step.
        last = len(self.states) == len(self.prescribed) - 1
        self.states.append(target if last else phi + residual)
        self.outputs.append(output)
        self.residuals.append(residual)
        run.denoised = lambda: run.x0
        return self.states[-1].to(sample.dtype)

    def recording(self, run: Run, made: Tensor, text: Tensor, pooled: Tensor, source: Tensor) -> Recording:
        """What was recorded, after the pass."""
        grid = run.layout.unlike
        return Recording(
            grid(run.x0),
            grid(run.noise),
            torch.stack([run.grid.a, run.grid.b]),
            torch.cat([made, made.new_tensor([self.first])]),
            torch.stack([grid(t) for t in self.states]),
            torch.stack([grid(t) for t in self.outputs]),
            torch.stack([grid(t) for t in self.residuals]),
            text,
            pooled,
            source,
        )


def noises(run: Run, kind: PathKind, eta: float) -> list[Tensor]:
    """eps_i of X_i = a_i x0 + b_i eps_i for all N outer steps. Draws N - 1 times from the caller's generator, or not at
    all where one noise is shared."""
    grid = run.grid.wide
    result = [run.noise]
    for step in range(1, grid.steps):
        if kind == "shared":
            result.append(run.noise)
            continue
        noise = run.randn()
        if kind == "posterior":
            before = (step - 1) * grid.order
            b = grid.b[grid.after(before)]
            s = grid.affine(before, eta)[2]
            noise = ((b * b - s * s).clamp(min=0).sqrt() * wide(result[-1]) + s * wide(noise)) / b
        result.append(noise)
    return result
