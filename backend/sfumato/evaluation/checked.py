"""With what published code each rule of `rules` was compared, and how near it came.

Run outside this repository: the published code and the rule on the same weights, picture and noise, 8 steps, all 256
greys at random places, at full strength and at one that leaves both the same 4 or 5 steps. What programs differ in
beside their rule was made the same: the noised picture that a pass starts from, its sigmas, and how a map is shrunk.
At its very first sigma ComfyUI's own start has noise 0.2% longer than diffusers' (latents differ by 0.06 then). The
SDXL and SD3 pipelines draw their noise twice and use the second draw. Left to itself the Z-Image pipeline's schedule
ends in sigma 0 twice: its last call does nothing, and so black is kept.

Not run: Kolors and Hunyuan-DiT (the SDXL pipeline's loop again; no tiny text encoders for them), InvokeAI as a whole
(an application with its own model loaders).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Extent = Literal["own code", "piece"]


@dataclass(frozen=True)
class Checked:
    """One comparison. code: what was run, and its version. on: the models and schedulers. difference: the largest of
    final latents, which are of size 2 to 50.

    extent: "own code" is the whole pipeline, script or sampling loop as published, with its encoder and its map's
    resize answered by the same latents and cells and its network by the same weights; "piece" is the one function or
    class that decides, called from our loop.
    """

    code: str
    extent: Extent
    on: str
    difference: float


CHECKED: dict[str, tuple[Checked, ...]] = {
    "exx8": (
        Checked("exx8/differential-diffusion d78f3f3, SD2/diff_pipe.py", "own code", "tiny SD: DDIM, Euler", 3e-5),
    ),
    "diffusers SDXL": (
        Checked("diffusers 58eb52c, community pipeline for SDXL", "own code", "tiny SDXL: DDIM, Euler", 0.0),
        Checked("diffusers 58eb52c, community pipeline for SD3", "own code", "tiny SD3: Euler", 5e-7),
    ),
    "diffusers Flux": (
        Checked("diffusers 58eb52c, community pipeline for Flux", "own code", "tiny Flux: Euler", 0.0),
        Checked(
            "diffusers 58eb52c, community pipeline for Z-Image", "own code", "tiny Z-Image, given its sigmas", 5e-7
        ),
    ),
    "ComfyUI": (
        Checked(
            "ComfyUI a125cd8: its node, guider, inpainting, model sampling and solvers",
            "own code",
            "Sketchbook and tiny SD: DDIM, DPM++ 2M, Euler",
            8e-6,
        ),
        Checked(
            "ComfyUI a125cd8, the same", "own code", "tiny SD3, tiny Flux (10,000 training timesteps): Euler", 8e-7
        ),
    ),
    "InvokeAI": (
        Checked("InvokeAI 8e71a8a, RectifiedFlowInpaintExtension", "piece", "tiny SD3, tiny Flux: Euler", 0.0),
        Checked("InvokeAI 8e71a8a, AddsMaskGuidance.apply_mask", "piece", "tiny SD: DDIM, Euler", 0.0),
    ),
    "A1111 soft inpainting": (
        Checked(
            "stable-diffusion-webui 82a973c: its soft inpainting script, CFG denoiser and sampler, with k-diffusion "
            "ab527a9",
            "own code",
            "Sketchbook and tiny SD: DDIM, DPM++ 2M, Euler",
            1.6e-5,
        ),
    ),
    "blended latent diffusion": (
        Checked(
            "blended-latent-diffusion 09565c5, text_editing_SD2.py in float32",
            "own code",
            "tiny SD: DDIM, a level off as the script has it; the row runs it at the right levels",
            1e-6,
        ),
    ),
    "plain inpainting": (
        Checked("diffusers 0.42.1, StableDiffusionInpaintPipeline", "own code", "tiny SD: DDIM, Euler", 0.0),
    ),
}
