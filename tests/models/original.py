"""Pipelines as the single files that people have: the tensors' names in the layout of the models' authors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import torch
import transformers
from safetensors.torch import save_file
from torch import Tensor

Tensors = dict[str, Tensor]
RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1"}
RESNET |= {"norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
ENDS = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2"}
ENDS |= {"add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2"}
ENDS |= {"conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2"}
DENOISER, CLIP_L = "model.diffusion_model.", "text_encoders.clip_l.transformer."
MIDDLE = {"resnets.0": "0", "attentions.0": "1", "resnets.1": "2"}


def save(file: Path, pipe: Any, dtype: torch.dtype = torch.float16, notes: dict[str, str] | None = None) -> Path:
    """A pipeline as one file."""
    save_file({name: value.to(dtype).contiguous() for name, value in whole(pipe).items()}, file, notes)
    return file


def without_contents(folder: Path, more: Mapping[str, dict[str, Any]] | None = None) -> SimpleNamespace:
    """The models that a folder has configurations of, on the meta device. more: what else they are told, by part."""
    parts: dict[str, Any] = {}
    for part, what in json.loads((folder / "model_index.json").read_text()).items():
        if (folder / part / "config.json").is_file():
            cls = getattr({"diffusers": diffusers, "transformers": transformers}[what[0]], what[1])
            with torch.device("meta"):
                if what[0] == "diffusers":
                    parts[part] = cls.from_config(cls.load_config(folder / part), **(more or {}).get(part, {}))
                else:
                    parts[part] = cls(cls.config_class.from_pretrained(folder / part))
    return SimpleNamespace(**parts)


def whole(pipe: Any) -> Tensors:
    """What is in the file of a Stable Diffusion of any generation, or of Flux. pipe: whatever has its parts."""
    if type(getattr(pipe, "transformer", None)).__name__ == "FluxTransformer2DModel":
        return _whole_flux(pipe)
    denoiser = unet(pipe.unet) if hasattr(pipe, "unet") else sd3(pipe.transformer)
    tensors = {f"{DENOISER}{name}": value for name, value in denoiser.items()}
    tensors |= {f"first_stage_model.{name}": value for name, value in vae(pipe.vae).items()}
    if hasattr(pipe, "text_encoder_3"):
        tensors |= clip(pipe.text_encoder, CLIP_L)
        tensors |= clip(pipe.text_encoder_2, "text_encoders.clip_g.transformer.")
        del tensors[f"{CLIP_L}text_projection.weight"]  # which is the identity
        tensors |= t5(pipe.text_encoder_3) if pipe.text_encoder_3 is not None else {}
    elif hasattr(pipe, "text_encoder_2"):
        tensors |= clip(pipe.text_encoder, "conditioner.embedders.0.transformer.")
        tensors |= open_clip(pipe.text_encoder_2, "conditioner.embedders.1.model.")
    elif pipe.text_encoder.config.hidden_act == "gelu":
        tensors |= open_clip(pipe.text_encoder, "cond_stage_model.model.")
    else:
        tensors |= clip(pipe.text_encoder, "cond_stage_model.transformer.")
    return tensors


def _whole_flux(pipe: Any) -> Tensors:
    """As ComfyUI saves it: with what its text encoders have and Flux does not use."""
    tensors = {f"{DENOISER}{name}": value for name, value in flux(pipe.transformer).items()}
    tensors |= {f"vae.{name}": value for name, value in vae(pipe.vae).items()}
    tensors |= clip(pipe.text_encoder, CLIP_L)
    width, device = pipe.text_encoder.config.hidden_size, pipe.vae.device
    tensors[f"{CLIP_L}text_projection.weight"] = torch.zeros(width, width, device=device)
    scales = {f"text_encoders.{name}.logit_scale": torch.zeros((), device=device) for name in ("clip_l", "t5xxl")}
    return tensors | t5(pipe.text_encoder_2) | scales


def unet(model: Any) -> Tensors:
    """input_blocks count the entry, then every layer and every halving; output_blocks every layer."""
    layers, attended = model.config.layers_per_block, set()
    for name in model.state_dict():
        if match := re.match(r"up_blocks\.(\d+)\.attentions", name):
            attended.add(int(match[1]))

    def renamed(name: str) -> str:
        for ours, theirs in ENDS.items():
            if name.startswith(f"{ours}."):
                return theirs + name.removeprefix(ours)
        if match := re.match(r"mid_block\.(\w+\.\d)\.(.*)", name):
            return f"middle_block.{MIDDLE[match[1]]}.{_inner(match[1], match[2])}"
        match = re.match(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.*)", name)
        assert match, name
        way, block, kind, number, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
        if kind == "downsamplers":
            return f"input_blocks.{(layers + 1) * (block + 1)}.0.op.{rest.removeprefix('conv.')}"
        if kind == "upsamplers":
            at = 2 if block in attended else 1
            return f"output_blocks.{(layers + 1) * block + layers}.{at}.{rest}"
        place = (layers + 1) * block + number + (way == "down")
        side = "input" if way == "down" else "output"
        return f"{side}_blocks.{place}.{int(kind == 'attentions')}.{_inner(kind, rest)}"

    return {renamed(name): value for name, value in model.state_dict().items()}


def controlnet(model: Any) -> Tensors:
    """The first half of a UNet as above, the entry of the picture, and a convolution for every one of its outputs."""
    own = ("controlnet_", "conv_in", "time_embedding", "add_embedding", "down_blocks", "mid_block")
    half = [name for name in model.state_dict() if name.startswith(own[1:])]
    state = model.state_dict()
    result = {}

    class Half:
        config = model.config

        @staticmethod
        def state_dict() -> Tensors:
            return {name: state[name] for name in half}

    result = {f"control_model.{name}": value for name, value in unet(Half).items()}
    last = 2 * len(model.controlnet_cond_embedding.blocks) + 2
    for name, value in state.items():
        name = name.replace("controlnet_cond_embedding.conv_in", "input_hint_block.0")
        name = name.replace("controlnet_cond_embedding.conv_out", f"input_hint_block.{last}")
        name = re.sub(
            r"controlnet_cond_embedding\.blocks\.(\d+)", lambda m: f"input_hint_block.{2 * int(m[1]) + 2}", name
        )
        name = re.sub(r"controlnet_down_blocks\.(\d+)", r"zero_convs.\1.0", name)
        name = name.replace("controlnet_mid_block", "middle_block_out.0")
        if name.startswith(("input_hint_block", "zero_convs", "middle_block_out")):
            result[f"control_model.{name}"] = value
    return result


def _inner(kind: str, rest: str) -> str:
    if not kind.startswith("resnets"):
        return rest
    first, _, last = rest.partition(".")
    return f"{RESNET[first]}.{last}"


SD3 = (
    (r"pos_embed\.proj", "x_embedder.proj"),
    (r"pos_embed\.pos_embed", "pos_embed"),
    (r"time_text_embed\.timestep_embedder\.linear_(\d)", lambda m: f"t_embedder.mlp.{2 * int(m[1]) - 2}"),
    (r"time_text_embed\.text_embedder\.linear_(\d)", lambda m: f"y_embedder.mlp.{2 * int(m[1]) - 2}"),
    (r"transformer_blocks\.(\d+)\.(norm1_context|ff_context|attn\.\w+_add\w+)\b", r"joint_blocks.\1.context_block.\2"),
    (r"transformer_blocks\.(\d+)\.(norm1|ff|attn2?\.\w+)\b", r"joint_blocks.\1.x_block.\2"),
    (r"(attn2?)\.(to_add_out|to_out\.0)", r"\1.proj"),
    (r"(attn2?)\.norm(_added)?_([qk])", r"\1.ln_\3"),
    (r"norm1(_context)?\.linear", "adaLN_modulation.1"),
    (r"ff(_context)?\.net\.0\.proj", "mlp.fc1"),
    (r"ff(_context)?\.net\.2", "mlp.fc2"),
    (r"^norm_out\.linear", "final_layer.adaLN_modulation.1"),
    (r"^proj_out", "final_layer.linear"),
)


def sd3(model: Any) -> Tensors:
    """Queries, keys and values in one; where only a shift and a scale are left, they change places."""
    result, state, last = {}, model.state_dict(), model.config.num_layers - 1
    for name, value in state.items():
        block = re.match(r"transformer_blocks\.(\d+)\.(attn2?)\.(to_q|add_q_proj)\.(\w+)", name)
        if block:
            way = "x_block" if block[3] == "to_q" else "context_block"
            three = [state[name.replace("_q", f"_{letter}")] for letter in "qkv"]
            result[f"joint_blocks.{block[1]}.{way}.{block[2]}.qkv.{block[4]}"] = torch.cat(three)
        elif not re.search(r"attn2?\.(to_[kv]|add_[kv]_proj)\.", name):
            if name.startswith(("norm_out.", f"transformer_blocks.{last}.norm1_context.")):
                value = torch.cat(value.chunk(2)[::-1])
            for ours, theirs in SD3:
                name = re.sub(ours, theirs, name)
            result[name] = value
    return result


FLUX = (
    (r"^time_text_embed\.(time|text|guidance)\w*\.linear_1", lambda m: f"{FLUX_INS[m[1]]}.in_layer"),
    (r"^time_text_embed\.(time|text|guidance)\w*\.linear_2", lambda m: f"{FLUX_INS[m[1]]}.out_layer"),
    (r"^context_embedder", "txt_in"),
    (r"^x_embedder", "img_in"),
    (r"^norm_out\.linear", "final_layer.adaLN_modulation.1"),
    (r"^proj_out", "final_layer.linear"),
    (r"^single_transformer_blocks\.(\d+)\.norm\.linear", r"single_blocks.\1.modulation.lin"),
    (r"^single_transformer_blocks\.(\d+)\.proj_out", r"single_blocks.\1.linear2"),
    (r"^single_transformer_blocks\.(\d+)\.attn\.norm_([qk])\.weight", lambda m: f"single_blocks.{m[1]}.{_scale(m[2])}"),
    (r"^transformer_blocks", "double_blocks"),
    (r"norm1_context\.linear", "txt_mod.lin"),
    (r"norm1\.linear", "img_mod.lin"),
    (r"ff_context\.net\.(0|2)(\.proj)?", r"txt_mlp.\1"),
    (r"ff\.net\.(0|2)(\.proj)?", r"img_mlp.\1"),
    (r"attn\.norm_added_([qk])\.weight", lambda m: f"txt_attn.{_scale(m[1])}"),
    (r"attn\.norm_([qk])\.weight", lambda m: f"img_attn.{_scale(m[1])}"),
    (r"attn\.to_add_out", "txt_attn.proj"),
    (r"attn\.to_out\.0", "img_attn.proj"),
)
FLUX_INS = {"time": "time_in", "text": "vector_in", "guidance": "guidance_in"}


def flux(model: Any) -> Tensors:
    """Queries, keys and values in one, in single blocks with what goes into the perceptron; shift and scale of the last
    layer change places."""
    result, state = {}, model.state_dict()
    for name, value in state.items():
        block = re.match(r"(single_)?transformer_blocks\.(\d+)\.attn\.(to_q|add_q_proj)\.(\w+)", name)
        if block:
            parts = [state[name.replace("_q", f"_{letter}")] for letter in "qkv"]
            if block[1]:
                parts.append(state[name.replace("attn.to_q", "proj_mlp")])
                result[f"single_blocks.{block[2]}.linear1.{block[4]}"] = torch.cat(parts)
            else:
                way = "img_attn" if block[3] == "to_q" else "txt_attn"
                result[f"double_blocks.{block[2]}.{way}.qkv.{block[4]}"] = torch.cat(parts)
        elif not re.search(r"attn\.(to_[kv]|add_[kv]_proj)\.|proj_mlp", name):
            if name.startswith("norm_out."):
                value = torch.cat(value.chunk(2)[::-1])
            for ours, theirs in FLUX:
                name = re.sub(ours, theirs, name)
            result[name] = value
    return result


def _scale(letter: str) -> str:
    return {"q": "norm.query_norm.scale", "k": "norm.key_norm.scale"}[letter]


def t5(model: Any) -> Tensors:
    """Its words once, though it has them in two places."""
    names = {name: value for name, value in model.state_dict().items() if name != "encoder.embed_tokens.weight"}
    return {f"text_encoders.t5xxl.transformer.{name}": value for name, value in names.items()}


def vae(model: Any) -> Tensors:
    blocks = len(model.config.block_out_channels)
    attention = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
    result = {}
    for name, value in model.state_dict().items():
        name = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", name)
        name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
        name = re.sub(r"up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"up.{blocks - 1 - int(m[1])}.block.{m[2]}", name)
        name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{blocks - 1 - int(m[1])}.upsample", name)
        name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
        name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
        if "mid_block.attentions.0" in name:
            for ours, theirs in attention.items():
                name = name.replace(f"mid_block.attentions.0.{ours}", f"mid.attn_1.{theirs}")
            value = value[..., None, None] if value.ndim == 2 else value
        result[name] = value
    return result


def clip(model: Any, prefix: str) -> Tensors:
    """As transformers named them until its text model lost its inner one."""
    state = model.state_dict()
    return {prefix + (name if name.startswith("text_") else f"text_model.{name}"): v for name, v in state.items()}


def open_clip(model: Any, prefix: str) -> Tensors:
    """Queries, keys and values in one matrix; the projection turned over."""
    state = {name.removeprefix("text_model."): value for name, value in model.state_dict().items()}
    words = {
        "embeddings.token_embedding.weight": "token_embedding.weight",
        "embeddings.position_embedding.weight": "positional_embedding",
        "final_layer_norm.weight": "ln_final.weight",
        "final_layer_norm.bias": "ln_final.bias",
    }
    result = {prefix + theirs: state[ours] for ours, theirs in words.items()}
    if "text_projection.weight" in state:
        result[f"{prefix}text_projection"] = state["text_projection.weight"].T
    parts = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "self_attn.out_proj": "attn.out_proj"}
    parts |= {"mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj"}
    for layer in range(model.config.num_hidden_layers):
        ours, theirs = f"encoder.layers.{layer}.", f"{prefix}transformer.resblocks.{layer}."
        for end in ("weight", "bias"):
            result |= {f"{theirs}{new}.{end}": state[f"{ours}{old}.{end}"] for old, new in parts.items()}
            three = [state[f"{ours}self_attn.{letter}_proj.{end}"] for letter in "qkv"]
            result[f"{theirs}attn.in_proj_{end}"] = torch.cat(three)
    return result


def same(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], dtype: torch.dtype) -> bool:
    """Whether two models have the same weights after one of them went through `dtype`."""
    return ours.keys() == theirs.keys() and all(
        torch.equal(ours[name].float(), theirs[name].to(dtype).float()) for name in ours
    )
