"""A VAE from its own file or folder, as a model of some family works with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, AutoencoderKLFlux2, AutoencoderKLQwenImage

from sfumato.models import checkpoints
from sfumato.models.beside import kin
from sfumato.models.listing import Row
from sfumato.models.loading import SAFE
from sfumato.models.opened import opened
from sfumato.models.vaes import SAME

CLASSES: dict[str, Any] = {"flux2": AutoencoderKLFlux2, "qwen-image": AutoencoderKLQwenImage}


def load_vae(row: Row, family: str, dtype: torch.dtype) -> Any:
    """The VAE of a row that `vaes.check_fits` lets pass, on the CPU, in `dtype`; in float32 where it is said to
    overflow in half precision. Raises as `opened` does."""

    cls = CLASSES.get(family, AutoencoderKL)
    usual = next(iter(sorted(checkpoints.CONFIGS.glob(f"{SAME.get(family, family)}*/vae"))), Path())

    def make() -> Any:
        if row.layout == "folder":
            vae = cls.from_pretrained(row.path, torch_dtype=dtype, variant=row.saved_as or None, **SAFE)
        else:
            vae = cls.from_single_file(row.path, config=str(usual), torch_dtype=dtype, local_files_only=True)
        if cls is AutoencoderKL:
            _as_usual(vae, usual)
        return vae

    vae = opened(row, f"a VAE for {kin(family)}", make)
    return vae.to(torch.float32) if vae.config.get("force_upcast") else vae


def _as_usual(vae: Any, folder: Path) -> None:
    """Whatever it says itself, the denoiser learned to read latents at the scale of its family. Raises ValueError where
    it is not built as those of the family are."""
    with torch.device("meta"):
        config = type(vae).from_config(type(vae).load_config(folder)).config
    its, theirs = ((of.latent_channels, len(of.block_out_channels)) for of in (vae.config, config))
    if its != theirs:
        raise ValueError("it is of another build")
    vae.register_to_config(scaling_factor=config.scaling_factor, shift_factor=config.shift_factor)
