"""What steering costs on every family: `python tests/benchmarks/families.py [--cells 64] [--json] [FAMILY]...`

Random networks, wider and deeper than the tests' so that a step is no longer only overhead, on one thread and by its
processor time, which other work on the machine disturbs less than the clock on the wall. Printed for each: the time of
a step of the family's own image-to-image, the ratio steered / plain (goal <= 1.02) of whole passes measured in turn,
what steering adds to a step outside the denoiser and to a pass before its steps (which is what a large model sees,
whatever its size), and how many of the steps are made when the map's lightest grey is 1/4, 1/2, 3/4 of white. Nothing
is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from sfumato.change_map import ChangeMap, M
from sfumato.edits import Differential
from sfumato.steering import steer
from steering import tiny

STEPS = 20
LAYERS = ("num_layers", "num_single_layers", "n_layers")


class Clock:
    """The denoiser's calls of a pass, and the time between them."""

    def __init__(self, denoiser: torch.nn.Module) -> None:
        denoiser.register_forward_pre_hook(self._enter)
        denoiser.register_forward_hook(self._leave)
        self.reset()

    def reset(self) -> None:
        self.calls, self.between, self.first, self.left = 0, 0.0, 0.0, 0.0

    def _enter(self, *_: Any) -> None:
        now = time.thread_time()
        if self.calls:
            self.between += now - self.left
        else:
            self.first = now
        self.calls += 1

    def _leave(self, *_: Any) -> None:
        self.left = time.thread_time()


def widened(pipe: Any) -> torch.nn.Module:
    """The pipeline's denoiser replaced by one of more layers (transformers) or channels (UNets)."""
    name = "unet" if hasattr(pipe, "unet") else "transformer"
    small = getattr(pipe, name)
    config = dict(small.config)
    config |= {key: 4 * config[key] for key in LAYERS if key in config}
    if name == "unet":
        config["block_out_channels"] = tuple(3 * c for c in config["block_out_channels"])
    torch.manual_seed(0)
    setattr(pipe, name, type(small).from_config(config).eval())
    return getattr(pipe, name)


def measured(family: str, pairs: int) -> dict[str, float]:
    pipe = tiny.FAMILIES[family]()
    clock = Clock(widened(pipe))
    shape = tiny.arguments(family, STEPS)["image"].shape
    grey = np.linspace(0, M, tiny.CELLS**2).astype(np.uint16).reshape(tiny.CELLS, tiny.CELLS)

    def plain(seed: int) -> None:
        arguments = tiny.arguments(family, STEPS, seed)
        if family in tiny.FROM_LATENTS:  # no image-to-image of its own: the same steps from the latents as they are
            arguments["latents"] = arguments.pop("image")
            side = tiny.CELLS * tiny.PIXELS[family]
            pipe(**arguments, height=side, width=side)
        else:
            pipe(**arguments, strength=1.0)

    def steered(seed: int, strength: int = 1000) -> None:
        with steer(pipe, Differential(ChangeMap(grey, strength))) as run:
            run(**tiny.arguments(family, STEPS, seed))

    def passed(run: Callable[[int], None], seed: int) -> tuple[float, float, float]:
        """Seconds of a whole pass, of a step outside the denoiser, of what is before the first step and after all."""
        clock.reset()
        start = time.thread_time()
        run(seed)
        whole = time.thread_time() - start
        return whole, clock.between / (STEPS - 1), whole - (clock.left - clock.first)

    plain(0)
    steered(0)
    ours, theirs = [], []
    for seed in range(pairs):
        # In turn, and each first as often as the other.
        for run, into in [(plain, theirs), (steered, ours)][:: 1 if seed % 2 else -1]:
            into.append(passed(run, seed))
    clock.reset()
    plain(0)
    all_calls = clock.calls
    made = {}
    for share in (250, 500, 750):
        clock.reset()
        steered(0, share)
        made[f"steps at {share / 1000:g}"] = STEPS * clock.calls / all_calls
    pairs_of = list(zip(ours, theirs, strict=True))
    return {
        "latents": float(shape.numel()),
        "plain ms/step": 1e3 * statistics.median(whole for whole, *_ in theirs) / STEPS,
        "steered / plain": statistics.median(a[0] / b[0] for a, b in pairs_of),
        "us/step added": 1e6 * statistics.median(a[1] - b[1] for a, b in pairs_of),
        "ms/pass added": 1e3 * statistics.median(a[2] - b[2] for a, b in pairs_of),
        **made,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("families", nargs="*", default=list(tiny.FAMILIES))
    parser.add_argument("--cells", type=int, default=64, help="latent rows and columns")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    tiny.CELLS = options.cells
    results = {}
    for family in options.families:
        results[family] = row = measured(family, options.pairs)
        if not options.json:
            if len(results) == 1:
                print(f"{'family':10}" + "".join(f"{name:>17}" for name in row), f"   of {STEPS} steps")
            print(f"{family:10}" + "".join(f"{value:17.4g}" for value in row.values()), flush=True)
    if options.json:
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
