"""The page and the tables: whole, well-formed, and saying what the figures say."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sfumato.evaluation.report import markdown, page
from sfumato.evaluation.results import Column, Figure, Line, Plot, Result, Strip, Table, as_json

VOID = {"meta", "img"}


class Checked(HTMLParser):
    """Raises where a tag is closed that is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[int] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "tr":
            self.cells.append(0)
        if tag in ("td", "th"):
            self.cells[-1] += 1
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            assert name not in ("src", "href") or value.startswith(("data:", "#")), f"{tag} needs {value}"

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    columns = (
        Column("steps", "steps", digits=0),
        Column("rule", "rule"),
        Column("cam", "CAM", "up", 3),
        Column("dam", "DAM < |", "down", 1),
    )
    table = Table("adherence", "Adherence & more", columns, note="A note.")
    table.rows = [
        {"steps": 4, "rule": "ours", "cam": Figure(0.9876, 0.98, 0.995), "dam": Figure(12.34)},
        {"steps": 4, "rule": "<theirs>", "cam": Figure(0.5), "dam": 70.0},
        {"steps": 8, "rule": "ours", "cam": Figure(float("nan")), "dam": -1.0},
        {"steps": 8, "rule": "<theirs>", "cam": Figure(0.25), "dam": 1e-7},
        {"steps": 8, "rule": "truth", "cam": Figure(1.0), "dam": -9.0},
    ]
    plot = Plot(
        "Trend", "column", "trend", [Line("right", [0, 1], [0, 1]), Line("ours", [0, 1], [0, 2], [0, 1], [1, 3])]
    )
    picture = np.zeros((8, 8, 3), np.uint8)
    found = as_json(
        Result("A question?", "What & `how`.", [table], [plot], [Strip("Strip", [[picture]], ["row"], ["column"])])
    )
    Image.fromarray(picture).save(tmp_path / "strip.png")
    found["strips"][0]["file"] = "strip.png"
    return {
        "sfumato": "0.1.0",
        "commit": None,
        "command": "sfumato evaluate",
        "model": {"id": "sketchbook", "name": "Sketchbook"},
        "code": "c" * 64,
        "weights": "w" * 64,
        "uncalibrated": "No curve <yet>.",
        "experiments": {"adherence": found},
        "machine": "x86_64",
        "seconds": {"adherence": 90.0},
    }


def test_page_is_whole_and_needs_nothing_else(document: dict[str, Any], tmp_path: Path) -> None:
    text = page(document, tmp_path)
    checked = Checked()
    checked.feed(text)
    assert checked.open == []
    assert checked.cells == [4] * 6
    assert "color-scheme:light dark" in text
    assert "&lt;theirs&gt;" in text
    assert "<theirs>" not in text
    for part in (
        "A question?",
        "What &amp; <code>how</code>.",
        "Adherence &amp; more",
        "A note.",
        "No curve &lt;yet&gt;.",
        "<svg",
        "data:image/png",
    ):
        assert part in text, part


def test_the_best_of_rivals_are_bold(document: dict[str, Any], tmp_path: Path) -> None:
    text = page(document, tmp_path)
    assert "<b>0.988</b> <small>0.980–0.995</small>" in text
    assert "<b>12.3</b>" in text
    assert "<b>−1.0</b>" in text
    assert text.count("<b>") == 3  # what is alone among its rivals, the others being no numbers, is not the best


def test_markdown_has_as_many_cells_in_every_row(document: dict[str, Any]) -> None:
    text = markdown(document)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 7
    assert {line.replace("\\|", "").count("|") for line in rows} == {5}
    assert "**0.988** 0.980–0.995" in text
    assert "2 minutes" in text
    assert "code cccccccccccc" in text
