"""Tensors by which files are told apart: real names and shapes, a handful of each, without contents."""

from __future__ import annotations

import json
import struct
from math import prod
from pathlib import Path
from typing import Any

from sfumato.models.header import BITS, Tensors

UNET = "model.diffusion_model."
CROSS = "1.transformer_blocks.0.attn2.to_k.weight"
CLIP = "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight"
OPEN_CLIP = "cond_stage_model.model.token_embedding.weight"
XL_FIRST = "conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight"
XL_SECOND = "conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias"
REFINER = "conditioner.embedders.0.model.transformer.resblocks.9.mlp.c_proj.bias"
VAE = "first_stage_model.decoder.conv_in.weight"

Shapes = dict[str, tuple[int, ...]]


def unet(width: int, channels: int = 4, more: Shapes | None = None, block: int = 2) -> Shapes:
    """The original layout of Stable Diffusion's UNet; width: of the words that it reads."""
    return {
        f"{UNET}input_blocks.0.0.weight": (320, channels, 3, 3),
        f"{UNET}input_blocks.{block}.{CROSS}": (640, width),
        f"{UNET}output_blocks.11.0.skip_connection.weight": (320, 640, 1, 1),
        VAE: (512, 4, 3, 3),
        **(more or {}),
    }


SD15 = unet(768, more={CLIP: (77, 768)}, block=1)
SD2 = unet(1024, more={OPEN_CLIP: (49408, 1024)})
LABEL = {f"{UNET}label_emb.0.0.weight": (1280, 2816)}
SDXL = unet(2048, more={XL_FIRST: (77, 768), XL_SECOND: (1280,), **LABEL}, block=4)
REFINER_XL = unet(1280, more={REFINER: (1280,), **LABEL}, block=4)


def sd3(width: int, positions: int, depth: int) -> Shapes:
    blocks = {f"{UNET}joint_blocks.{i}.x_block.mlp.fc1.weight": (4 * width, width) for i in range(depth)}
    return {
        f"{UNET}joint_blocks.0.context_block.adaLN_modulation.1.bias": (6 * width,),
        f"{UNET}pos_embed": (1, positions, width),
        **blocks,
    }


def flux(channels: int = 64, guided: bool = True, prefix: str = "") -> Shapes:
    guidance = {"guidance_in.in_layer.bias": (3072,)} if guided else {}
    tensors: Shapes = {
        "img_in.weight": (3072, channels),
        "vector_in.in_layer.weight": (3072, 768),
        "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
        **guidance,
    }
    return {prefix + name: shape for name, shape in tensors.items()}


FLUX2: Shapes = {
    "img_in.weight": (3072, 128),
    "single_stream_modulation.lin.weight": (9216, 3072),
    "double_stream_modulation_img.lin.weight": (18432, 3072),
    "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
}
Z_IMAGE: Shapes = {
    "layers.0.adaLN_modulation.0.weight": (15360, 256),
    "x_embedder.weight": (3840, 64),
    "cap_embedder.0.weight": (2560,),
}
QWEN: Shapes = {
    "transformer_blocks.0.attn.add_q_proj.weight": (3072, 3072),
    "txt_norm.weight": (3584,),
    "img_in.weight": (3072, 64),
}


def tensors_of(shapes: Shapes, dtype: str = "F16") -> Tensors:
    return {name: (dtype, shape) for name, shape in shapes.items()}


def write(file: Path, shapes: Shapes, notes: dict[str, str] | None = None, dtype: str = "F16") -> Path:
    """A file with these tensors, all of them zeros that take no room on disk."""
    at = 0
    header: dict[str, Any] = {"__metadata__": notes} if notes else {}
    for name, shape in shapes.items():
        size = prod(shape) * BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as opened:
        opened.write(struct.pack("<Q", len(text)) + text)
        opened.truncate(8 + len(text) + at)
    return file
