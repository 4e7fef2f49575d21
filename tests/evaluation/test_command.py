"""`sfumato evaluate`: what is finished is not done again, what has changed is, and what goes wrong is a sentence."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sfumato.cli import main
from sfumato.evaluation import command, sizes
from sfumato.evaluation.command import evaluate
from sfumato.evaluation.results import find
from sfumato.evaluation.sizes import SMALL
from sfumato.options import make_parser


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small size, smaller."""
    size = replace(SMALL, name="small", side=64, found_cases=6, noises=2, success_steps=2)
    monkeypatch.setitem(sizes.SIZES, "small", size)


def options(report: Path, **more: Any) -> argparse.Namespace:
    asked = make_parser().parse_args(["evaluate", "--only", "found", "--report", str(report)])
    return argparse.Namespace(**vars(asked) | more)


def test_it_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = evaluate(options(tmp_path))
    assert find(first["experiments"]["found"], "found", noises=1)["area"]["value"] > 0
    assert json.loads((tmp_path / "results.json").read_text()) == json.loads(json.dumps(first))
    assert "<table>" in (tmp_path / "index.html").read_text()
    assert "| reference |" in (tmp_path / "tables.md").read_text()

    with monkeypatch.context() as without:
        without.setattr(command, "Bench", None)  # no model is needed for what is known
        capsys.readouterr()
        again = evaluate(options(tmp_path))
        assert capsys.readouterr().err == "[1/1 found] done before\n"
        assert again == first

        # Anything else that figures depend on, and it is done anew.
        with pytest.raises(TypeError):
            evaluate(options(tmp_path, seed=1))
        without.setattr(command, "code_digest", lambda: "other")
        with pytest.raises(TypeError):
            evaluate(options(tmp_path))

    for damage in ("", '{"key": 1}', "[]"):
        (tmp_path / "found.json").write_text(damage)
        repaired = evaluate(options(tmp_path))
        assert repaired["experiments"] == first["experiments"]  # the same figures for the same seed
    (tmp_path / "found-0.png").unlink()
    assert evaluate(options(tmp_path))["experiments"] == first["experiments"]
    assert (tmp_path / "found-0.png").is_file()


def test_json_is_printed_or_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "--only", "found", "--report", str(tmp_path)]
    assert main([*words, "--json", "-"]) == 0
    printed, said = capsys.readouterr()
    assert json.loads(printed)["model"]["id"] == "sketchbook"
    assert "index.html" in said
    assert main([*words, "--json", str(tmp_path / "out.json")]) == 0
    assert capsys.readouterr().out == ""
    assert json.loads((tmp_path / "out.json").read_text()) == json.loads(printed)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--size", "huge"], 2, "There is no size 'huge'. There is: small, full."),
        (["--only", "luck"], 2, "There is no experiment 'luck'. There is: adherence,"),
        (["--model", "other"], 2, "There is no model 'other'."),
        (["--seed", "-1"], 2, "--seed is 0 or more; this is -1."),
    ],
)
def test_what_cannot_be_evaluated_is_a_sentence(
    words: list[str], code: int, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--report", str(tmp_path / "report"), *words]) == code
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "report").exists()


def test_a_folder_that_is_none_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["evaluate", "--report", str(tmp_path / "file")]) == 1
    assert "cannot be written to" in capsys.readouterr().err
