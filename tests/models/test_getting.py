"""`sfumato models get`, with huggingface_hub itself and a hub on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from models import samples
from models.hub import NEWER, SHA, Hub, running
from sfumato.errors import InputError
from sfumato.models.command import AGAIN
from sfumato.models.getting import chosen

DIFFUSERS = [
    "README.md",
    "model.ckpt",
    "model.safetensors",
    "model_index.json",
    "safety_checker/model.safetensors",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.fp16.safetensors",
    "text_encoder/model.safetensors",
    "text_encoder/pytorch_model.bin",
    "tokenizer/chat_template.jinja",
    "tokenizer/merges.txt",
    "tokenizer/vocab.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
    "unet/diffusion_pytorch_model.safetensors",
]
TEXTS = ["scheduler/scheduler_config.json", "text_encoder/config.json", "tokenizer/merges.txt", "tokenizer/vocab.json"]
TEXTS += ["unet/config.json", "model_index.json", "tokenizer/chat_template.jinja"]


class TestChosen:
    def test_half_precision_where_all_parts_have_it(self) -> None:
        half = ["text_encoder/model.fp16.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors"]
        assert chosen("a/b", DIFFUSERS) == sorted(TEXTS + half)

    def test_else_what_is_plain(self) -> None:
        lacking = [name for name in DIFFUSERS if name != "text_encoder/model.fp16.safetensors"]
        plain = ["text_encoder/model.safetensors", "unet/diffusion_pytorch_model.safetensors"]
        assert chosen("a/b", lacking) == sorted(TEXTS + plain)

    def test_pieces_come_with_their_list(self) -> None:
        pieces = [f"transformer/diffusion_pytorch_model-0000{i}-of-00002.safetensors" for i in (1, 2)]
        pieces.append("transformer/diffusion_pytorch_model.safetensors.index.json")
        assert chosen("a/b", ["model_index.json", *pieces]) == sorted(["model_index.json", *pieces])
        half = [name.replace("model-", "model.fp16-").replace(".json", ".fp16.json") for name in pieces]
        assert chosen("a/b", ["model_index.json", *pieces, *half]) == sorted(["model_index.json", *half])

    def test_one_file(self) -> None:
        assert chosen("a/b", ["x.safetensors", "README.md"]) == ["x.safetensors"]
        assert chosen("a/b", DIFFUSERS, "model.safetensors") == ["model.safetensors"]

    @pytest.mark.parametrize(
        ("files", "file", "sentence"),
        [
            (["x.safetensors", "y.safetensors"], "", "a/b holds several models: name one of its files. There is: x.s"),
            (["x.ckpt"], "", "a/b has no weights as .safetensors."),
            (["model_index.json", "unet/pytorch_model.bin"], "", "a/b has no weights as .safetensors."),
            (["x.safetensors"], "z.safetensors", "a/b has no z.safetensors that is .safetensors. There is: x.safetens"),
            (["x.ckpt"], "x.ckpt", "a/b has no x.ckpt that is .safetensors."),
        ],
    )
    def test_what_cannot_be_is_told(self, files: list[str], file: str, sentence: str) -> None:
        with pytest.raises(InputError) as caught:
            chosen("a/b", files, file)
        assert str(caught.value).startswith(sentence)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with running() as hub:
        repository = tmp_path / "on the hub"
        samples.write(repository / "mine.safetensors", samples.SD15)
        (repository / "mine.ckpt").write_bytes(b"\x80\x02never fetched")
        hub.repositories["someone/model"] = repository
        yield hub


def get(hub: Hub, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    names = ("PATH", "PYTHONPATH", "HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
    own = {name: os.environ[name] for name in names if name in os.environ}
    own |= {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_ETAG_TIMEOUT": "3"}
    command = [sys.executable, "-m", "sfumato", "models", "get", *words]
    return subprocess.run(command, env=own | environ, capture_output=True, text=True, check=False, timeout=120)


def said(ended: subprocess.CompletedProcess[str]) -> str:
    """The one sentence of a failure."""
    assert ended.returncode in (1, 2), ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr.strip().splitlines()[-1]


class TestGet:
    def test_it_is_fetched_listed_and_not_fetched_again(self, hub: Hub) -> None:
        size = (hub.repositories["someone/model"] / "mine.safetensors").stat().st_size
        ended = get(hub, "someone/model")
        assert ended.returncode == 0, ended.stderr
        first, second, last = ended.stdout.splitlines()
        assert last == AGAIN
        assert first == f"someone/model: 1 files, {size / 1e6:.1f} MB, of which 0.0 MB are here already."
        assert second.startswith("someone/model/mine.safetensors: Stable Diffusion 1.x checkpoint")
        assert hub.fetched == ["mine.safetensors"]
        again = get(hub, "someone/model/mine.safetensors", "--revision", SHA)
        assert f"of which {size / 1e6:.1f} MB are here already" in again.stdout
        assert hub.fetched == ["mine.safetensors"]

    def test_it_goes_on_where_it_was_cut_off(self, hub: Hub) -> None:
        large = {**samples.SD15, "model.diffusion_model.more": (15_000_000,)}  # more than one of the pieces it writes
        file = samples.write(hub.repositories["someone/model"] / "mine.safetensors", large)
        hub.cut = 25_000_000
        assert get(hub, "someone/model").returncode == 0
        assert hub.begun_at[0] > 0
        assert hub.fetched == ["mine.safetensors"] * 2
        (got,) = Path(os.environ["XDG_CACHE_HOME"]).rglob("mine.safetensors")
        assert got.read_bytes() == file.read_bytes()

    def test_what_was_told_is_fetched_whatever_is_pushed_meanwhile(self, hub: Hub, tmp_path: Path) -> None:
        """And the next time the newer one is: it has the plain name then."""
        told = hub.repositories["someone/model"] / "mine.safetensors"
        hub.pushed = tmp_path / "pushed"
        newer = samples.write(hub.pushed / "mine.safetensors", {**samples.SD15, "model.diffusion_model.more": (9,)})
        for file, commit in ((told, SHA), (newer, NEWER)):
            ended = get(hub, "someone/model")
            assert f"1 files, {file.stat().st_size / 1e6:.1f} MB" in ended.stdout, ended.stderr
            assert ended.stdout.splitlines()[1].startswith("someone/model/mine.safetensors: ")
            got = next(Path(os.environ["XDG_CACHE_HOME"]).rglob(f"{commit}/mine.safetensors"))
            assert got.read_bytes() == file.read_bytes()
            assert (got.parents[2] / "refs" / "main").read_text() == commit

    def test_what_is_not_there_or_not_allowed(self, hub: Hub) -> None:
        assert "The hub has no someone/else, or keeps it private." in said(get(hub, "someone/else"))
        assert "no someone/model at old, or keeps" in said(get(hub, "someone/model", "--revision", "old"))
        assert "'model' is no model of the hub. Name it as OWNER/NAME." in said(get(hub, "model"))
        hub.gated.add("someone/model")
        assert "asks you to accept its licence first" in said(get(hub, "someone/model"))

    def test_no_room(self, hub: Hub) -> None:
        hub.sizes["mine.safetensors"] = 10**18
        assert "1000000000.0 GB are to be fetched, and " in said(get(hub, "someone/model"))
        assert hub.fetched == []

    def test_offline(self, hub: Hub) -> None:
        sentence = "The hub cannot be reached, so someone/model cannot be fetched."
        assert sentence in said(get(hub, "someone/model", HF_HUB_OFFLINE="1"))
        assert sentence in said(get(hub, "someone/model", HF_ENDPOINT="http://127.0.0.1:9"))
