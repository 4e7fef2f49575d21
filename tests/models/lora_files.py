"""LoRAs as people have them: kohya's format by its names, diffusers' by its own save."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from models import original
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import Tensor

RANK, ALPHA = 2, 4.0
# What training tools note as the family; tiny layers do not tell it.
NOTES = {"sd15": "sd_v1", "sd2": "sd_v2", "sdxl": "sdxl_base_v1-0", "sd3": "sd3", "flux": "flux1"}
NOTES |= {name: name for name in ("z-image", "qwen-image", "flux2")}
IN_UNET = re.compile(r"attn\d\.to_(q|k|v|out\.0)$|ff\.net\.(0\.proj|2)$|proj_(in|out)$")
IN_WORDS = re.compile(r"self_attn\.(q|k|v|out)_proj$|mlp\.fc\d$")
IN_TRANSFORMER = ["to_q", "to_k", "to_v", "to_out.0"]
ATTENTION = re.compile(r"attn\.(to_[qkv]|to_out\.0)$")

Pairs = dict[str, tuple[Tensor, Tensor]]


def pair(weight: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Down and up for a weight; those of convolutions are convolutions."""
    generator = torch.Generator().manual_seed(seed)
    down = torch.randn(RANK, *weight.shape[1:], generator=generator)
    up = torch.randn(weight.shape[0], RANK, *[1] * (weight.ndim - 2), generator=generator)
    return down, up


def change(down: Tensor, up: Tensor, alpha: float = ALPHA) -> Tensor:
    """What is added to the weight."""
    flat = up.flatten(1) @ down.flatten(1) * (alpha / RANK)
    return flat.reshape(up.shape[0], *down.shape[1:])


def kohya(file: Path, pipe: Any, family: str, seed: int = 0, part: str = "", dtype: Any = torch.float32) -> dict:
    """Writes one for the UNet and the text encoders ("unet" or "te": only these). Gives the changes by component and
    layer."""
    layers = {}
    if part != "te":
        names = {name: name for name in pipe.unet.state_dict()}
        if family == "sdxl":  # whose names are its authors'
            names = dict(zip(pipe.unet.state_dict(), original.unet(pipe.unet), strict=True))
        for name, theirs in names.items():
            if IN_UNET.search(name.removesuffix(".weight")):
                layers["unet", name.removesuffix(".weight")] = f"lora_unet_{theirs.removesuffix('.weight')}"
    if part != "unet":
        for component, prefix in words_of(pipe, family).items():
            for name, _ in getattr(pipe, component).named_modules():
                if IN_WORDS.search(name):
                    layers[component, name] = f"{prefix}_text_model_{name.removeprefix('text_model.')}"
    tensors, changes = {}, {}
    for number, ((component, name), theirs) in enumerate(layers.items()):
        down, up = pair(getattr(pipe, component).get_submodule(name).weight, seed + number)
        key = theirs.replace(".", "_")
        tensors |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.alpha": torch.tensor(ALPHA)}
        changes[component, name] = change(down.to(dtype).float(), up.to(dtype).float())
    write(file, tensors, family, dtype)
    return changes


def words_of(pipe: Any, family: str) -> dict[str, str]:
    if family == "sdxl":
        return {"text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}
    return {"text_encoder": "lora_te"}


def kohya_flux(file: Path, pipe: Any, seed: int = 0) -> dict:
    """Flux's queries, keys and values are one layer to its authors."""
    weights, changes, tensors = pipe.transformer.state_dict(), {}, {}
    ours = [f"transformer_blocks.0.attn.to_{letter}" for letter in "qkv"]
    theirs = {
        "double_blocks_0_img_attn_qkv": ours,
        "double_blocks_0_img_mod_lin": ["transformer_blocks.0.norm1.linear"],
    }
    theirs |= {"single_blocks_0_modulation_lin": ["single_transformer_blocks.0.norm.linear"]}
    for number, (name, layers) in enumerate(theirs.items()):
        down, up = pair(torch.cat([weights[f"{layer}.weight"] for layer in layers]), seed + number)
        key = f"lora_unet_{name}"
        tensors |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.alpha": torch.tensor(ALPHA)}
        for layer, rows in zip(layers, up.chunk(len(layers)), strict=True):
            changes["transformer", layer] = change(down, rows)
    write(file, tensors, "flux")
    return changes


def kohya_sd3(file: Path, pipe: Any, seed: int = 0) -> dict[str, Tensor]:
    """By its authors' names, all layers of the blocks and some outside. Gives the changes by those names."""
    changes, tensors = {}, {}
    for number, (name, weight) in enumerate(original.sd3(pipe.transformer).items()):
        if name.endswith(".weight") and re.search(r"joint_blocks|final_layer|_embedder", name):
            down, up = pair(weight, seed + number)
            key = f"lora_unet_{name.removesuffix('.weight').replace('.', '_')}"
            tensors |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up}
            tensors[f"{key}.alpha"] = torch.tensor(ALPHA)
            changes[name] = change(down, up)
    for number, component in enumerate(("text_encoder", "text_encoder_2"), 1):
        part = getattr(pipe, component)
        down, up = pair(part.get_submodule("text_model.encoder.layers.1.mlp.fc1").weight, seed)
        key = f"lora_te{number}_text_model_encoder_layers_1_mlp_fc1"
        tensors |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up}  # alpha is the rank
        changes[component] = change(down, up, RANK)
    write(file, tensors, "sd3")
    return changes


def of_diffusers(folder: Path, pipe: Any, family: str, seed: int = 0) -> dict:
    """Saves one with diffusers, made by peft on a copy of the denoiser and, where one may have
    changes, the text encoder."""
    torch.manual_seed(seed)
    name = "unet" if hasattr(pipe, "unet") else "transformer"
    targets = {name: IN_TRANSFORMER, "text_encoder": ["q_proj", "v_proj"]}
    targets = {part: layers for part, layers in targets.items() if part in pipe._lora_loadable_modules}
    saved, changes = {}, {}
    for component, layers in targets.items():
        copy = type(part := getattr(pipe, component))
        copy = copy.from_config(part.config) if component == name else copy(part.config)
        copy.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, init_lora_weights=False, target_modules=layers))
        state = get_peft_model_state_dict(copy, adapter_name="default")
        saved[f"{component}_lora_layers"] = state
        for key, down in state.items():
            if key.endswith(".lora_A.weight"):
                up = state[key.replace("lora_A", "lora_B")]
                changes[component, key.removesuffix(".lora_A.weight")] = change(down, up, RANK)
    type(pipe).save_lora_weights(folder, **saved)
    file = folder / "pytorch_lora_weights.safetensors"
    write(file, load_file(file), family)
    return changes


def write(file: Path, tensors: dict[str, Tensor], family: str, dtype: Any = torch.float32) -> None:
    notes = {"ss_base_model_version": NOTES[family]}
    save_file({name: value.to(dtype).contiguous() for name, value in tensors.items()}, file, notes)
