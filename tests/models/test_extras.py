"""What is offered beside models is what they take: the lists for the docker and the checks of a job agree."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import pytest
from models import samples
from sfumato import models
from sfumato.errors import InputError
from sfumato.models import controlnets, loras, vaes
from sfumato.models.extras import extras, other_vaes
from sfumato.models.families import FAMILIES
from sfumato.models.listing import Row, listing
from sfumato.models.places import add_folder
from sfumato.models.usable import MULTIPLES, as_model
from sfumato_wire import Extra

CHECKS = {"lora": loras.check_fits, "controlnet": controlnets.check_fits, "vae": vaes.check_fits}
LAYER = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight"
ROWS = [
    Row(kind=kind, family=family, layout=layout, problem=problem, id=f"{n}", name=f"No. {n}", path=path)
    for n, (kind, family, layout, problem, path) in enumerate(
        itertools.product(
            ("lora", "controlnet", "vae"),
            (*FAMILIES, ""),
            ("folder", "original"),
            ("", "It is damaged."),
            ("x.safetensors", "x.sft"),
        )
    )
]


def model_of(family: str) -> models.Model:
    variant = "klein" if family == "flux2" else ""
    return as_model(Row(kind="checkpoint", family=family, variant=variant, layout="folder", id="m", name="M", path="m"))


def taken(row: Row, by: Iterable[models.Model] = ()) -> bool:
    """Whether a job of any model takes it, or of any of these."""
    for model in by or (*map(model_of, MULTIPLES), *models.CATALOGUE.values()):
        try:
            CHECKS[row.kind](row, model)
        except InputError:
            continue
        return True
    return False


@pytest.mark.parametrize("kind", ["lora", "controlnet"])
def test_all_that_some_model_takes_is_offered_and_nothing_else(kind: str) -> None:
    wanted = tuple(Extra(row.id, row.name, row.family) for row in ROWS if row.kind == kind and taken(row))
    assert extras(ROWS, kind) == wanted
    assert len(wanted) > 3


def test_a_vae_is_offered_for_every_family_that_takes_it_and_is_there() -> None:
    there = [*models.CATALOGUE.values(), *map(model_of, ("sdxl", "sd15", "sd15", "flux"))]
    offered = other_vaes(ROWS, there)
    wanted = {
        Extra(row.id, row.name, family)
        for row in ROWS
        for family in ("sdxl", "sd15", "flux")
        if row.kind == "vae" and taken(row, [model_of(family)])
    }
    assert set(offered) == wanted
    assert len(offered) == len(wanted)
    file = next(row for row in ROWS if (row.kind, row.family, row.layout) == ("vae", "sd2", "original"))
    assert [vae.family for vae in offered if vae.id == file.id] == ["sdxl", "sd15"], "a file does not say whose it is"
    assert other_vaes(ROWS, models.CATALOGUE.values()) == ()


@pytest.mark.parametrize("kind", CHECKS)
def test_a_model_says_whether_it_takes_what_is_of_its_family(kind: str) -> None:
    for model in (*map(model_of, MULTIPLES), *models.CATALOGUE.values()):
        row = Row(kind=kind, family=model.info.family, layout="folder", id="x", name="X", path="x")
        try:
            CHECKS[kind](row, model)
        except InputError:
            assert kind not in model.info.takes
        else:
            assert kind in model.info.takes


def test_they_come_from_the_same_listing_as_the_models(tmp_path: Path) -> None:
    """By the id that a request names, whatever else lies there."""
    samples.write(tmp_path / "soft.safetensors", {LAYER: (8, 2048)})
    samples.write(tmp_path / "clear.safetensors", {"decoder.conv_in.weight": (512, 4, 3, 3)})
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    add_folder(tmp_path)
    rows = models.listed()
    (soft,) = extras(rows, "lora")
    assert soft == next(Extra(row.id, row.name, row.family) for row in listing() if row.kind == "lora")
    assert extras(rows, "controlnet") == ()
    clear = next(row.id for row in rows if row.kind == "vae")
    assert other_vaes(rows, [model_of("sdxl")]) == (Extra(clear, "clear", "sdxl"),)
