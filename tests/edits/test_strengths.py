"""What edits declare of a map's greys is what they do: all 256 in one map, and the different results are counted.

Every cell has the same content and the same noise, and the denoiser looks at one cell at a time, so that two cells
differ exactly where the edit gives them different strengths.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion import pipeline_stable_diffusion_img2img as sd
from diffusers.pipelines.stable_diffusion_3 import pipeline_stable_diffusion_3_img2img as sd3
from diffusers.utils.torch_utils import randn_tensor
from edits import analytic
from sfumato.change_map import ChangeMap
from sfumato.edits import EDITS, Words
from sfumato.steering import run as steering_run
from sfumato.steering import steer
from sfumato.steering.routes import route_of
from sfumato_wire import strengths

STEPS = 4
RAMP = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("differential", {}),
    ("differential", {"release": "whole"}),
    ("differential", {"hinting": False}),
    ("soft-inpainting", {}),
    ("soft-inpainting", {"preservation": 0.0}),
    ("sdedit", {}),
    ("sdedit", {"noise": "fresh", "repeats": 2}),
    ("diffedit", {}),
    ("diffedit", {"mask": "soft", "ratio": 1.0}),
    ("edit-friendly", {}),
    ("edit-friendly", {"release": "whole"}),
    ("edit-friendly", {"form": "residual"}),
]


class Pointwise(analytic.Denoiser):
    """Says of every number something of its own, and of every text something else."""

    def forward(self, sample: torch.Tensor, timestep: Any, encoder_hidden_states: torch.Tensor, **_: Any) -> Any:
        places = torch.arange(8, dtype=sample.dtype)
        told = (encoder_hidden_states[:, 0] * places).sum(dim=1).view(-1, 1, 1, 1)
        return (torch.tanh(sample + told / 10),)


class PointwiseTransformer(Pointwise):
    def forward(self, hidden_states: torch.Tensor, timestep: Any, encoder_hidden_states: torch.Tensor, **_: Any) -> Any:
        return super().forward(hidden_states, timestep, encoder_hidden_states)


def same_everywhere(shape: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
    return randn_tensor((*shape[:-2], 1, 1), *args, **kwargs).expand(shape).contiguous()


@pytest.fixture(params=["epsilon", "flow"])
def pipe(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    for module in (sd, sd3, steering_run):
        monkeypatch.setattr(module, "randn_tensor", same_everywhere)
    made = analytic.pipeline(request.param)
    if request.param == "flow":
        made.transformer = PointwiseTransformer("flow").double()
    else:
        made.unet = Pointwise("epsilon").double()
    return made


def results(pipe: Any, name: str, settings: dict[str, Any], strength: int) -> set[bytes]:
    """The different contents of cells that changed."""
    module = EDITS[name]
    every = {parameter.name: parameter.default for parameter in module.INFO.parameters} | settings
    words = Words(lambda text: analytic.words(text, pipe), "src", prompt="tar")
    edit = module.create(ChangeMap(RAMP, strength), words, **every)
    image = analytic.clean("src", 0)[..., :1, :1].expand(1, 4, 16, 16).contiguous()
    with steer(pipe, edit) as steered:
        result = steered(**analytic.arguments(pipe, STEPS, 1, image=image)).images
    cells = (vector.numpy().tobytes() for vector in result[0].flatten(1).T.contiguous())
    return set(cells) - {image[0, :, 0, 0].contiguous().numpy().tobytes()}


@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)
@pytest.mark.parametrize("strength", [1000, 600])
def test_as_many_results_as_the_edit_declares(pipe: Any, name: str, settings: dict[str, Any], strength: int) -> None:
    greys = EDITS[name].INFO.greys_with(settings)
    # Without hinting a part of a step is a whole one whatever the pipeline's rule is.
    rounding = "ceil" if settings.get("hinting") is False else route_of(pipe).rounding
    wanted = strengths(greys, STEPS, strength, (grey * 257 for grey in range(256)), rounding)
    assert len(results(pipe, name, settings, strength)) == wanted


def test_every_kind_and_every_exception_is_looked_at() -> None:
    looked_at = [(name, EDITS[name].INFO.greys_with(settings)) for name, settings in SETTINGS]
    assert {greys for _, greys in looked_at} == {"all", "steps", "one"}
    for name, module in EDITS.items():
        defaults = {parameter.name: parameter.default for parameter in module.INFO.parameters}
        assert module.INFO.greys_with(defaults) == module.INFO.greys, "a default is the usual"
        for when in module.INFO.greys_when:
            assert when.parameter in defaults
            assert any(name == other and settings.get(when.parameter) == when.value for other, settings in SETTINGS)
