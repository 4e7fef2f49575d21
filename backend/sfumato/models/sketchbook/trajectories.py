"""What a few-step student learns from: the guided teacher's own ways from noise to pictures, walked once and stored.

A way starts at pure noise or at a painted scene with noise, as image-to-image does, half of the time with another
scene's caption, since an edit asks for what is not there. It passes the eight levels that DDIM's steps pass with
trailing timesteps; the solver between them is DPM-Solver++ 2M (Lu et al., arXiv 2211.01095).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler
from torch import Tensor

from .caption import caption
from .latents import Pool
from .networks import make_scheduler
from .parallel import rank, wait, world

LEVELS = 8  # of the grid; the student's own steps are two of them
CHUNK_CELLS = 32 * 256  # a chunk holds up to 32 ways at 16x16 cells, 8 at 32x32
FIRST = (0, 2, 0, 4, 0, 6, 2, 0, 4)  # at which level the ways of each chunk start

Model = Callable[[Tensor, Tensor, list[str]], Tensor]  # noisy latents [n, 4, h, w], timestep, captions -> v


def grid() -> tuple[Tensor, Tensor, Tensor]:
    """Timesteps [8], and the levels x = a x0 + b noise, [9] each, float32; the last one is clean."""
    scheduler = make_scheduler()
    scheduler.set_timesteps(LEVELS)
    level = torch.cat([scheduler.alphas_cumprod[scheduler.timesteps], torch.ones(1)])
    return scheduler.timesteps, level.sqrt(), (1 - level).sqrt()


@torch.no_grad()
def walk(model: Model, captions: list[str], state: Tensor, first: int, guidance: float, substeps: int) -> Tensor:
    """The teacher's states [9 - first, n, 4, h, w] from level ``first``, where it is at ``state``, to the picture."""
    config = make_scheduler().config
    solver = DPMSolverMultistepScheduler.from_config(config, timestep_spacing="trailing", final_sigmas_type="zero")
    solver.set_timesteps(LEVELS * substeps)
    solver.set_begin_index(first * substeps)
    states, nothing = [state], [""] * len(captions)
    for count, t in enumerate(solver.timesteps[first * substeps :], 1):
        without, asked = model(torch.cat([state, state]), t, nothing + captions).chunk(2)
        state = solver.step(without + guidance * (asked - without), t, state).prev_sample
        if count % substeps == 0:
            states.append(state)
    return torch.stack(states)


@dataclass(frozen=True)
class Ways:
    """states: float16 [n, 9, 4, h, w], of which those before ``first`` [n] are empty. captions: one each."""

    states: Tensor
    first: Tensor
    captions: list[str]


@dataclass(frozen=True)
class Plan:
    """One chunk: which scenes, with which captions, from which level, with which noise."""

    first: int
    chosen: Tensor
    captions: list[str]
    noise: Tensor

    @classmethod
    def of(cls, pool: Pool, seed: int, chunk: int, most: int) -> Plan:
        shape = pool.latents.shape[1:]
        count = min(most, max(1, CHUNK_CELLS // (shape[1] * shape[2])))
        rng = np.random.default_rng((seed, 5, *shape[1:], chunk))
        chosen = rng.integers(len(pool.what), size=count)
        others = np.where(rng.random(count) < 0.5, chosen, rng.integers(len(pool.what), size=count))
        captions = ["" if rng.random() < 0.06 else caption(pool.what[other], rng) for other in others]
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        noise = torch.randn((count, *shape), generator=generator)
        return cls(FIRST[chunk % len(FIRST)], torch.from_numpy(chosen), captions, noise)

    def start(self, pool: Pool) -> Tensor:
        """The scenes with their noise, float32."""
        _, a, b = grid()
        return a[self.first] * pool.latents[self.chosen].float() + b[self.first] * self.noise


def make_ways(
    folder: Path, pool: Pool, count: int, seed: int, model: Model, guidance: float, substeps: int, device: torch.device
) -> Ways:
    """At least ``count`` ways over the scenes of a pool, walked by all processes and cached in ``folder`` by chunks."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = pool.latents.shape[2:]
    plans: list[Plan] = []
    while sum(len(plan.captions) for plan in plans) < count:
        plans.append(Plan.of(pool, seed, len(plans), count))
    files = [folder / f"{columns}x{rows}_{chunk:04}_{len(plan.captions)}.npy" for chunk, plan in enumerate(plans)]
    for chunk in range(rank(), len(plans), world()):
        if not files[chunk].exists():
            plan = plans[chunk]
            states = walk(model, plan.captions, plan.start(pool).to(device), plan.first, guidance, substeps)
            np.save(files[chunk].with_suffix(".part.npy"), states.half().cpu().numpy())
            files[chunk].with_suffix(".part.npy").rename(files[chunk])
            if rank() == 0 and chunk % 16 == 0:
                print(f"teacher: {chunk + 1} of {len(plans)} chunks at {columns}x{rows}", flush=True)
    wait()
    total = sum(len(plan.captions) for plan in plans)
    states = torch.zeros((total, LEVELS + 1, *pool.latents.shape[1:]), dtype=torch.float16)
    at = 0
    for plan, file in zip(plans, files, strict=True):
        found = torch.from_numpy(np.load(file)).transpose(0, 1)
        states[at : at + len(found), plan.first :] = found
        at += len(found)
    first = torch.cat([torch.full((len(plan.captions),), plan.first) for plan in plans])
    return Ways(states, first, [text for plan in plans for text in plan.captions])
