"""The list of models: complete, stable, quick the second time, and never ended by what is broken."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest
import torch
from models import samples, tiny
from models.samples import write
from models.users import unprivileged
from safetensors.torch import save_file
from sfumato.errors import InputError
from sfumato.models import listing as module
from sfumato.models.listing import Row, find_row, listing
from sfumato.models.places import Place, add_folder, cache_folder
from sfumato.models.recall import FILE

LORA = {"lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": (8, 768)}


def listed(*folders: Path) -> list[Row]:
    return list(listing(where=[Place(folder, "folder") for folder in folders]))


def by_name(rows: list[Row]) -> dict[str, Row]:
    assert len({row.id for row in rows}) == len(rows)
    return {os.path.basename(row.path): row for row in rows}


def test_what_lies_in_the_users_folders(tmp_path: Path) -> None:
    comfy = tmp_path / "ComfyUI"
    write(comfy / "models/checkpoints/sdxl/pony v6.safetensors", samples.SDXL)
    write(comfy / "models/diffusion_models/flux1-dev.sft", samples.flux())
    write(comfy / "models/loras/soft.safetensors", LORA)
    write(comfy / "models/upscale_models/4x.safetensors", {"model.0.weight": (4, 4)})
    write(comfy / "models/vae/.hidden.safetensors", LORA)
    add_folder(comfy)
    rows = list(listing())
    assert {(row.name, row.kind, row.family, row.owner) for row in rows} == {
        ("pony v6", "checkpoint", "sdxl", "comfyui"),
        ("flux1-dev", "checkpoint", "flux", "comfyui"),
        ("soft", "lora", "sd15", "comfyui"),
    }
    assert all(Path(row.path).is_file() for row in rows)
    assert not any(" " in row.id for row in rows)


def test_rows_come_as_they_are_found(tmp_path: Path) -> None:
    for name in "abc":
        write(tmp_path / "m" / f"{name}.safetensors", LORA)
    rows = listing(where=[Place(tmp_path / "m", "folder")])
    first = next(rows)
    shutil.rmtree(tmp_path / "m")
    assert first.name == "a"
    assert list(rows) == []  # they have gone, which is no problem of theirs


def test_folders_of_diffusers_are_one_row(tmp_path: Path) -> None:
    folder = tiny.stable_diffusion(tmp_path / "m" / "mine")
    write(folder / "also-as-one.safetensors", samples.SD15)
    tiny.vae().save_pretrained(tmp_path / "m" / "my vae")
    write(tmp_path / "m" / "paint" / "pytorch_lora_weights.safetensors", LORA)
    rows = listed(tmp_path / "m")
    assert {(row.name, row.kind) for row in rows} == {
        ("mine", "checkpoint"),
        ("also-as-one", "checkpoint"),
        ("my vae", "vae"),
        ("paint", "lora"),
    }


def test_ids_are_distinct_and_stay(tmp_path: Path) -> None:
    one = write(tmp_path / "m" / "one" / "soft.safetensors", LORA)
    first = {row.path: row.id for row in listed(tmp_path / "m")}
    write(tmp_path / "m" / "a" / "soft.safetensors", LORA)
    write(tmp_path / "m" / "two" / "soft.safetensors", LORA)
    rows = listed(tmp_path / "m")
    assert len({row.id for row in rows}) == 3
    assert {row.path: row.id for row in rows}[str(one)] == first[str(one)]
    with pytest.raises(InputError, match="There are 3 models called 'soft'"):
        find_row(rows, "soft")
    for row in rows:
        assert find_row(rows, row.id) is row
        assert find_row(rows, row.path) is row
    assert find_row(rows[:1], "soft") is rows[0]
    assert find_row(rows[:1], "soft.safetensors") is rows[0]
    with pytest.raises(InputError, match="no model 'hard'"):
        find_row(rows, "hard")


def test_bad_files_have_one_sentence_each(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    good = write(folder / "good.safetensors", LORA)
    torch.save({"a": torch.zeros(2)}, folder / "old.ckpt")
    torch.save({"a": torch.zeros(2)}, folder / "renamed.safetensors")
    (folder / "short.safetensors").write_bytes(good.read_bytes()[:-1])
    (folder / "empty.SafeTensors").touch()
    (folder / "notes.txt").touch()
    save_file({"a": torch.zeros(2)}, folder / "else.safetensors")
    shutil.copy(good, folder / "wrongly.ckpt")
    shutil.copytree(tiny.stable_diffusion(tmp_path / "whole"), folder / "half")
    (folder / "half/unet/diffusion_pytorch_model.safetensors").unlink()
    rows = by_name(listed(folder))
    assert rows.pop("good.safetensors").problem == ""
    assert set(rows) == {
        "old.ckpt", "renamed.safetensors", "short.safetensors", "empty.SafeTensors", "else.safetensors",
        "wrongly.ckpt", "half",
    }  # fmt: skip
    for name, row in rows.items():
        assert name in row.problem
        assert row.problem.endswith(".")
        assert row.problem.count("\n") == 0
    assert "could run code" in rows["old.ckpt"].problem
    assert "rename it" in rows["wrongly.ckpt"].problem


def test_links_that_lead_in_circles(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    real = write(folder / "real" / "soft.safetensors", LORA)
    (folder / "real" / "round").symlink_to(folder, target_is_directory=True)
    (folder / "again.safetensors").symlink_to(real)
    (folder / "itself.safetensors").symlink_to(folder / "itself.safetensors")
    (folder / "nowhere.safetensors").symlink_to(folder / "gone.safetensors")
    rows = by_name(listed(folder, folder / "real"))
    assert len([row for row in rows.values() if row.kind == "lora"]) == 1
    assert {name for name, row in rows.items() if row.problem} == {"itself.safetensors"}


def test_names_of_all_kinds(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    names = ["Ölbild 油画 🎨.safetensors", "a" * 240 + ".safetensors", os.fsdecode(b"latin \xfc\n.safetensors")]
    for name in names:
        write(folder / name, LORA)
    deep = folder
    for _ in range(30):
        deep /= "folder in folder"
    write(deep / "deep.safetensors", LORA)
    (folder / os.fsdecode(b"short \xfc.safetensors")).write_bytes(b"")
    rows = listed(folder)
    usable = {str(folder / name) for name in names[:2]} | {str(deep / "deep.safetensors")}
    assert {row.path for row in rows if not row.problem} == usable
    latin = next(row for row in rows if row.path == str(folder / names[2]))
    assert latin.kind == "lora"
    assert latin.problem == (
        f"{folder}/latin \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}.safetensors holds letters that are not in "
        "UTF-8: rename the file, or the folder that it lies in."
    )
    for row in rows:
        row.id.encode()
        row.name.encode()
        row.problem.encode()
        assert len(row.id) <= 256
        assert row.name.isprintable()
    assert listed(folder) == rows


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX's permissions")
def test_what_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    listed()  # while the program's own files may be read, wherever it lies
    with unprivileged() as folder:
        monkeypatch.setenv("SFUMATO_HOME", str(folder / "home"))
        write(folder / "m" / "closed" / "x.safetensors", LORA)
        (folder / "m" / "closed").chmod(0)
        secret = write(folder / "m" / "secret.safetensors", LORA)
        secret.chmod(0)
        write(folder / "m" / "zoo.safetensors", LORA)
        rows = by_name(listed(folder / "m"))
        assert {name for name, row in rows.items() if "Permission denied" in row.problem} == {
            "closed",
            "secret.safetensors",
        }
        assert rows["zoo.safetensors"].problem == ""
        secret.chmod(0o600)  # neither its size nor its time has changed
        assert by_name(listed(folder / "m"))["secret.safetensors"].problem == ""


def test_a_folder_that_went_is_said(tmp_path: Path) -> None:
    gone, there = tmp_path / "gone", tmp_path / "there"
    write(there / "soft.safetensors", LORA)
    rows = listed(gone, there)
    assert "gone cannot be opened" in rows[0].problem
    assert rows[1].kind == "lora"


def test_a_second_list_reads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "m" / "soft.safetensors", LORA)
    tiny.stable_diffusion(tmp_path / "m" / "whole")
    (tmp_path / "m" / "bad.safetensors").write_bytes(b"bad")
    rows = listed(tmp_path / "m")
    opened: list[Path] = []
    real_read, real_folder = module.read, module.recognise_folder
    monkeypatch.setattr(module, "read", lambda file: opened.append(file) or real_read(file))
    monkeypatch.setattr(module, "recognise_folder", lambda folder: opened.append(folder) or real_folder(folder))
    assert listed(tmp_path / "m") == rows
    assert opened == []
    write(file, {LORA_OF_XL: (8, 2048)})
    assert by_name(listed(tmp_path / "m"))["soft.safetensors"].family == "sdxl"
    assert opened == [file]
    scheduler = tmp_path / "m/whole/scheduler/scheduler_config.json"
    scheduler.write_text(scheduler.read_text().replace('"epsilon"', '"v_prediction"'))
    assert by_name(listed(tmp_path / "m"))["whole"].prediction == "v"


LORA_OF_XL = next(iter(LORA))


def test_what_is_remembered_survives_an_end_halfway(tmp_path: Path) -> None:
    for name in "abc":
        write(tmp_path / "m" / f"{name}.safetensors", LORA)
    with closing(listing(where=[Place(tmp_path / "m", "folder")])) as rows:
        list(islice(rows, 2))
    with sqlite3.connect(cache_folder() / FILE) as database:
        assert database.execute("SELECT count(*) FROM found").fetchone() == (2,)
    database.close()


def test_a_damaged_memory_is_begun_anew(tmp_path: Path) -> None:
    write(tmp_path / "m" / "soft.safetensors", LORA)
    rows = listed(tmp_path / "m")
    (cache_folder() / FILE).write_bytes(b"no database at all" * 100)
    said: list[str] = []
    assert list(listing(where=[Place(tmp_path / "m", "folder")], say=said.append)) == rows
    assert said == []
    with sqlite3.connect(cache_folder() / FILE) as database:
        assert database.execute("SELECT count(*) FROM found").fetchone() == (1,)
    database.close()


def test_no_place_for_a_memory_is_said_and_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "m" / "soft.safetensors", LORA)
    (tmp_path / "file").touch()
    monkeypatch.setenv("SFUMATO_HOME", str(tmp_path / "file"))
    said: list[str] = []
    rows = list(listing(where=[Place(tmp_path / "m", "folder")], say=said.append))
    assert [row.kind for row in rows] == ["lora"]
    assert len(said) == 1
    assert "every listing reads all files anew" in said[0]


def cached(hub: Path, name: str, revision: str, main: bool = True) -> Path:
    """A repository's folder of a revision, as the hub's cache lays it out."""
    repository = hub / ("models--" + name.replace("/", "--"))
    (repository / "blobs").mkdir(parents=True, exist_ok=True)
    (repository / "snapshots" / revision).mkdir(parents=True)
    if main:
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / "main").write_text(revision)
    return repository / "snapshots" / revision


def into(snapshot: Path, file: Path, name: str) -> None:
    """The file as a blob, with a link to it."""
    blob = snapshot.parent.parent / "blobs" / f"{abs(hash(name)):x}"
    if not blob.exists():
        shutil.copy(file, blob)
    (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
    (snapshot / name).symlink_to(os.path.relpath(blob, (snapshot / name).parent))


def test_the_hubs_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = tmp_path / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(hub))
    whole = tiny.stable_diffusion(tmp_path / "whole")
    soft, other = write(tmp_path / "soft.safetensors", LORA), write(tmp_path / "llm.safetensors", {"a": (4,)})
    new, old = cached(hub, "painter/sd-turbo", "b" * 40), cached(hub, "painter/sd-turbo", "a" * 40, main=False)
    for snapshot in (old, new):
        for file in whole.rglob("*.*"):
            into(snapshot, file, str(file.relative_to(whole)))
    lone = cached(hub, "painter/lcm-lora", "c" * 40, main=False)
    into(lone, soft, "sub/soft.safetensors")
    into(lone, soft, "pytorch_lora_weights.safetensors")
    latest, before = cached(hub, "painter/two", "f" * 40), cached(hub, "painter/two", "e" * 40, main=False)
    for snapshot in (before, latest):  # the same blob
        into(snapshot, soft, "soft.safetensors")
    into(cached(hub, "somebody/llm", "d" * 40), other, "model-00001-of-00002.safetensors")
    into(hub / "models--somebody--llm" / "snapshots" / ("d" * 40), other, "model.safetensors")
    (hub / "models--broken--one").mkdir()
    (hub / "version.txt").write_text("1")
    rows = {row.id: row for row in listing()}
    assert set(rows) == {
        "painter/sd-turbo",
        "painter/sd-turbo@aaaaaaaaaaaa",
        "painter/lcm-lora/sub/soft.safetensors",
        "painter/lcm-lora/pytorch_lora_weights.safetensors",
        "painter/two/soft.safetensors",
    }
    assert rows["painter/sd-turbo"].speed == "turbo"
    assert rows["painter/sd-turbo"].path == str(new)
    assert rows["painter/sd-turbo"].owner == "hub"
    assert rows["painter/lcm-lora/sub/soft.safetensors"].kind == "lora"
    assert rows["painter/lcm-lora/pytorch_lora_weights.safetensors"].speed == "lcm"


def test_listing_loads_nothing_heavy() -> None:
    import subprocess
    import sys

    code = "import sys, sfumato.models.listing, sfumato.models.command; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "diffusers", "transformers", "safetensors"} & set(said.stdout.split())


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    """Whoever opened it would wait for somebody who writes."""
    os.mkfifo(tmp_path / "evil.safetensors")
    (row,) = listing(where=[Place(tmp_path, "folder")])
    assert "cannot be opened (it is no file)" in row.problem


@pytest.mark.parametrize("damage", ["pages", "columns", "row"])
def test_a_memory_that_is_damaged_inside_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setenv("SFUMATO_HOME", str(tmp_path / "home"))
    for number in range(60):
        write(tmp_path / "my" / f"{number}.safetensors", {"lora_unet_x.lora_down.weight": (4, 4)})
    place = [Place(tmp_path / "my", "folder")]
    before = list(listing(where=place))
    file = tmp_path / "home" / "cache" / "models.sqlite"
    if damage == "pages":
        data = bytearray(file.read_bytes())
        data[4096:] = b"\xff" * (len(data) - 4096)
        file.write_bytes(data)
    else:
        with sqlite3.connect(file) as database:
            if damage == "row":
                database.execute("UPDATE found SET found = '{}'")
            else:
                database.execute("DROP TABLE found")
                database.execute("CREATE TABLE found (other TEXT)")
        database.close()
    for _ in range(2):
        assert list(listing(where=place)) == before
