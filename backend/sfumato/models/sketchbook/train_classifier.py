"""Trains the attribute classifier on painted scenes.

It must judge what a diffusion model and an autoencoder make, so half of every batch has been through that
autoencoder, and all of it is moved, softened, tinted and mixed a little: never so much that a season or a time of day
could be taken for another.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch.nn import functional as F

from .classifier import ATTRIBUTES, SIDE, Classifier, to_unit, visible
from .data import painted, scenes
from .latents import load_vae
from .lineage import begin, fingerprint
from .recipe import Recipe
from .scene import CHOICES, PLACES, Scene

BATCH, RATE = 48, 3e-3
SHARE = 3  # every third scene goes through the autoencoder as well
HIDDEN = -100  # the target of an attribute that cannot be seen; cross entropy leaves it out
MIRRORED = [PLACES.index({"left": "right", "middle": "middle", "right": "left"}[place]) for place in PLACES]


def judged_scenes(seed: int, count: int) -> list[Scene]:
    """Scenes that make sense, with every second one's attributes drawn evenly and independently.

    Else the network would learn what goes together instead of looking: a boat from water, no trees from sand.
    """
    rng = np.random.default_rng((11, seed))
    what = scenes(seed, count)
    for index in range(0, count, 2):
        free: dict[str, Any] = {name: options[int(rng.integers(len(options)))] for name, options in CHOICES.items()}
        what[index] = replace(what[index], **free, sun=bool(rng.random() < 0.5))
    return what


def targets(what: list[Scene]) -> dict[str, NDArray[np.int64]]:
    """Per attribute the index of every scene's option, or HIDDEN."""
    return {
        name: np.array([options.index(getattr(s, name)) if visible(name, s) else HIDDEN for s in what])
        for name, options in ATTRIBUTES.items()
    }


def round_trip(vae: AutoencoderKL, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What the autoencoder makes of pictures uint8 [n, h, w, 3]."""
    device, out = next(vae.parameters()).device, np.empty(pictures.shape, np.uint8)
    for start in range(0, len(pictures), 16):
        batch = (2 * to_unit(pictures[start : start + 16], device) - 1).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
            decoded = vae.decode(vae.encode(batch).latent_dist.mode()).sample.float()
        values = ((decoded + 1) * 127.5).round().clamp(0, 255).permute(0, 2, 3, 1)
        out[start : start + 16] = values.to(torch.uint8).cpu().numpy()
    return out


def disturb(x: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """What generated pictures do beside being soft: pictures [n, 3, 128, 128] in 0..1, each by its own amounts."""
    count = len(x)

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(count, *shape, generator=random).to(x)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(count, *shape, generator=random).to(x)

    top, left = (int(v) for v in torch.randint(0, 13, (2,), generator=random))
    x = F.pad(x, (6, 6, 6, 6), mode="replicate")[:, :, top : top + SIDE, left : left + SIDE]
    mixing = 0.25 * draw(1, 1, 1) * (draw(1, 1, 1) < 0.25)
    x = torch.lerp(x, x.roll(1, 0), mixing)
    soft = torch.randperm(count, generator=random)[: 2 * count // 5].to(x.device)
    blurred = F.avg_pool2d(F.avg_pool2d(x[soft], 3, 1, 1, count_include_pad=False), 3, 1, 1, count_include_pad=False)
    x[soft] = torch.lerp(x[soft], blurred, draw(1, 1, 1)[soft])
    blotches = F.interpolate(normal(3, 16, 16), (SIDE, SIDE), mode="bilinear")
    x = x + 0.03 * draw(1, 1, 1) * normal(3, SIDE, SIDE) + 0.03 * draw(1, 1, 1) * blotches
    gain = 1 + 0.06 * (2 * draw(1, 1, 1) - 1) + 0.03 * (2 * draw(3, 1, 1) - 1)
    return (0.5 + gain * (x - 0.5) + 0.02 * (2 * draw(1, 1, 1) - 1)).clamp(0, 1)


class Data:
    """Painted scenes and, of every third, the autoencoder's round trip, cached in ``folder``.

    seen_by: the autoencoder's fingerprint.
    """

    def __init__(self, folder: Path, vae: AutoencoderKL, seen_by: str, count: int, seed: int) -> None:
        what, name = judged_scenes(70 + seed, count), f"classifier_{seed}_{count}"
        self.painted = np.array(painted(folder / f"{name}.npy", what, (SIDE, SIDE)))
        file = folder / f"{name}_{seen_by}.npy"
        if not file.exists():
            np.save(file.with_suffix(".part.npy"), round_trip(vae, self.painted[::SHARE]))
            file.with_suffix(".part.npy").rename(file)
        self.decoded = np.load(file)
        self.targets = targets(what)

    def batch(self, random: np.random.Generator) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.int64]]]:
        """Half painted, half decoded, half of each seen in a mirror."""
        plain = random.integers(len(self.painted), size=BATCH // 2)
        soft = random.integers(len(self.decoded), size=BATCH // 2)
        pictures = np.concatenate([self.painted[plain], self.decoded[soft]])
        chosen = {name: values[np.concatenate([plain, SHARE * soft])] for name, values in self.targets.items()}
        pictures[::2] = pictures[::2, :, ::-1]
        place = chosen["place"][::2]
        chosen["place"][::2] = np.where(place == HIDDEN, HIDDEN, np.array(MIRRORED)[place.clip(0)])
        return pictures, chosen


def rate_at(step: int, recipe: Recipe) -> float:
    """Warm-up, then straight down for the last 70 %."""
    return RATE * min(1, (step + 1) / 100, (recipe.classifier_steps - step) / (0.7 * recipe.classifier_steps))


def train_classifier(out: Path, data: Path, recipe: Recipe, device: torch.device) -> None:
    """Until ``recipe.classifier_steps`` are done; resumes from ``out/classifier.pt``. Needs ``vae.pt``."""
    vae = load_vae(out / "vae.pt", device)
    source = Data(data, vae, fingerprint(out, "vae"), recipe.classifier_pictures, recipe.seed)
    torch.manual_seed(recipe.seed)
    network = Classifier().to(device).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=2e-2)
    run = begin("classifier", out, recipe, {"network": network, "optimizer": optimizer}, device)
    while run.goes_on:
        for group in optimizer.param_groups:
            group["lr"] = rate_at(run.step, recipe)
        # Drawn from the step's number alone, so that an interrupted training goes on as if it had not been.
        batch, wanted = source.batch(np.random.default_rng((recipe.seed, run.step)))
        x = disturb(to_unit(batch, device), torch.Generator().manual_seed(recipe.seed * 10**6 + run.step))
        with torch.autocast(device.type, torch.bfloat16):
            scores = network(x.contiguous(memory_format=torch.channels_last))
        loss = sum(
            (F.cross_entropy(scores[n], torch.from_numpy(wanted[n]).to(device)) for n in ATTRIBUTES), x.new_zeros(())
        ) / len(ATTRIBUTES)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        run.done(loss.item(), SIDE * SIDE)
    network.eval()
    measure_scales(network, source.painted[: 4 * BATCH])
    run.finish()


def measure_scales(network: Classifier, pictures: NDArray[np.uint8]) -> None:
    """Makes the perceptual distance of a picture to the next, an unrelated one, 1 on average at every stage."""
    network.scales.fill_(1)
    found = network.differences(pictures, np.roll(pictures, 1, axis=0))
    network.scales.copy_(torch.stack([stage.mean() for stage in found]))
