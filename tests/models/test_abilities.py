"""Every yes and no of docs/models.md: each kind of checkpoint paints with each edit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from house.source import text
from models import lora_files, original
from models import tiny_checkpoints as tiny
from models.abilities import KINDS, Kind, page
from models.tiny_checkpoints import request_for
from safetensors.torch import save_file
from sfumato import models
from sfumato.edits import EDITS
from sfumato.errors import InputError
from sfumato.models import families
from sfumato.models.header import read
from sfumato.models.listing import Row, listing
from sfumato.models.recognise import recognise
from sfumato.models.usable import as_model, why_not
from sfumato.models.vaes import SAME
from sfumato.steering.routes import route_of
from sfumato.studio import Finished, Studio
from sfumato_wire import Control, Lora, Pixels, digest_of

# Of diffusers' own, where the tests themselves make a ControlNet for Flux.
FLOW = [name for name, family in families.FAMILIES.items() if family.prediction == "flow"]
pytestmark = pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning")


def painted(studio: Studio, lines: bytes = b"", **changes: Any) -> Finished:
    """Something has changed, and nothing where the map is black. All change is shown: random weights make little."""
    request, canvas, grey = request_for("mine")
    if "task" in changes:
        return studio.run(replace(request, **changes), canvas, b"")
    finished = studio.run(replace(request, settings={"composite": "plain"}, **changes), canvas, grey, lines)
    assert finished.layer is not None
    box, rgba = finished.layer.box, np.frombuffer(finished.data, np.uint8)
    layer = rgba.reshape(box.height, box.width, 4)
    before = np.frombuffer(canvas, np.uint8).reshape(64, 64, 4)[box.y : box.bottom, box.x : box.right]
    assert layer[:, : max(16 - box.x, 0), 3].max(initial=0) == 0
    assert (layer != before)[layer[..., 3] > 0].any()
    return finished


def test_the_page_is_what_is_measured() -> None:
    assert text("docs/models.md") == page() + "\n"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_folders(kind: Kind, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = kind.make()
    pipe.save_pretrained(folder / "mine")
    lora_files.of_diffusers(folder / "soft", pipe, kind.family)
    studio = Studio("cpu")
    mine = next(info for info in studio.models if info.name == "mine")
    assert (mine.family, mine.rounding) == (kind.family, route_of(pipe).rounding)
    assert {(extra.name, extra.family) for extra in studio.loras} == {("soft", kind.family)}
    assert set(mine.takes) == {"lora", "controlnet", "vae"} - set(kind.without)
    results = {}
    for edit in EDITS.values():
        info = edit.INFO
        source = "a blue sea" if info.source_prompt else ""
        results[info.id] = painted(studio, edit=info.id, source_prompt=source).data
        if info.finds_map:
            found = painted(studio, edit=info.id, task="map", change_map=None, source_prompt=source)
            assert len(set(found.data[::4])) > 1
    assert len(set(results.values())) == len(EDITS)
    assert painted(studio, loras=(Lora("soft", 1.0),)).data != results["differential"]
    tiny.configured(monkeypatch, folder, pipe, SAME.get(kind.family, kind.family))
    tiny.another_vae(pipe, kind.family).save_pretrained(folder / "clear")
    assert painted(studio, vae="clear").data != results["differential"]
    lines = np.full((64, 64, 4), 255, np.uint8).tobytes()
    control = Control("lines", Pixels(0, 0, 64, 64, "rgba8", digest_of(lines)))
    if "controlnet" in kind.without:
        with pytest.raises(InputError, match=r"ControlNet"):
            painted(studio, lines, control=control)
    else:
        tiny.controlnet(pipe).save_pretrained(folder / "lines")
        assert painted(studio, lines, control=control).data != results["differential"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.family in FLOW], ids=lambda kind: kind.name)
def test_folders_in_half_precision(kind: Kind, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As graphics cards work with them, and as some of their pipelines do only in part."""
    monkeypatch.setattr(models, "dtype_on", lambda device, family: torch.bfloat16)
    kind.make().save_pretrained(folder / "mine")
    studio = Studio("cpu")
    for edit in EDITS.values():
        source = "a blue sea" if edit.INFO.source_prompt else ""
        painted(studio, edit=edit.INFO.id, source_prompt=source)
        if edit.INFO.finds_map:
            painted(studio, edit=edit.INFO.id, task="map", change_map=None, source_prompt=source)
    pipe = studio.pipe(studio.find("mine"))
    assert pipe.transformer.dtype == pipe.text_encoder.dtype == torch.bfloat16


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.file], ids=lambda kind: kind.name)
def test_single_files(kind: Kind, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the configurations of tiny pipelines; what they are is told to them, for their widths cannot tell."""
    pipe = kind.make()
    plain = tiny.flux(64, 16, guided=True) if kind.variant == "fill" else None
    plain = plain or next(other for other in KINDS if other.family == kind.family).make()
    tiny.configured(monkeypatch, folder, plain, kind.family)
    file, flow = original.save(folder / "mine.safetensors", pipe), kind.family in ("sd3", "flux")
    row = Row(kind="checkpoint", family=kind.family, variant=kind.variant, layout="original", id="mine", name="mine")
    row = replace(row, prediction="flow" if flow else "epsilon", native=64, path=str(file))
    studio = Studio("cpu")
    studio._own["mine"] = as_model(replace(row, missing=recognise(read(file), file.name).missing if flow else ()))
    painted(studio)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.file], ids=lambda kind: kind.name)
@pytest.mark.parametrize("parts", [("transformer",), ("transformer", "vae", "text_encoder")], ids=["alone", "whole"])
def test_single_files_that_cannot_be_loaded_say_what_can(kind: Kind, parts: tuple[str, ...], folder: Path) -> None:
    """As the denoiser alone and as ComfyUI saves checkpoints: listed, not offered, and refused with what to get."""
    pipe, places = kind.make(), {"transformer": "model.diffusion_model.", "text_encoder": "text_encoders."}
    names = {part: places.get(part, f"{part}.") for part in parts}
    states = {part: getattr(pipe, part).state_dict() for part in parts}
    tensors = {names[part] + name: value.clone() for part in parts for name, value in states[part].items()}
    if kind.family == "flux2":  # by whose width Klein is told
        tensors["model.diffusion_model.x_embedder.weight"] = torch.zeros(3072, 16)
    save_file(tensors, folder / "mine.safetensors")
    (row,) = listing()
    assert (row.kind, row.family) == ("checkpoint", kind.family)
    studio = Studio("cpu")
    assert "mine" not in {info.name for info in studio.models}
    with pytest.raises(InputError) as caught:
        painted(studio)
    assert str(caught.value) == why_not(row)
    assert str(caught.value).startswith(f"mine is a single file of the family {kind.family}, of which Sfumato loads")
    assert str(caught.value).endswith(f": `sfumato models get {families.hub_of(kind.family, row.variant)}` brings one.")
