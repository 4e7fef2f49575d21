"""A denoiser that is known exactly, inside real diffusers pipelines: what an edit should do can be worked out.

Pictures are templates with independent noise: x0 = mu_k + e, e ~ N(0, VARIANCE), in R^64, laid out as latents
[4 channels, 4 rows, 4 columns]. A text is a set of templates, and every template of `tar` is one of `src` but for the
16 numbers of the `EDITED` cells: the exact answer to an edit is the same template of the other text. The mean of x0
given x = a x0 + b eps is a closed form, so the model output is exact; all in float64.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    ModelMixin,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusionImg2ImgPipeline,
)
from diffusers.configuration_utils import ConfigMixin, register_to_config
from torch import Tensor

VARIANCE = 0.05
TEMPLATES_OF_A_TEXT = 4
SHAPE = (4, 4, 4)

EDITED = torch.zeros(4, 4, dtype=torch.bool)
EDITED[1:3, 1:3] = True

NAMES = {"src": slice(0, 4), "tar": slice(4, 8), "": slice(0, 8)}

TRAINING = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


def _templates() -> Tensor:
    generator = torch.Generator().manual_seed(39)
    drawn = 0.7 * torch.randn((2 * TEMPLATES_OF_A_TEXT, *SHAPE), generator=generator, dtype=torch.float64)
    drawn[4:] = torch.where(EDITED, drawn[4:], drawn[:4])
    return drawn


TEMPLATES = _templates()  # [8, 4, 4, 4]: four of src, then the same four as tar has them


def templates(name: str) -> Tensor:
    """The templates of a text, [4, 4, 4, 4]; of "", the union's 8."""
    return TEMPLATES[NAMES[name]]


def clean(name: str, seed: int, count: int = 1) -> Tensor:
    """`count` pictures of a text, [count, 4, 4, 4]; picture j shows its template j % 4."""
    generator = torch.Generator().manual_seed(seed)
    means = templates(name)[torch.arange(count) % TEMPLATES_OF_A_TEXT]
    return means + VARIANCE**0.5 * torch.randn(means.shape, generator=generator, dtype=torch.float64)


def nearest(latents: Tensor, name: str) -> Tensor:
    """Which template of the text each picture shows, int64 [count]."""
    return (latents[:, None] - templates(name)).flatten(2).norm(dim=2).argmin(dim=1)


def posterior(x: Tensor, a: Tensor, b: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
    """(x0, eps): the means of the clean picture and of the noise given x = a x0 + b eps.

    x: [B, 4, 4, 4]. a, b: [B]. prior: [B, 8], the weight of every template.
    """
    flat, means = x.flatten(1), TEMPLATES.flatten(1)
    a, b = a[:, None], b[:, None]
    spread = a * a * VARIANCE + b * b  # of x around a mu_k
    distance = (flat[:, None] - a[..., None] * means).square().sum(dim=2)
    share = torch.softmax(prior.log() - distance / (2 * spread), dim=1)
    off = flat - a * (share @ means)
    x0 = share @ means + a * VARIANCE / spread * off
    return x0.view_as(x), (b / spread * off).view_as(x)


class Denoiser(ModelMixin, ConfigMixin):
    """Stands where a pipeline has its UNet or transformer; says exactly what `prediction` asks for."""

    @register_to_config
    def __init__(
        self,
        prediction: str,
        in_channels: int = 4,
        sample_size: int = 4,
        patch_size: int = 1,
        time_cond_proj_dim: int | None = None,
    ) -> None:
        super().__init__()
        self.prediction = prediction
        alphas = DDIMScheduler(**TRAINING).alphas_cumprod.double()
        self.register_buffer("sigmas", ((1 - alphas) / alphas).sqrt())  # also gives the module its dtype

    def level(self, timestep: Tensor) -> tuple[Tensor, Tensor]:
        """(a, b) of a timestep: of SD's training schedule, or sigma = t / 1000. Between two timesteps of the training
        sigma = b / a is interpolated, as schedulers with such timesteps do."""
        timestep = timestep.double()
        if self.prediction == "flow":
            return 1 - timestep / 1000, timestep / 1000
        below = timestep.floor().long().clamp(0, len(self.sigmas) - 1)
        above = (below + 1).clamp(max=len(self.sigmas) - 1)
        sigma = torch.lerp(self.sigmas[below], self.sigmas[above], timestep - below)
        a = 1 / (1 + sigma * sigma).sqrt()
        return a, sigma * a

    def forward(self, sample: Tensor, timestep: Any, encoder_hidden_states: Tensor, **_: Any) -> tuple[Tensor]:
        """sample: a x0 + b eps with a^2 + b^2 = 1, also from variance-exploding schedulers, whose scale_model_input
        brings it there. encoder_hidden_states: [B, 1, 8], as `words` gives them."""
        a, b = self.level(torch.as_tensor(timestep).expand(len(sample)))
        x0, eps = posterior(sample.double(), a, b, encoder_hidden_states[:, 0].double())
        if self.prediction == "epsilon":
            output = eps
        elif self.prediction == "sample":
            output = x0
        elif self.prediction == "flow":
            output = eps - x0
        else:
            a, b = a.view(-1, 1, 1, 1), b.view(-1, 1, 1, 1)
            output = a * eps - b * x0
        return (output.to(sample.dtype),)


class Transformer(Denoiser):
    def forward(
        self, hidden_states: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, **_: Any
    ) -> tuple[Tensor]:
        return super().forward(hidden_states, timestep, encoder_hidden_states)


def diffusion(cls: Any = DDIMScheduler, prediction: str = "epsilon", **config: Any) -> Any:
    """A scheduler of the training schedule that the denoiser knows; alphas in float64."""
    config = TRAINING | {"prediction_type": prediction} | config
    takes = inspect.signature(cls).parameters
    config = {name: False for name in ("clip_sample", "set_alpha_to_one") if name in takes} | config
    scheduler = cls(**config)
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    if hasattr(scheduler, "final_alpha_cumprod"):
        scheduler.final_alpha_cumprod = scheduler.final_alpha_cumprod.double()
    return scheduler


def pipeline(prediction: str = "epsilon", scheduler: Any = None) -> Any:
    """StableDiffusionImg2ImgPipeline for `epsilon`, `v_prediction` and `sample`, StableDiffusion3Img2ImgPipeline for
    `flow`; a new one each time, around one denoiser. scheduler: default DDIM as SD has it, flow-matching Euler of
    shift 3. Pictures go in as clean latents, texts as `words`."""
    if prediction == "flow":
        pipe = StableDiffusion3Img2ImgPipeline(
            vae=_vae(),
            transformer=_denoiser(prediction),
            scheduler=scheduler or FlowMatchEulerDiscreteScheduler(shift=3.0),
            text_encoder=None,
            tokenizer=None,
            text_encoder_2=None,
            tokenizer_2=None,
            text_encoder_3=None,
            tokenizer_3=None,
        )
    else:
        pipe = StableDiffusionImg2ImgPipeline(
            vae=_vae(),
            unet=_denoiser(prediction),
            scheduler=scheduler or diffusion(prediction=prediction),
            text_encoder=None,
            tokenizer=None,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def words(name: str, pipe: Any, count: int = 1) -> dict[str, Tensor]:
    """`src`, `tar` or "" (the union) as the pipeline's arguments, for a batch of `count` pictures; the empty text of
    classifier-free guidance is the union."""

    def said(text: str) -> Tensor:
        weights = torch.zeros(len(TEMPLATES), dtype=torch.float64)
        weights[NAMES[text]] = 1
        return weights.repeat(count, 1)

    result = {"prompt_embeds": said(name)[:, None], "negative_prompt_embeds": said("")[:, None]}
    if hasattr(pipe, "transformer"):
        result |= {"pooled_prompt_embeds": said(name), "negative_pooled_prompt_embeds": said("")}
    return result


def arguments(pipe: Any, steps: int = 10, count: int = 2, seed: int = 1, **more: Any) -> dict[str, Any]:
    """What a call of `pipeline` gets: `count` pictures of `src`, to become `tar`."""
    return {
        **words("tar", pipe, count),
        "image": clean("src", 0, count),
        "guidance_scale": 1.5,
        "num_inference_steps": steps,
        "generator": torch.Generator().manual_seed(seed),
        "output_type": "latent",
    } | more


@functools.cache
def _denoiser(prediction: str) -> Denoiser:
    return (Transformer if prediction == "flow" else Denoiser)(prediction).double()


@functools.cache
def _vae() -> Any:
    """Pipelines read the latents' shape from it; one block, so that a cell is a pixel."""
    torch.manual_seed(0)
    return AutoencoderKL(
        block_out_channels=(4,), latent_channels=4, norm_num_groups=4, shift_factor=0.0, scaling_factor=1.0
    ).double()
