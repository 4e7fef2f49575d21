"""What a painter waits for, as ratios from one run: `python tests/benchmarks/speed.py [--json]`.

Nothing here is asserted: machines differ. Every ratio's two sides are measured in turn, in this process.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
from sfumato import models
from sfumato.change_map import ChangeMap
from sfumato.edits import Differential
from sfumato.models.sketchbook.paint import paint
from sfumato.models.sketchbook.scene import Scene
from sfumato.steering import steer
from sfumato.studio import Studio
from sfumato.studio.picture import encode
from sfumato_wire import Box, Pixels, Request, crop_box, digest_of

STEPS = 20
NATIVE = 256


def job(side: int, stroke: Box, seed: int = 0, tint: int = 0) -> tuple[Request, bytes, bytes]:
    """What the plugin would send for a white stroke on a square canvas: the crop and the stroke. tint: another
    canvas for the caches."""
    box = crop_box(stroke, side, side, NATIVE)
    canvas = np.dstack([paint(Scene(season="summer"), (box.height, box.width)), np.full((box.height, box.width), 255)])
    canvas = canvas.astype(np.uint8)
    canvas[0, 0, 0] = tint
    grey = np.full((stroke.height, stroke.width), 65535, "<u2").tobytes()
    request = Request(
        model="sketchbook",
        edit="differential",
        prompt="a snowy winter meadow with a house",
        width=side,
        height=side,
        canvas=Pixels(box.x, box.y, box.width, box.height, "rgba8", digest_of(canvas.tobytes())),
        change_map=Pixels(stroke.x, stroke.y, stroke.width, stroke.height, "gray16", digest_of(grey)),
        seed=seed,
        steps=STEPS,
    )
    return request, canvas.tobytes(), grey


def seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def pairs(one: Callable[[int], Any], other: Callable[[int], Any], times: int) -> tuple[float, float, float]:
    """Medians of both and the median of the ratios other / one, measured alternately."""
    a, b = [], []
    for i in range(times):
        a.append(seconds(lambda i=i: one(i)))
        b.append(seconds(lambda i=i: other(i)))
    ratios = [y / x for x, y in zip(a, b, strict=True)]
    return statistics.median(a), statistics.median(b), statistics.median(ratios)


def steered_against_plain(studio: Studio) -> tuple[float, float, float]:
    """Same steps, same inputs, latents in and out: a white map under steering and the pipeline's own img2img."""
    pipe = studio.pipe(models.find("sketchbook"))
    image = torch.from_numpy(paint(Scene(), NATIVE)).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.inference_mode():
        latents = encode(pipe, image)
        embeddings = pipe.encode_prompt("winter", pipe.device, 1, True, negative_prompt="")
    common = {"image": latents, "prompt_embeds": embeddings[0], "negative_prompt_embeds": embeddings[1]}
    common |= {"num_inference_steps": STEPS, "output_type": "latent"}
    ramp = np.tile(np.linspace(0, 65535, NATIVE).astype(np.uint16), (NATIVE, 1))

    def plain(i: int) -> None:
        pipe(**common, strength=1.0, generator=torch.Generator().manual_seed(i))

    def steered(i: int) -> None:
        with steer(pipe, Differential(ChangeMap(ramp), "fractional")) as run:
            run(**common, generator=torch.Generator().manual_seed(i))

    plain(0)
    return pairs(plain, steered, 7)


def start_of_the_backend() -> float:
    """Seconds from starting `sfumato serve` to its word that it is ready."""
    with tempfile.TemporaryDirectory() as home:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "sfumato", "serve", "--port", "0"],
            env={**os.environ, "SFUMATO_HOME": home},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if "ready" in line.lower():
                break
        elapsed = time.perf_counter() - start
        process.terminate()
        process.wait()
        return elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures: dict[str, float] = {"threads": torch.get_num_threads()}
    figures["backend start to ready, s"] = start_of_the_backend()
    studio = Studio("cpu")
    figures["load the model, s"] = seconds(studio.warm_up)

    native = [seconds(lambda i=i: studio.run(*job(NATIVE, Box(0, 0, NATIVE, NATIVE), i, i))) for i in range(6)]
    figures[f"request to layer, {NATIVE} x {NATIVE}, {STEPS} steps, new canvas, s"] = statistics.median(native[1:])
    again = [seconds(lambda i=i: studio.run(*job(NATIVE, Box(0, 0, NATIVE, NATIVE), i))) for i in range(5)]
    figures["the same canvas again, another seed, s"] = statistics.median(again[1:])

    plain, steered, ratio = steered_against_plain(studio)
    figures |= {"plain img2img, s": plain, "steered, s": steered, "steered / plain": ratio}

    side = 1024
    stroke = Box(350, 350, 324, 324)  # 10 % of 1024 x 1024
    full, tenth, ratio = pairs(
        lambda i: studio.run(*job(side, Box(0, 0, side, side), i, i)),
        lambda i: studio.run(*job(side, stroke, i, i)),
        3,
    )
    figures |= {"1024 x 1024 painted all over, s": full, "a tenth of it, s": tenth, "tenth / all": ratio}

    small, large, ratio = pairs(
        lambda i: studio.run(*job(1024, stroke, i, i)), lambda i: studio.run(*job(8192, stroke, i, i)), 3
    )
    figures |= {"the stroke on 1k, s": small, "on 8k, s": large, "8k / 1k": ratio}
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:60} {value:8.3f}")


if __name__ == "__main__":
    main()
