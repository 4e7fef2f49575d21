"""A model whose files are replaced while the backend runs: the new ones paint, and nothing of the old ones is left."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from models import original
from models.tiny_checkpoints import configured, request_for, sd3, sd15
from sfumato.errors import InputError
from sfumato.models.listing import listing
from sfumato.studio import Finished, Studio
from sfumato.studio.pipelines import Pipelines

EDITS = ("differential", "edit-friendly", "diffedit")


def saved(folder: Path, seed: int, make: Callable[[], Any] = sd15) -> None:
    """A model as "mine", in place of what was called so."""
    shutil.rmtree(folder / "mine", ignore_errors=True)
    torch.manual_seed(seed)
    make().save_pretrained(folder / "mine")


def name() -> str:
    """The id, by which a model is looked for only once."""
    return next(row.id for row in listing() if row.name == "mine")


def painted(studio: Studio, stages: list[str] | None = None, **changes: Any) -> Finished:
    request, canvas, grey = request_for(name())
    heard = [] if stages is None else stages
    plain = {"composite": "plain"}  # which shows all change; random weights make little
    asked = replace(request, settings=plain, **changes)
    return studio.run(asked, canvas, grey, on_progress=lambda said: heard.append(said.stage))


@pytest.mark.parametrize("edit", EDITS)
def test_the_new_weights_paint_from_their_own_texts_latents_and_recordings(edit: str, folder: Path) -> None:
    said = {"edit": edit, "source_prompt": "" if edit == "differential" else "a blue sea"}
    saved(folder, 0)
    studio, stages = Studio("cpu"), list[str]()
    before = painted(studio, **said).data
    assert painted(studio, stages, **said).data == before
    assert "loading" not in stages
    gone = weakref.ref(studio.pipe(studio.find(name())))
    saved(folder, 5)
    after = painted(studio, stages, **said).data
    assert "loading" in stages
    assert gone() is None
    assert after == painted(Studio("cpu"), **said).data != before


def test_nothing_of_the_old_ones_is_kept_where_the_pipeline_had_gone(folder: Path) -> None:
    """As when another model needed the room."""
    saved(folder, 0)
    studio = Studio("cpu")
    painted(studio)
    saved(folder, 5)
    studio.pipe = Pipelines("cpu")
    assert painted(studio).data == painted(Studio("cpu")).data


def test_a_single_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = sd15(), sd15()
    configured(monkeypatch, folder, first, "sd15")
    original.save(folder / "mine.safetensors", first)
    studio = Studio("cpu")
    before = painted(studio).data
    original.save(folder / "mine.safetensors", second)
    assert painted(studio).data == painted(Studio("cpu")).data != before


def test_what_is_of_another_family_now_is_told_of(folder: Path) -> None:
    """The docker still shows what was listed, and its settings are for that."""
    saved(folder, 0)
    studio = Studio("cpu")
    before = painted(studio).data
    saved(folder, 0, sd3)
    with pytest.raises(InputError) as caught:
        painted(studio)
    assert str(caught.value) == (
        "mine was replaced by a model of Stable Diffusion 3 and is listed as one of Stable Diffusion 1.x. Stop and "
        "start the backend, which lists it anew."
    )
    assert painted(Studio("cpu")).layer is not None
    saved(folder, 0)
    assert painted(studio).data == before


def test_what_is_broken_now_is_told_of_until_it_is_mended(folder: Path) -> None:
    saved(folder, 0)
    studio = Studio("cpu")
    before = painted(studio).data
    index = folder / "mine" / "model_index.json"
    whole = index.read_text()
    index.write_text(whole[:-5])
    with pytest.raises(InputError, match=r"^model_index\.json of mine is damaged; fetch it again\.$"):
        studio.run(*request_for(studio.models[-1].id))
    index.write_text(whole)
    assert painted(studio).data == before
