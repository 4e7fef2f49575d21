"""LoRAs of kohya's format for Stable Diffusion 3, by diffusers' names: the one that diffusers does not translate."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
from torch import Tensor

BLOCK = re.compile(
    r"lora_unet_joint_blocks_(\d+)_(x|context)_block_(attn2?_qkv|attn2?_proj|mlp_fc[12]|adaLN_modulation_1)"
)
WORDS = re.compile(r"lora_te([12])_text_model_encoder_layers_(\d+)_(self_attn|mlp)_(\w+)")
# By what the model's authors call a layer; of queries, keys and values, which are one layer to them, all three.
IMAGE = {
    "attn_qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "attn_proj": ("attn.to_out.0",),
    "attn2_qkv": ("attn2.to_q", "attn2.to_k", "attn2.to_v"),
    "attn2_proj": ("attn2.to_out.0",),
    "mlp_fc1": ("ff.net.0.proj",),
    "mlp_fc2": ("ff.net.2",),
    "adaLN_modulation_1": ("norm1.linear",),
}
TEXT = {
    "attn_qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "attn_proj": ("attn.to_add_out",),
    "mlp_fc1": ("ff_context.net.0.proj",),
    "mlp_fc2": ("ff_context.net.2",),
    "adaLN_modulation_1": ("norm1_context.linear",),
}
REST = {
    "lora_unet_x_embedder_proj": "pos_embed.proj",
    "lora_unet_context_embedder": "context_embedder",
    "lora_unet_t_embedder_mlp_0": "time_text_embed.timestep_embedder.linear_1",
    "lora_unet_t_embedder_mlp_2": "time_text_embed.timestep_embedder.linear_2",
    "lora_unet_y_embedder_mlp_0": "time_text_embed.text_embedder.linear_1",
    "lora_unet_y_embedder_mlp_2": "time_text_embed.text_embedder.linear_2",
    "lora_unet_final_layer_linear": "proj_out",
    "lora_unet_final_layer_adaLN_modulation_1": "norm_out.linear",
}
PAIR, OLDER = ("lora_A", "lora_B"), ("lora_linear_layer.down", "lora_linear_layer.up")


def translated(tensors: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    """The same change by diffusers' names, alphas multiplied in. layers: how many blocks the model has. Raises
    ValueError where a name is not known, KeyError where one of two matrices is not there."""
    result = {}
    for key in sorted({name.partition(".")[0] for name in tensors}):
        down, up = tensors[f"{key}.lora_down.weight"], tensors[f"{key}.lora_up.weight"].float()
        if (alpha := tensors.get(f"{key}.alpha")) is not None:
            up = up * (alpha.float() / down.shape[0])
        names = list(_names(key))
        if _is_swapped(key, layers):
            up = torch.cat(up.chunk(2)[::-1])
        for name, rows in zip(names, up.chunk(len(names)), strict=True):
            # Of text encoders, diffusers takes the layers beside attention by this older name only.
            lower, upper = PAIR if name.startswith("transformer.") else OLDER
            result |= {f"{name}.{lower}.weight": down, f"{name}.{upper}.weight": rows.contiguous()}
    return result


def _names(key: str) -> Iterator[str]:
    if key in REST:
        yield f"transformer.{REST[key]}"
    elif match := BLOCK.fullmatch(key):
        for layer in (IMAGE if match[2] == "x" else TEXT)[match[3]]:
            yield f"transformer.transformer_blocks.{match[1]}.{layer}"
    elif match := WORDS.fullmatch(key):
        encoder = "text_encoder" if match[1] == "1" else "text_encoder_2"
        yield f"{encoder}.text_model.encoder.layers.{match[2]}.{match[3]}.{match[4]}"
    else:
        raise ValueError(f"{key} is none of its layers")


def _is_swapped(key: str, layers: int) -> bool:
    """Where only a shift and a scale are left, diffusers has the scale first."""
    return key in (
        "lora_unet_final_layer_adaLN_modulation_1",
        f"lora_unet_joint_blocks_{layers - 1}_context_block_adaLN_modulation_1",
    )
