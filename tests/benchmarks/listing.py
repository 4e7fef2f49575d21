"""How long a list of many models takes: `python tests/benchmarks/listing.py [FILES]`. Prints; asserts nothing.

Files have the headers of real checkpoints (about 2,500 tensors, 400 kB), and no contents on disk.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import tempfile
import time
from pathlib import Path

from sfumato.models.listing import listing
from sfumato.models.places import Place

FIRST = {"model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3)}
CROSS = "model.diffusion_model.{0}.1.transformer_blocks.{1}.attn2.to_k.weight"


def header(tensors: int = 2500) -> bytes:
    at, described = 0, {}
    names = dict(FIRST) | {CROSS.format(f"input_blocks.{4 + i // 10}", i % 10): (640, 2048) for i in range(tensors - 1)}
    for name, shape in names.items():
        size = 2
        for side in shape:
            size *= side
        described[name.ljust(96, "_") if name not in FIRST else name] = {
            "dtype": "F16",
            "shape": shape,
            "data_offsets": (at, at + size),
        }
        at += size
    text = json.dumps(described, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + struct.pack("<Q", at)


def main(count: int) -> None:
    content = header()
    content, size = content[:-8], struct.unpack("<Q", content[-8:])[0]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SFUMATO_HOME"] = f"{folder}/home"
        for number in range(count):
            with Path(folder, f"model {number:04}.safetensors").open("wb") as file:
                file.write(content)
                file.truncate(len(content) + size)
        machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        print(f"{count} files, headers of {len(content):,} bytes, on {machine}")
        for what in ("first", "again"):
            start, cpu, shown = time.perf_counter(), time.process_time(), 0.0
            rows = 0
            for _ in listing(where=[Place(Path(folder), "folder")]):
                rows += 1
                shown = shown or time.perf_counter() - start
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
            print(f"{what}: {rows} rows, {seconds:.2f} s, of one core {cpu:.2f} s; the first after {shown:.3f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
