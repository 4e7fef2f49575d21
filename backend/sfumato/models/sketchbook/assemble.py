"""Writes Sketchbook as an ordinary diffusers folder: ``python -m sfumato.models.sketchbook.assemble``.

Without checkpoints the networks keep their random start, which is enough to test everything around them.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sfumato.models.curve import FILE as CURVE

from . import WEIGHTS
from .networks import make_scheduler, make_text_encoder, make_unet, make_vae
from .tokenizer import make_tokenizer, save_tokenizer

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderKL


def fold_whitening(vae: AutoencoderKL, mean: torch.Tensor, std: torch.Tensor) -> None:
    """Make the latents zero-mean and unit-variance per channel by rewriting the two 1x1 convolutions.

    The encoder then gives (z - mean) / std and the decoder takes it back, so ``scaling_factor`` is simply 1.
    """
    import torch

    with torch.no_grad():
        quant, post = vae.quant_conv, vae.post_quant_conv
        channels = mean.numel()
        scale = torch.cat([1 / std, torch.ones_like(std)])
        quant.weight.mul_(scale.view(-1, 1, 1, 1))
        quant.bias.mul_(scale)
        quant.bias[:channels].sub_(mean / std)
        quant.bias[channels:].sub_(2 * std.log())  # log-variance of the scaled latent
        post.bias.add_(torch.einsum("oi,i->o", post.weight[:, :, 0, 0], mean))
        post.weight.mul_(std.view(1, -1, 1, 1))


def assemble(target: Path, trained: Path | None) -> None:
    """The folder of what lies in ``trained``, the checkpoints of all stages; None: random networks.

    Written beside ``target`` first and then swapped in, so that a reader never sees half of it.
    """
    import torch
    from diffusers import StableDiffusionPipeline

    torch.manual_seed(0)
    vae, unet, text_encoder = make_vae(), make_unet(), make_text_encoder()
    if trained is not None:
        state = {
            name: torch.load(trained / f"{name}.pt", "cpu", weights_only=True) for name in ("vae", "text", "denoiser")
        }
        vae.load_state_dict(state["vae"]["ema"])
        fold_whitening(vae, state["vae"]["mean"], state["vae"]["std"])
        text_encoder.load_state_dict(state["text"]["text"])
        unet.load_state_dict(state["denoiser"]["ema_unet"])
    pipeline = StableDiffusionPipeline(
        vae=vae.half(),
        text_encoder=text_encoder.half(),
        tokenizer=make_tokenizer(),
        unet=unet.half(),
        scheduler=make_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".weights-") as temporary:
        fresh = Path(temporary) / "new"
        pipeline.save_pretrained(fresh, safe_serialization=True)
        save_tokenizer(fresh / "tokenizer")
        for file in fresh.rglob("*.safetensors"):
            file.chmod(0o644)  # written for the owner only
        for name in ("README.md", CURVE):  # a curve knows which weights it is of
            if (target / name).exists():
                shutil.copy(target / name, fresh / name)
        if target.exists():
            target.rename(Path(temporary) / "old")
        fresh.rename(target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trained", type=Path, help="folder with the checkpoints of all stages (default: random)")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    assemble(arguments.out, arguments.trained)


if __name__ == "__main__":
    main()
