"""Files of the size that real checkpoints have, loaded as a user's are:
`python tests/benchmarks/real_size.py --folder FOLDER --family sd15|sdxl|flux-1+1`. Prints; asserts nothing.

One file of random numbers in half precision, in the original layout, is written into FOLDER (2 GB for sd15, 7 GB for
sdxl), found by the listing, opened with the configurations that ship and without a hub, compared tensor by tensor with
what was opened, and removed again. flux-1+1 is Flux as wide as the real one with one double and one single block and
one layer of T5, so its configuration is the one that ships but for these three numbers; it is painted with, too. Peaks
of memory are the process's own, pages of the file that are mapped into it included: opening maps them, the first use
reads them. For Linux.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import shutil
import struct
import sys
import tempfile
import time
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1]))

import diffusers
import numpy as np
import torch
import transformers
from jobs import job
from models import original
from safetensors import safe_open
from sfumato.models import checkpoints, families
from sfumato.models.ladder import parts_of
from sfumato.models.listing import Row, listing
from sfumato.models.places import add_folder
from sfumato.models.usable import as_model
from sfumato.studio import Studio

SCALE = 0.02  # of the random numbers: small enough that nothing overflows
SIDE = 64  # pixels of what is painted
# What ComfyUI's files of Flux have and no part of it reads.
SPARE = ("text_projection.weight", "logit_scale")


def write(file: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """The same few million random numbers over and over, each tensor beginning at another."""
    at = 0
    header: dict[str, Any] = {}
    for name, shape in shapes.items():
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [at, at + 2 * prod(shape)]}
        at += 2 * prod(shape)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    torch.manual_seed(0)
    block = memoryview((torch.randn(2**21) * SCALE).half().numpy().tobytes())
    with file.open("wb") as opened:
        opened.write(struct.pack("<Q", len(text)) + text)
        for number, shape in enumerate(shapes.values()):
            start, left = 2 * (1009 * number % 2**21), 2 * prod(shape)
            while left:
                piece = block[start : start + left]
                left -= opened.write(piece)
                start = 0


def shallow(folder: Path) -> Path:
    """The configuration of Flux with one layer of each kind, where the others are looked for."""
    for tokenizer in ("clip", "t5"):
        shutil.copytree(checkpoints.CONFIGS / tokenizer, folder / tokenizer)
    mine = Path(shutil.copytree(checkpoints.CONFIGS / "flux-schnell", folder / "flux-schnell"))
    for part, layers in (("transformer", ("num_layers", "num_single_layers")), ("text_encoder_2", ("num_layers",))):
        config = mine / part / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | dict.fromkeys(layers, 1)))
    checkpoints.CONFIGS = folder
    return mine


def peak() -> str:
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9:.2f} GB"


def compared(file: Path, pipe: Any) -> str:
    """Which tensors of a file became which weights, by the way back from the model."""
    back = original.whole(pipe)
    same, other = 0, []
    with safe_open(file, "pt") as stored:
        names = [name for name in stored.keys() if not name.endswith(SPARE) or not name.startswith("text_encoders.")]
        for name in names:
            found = back.pop(name, None)
            if found is not None and torch.equal(found.half(), stored.get_tensor(name)):
                same += 1
            else:
                other.append(name)
        spare = len(list(stored.keys())) - len(names)
    more = [name for name in back if not name.endswith(SPARE)]
    said = f"{same} of {len(names)} tensors are in the model, bit for bit, and {spare} are read by nothing"
    return f"{said}; not: {other[:3]}; not in the file: {more[:3]}" if other or more else said


def painted(row: Row) -> str:
    canvas = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 4), np.uint8)
    canvas[..., 3] = 255
    grey = np.tile(np.linspace(0, 65535, SIDE).astype(np.uint16), (SIDE, 1))
    asked = job(canvas, grey, model=row.id, prompt="a red boat", steps=1, seed=1)
    start = time.perf_counter()
    finished = Studio("cpu").run(*asked)
    seconds = time.perf_counter() - start
    if finished.layer is None:
        return "nothing was painted"
    layer = np.frombuffer(finished.data, np.uint8)
    return f"a layer of {finished.layer.box}, mean {layer.mean():.0f}, in {seconds:.1f} s with loading it in float32"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where there is room")
    parser.add_argument("--family", choices=("sd15", "sdxl", "flux-1+1"), default="sd15")
    options = parser.parse_args()
    for library in (diffusers, transformers):  # as models.load does
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    flux = options.family == "flux-1+1"
    print(f"{options.family} on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; before: peak {peak()}")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        os.environ["SFUMATO_HOME"] = f"{folder}/home"
        place = Path(folder, "models")
        place.mkdir()
        add_folder(place)
        if flux:
            families.FAMILIES["flux"] = replace(families.FAMILIES["flux"], native=SIDE)
        configuration = shallow(Path(folder, "configs")) if flux else checkpoints.CONFIGS / options.family
        tensors = original.whole(original.without_contents(configuration))
        file = place / "real size.safetensors"
        start = time.perf_counter()
        write(file, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
        print(f"written: {file.stat().st_size:,} bytes, {len(tensors)} tensors, {time.perf_counter() - start:.1f} s")

        start = time.perf_counter()
        (row,) = listing()
        model = as_model(row)
        print(
            f"listed: {model.info.name}, {row.family} {row.variant}, {time.perf_counter() - start:.3f} s, peak {peak()}"
        )
        start = time.perf_counter()
        pipe = checkpoints.open_checkpoint(row, torch.float16)
        print(f"opened in float16: {time.perf_counter() - start:.1f} s, peak {peak()}")
        start = time.perf_counter()
        with torch.inference_mode():
            finite = all(weight.sum().isfinite() for part in parts_of(pipe) for weight in part.parameters())
        print(f"every weight read: {time.perf_counter() - start:.1f} s, peak {peak()}, all finite: {finite}")
        print(f"compared: {compared(file, pipe)}")
        if flux:
            del pipe
            gc.collect()
            print(f"painted: {painted(row)}, peak {peak()}")


if __name__ == "__main__":
    main()
