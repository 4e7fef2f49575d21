"""The demo as `python3 -m installer demo` runs it, less the making of the environment that these tests run in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from installer import backend, places
from installer.demo import page, pictures
from installer.errors import Stop


def test_demo_through_the_real_backend(tmp_path: Path) -> None:
    state, target, log = tmp_path / "state", tmp_path / "sfumato-demo", tmp_path / "backend.log"
    with backend.running(Path(sys.executable), state, log) as waited:
        job = [sys.executable, "-m", "installer.demo.job", state, target, log, json.dumps({"backend listens": waited})]
        ran = subprocess.run(list(map(str, job)), cwd=places.CHECKOUT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Largest difference where the map is black" in ran.stdout
    assert str(target / "index.html") in ran.stdout

    read = {name: np.asarray(Image.open(target / f"{name}.png")) for name in ("canvas", "map", "layer", "result")}
    black = read["map"] == 0
    assert 0.2 < black.mean() < 0.8
    assert (read["canvas"] == read["result"])[black].all()
    assert (read["layer"][..., 3] == 0)[black].all()
    assert (read["canvas"] != read["result"])[read["map"] == 255].mean() > 0.5
    text = (target / "index.html").read_text(encoding="utf-8")
    assert "{{" not in text
    assert not re.search(r"https?://", text), "the page must work offline"
    assert not (state / "server.json").exists(), "the backend is still there"


def test_backend_that_ends_at_once_is_a_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no torch here\nexit 1\n")
    broken.chmod(0o755)
    with (
        pytest.raises(Stop, match=r"ended at once: no torch here\. All .*log"),
        backend.running(broken, tmp_path / "state", tmp_path / "log"),
    ):
        pass


def test_backend_that_never_listens_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = tmp_path / "python"
    deaf.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    deaf.chmod(0o755)
    monkeypatch.setattr(backend, "PATIENCE", 0.5)
    with pytest.raises(Stop, match="did not listen"), backend.running(deaf, tmp_path / "state", tmp_path / "log"):
        pass
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_one_touched_pixel_is_found() -> None:
    canvas = np.full((16, 16, 4), 200, np.uint8)
    change_map = np.zeros((16, 16), np.uint16)
    change_map[:, 8:] = 65535
    result = canvas.copy()
    assert pictures.measure(canvas, result, change_map).untouched == 0
    result[3, 4, 1] += 1
    result[:, 8:] += 10
    measured = pictures.measure(canvas, result, change_map)
    assert measured.untouched == 1
    assert measured.black == 128
    assert measured.change_by_grey[-1] == 10


def test_page_says_what_it_is_given_and_runs_none_of_it(tmp_path: Path) -> None:
    canvas = np.zeros((8, 8, 4), np.uint8)
    pictures.save(tmp_path, canvas, np.zeros((8, 8), np.uint16), canvas, "winter")
    measured = pictures.Measured(0, 64, (0.0,) + (float("nan"),) * 15)
    words = dict.fromkeys(("before", "model", "device", "command"), "") | {"prompt": "<script>{{black}}</script>"}
    text = page.write(tmp_path, measured, {"Apply": 1.25}, words).read_text()
    assert "&lt;script&gt;{{black}}&lt;/script&gt;" in text
    assert "<td>Apply</td><td>1.2 s</td>" in text
    assert "nan" not in text.split("</style>")[1]
