"""Writes Sketchbook as an ordinary diffusers folder: ``python -m sfumato.models.sketchbook.assemble``.

Without checkpoints the networks keep their random start, which is enough to test everything around them. Siblings that
are trained are written beside it, without what they share with it, and so is the attribute classifier.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfumato.errors import InputError
from sfumato.models.curve import FILE as CURVE

from . import CLASSIFIER, FEW_STEPS, FLOW, WEIGHTS
from .command import answer, writable
from .networks import (
    make_flow_scheduler,
    make_scheduler,
    make_text_encoder,
    make_transformer,
    make_unet,
    make_vae,
)
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


MODEL = "model_index.json"  # what a folder has that is a model


@contextmanager
def _swapped_in(target: Path) -> Iterator[Path]:
    """A new folder that takes the place of ``target`` when it is written, so that a reader never sees half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".weights-") as temporary:
        fresh = Path(temporary) / "new"
        fresh.mkdir()
        yield fresh
        for file in fresh.rglob("*.safetensors"):
            file.chmod(0o644)  # written for the owner only
        for name in ("README.md", CURVE):  # a curve knows which weights it is of
            if (target / name).exists():
                shutil.copy(target / name, fresh / name)
        if target.exists():
            target.rename(Path(temporary) / "old")
        fresh.rename(target)


def _checkpoint(trained: Path, stage: str) -> dict[str, Any]:
    from .training_run import read

    return read(trained / f"{stage}.pt")


def _filled(network: Any, trained: Path, stage: str, name: str) -> dict[str, Any]:
    """The network with what that stage's checkpoint holds under the name; gives all of the checkpoint."""
    from .training_run import fill

    state = _checkpoint(trained, stage)
    fill(network, state, name, trained / f"{stage}.pt")
    return state


def assemble(target: Path, trained: Path | None) -> None:
    """The folder of what lies in ``trained``, the checkpoints of the first three stages; None: random networks."""
    import torch
    from diffusers import StableDiffusionPipeline

    torch.manual_seed(0)
    vae, unet, text_encoder = make_vae(), make_unet(), make_text_encoder()
    if trained is not None:
        state = _filled(vae, trained, "vae", "ema")
        fold_whitening(vae, state["mean"], state["std"])
        _filled(text_encoder, trained, "text", "text")
        _filled(unet, trained, "denoiser", "ema_unet")
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
    with _swapped_in(target) as fresh:
        pipeline.save_pretrained(fresh, safe_serialization=True)
        save_tokenizer(fresh / "tokenizer")


def assemble_few_steps(target: Path, trained: Path) -> None:
    """The sibling for few steps: the low-rank change alone, as diffusers reads it."""
    from diffusers import StableDiffusionPipeline

    lora = {name: value.half() for name, value in _checkpoint(trained, "few_steps")["lora"].items()}
    with _swapped_in(target) as fresh:
        # In the place of a denoiser, which is what it is one with.
        StableDiffusionPipeline.save_lora_weights(fresh / "unet", unet_lora_layers=lora)


def assemble_flow(target: Path, trained: Path) -> None:
    """The flow sibling: its transformer and its scheduler."""
    transformer = make_transformer()
    _filled(transformer, trained, "flow", "ema_transformer")
    with _swapped_in(target) as fresh:
        transformer.half().save_pretrained(fresh / "transformer")
        make_flow_scheduler().save_pretrained(fresh / "scheduler")


def assemble_classifier(target: Path, trained: Path) -> None:
    """The attribute classifier, as `classifier.load_classifier` reads it."""
    from .classifier import Classifier, save_classifier

    network = Classifier()
    _filled(network, trained, "classifier", "network")
    with _swapped_in(target) as fresh:
        save_classifier(network, fresh)


def run(target: Path, trained: Path | None) -> None:
    """The model, and those of its siblings whose checkpoints are there."""
    writable(target.parent, "--out")
    if target.exists() and not (target / MODEL).is_file() and (target.is_file() or any(target.iterdir())):
        sentence = f"--out {target} holds something else than a model, which would be lost. Name another folder."
        raise InputError("not_a_model", sentence)
    assemble(target, trained)
    beside = {
        "few_steps": (FEW_STEPS.name, assemble_few_steps),
        "flow": (FLOW.name, assemble_flow),
        "classifier": (CLASSIFIER.name, assemble_classifier),
    }
    for stage, (name, write) in beside.items():
        if trained and (trained / f"{stage}.pt").exists():
            write(target.parent / name, trained)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sfumato.models.sketchbook.assemble", description=__doc__)
    parser.add_argument("--trained", type=Path, help="folder with the checkpoints of all stages (default: random)")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="its folder; the others go beside it")
    parsed = parser.parse_args(arguments)
    if parsed.trained is None and parsed.out == WEIGHTS:
        parser.error("random networks are not written over the model: name --trained, or another --out")
    return answer(lambda: run(parsed.out, parsed.trained))


if __name__ == "__main__":
    raise SystemExit(main())
