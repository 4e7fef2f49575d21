"""Parts from files of their own, as a model of some family works with them: VAEs and text encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from diffusers import AutoencoderKL, AutoencoderKLFlux2, AutoencoderKLQwenImage
from safetensors.torch import load_file

from sfumato.models.beside import kin
from sfumato.models.listing import Row
from sfumato.models.loading import SAFE
from sfumato.models.opened import opened

VAES: dict[str, Any] = {"flux2": AutoencoderKLFlux2, "qwen-image": AutoencoderKLQwenImage}


def load_vae(row: Row, family: str, usual: Path, dtype: torch.dtype) -> Any:
    """The VAE of a row that `vaes.check_fits` lets pass, on the CPU, in `dtype`; in float32 where it is said to
    overflow in half precision. usual: the folder with the configuration of the family's. Raises as `opened` does."""
    cls = VAES.get(family, AutoencoderKL)

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


def load_text_encoder(row: Row, family: str, kind: str, usual: Path, dtype: torch.dtype) -> Any:
    """The text encoder of a single file, on the CPU, in `dtype`. kind: its class in transformers. usual: the folder
    with its configuration in that family. Raises as `opened` does."""
    cls = getattr(transformers, kind)

    def make() -> Any:
        config, state = cls.config_class.from_pretrained(usual, local_files_only=True), load_file(row.path)
        if (family, row.variant) == ("sd3", "CLIP-L"):  # what it was trained on is not projected
            state["text_projection.weight"] = torch.eye(config.hidden_size)
        encoder, said = cls.from_pretrained(
            None, config=config, state_dict=state, dtype=dtype, output_loading_info=True
        )
        if said["missing_keys"]:
            raise ValueError("it lacks some of its weights")
        return encoder

    return opened(row, f"a text encoder for {kin(family)}", make, "another version of it")
