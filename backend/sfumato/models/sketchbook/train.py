"""Trains Sketchbook from nothing: ``python -m sfumato.models.sketchbook.train --stage vae --minutes 30 --out DIR``.

Two stages, ``vae`` then ``denoiser``; each resumes from its checkpoint in DIR and stops after that many minutes of
training in all. Pictures are painted first and kept in ``--data``. Then run ``assemble``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from .parallel import start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=("vae", "denoiser"), required=True)
    parser.add_argument("--minutes", type=float, required=True, help="training time in all, painting not included")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument("--data", type=Path, help="folder for painted pictures and latents (default: OUT/data)")
    parser.add_argument("--pictures", type=int, default=4000, help="scenes to paint")
    parser.add_argument("--batch", type=int, default=16, help="pictures per step and process")
    parser.add_argument("--crop", type=int, default=96, help="side of the autoencoder's training crops")
    parser.add_argument("--rate", type=float, help="peak learning rate")
    parser.add_argument("--workers", type=int, default=1, help="processes; on a CPU one per core")
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.backends.cudnn.benchmark = True
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = arguments.data or arguments.out / "data"
    arguments.out.mkdir(parents=True, exist_ok=True)
    meeting = arguments.out.resolve() / "meeting"
    if arguments.stage == "vae":
        from .train_vae import train_vae

        start(
            arguments.workers,
            meeting,
            train_vae,
            arguments.out,
            data,
            arguments.minutes,
            arguments.pictures,
            arguments.batch,
            arguments.crop,
            arguments.rate or 2e-3,
            device,
        )
    else:
        from .train_denoiser import train_denoiser

        start(
            arguments.workers,
            meeting,
            train_denoiser,
            arguments.out,
            data,
            arguments.minutes,
            arguments.pictures,
            arguments.batch,
            arguments.rate or 8e-4,
            device,
        )


if __name__ == "__main__":
    main()
